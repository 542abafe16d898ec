"""Scores of vertex sequences: no decoding, frames pair by number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.features.alignment import AlignmentReport, timeline_pairs
from bench.features.base import SampleFeatures
from bench.features.tables import read_vertices
from bench.metrics.base import Metric, VideoScore
from bench.records import reason_of, sample_record, score_record
from bench.store import slug, write_arrays
from bench.suites.sample import Sample
from vfa.errors import InputError, VFAError


def score_mesh(sample: Sample, metrics: Sequence[Metric], max_drop: float, out: Path) -> dict[str, Any]:
    """Scores a vertex sequence: metrics that need `vertices`, on frames paired by number."""
    faults: list[str] = []
    scores: dict[str, Any] = {}
    frames: dict[str, np.ndarray] = {}
    features: SampleFeatures | None = None
    report = None
    try:
        prediction = read_vertices(sample.prediction)
        truth = read_vertices(sample.truth) if sample.truth is not None else None
        features = SampleFeatures(sample.id, prediction, truth)
        if truth is not None:
            features.pairs = timeline_pairs(prediction.times, truth.times, by_time=False)
            n, rates = len(features.pairs), (float(prediction.rate), float(truth.rate))
            report = AlignmentReport("index", n, truth.n_frames - n, prediction.n_frames, truth.n_frames, *rates)
            if report.dropped_share > max_drop:
                raise InputError(
                    f"{report.dropped_share:.0%} of the frames have no partner",
                    path=sample.prediction,
                    expected=f"{truth.n_frames} frames",
                    found=f"{prediction.n_frames} frames",
                )
        frames["times"], frames["pairs"] = (truth or prediction).times, features.pairs
    except VFAError as error:
        faults.append(str(error))
    for metric in metrics:
        score = VideoScore.missing("needs a video, this is a vertex sequence")
        if faults:
            score = VideoScore.missing(faults[0])
        elif features is not None and all(
            need not in ("au", "va") and _has(features, need, metric) for need in metric.needs
        ):
            if metric.paired and features.truth is None:
                score = VideoScore.missing("no ground truth")
            else:
                try:
                    score = metric.measure(features)
                except Exception as error:
                    score = VideoScore.missing(reason_of(error))
                    faults.append(f"{metric.id()}: {reason_of(error)}")
        scores[metric.id()] = score_record(score)
        if score.frames is not None:
            frames[metric.id()] = score.frames
    arrays = f"frames/{slug(sample.method)}/{slug(sample.id)}.npz"
    write_arrays(out / arrays, frames)
    status = "failed" if features is None else "partial" if faults else "ok"
    return sample_record(sample, status, scores, faults, arrays, report, [])


def _has(features: SampleFeatures, need: str, metric: Metric) -> bool:
    return need in features.prediction and (not metric.paired or features.truth is None or need in features.truth)
