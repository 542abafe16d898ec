"""The torchmetrics state of a benchmark metric: rows of per-video statistics that ranks merge.

Imported in runs over several processes only: torchmetrics alone takes seconds to import. One process sorts and pools
the same rows by `bench.metrics.rows`, with the same result to the last bit.
"""

from __future__ import annotations

import torch
import torchmetrics

from bench.metrics.base import Metric, VideoScore
from bench.metrics.rows import Merged, aggregate, merge_rows, row_of


class MetricState(torchmetrics.Metric):
    """Collects one float64 row per video; after `sync` it holds those of all ranks.

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
        assert isinstance(self.rows, list)
        self.rows.append(torch.tensor([row_of(index, score)], dtype=torch.float64))

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
        """The rows that this state holds, in the order of the videos."""
        parts = self.rows if isinstance(self.rows, list) else [self.rows]
        return merge_rows([row for part in parts for row in part.tolist()])

    def compute(self) -> dict[str, float]:
        """The two aggregations, see `bench.metrics.rows.aggregate`."""
        return aggregate(self.metric, self.merged())
