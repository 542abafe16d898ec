"""The torchmetrics state of a benchmark metric: rows of per-video statistics that ranks merge."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torchmetrics

from bench.metrics.base import Metric, VideoScore

HEAD = 5
"""Columns before the statistics: index, value, frames, missing, number of statistics."""


@dataclass(frozen=True)
class Merged:
    """All videos of one metric in the order of their index: index int64 [n], value [n], frames [n], missing [n],
    statistics [n,K]."""

    index: np.ndarray
    value: np.ndarray
    frames: np.ndarray
    missing: np.ndarray
    statistics: np.ndarray


class MetricState(torchmetrics.Metric):
    """Collects one float64 row per video; `compute` sorts what all ranks hold by video, so that sums run in the same
    order for any number of ranks and the result is the same to the last bit.

    Args:
        metric: the benchmark metric whose `pool` makes the pooled value.
    """

    full_state_update = False
    rows: list[torch.Tensor] | torch.Tensor

    def __init__(self, metric: Metric) -> None:
        super().__init__()
        self.metric = metric
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    def update(self, index: int, score: VideoScore) -> None:
        """Adds the score of the video with this index in the run's list of samples."""
        assert score.statistics is not None
        head = [float(index), score.value, float(score.n_frames), float(score.n_missing), float(len(score.statistics))]
        self.rows.append(torch.tensor([[*head, *score.statistics]], dtype=torch.float64))

    @property
    def width(self) -> int:
        """Numbers in the widest row so far."""
        return max((row.shape[1] for row in self.rows), default=0)

    def pad(self, width: int) -> None:
        """Makes one table of all rows, of this width on every rank (a rank without videos holds an empty one), since
        tensors that are gathered must have equal width."""
        padded = [torch.nn.functional.pad(row, (0, width - row.shape[1])) for row in self.rows]
        self.rows = [torch.cat([torch.zeros((0, width), dtype=torch.float64), *padded])]

    def merged(self) -> Merged:
        """The rows that this state holds (after `sync`: those of all ranks) in the order of the videos."""
        parts = self.rows if isinstance(self.rows, list) else [self.rows]
        width = max((part.shape[1] for part in parts), default=0)
        if width == 0:
            return Merged(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, 2)))
        padded = [torch.nn.functional.pad(part, (0, width - part.shape[1])) for part in parts]
        table = torch.cat(padded).cpu().numpy()
        table = table[np.argsort(table[:, 0], kind="stable")]
        known = np.isfinite(table[:, 1])
        used = int(table[known, HEAD - 1].max()) if known.any() else 0
        return Merged(table[:, 0].astype(np.int64), *table[:, 1:4].T, table[:, HEAD : HEAD + used])

    def compute(self) -> dict[str, float]:
        """The two aggregations: `pooled` over all frames, and `video_mean` over the videos that gave a number."""
        merged = self.merged()
        known = np.isfinite(merged.value)
        if not known.any():
            return {"pooled": math.nan, "video_mean": math.nan}
        pooled = self.metric.pool(merged.statistics[known])
        return {"pooled": pooled, "video_mean": float(merged.value[known].mean())}
