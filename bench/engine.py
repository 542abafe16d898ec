"""A run of the benchmark on one page: plan, score what is not scored yet, merge, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.costs import peak_megabytes
from bench.distributed import Ranks, launch
from bench.features.reader import VideoReader
from bench.metrics import rows
from bench.metrics.base import Metric, VideoScore
from bench.metrics.rows import Merged, merge_rows
from bench.metrics.sets import SetMetric
from bench.plan import Plan, make_plan
from bench.pool import run_jobs
from bench.records import failed_record
from bench.results import Options, Outcome, write_results
from bench.scoring import Group, Settings, fingerprint, make_extraction, score_group
from bench.statistics import empty_row, row_of, score_from_record
from bench.store import Journal, RunFolder, plain_json, sets_path
from bench.suites.sample import Sample, SampleList
from vfa.errors import InputError, VFAError

OVERWRITE = ("never", "missing", "always")
GROUP_SIZE = 8
"""Predictions of one ground truth that are decoded side by side; memory grows with it."""


@dataclass(frozen=True)
class Job:
    """A group on its way to a worker."""

    group: Group
    settings: Settings
    out: Path
    cache: Path
    fresh: bool


def run_job(job: Job, tell: Callable[[Any], None]) -> list[dict[str, Any]]:
    """Scores one group in this process; tells each (video, extractor) as it is done, then the costs."""

    def record(video: str, extractor: str, reason: str) -> None:
        tell({"kind": "features", "input": video, "extractor": extractor, "reason": reason})

    before = VideoReader.passes
    extraction = make_extraction(job.cache, fresh=job.fresh, record=record)
    records = score_group(job.group, job.settings, job.out, extraction)
    decodes, costs = VideoReader.passes - before, extraction.costs
    message = {"kind": "costs", "decodes": decodes, "wall": costs.wall, "cpu": costs.cpu}
    tell(message | {"peak_megabytes": peak_megabytes()})
    return records


def evaluate(
    found: SampleList,
    metrics: Sequence[Metric],
    options: Options,
    *,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    on_progress: Callable[[int, int, str], None] = lambda done, total, name: None,
    ranks: Ranks | None = None,
) -> Outcome:
    """Scores all samples and writes results.json, videos.jsonl, frames/*.npz and run.json.

    Args:
        found: the samples. metrics: what to compute. options: how.
        on_plan: told the plan before any work. on_progress: told (samples done, in all, name).
        ranks: this process among others; found out from the environment when None.

    Raises:
        InputError: the output folder is in use or cannot be written.
    """
    began = time.time()
    ranks = ranks or launch()
    plan = make_plan(found, metrics)
    if ranks.leads:
        on_plan(plan)
    settings = replace(options.settings, metrics=tuple(metric.id() for metric in plan.runnable))
    folder = open_folder(options.out, ranks)
    try:
        ranks.barrier()
        known = {} if options.overwrite == "always" else _known(folder)
        ranks.barrier()
        journal = Journal(options.out / "journal" / f"rank{ranks.rank}.jsonl")
        groups = make_groups(found.samples)
        mine = ranks.share(groups, [_cost(group) for group in groups])
        records: dict[tuple[str, str], dict[str, Any]] = {}
        todo, prints = _split(mine, settings, known, records, options.overwrite)
        outcome = Outcome(n_samples=len(found.samples), n_kept=len(records))
        jobs = [Job(g, settings, options.out, options.features, options.overwrite == "always") for g in todo]
        total = sum(len(group.samples) for group in mine)

        def tell(message: Mapping[str, Any]) -> None:
            if message["kind"] == "costs":
                outcome.decodes += message["decodes"]
                outcome.costs.add(message["wall"], message["cpu"])
                outcome.peak_megabytes = max(outcome.peak_megabytes, message["peak_megabytes"])
            journal.append(message)

        for event in run_jobs(run_job, jobs, options.workers, tell):
            samples = todo[event.item].samples
            results = event.result or [failed_record(s, settings.metrics, event.died) for s in samples]
            for record in map(plain_json, results):
                key = record["method"], record["video"]
                records[key] = record
                journal.append({"kind": "sample", "fingerprint": prints[key], "record": record})
                outcome.n_scored += 1
                on_progress(len(records), total, f"{key[0]}/{key[1]}")
        journal.close()
        ranks.barrier()
        outcome.n_scored, outcome.n_kept = ranks.total(outcome.n_scored), ranks.total(outcome.n_kept)
        outcome.decodes = ranks.total(outcome.decodes)
        everything = _merged_records(folder, found, settings, records) if ranks.leads else records
        outcome.rows = merge(found, plan, records, everything, options, ranks)
        if ranks.leads:
            outcome.n_failed = sum(record["status"] != "ok" for record in everything.values())
            outcome.n_usable = sum(_has_value(record) for record in everything.values())
            outcome.seconds = time.time() - began
            write_results(found, plan, everything, outcome, options, settings, ranks.size)
        ranks.barrier()
        return outcome
    finally:
        folder.close()


def open_folder(path: Path, ranks: Ranks) -> RunFolder:
    """Opens the output folder on every rank, or fails on every rank, so that none waits for one that has gone."""
    folder, reason = None, None
    try:
        folder = RunFolder(path, lock=ranks.leads)
    except VFAError as error:
        reason = error
    failed = ranks.total(int(folder is None))
    if folder is None or failed:
        raise reason or InputError("another rank cannot use the output folder", path=path)
    return folder


def make_groups(samples: Sequence[Sample]) -> list[Group]:
    """Samples by ground truth, so that it is decoded once for all methods; at most GROUP_SIZE in each group."""
    groups: list[Group] = []
    open_groups: dict[Path, Group] = {}
    for sample in samples:
        if sample.truth is None or sample.is_mesh:
            groups.append(Group(sample.truth, [sample]))
            continue
        group = open_groups.get(sample.truth)
        if group is None or len(group.samples) >= GROUP_SIZE:
            group = open_groups[sample.truth] = Group(sample.truth)
            groups.append(group)
        group.samples.append(sample)
    return groups


def _cost(group: Group) -> float:
    """Bytes of the videos of a group, as a measure of its work."""
    paths = [sample.prediction for sample in group.samples] + ([group.truth] if group.truth else [])
    return float(sum(path.stat().st_size for path in paths if path.exists()))


def _known(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Records of earlier runs by fingerprint; the last one counts."""
    known = {}
    for path in folder.journals():
        for line in Journal.read(path):
            if line.get("kind") == "sample" and isinstance(line.get("record"), dict):
                known[str(line.get("fingerprint"))] = line["record"]
    return known


def _split(
    groups: Sequence[Group],
    settings: Settings,
    known: Mapping[str, dict[str, Any]],
    records: dict[tuple[str, str], dict[str, Any]],
    overwrite: str,
) -> tuple[list[Group], dict[tuple[str, str], str]]:
    """Takes over what is scored already into `records`; returns the groups that remain, and all fingerprints."""
    remaining: list[Group] = []
    prints: dict[tuple[str, str], str] = {}
    for group in groups:
        rest = Group(group.truth)
        for sample in group.samples:
            key = sample.method, sample.id
            try:
                prints[key] = fingerprint(sample, settings)
            except VFAError:
                prints[key] = ""
            record = known.get(prints[key]) if prints[key] else None
            if record is not None and (record["status"] == "ok" or overwrite == "never"):
                records[key] = {**record, **_identity(sample)}
            else:
                rest.samples.append(sample)
        if rest.samples:
            remaining.append(rest)
    return remaining, prints


def _identity(sample: Sample) -> dict[str, Any]:
    truth = str(sample.truth) if sample.truth else None
    return {"method": sample.method, "video": sample.id, "prediction": str(sample.prediction), "truth": truth}


def _merged_records(
    folder: RunFolder, found: SampleList, settings: Settings, own: Mapping[tuple[str, str], dict[str, Any]]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Records of all samples, those of other ranks from their journals."""
    known = _known(folder)
    merged = dict(own)
    for sample in found.samples:
        key = sample.method, sample.id
        if key not in merged:
            record = known.get(fingerprint(sample, settings))
            merged[key] = record or failed_record(sample, settings.metrics, "its rank left no record")
    return merged


def merge(
    found: SampleList,
    plan: Plan,
    own: Mapping[tuple[str, str], dict[str, Any]],
    everything: Mapping[tuple[str, str], dict[str, Any]],
    options: Options,
    ranks: Ranks,
) -> list[dict[str, Any]]:
    """The rows of the results: statistics of all ranks, pooled in the order of the samples.

    Args:
        own: records of this rank. everything: records of all ranks, for reasons and details.
    """
    index = {(sample.method, sample.id): i for i, sample in enumerate(found.samples)}
    suffix = f"@dtw(r={round(options.settings.band * 1000)}ms,lip)" if options.settings.align == "dtw" else ""
    table = []
    for method in sorted({sample.method for sample in found.samples}):
        n_videos = sum(sample.method == method for sample in found.samples)
        for metric in plan.runnable:
            keys = sorted((key for key in own if key[0] == method), key=lambda key: index[key])
            scored = [(index[key], score_from_record(own[key]["scores"][metric.id()])) for key in keys]
            merged = _gathered(metric, scored, ranks)
            if ranks.leads:
                scores = [everything[k]["scores"][metric.id()] for k in index if k[0] == method]
                pool = FilePool(metric, found, everything, options.out) if isinstance(metric, SetMetric) else None
                table.append(row_of(metric, method, merged, scores, options.seed, suffix, pool))
        if ranks.leads:
            table += [empty_row(m, method, n_videos, plan.unavailable[m.id()]) for m in _unavailable(plan)]
    return table


@dataclass(frozen=True)
class FilePool:
    """Pooled values of a metric of feature sets, from the files of the samples."""

    metric: SetMetric
    found: SampleList
    everything: Mapping[tuple[str, str], dict[str, Any]]
    out: Path

    def value(self, index: np.ndarray) -> float:
        """See `bench.statistics.SetPool`."""
        return self.metric.pool_files(self._files(index))

    def draws(self, index: np.ndarray) -> Callable[[np.ndarray], float] | None:
        """See `bench.statistics.SetPool`."""
        return self.metric.draws_of_files(self._files(index))

    def _files(self, index: np.ndarray) -> list[Path]:
        # One order for the same videos, however they were listed, so that sums round alike.
        samples = sorted((self.found.samples[i] for i in index), key=lambda sample: sample.id)
        return [sets_path(self.out, self.everything[sample.method, sample.id]["arrays"]) for sample in samples]


def _gathered(metric: Metric, scored: Sequence[tuple[int, VideoScore]], ranks: Ranks) -> Merged:
    """The rows of all ranks."""
    if ranks.size == 1:
        return merge_rows([rows.row_of(index, score) for index, score in scored])
    from bench.metrics.state import MetricState

    state = MetricState(metric)
    for index, score in scored:
        state.update(index, score)
    state.pad(ranks.largest(state.width))
    state.sync()
    return state.merged()


def _unavailable(plan: Plan) -> list[Metric]:
    from bench.metrics.registry import create_metric

    return [create_metric(name) for name in plan.unavailable]


def _has_value(record: Mapping[str, Any]) -> bool:
    return any(score["value"] is not None and score["value"] == score["value"] for score in record["scores"].values())
