"""From the records of a run to the samples that `bench evaluate` scores, and the scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.distributed import Ranks
from bench.engine import evaluate
from bench.metrics.base import Metric
from bench.plan import Plan
from bench.results import Options, Outcome
from bench.running.records import MethodFolder
from bench.suites.run_sample import RunSample
from bench.suites.sample import Sample, SampleList


def scored_samples(out: Path, suite: str, methods: Sequence[str], samples: Sequence[RunSample]) -> SampleList:
    """What there is to score: the results of all methods that delivered, each with its truth.

    A sample on which a method failed is named in `unmatched` with the reason, and so is a method without any result.
    """
    found, unmatched = [], []
    for method in methods:
        folder = MethodFolder.of(out, method)
        for sample in samples:
            record = folder.read(sample.id)
            if record is not None and record["status"] == "ok":
                found.append(_sample(folder, method, sample, record["motion"] is not None))
            elif record is not None:
                why = record["reason"].split("\n")[0]
                unmatched.append(f"{method}: no result for {sample.id}: {record['cause']}: {why}")
            else:
                unmatched.append(f"{method}: no result for {sample.id}")
    return SampleList(suite, tuple(sorted(found, key=lambda s: (s.method, s.id))), tuple(unmatched))


def _sample(folder: MethodFolder, method: str, sample: RunSample, moved: bool) -> Sample:
    tables = dict(sample.tables)
    if moved and "vertices_truth" in tables:
        tables["vertices_prediction"] = folder.motion(sample.id)
    else:
        tables.pop("vertices_truth", None)
    return Sample(sample.id, method, folder.video(sample.id), sample.truth, sample.image, sample.audio, tables)


def score(
    found: SampleList,
    metrics: Sequence[Metric],
    options: Options,
    ranks: Ranks,
    *,
    on_plan: Callable[[Plan], None],
    on_progress: Callable[[int, int, str], None],
) -> Outcome | None:
    """Scores the results; None when there is nothing to score."""
    if not found.samples:
        return None
    return evaluate(found, metrics, options, on_plan=on_plan, on_progress=on_progress, ranks=ranks)
