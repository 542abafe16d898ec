"""A run on one page: who can run, what is done already, the rest shared over ranks and workers, then the scores."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.distributed import Ranks
from bench.engine import open_folder
from bench.methods.base import Method
from bench.methods.registry import create_methods
from bench.results import versions
from bench.running.crew import run_crew
from bench.running.records import MethodFolder, SampleRecord, relative
from bench.running.worker import Job
from bench.store import SCHEMA, dumps, file_hash, text_hash, write_text
from bench.suites.run_sample import RunSample
from vfa.errors import VFAError


@dataclass(frozen=True)
class RunOptions:
    """How to run.

    Attributes:
        out: folder of the run. suite: its name. specs: of the methods.
        workers: processes of this rank. seconds: time limit of a sample, 0 for none.
        overwrite: never (keep every record), missing (do what is absent, failed or outdated), always.
        about: what else `run.json` tells of the options.
    """

    out: Path
    suite: str
    specs: tuple[str, ...]
    workers: int = 1
    seconds: float = 1800.0
    overwrite: str = "missing"
    about: dict[str, Any] = field(default_factory=dict)


@dataclass
class Generated:
    """What a generation did, over all ranks.

    Attributes:
        n_done, n_kept: samples done now and kept from before.
        n_failed, n_lacking: samples without a result, and those that a method could not take for want of an input.
        unavailable: reason by method. seconds: of wall time.
    """

    n_done: int = 0
    n_kept: int = 0
    n_failed: int = 0
    n_lacking: int = 0
    unavailable: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def generate(
    samples: Sequence[RunSample],
    options: RunOptions,
    ranks: Ranks,
    *,
    on_progress: Callable[[int, int, SampleRecord], None] = lambda done, total, record: None,
) -> Generated:
    """Runs all methods on all samples and writes their results and records.

    Args:
        samples: of the suite. options: how. ranks: this process among others.
        on_progress: told (samples done, in all, the record) on this rank.

    Raises:
        InputError: an unknown method, or the folder is in use or cannot be written.
    """
    began = time.time()
    methods = create_methods(list(options.specs))
    folder = open_folder(options.out, ranks)
    try:
        ranks.barrier()
        outcome = Generated(unavailable={m.name: why for m in methods if (why := m.missing())})
        able = [pair for pair in zip(options.specs, methods, strict=True) if pair[1].name not in outcome.unavailable]
        pairs = [(spec, method, sample) for spec, method in able for sample in samples]
        prints = _todo(pairs, options, ranks)
        jobs = [_job(*pairs[index], options, prints[index]) for index in sorted(prints) if prints[index]]
        lacking = [_lacking(method, sample) for _, method, sample in (pairs[i] for i in prints if not prints[i])]
        if ranks.leads:
            _write_about(methods, samples, options, outcome.unavailable, ranks)
            for record in lacking:
                MethodFolder.of(options.out, record.method).write(record)
        mine = ranks.share(jobs, [job.cost for job in jobs])
        failed = 0
        for done, record in enumerate(run_crew(mine, options.workers), 1):
            MethodFolder.of(options.out, record.method).write(record)
            failed += record.status != "ok"
            on_progress(done, len(mine), record)
        ranks.barrier()
        outcome.n_done, outcome.n_kept = len(jobs), len(pairs) - len(prints)
        outcome.n_failed, outcome.n_lacking = ranks.total(failed), len(lacking)
        outcome.seconds = time.time() - began
        return outcome
    finally:
        folder.close()


Pair = tuple[str, Method, RunSample]
"""A method's spec, the method, and a sample."""


def _todo(pairs: Sequence[Pair], options: RunOptions, ranks: Ranks) -> dict[int, str]:
    """Fingerprints of the pairs that must be done, by index; empty for what a method cannot take.

    Each rank looks at its part of the disk's records and input files, and all hear of it before anybody writes.
    """
    found: dict[str, str] = {}
    for index in range(ranks.rank, len(pairs), ranks.size):
        _, method, sample = pairs[index]
        if method.lacks(sample):
            found[str(index)] = ""
            continue
        print_ = _fingerprint(method, sample)
        if not _is_kept(MethodFolder.of(options.out, method.name), sample.id, print_, options.overwrite):
            found[str(index)] = print_
    return {int(index): print_ for part in ranks.gathered(found) for index, print_ in part.items()}


def _job(spec: str, method: Method, sample: RunSample, options: RunOptions, fingerprint: str) -> Job:
    cost = max(sample.frames * method.cost, 1e-3)
    folder = MethodFolder.of(options.out, method.name)
    return Job(spec, method.name, sample, folder, fingerprint, options.out / "cache", options.seconds, cost)


def _lacking(method: Method, sample: RunSample) -> SampleRecord:
    return SampleRecord(method.name, sample.id, "unavailable", "input", method.lacks(sample))


def _is_kept(folder: MethodFolder, sample: str, fingerprint: str, overwrite: str) -> bool:
    if overwrite == "never":
        return folder.read(sample) is not None
    return overwrite != "always" and folder.kept(sample, fingerprint)


def _fingerprint(method: Method, sample: RunSample) -> str:
    """Hash of everything a result depends on: the method, its inputs, what is expected."""
    parts = [method.fingerprint(), str(sample.frames), str(sample.rate), f"{sample.width}x{sample.height}"]
    try:
        parts += [f"{role}:{file_hash(path)}" for role, path in sample.inputs()]
        parts += [file_hash(path) for path in method.inputs(sample)]
    except VFAError as error:
        parts.append(str(error))  # the method will say what is wrong with the file
    return text_hash(*parts)


def _write_about(
    methods: Sequence[Method],
    samples: Sequence[RunSample],
    options: RunOptions,
    unavailable: dict[str, str],
    ranks: Ranks,
) -> None:
    """Writes `run.json` and each method's `method.json`."""
    entries = []
    for spec, method in zip(options.specs, methods, strict=True):
        why = unavailable.get(method.name, "")
        status = "unavailable" if why else "ok"
        entries.append({"name": method.name, "spec": spec, "title": method.title, "status": status, "reason": why})
        about = {"schema": SCHEMA, "name": method.name, "spec": spec, **method.about(), "status": status}
        about |= {"reason": why, "fingerprint": method.fingerprint()}
        write_text(MethodFolder.of(options.out, method.name).about(), dumps(about, indent=1) + "\n")
    run = {
        "schema": SCHEMA,
        "suite": options.suite,
        "options": options.about,
        "methods": entries,
        "samples": [_about_sample(sample, options.out) for sample in samples],
        "versions": versions(),
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "ranks": ranks.size,
            "workers": options.workers,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    }
    write_text(options.out / "run.json", dumps(run, indent=1) + "\n")


def _about_sample(sample: RunSample, out: Path) -> dict[str, Any]:
    paths = {name: getattr(sample, name) for name in ("image", "mesh", "driving", "audio", "truth", "scene")}
    about: dict[str, Any] = {"id": sample.id, "kind": sample.kind, "frames": sample.frames, "rate": str(sample.rate)}
    about |= {"width": sample.width, "height": sample.height}
    return about | {name: relative(path, out) for name, path in paths.items()}
