"""Whether one method beats another on the same videos: paired differences, their intervals, a signed-rank test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.paired import FEWEST, Paired, common_values, compare_pairs, pair_seed
from bench.report.model import MetricLine, Report


@dataclass(frozen=True)
class Comparison:
    """One pair of methods by one metric.

    Attributes:
        line: the metric. better, worse: methods, by the mean over the videos both have.
        pairs: better - worse over those videos; its p is not corrected for the number of comparisons.
    """

    line: MetricLine
    better: str
    worse: str
    pairs: Paired

    @property
    def n(self) -> int:
        """Videos that both have."""
        return self.pairs.n

    @property
    def difference(self) -> float:
        """Mean of better - worse."""
        return self.pairs.difference

    @property
    def low(self) -> float:
        """Lower end of the 95 % bootstrap interval."""
        return self.pairs.low

    @property
    def high(self) -> float:
        """Upper end of the 95 % bootstrap interval."""
        return self.pairs.high

    @property
    def p(self) -> float:
        """Two-sided Wilcoxon signed-rank test over the videos."""
        return self.pairs.p

    @property
    def holds(self) -> bool:
        """Whether the interval excludes zero."""
        return self.pairs.holds


def comparisons(report: Report) -> list[Comparison]:
    """The best method against each other one, for every metric with a direction and enough common videos."""
    found = []
    for line in report.lines:
        up = line.about["higher_is_better"]
        table = values_by_video(report, line)
        if up is None or len(table) < 2:
            continue
        means = {method: np.mean(list(values.values())) for method, values in table.items()}
        best = (max if up else min)(means, key=lambda method: means[method])
        for method, values in table.items():
            pairs = common_values(table[best], values)
            if method != best and len(pairs[0]) >= FEWEST:
                found.append(_compare(line, best, method, *pairs, bool(up)))
    return found


def values_by_video(report: Report, line: MetricLine) -> dict[str, dict[str, float]]:
    """Value of each video by method, where there is one."""
    table: dict[str, dict[str, float]] = {}
    for run in report.runs:
        for video in run.videos:
            score = video["scores"].get(line.id.split("@")[0])
            if video["label"] in line.cells and score is not None and score["value"] is not None:
                table.setdefault(video["label"], {})[video["video"]] = score["value"]
    return table


def _compare(line: MetricLine, best: str, other: str, a: list[float], b: list[float], up: bool) -> Comparison:
    """Whoever has the better mean over the common videos comes first, whatever all videos say."""
    better, worse = best, other
    if (np.mean(a) < np.mean(b)) == up and np.mean(a) != np.mean(b):
        better, worse, a, b = other, best, b, a
    return Comparison(line, better, worse, compare_pairs(a, b, pair_seed(line.id, best, other)))
