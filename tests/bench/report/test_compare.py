"""Paired differences between methods on the same videos."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bench.report.compare import comparisons
from bench.report.model import MetricLine, Report, Run


def report_of(values: dict[str, dict[str, float | None]], up: bool | None = True) -> Report:
    about = {"higher_is_better": up, "paired": True, "needs": ["frames"], "comparable": True, "metric": "m"}
    line = MetricLine("m", about, {method: {"value": 1.0} for method in values})
    videos = [
        {"label": method, "video": video, "scores": {"m": {"value": value}}}
        for method, by_video in values.items()
        for video, value in by_video.items()
    ]
    return Report([Run(Path("x"), "x", {}, videos)], list(values), [line], {}, "plain")


def signed_rank_p(gaps: list[float]) -> float:
    """Exact two-sided p of the signed-rank statistic, by going through all signs."""
    ranks = np.argsort(np.argsort(np.abs(gaps))) + 1
    statistic = ranks[np.array(gaps) > 0].sum()
    all_sums = np.array(
        [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in product((0, 1), repeat=len(gaps))]
    )
    low, high = (all_sums <= statistic).mean(), (all_sums >= statistic).mean()
    return float(min(1.0, 2 * min(low, high)))


def test_difference_interval_and_test_are_those_of_the_pairs() -> None:
    gaps = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, -0.2]
    a = {f"v{i}": 10.0 + i + gap for i, gap in enumerate(gaps)}
    b = {f"v{i}": 10.0 + i for i in range(len(gaps))}
    (found,) = comparisons(report_of({"b": b, "a": a}))
    assert (found.better, found.worse, found.n) == ("a", "b", 7)
    assert found.difference == pytest.approx(np.mean(gaps))
    assert min(gaps) < found.low < found.difference < found.high < max(gaps)
    assert found.holds
    assert found.p == pytest.approx(signed_rank_p(gaps))


def test_lower_is_better_turns_the_winner() -> None:
    a, b = {f"v{i}": 1.0 + i for i in range(6)}, {f"v{i}": 2.0 + i for i in range(6)}
    (found,) = comparisons(report_of({"a": a, "b": b}, up=False))
    assert (found.better, found.difference) == ("a", -1.0)
    assert found.holds


def test_only_common_videos_count_and_few_say_nothing() -> None:
    a = {f"v{i}": float(i) for i in range(8)}
    b: dict[str, float | None] = {f"v{i}": float(i) - 1 for i in range(4)}
    assert comparisons(report_of({"a": dict(a), "b": b})) == []
    b["v4"], b["other"], b["v5"] = 3.0, 99.0, None
    (found,) = comparisons(report_of({"a": dict(a), "b": b}))
    assert found.n == 5
    assert (found.better, found.difference) == ("a", 1.0)


def test_equal_methods_and_no_direction() -> None:
    a = {f"v{i}": float(i) for i in range(6)}
    (found,) = comparisons(report_of({"a": dict(a), "b": dict(a)}))
    assert (found.difference, found.p, found.holds) == (0.0, 1.0, False)
    assert comparisons(report_of({"a": dict(a), "b": dict(a)}, up=None)) == []
