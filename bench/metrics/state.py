"""The torchmetrics state of a benchmark metric: rows of per-video statistics that ranks merge."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torchmetrics

from bench.metrics.base import Metric, VideoScore


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
        row = [float(index), score.value, float(score.n_frames), float(score.n_missing), *score.statistics]
        self.rows.append(torch.tensor([row], dtype=torch.float64))

    def merged(self) -> Merged:
        """The rows of all ranks in the order of the videos."""
        rows = torch.cat(self.rows) if isinstance(self.rows, list) and self.rows else self.rows
        if isinstance(rows, list) or rows.numel() == 0:
            return Merged(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, 2)))
        table = rows.cpu().numpy()
        table = table[np.argsort(table[:, 0], kind="stable")]
        return Merged(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3], table[:, 4:])

    def compute(self) -> dict[str, float]:
        """The two aggregations: `pooled` over all frames, and `video_mean` over the videos that gave a number."""
        merged = self.merged()
        known = np.isfinite(merged.value)
        if not known.any():
            return {"pooled": math.nan, "video_mean": math.nan}
        pooled = self.metric.pool(merged.statistics[known])
        return {"pooled": pooled, "video_mean": float(merged.value[known].mean())}
