"""Whether one method beats another on the same videos: paired differences, their intervals, a signed-rank test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.report.model import MetricLine, Report
from bench.statistics import bootstrap, seed_of

FEWEST = 5
"""Common videos under which nothing is said."""


@dataclass(frozen=True)
class Comparison:
    """One pair of methods by one metric.

    Attributes:
        line: the metric. better, worse: methods, by the mean over the videos both have.
        n: those videos. difference: mean of better - worse; low, high: its 95 % bootstrap interval.
        p: two-sided Wilcoxon signed-rank test over the videos, not corrected for the number of comparisons.
    """

    line: MetricLine
    better: str
    worse: str
    n: int
    difference: float
    low: float
    high: float
    p: float

    @property
    def holds(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def comparisons(report: Report) -> list[Comparison]:
    """The best method against each other one, for every metric with a direction and enough common videos."""
    found = []
    for line in report.lines:
        up = line.about["higher_is_better"]
        table = _values(report, line)
        if up is None or len(table) < 2:
            continue
        means = {method: np.mean(list(values.values())) for method, values in table.items()}
        best = (max if up else min)(means, key=lambda method: means[method])
        for method, values in table.items():
            common = sorted(values.keys() & table[best].keys())
            if method != best and len(common) >= FEWEST:
                found.append(_compare(line, best, method, table[best], values, common, bool(up)))
    return found


def _values(report: Report, line: MetricLine) -> dict[str, dict[str, float]]:
    """Value of each video by method, where there is one."""
    table: dict[str, dict[str, float]] = {}
    for run in report.runs:
        for video in run.videos:
            score = video["scores"].get(line.id.split("@")[0])
            if video["label"] in line.cells and score is not None and score["value"] is not None:
                table.setdefault(video["label"], {})[video["video"]] = score["value"]
    return table


def _compare(
    line: MetricLine,
    best: str,
    other: str,
    best_values: dict[str, float],
    other_values: dict[str, float],
    common: list[str],
    up: bool,
) -> Comparison:
    from scipy.stats import wilcoxon

    gaps = np.array([best_values[video] - other_values[video] for video in common])
    better, worse = best, other
    if (gaps.mean() < 0) == up and gaps.mean() != 0:
        better, worse, gaps = other, best, -gaps
    interval = bootstrap(lambda draw: float(gaps[draw].mean()), len(gaps), seed_of(0, line.id, best, other))
    assert interval is not None
    p = 1.0 if not gaps.any() else float(wilcoxon(gaps).pvalue)
    return Comparison(line, better, worse, len(common), float(gaps.mean()), *interval, p)
