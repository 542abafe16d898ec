"""The contract of a method, checked point by point on two synthetic clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.distributed import Ranks
from bench.methods.registry import create_method
from bench.running.engine import RunOptions, generate
from bench.running.records import MethodFolder
from bench.store import read_arrays, write_bytes
from bench.suites.run_sample import RunSample
from bench.suites.synthetic import Recipe, make_suite

MOTION = {"vertices": 3, "rotation": 3, "shift": 2, "points": 3, "landmarks": 3}
"""Arrays of a motion file and their numbers of axes."""


@dataclass(frozen=True)
class Point:
    """One point of the contract: what was asked, `ok`, `failed` or `warning`, and what was found."""

    what: str
    verdict: str
    found: str = ""


def validate(spec: str, recipe: Recipe, out: Path, seconds: float) -> Iterator[Point]:
    """Checks a method and yields the points as they are known.

    Args:
        spec: as `create_method` takes it. recipe: of the clips. out: folder for everything. seconds: limit of a clip.

    Raises:
        InputError: the method is unknown or the folder cannot be used.
    """
    method = create_method(spec)
    yield Point("it is found by its name", "ok", f"{method.name}: {method.title or 'no title'}")
    why = method.missing()
    yield Point("it can run on this machine", "failed" if why else "ok", why.replace("\n", " "))
    if why:
        return
    everything = make_suite(recipe, out / "suite")
    samples = [next(sample for sample in everything if sample.kind == kind) for kind in ("self", "cross")]
    lacking = {sample.id: why for sample in samples if (why := method.lacks(sample))}
    yield Point("the clips have what it needs", "failed" if lacking else "ok", "; ".join(lacking.values()))
    if lacking:
        return
    records = _run(spec, method.name, samples, out, seconds)
    yield from _results(records)
    if any(record["status"] != "ok" for record in records):
        return
    folder = MethodFolder.of(out, method.name)
    if "motion" in method.gives:
        yield _motion(folder, samples, records)
    yield _again(spec, method.name, samples[0], records[0], out, seconds)
    yield _broken(spec, method.name, samples[0], out, seconds)
    left = [path.name for path in folder.root.iterdir() if path.name not in _KNOWN]
    left += [path.name for path in (folder.root / "scratch").glob("*")]
    yield Point("it leaves nothing behind", "failed" if left else "ok", ", ".join(sorted(left)[:5]))


_KNOWN = {"videos", "motion", "logs", "samples", "scratch", "method.json"}


def _run(spec: str, name: str, samples: list[RunSample], out: Path, seconds: float) -> list[dict[str, Any]]:
    options = RunOptions(out, "synthetic", (spec,), seconds=seconds, overwrite="always")
    generate(samples, options, Ranks())
    found = [MethodFolder.of(out, name).read(sample.id) for sample in samples]
    return [record for record in found if record is not None]


def _results(records: list[dict[str, Any]]) -> Iterator[Point]:
    for record in records:
        what = f"it makes a video of the right length, rate and size: {record['sample']}"
        if record["status"] != "ok":
            yield Point(what, "failed", f"{record['cause']}: {record['reason']}")
            continue
        shape = f"{record['frames']} frames at {record['rate']}, {record['width']}x{record['height']}"
        yield Point(what, "ok", shape)
        speed = record["frames"] / max(record["seconds"], 1e-9)
        memory = f"{record['peak_bytes'] / (1 << 20):.0f} MB" if record["peak_bytes"] else "memory unknown"
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in record["stages"].items())
        yield Point(
            f"time and memory: {record['sample']}",
            "ok",
            f"{record['seconds']:.1f} s ({speed:.1f} frames/s), {memory}" + (f"; {stages}" if stages else ""),
        )


def _motion(folder: MethodFolder, samples: list[RunSample], records: list[dict[str, Any]]) -> Point:
    what = "its motion file has the arrays and shapes that are scored"
    for sample, record in zip(samples, records, strict=True):
        if record["motion"] is None:
            return Point(what, "warning", "no motion file; vertices of another topology cannot be scored")
        arrays = read_arrays(folder.motion(sample.id)) or {}
        for name, axes in MOTION.items():
            array = arrays.get(name)
            if array is None or array.ndim != axes or len(array) != sample.frames:
                found = "missing" if array is None else str(list(array.shape))
                return Point(what, "failed", f"{name}: {found}, expected {sample.frames} frames and {axes} axes")
        if not np.isfinite(arrays["vertices"]).all():
            return Point(what, "failed", "vertices hold values that are no finite numbers")
    return Point(what, "ok")


def _again(spec: str, name: str, sample: RunSample, first: dict[str, Any], out: Path, seconds: float) -> Point:
    second = _run(spec, name, [sample], out / "again", seconds)
    what = "the same input gives the same bytes"
    if not second or second[0]["status"] != "ok":
        return Point(what, "failed", second[0]["reason"] if second else "no record")
    same = second[0]["sha256"] == first["sha256"]
    return Point(what, "ok" if same else "warning", "" if same else "it does not: results vary from run to run")


def _broken(spec: str, name: str, sample: RunSample, out: Path, seconds: float) -> Point:
    """A driver, a picture and a sound that are none: the method must fail, in its time, and say so."""
    what = "bad input is refused"
    bad = out / "again" / "broken"
    for path in ("driving.mp4", "image.png", "sound.wav", "mesh.npy"):
        write_bytes(bad / path, b"this is no such file\n" * 20)
    broken = replace(
        sample, id="broken-input", driving=bad / "driving.mp4", image=bad / "image.png", audio=bad / "sound.wav",
        mesh=bad / "mesh.npy", truth=bad / "driving.mp4", scene=bad / "mesh.npy", tables={},
    )  # fmt: skip
    records = _run(spec, name, [broken], out / "again", seconds)
    if not records:
        return Point(what, "failed", "no record")
    if records[0]["status"] == "ok":
        return Point(what, "failed", "a video was made from files that are none")
    verdict = "warning" if records[0]["cause"] in ("timeout", "crash") else "ok"
    return Point(what, verdict, f"{records[0]['cause']}: {records[0]['reason'].splitlines()[0]}")
