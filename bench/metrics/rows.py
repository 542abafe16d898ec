"""Per-video statistics of one metric as rows of numbers, sorted and pooled the same way wherever they came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrics.base import Metric, VideoScore

HEAD = 5
"""Numbers before the statistics: index, value, frames, missing, number of statistics."""


@dataclass(frozen=True)
class Merged:
    """All videos of one metric in the order of their index: index int64 [n], value [n], frames [n], missing [n],
    statistics [n,K]."""

    index: np.ndarray
    value: np.ndarray
    frames: np.ndarray
    missing: np.ndarray
    statistics: np.ndarray


def row_of(index: int, score: VideoScore) -> list[float]:
    """The row of the video with this index in the run's list of samples."""
    assert score.statistics is not None
    head = [float(index), score.value, float(score.n_frames), float(score.n_missing), float(len(score.statistics))]
    return [*head, *(float(x) for x in score.statistics)]


def merge_rows(rows: Sequence[Sequence[float]]) -> Merged:
    """Sorts rows by video, so that sums run in one order for any number of workers and ranks; short rows are filled
    with zeros."""
    if not len(rows):
        return Merged(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, 2)))
    table = np.zeros((len(rows), max(len(row) for row in rows)))
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    table = table[np.argsort(table[:, 0], kind="stable")]
    known = np.isfinite(table[:, 1])
    used = int(table[known, HEAD - 1].max()) if known.any() else 0
    value, frames, missing = table[:, 1], table[:, 2], table[:, 3]
    return Merged(table[:, 0].astype(np.int64), value, frames, missing, table[:, HEAD : HEAD + used])


def aggregate(metric: Metric, merged: Merged) -> dict[str, float]:
    """The two aggregations: `pooled` over all frames, and `video_mean` over the videos that gave a number."""
    known = np.isfinite(merged.value)
    if not known.any():
        return {"pooled": math.nan, "video_mean": math.nan}
    return {"pooled": metric.pool(merged.statistics[known]), "video_mean": float(merged.value[known].mean())}
