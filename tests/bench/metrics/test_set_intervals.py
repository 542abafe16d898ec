"""Bootstrap of metrics of feature sets: a draw equals the metric of the drawn sets, and intervals behave."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional import resampling
from bench.metrics.functional.distribution import polynomial_mmd
from bench.metrics.functional.frechet import frechet_distance
from bench.metrics.functional.resampling import frechet_draws, kernel_draws
from bench.metrics.sets import SetMetric
from bench.statistics import bootstrap_of_sets

DRAWS = ([0, 1, 2], [2, 1, 0], [0, 0, 2], [1, 1, 1])


def videos(width: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Three videos a side, of different length."""
    rng = np.random.default_rng(seed)
    sides = ([rng.normal(i, 1 + side, (n, width)) for i, n in enumerate((7, 5, 6))] for side in (0, 1))
    return tuple(sides)  # type: ignore[return-value]


@pytest.mark.parametrize("width", [40, 4])  # fewer rows than columns, and more
@pytest.mark.parametrize("draw", DRAWS)
def test_a_draw_equals_the_distance_of_the_drawn_sets(width: int, draw: list[int]) -> None:
    first, second = videos(width)
    expected = frechet_distance(np.concatenate([first[i] for i in draw]), np.concatenate([second[i] for i in draw]))
    statistic = frechet_draws(first, second)
    assert statistic is not None
    assert statistic(np.array(draw)) == pytest.approx(expected, rel=1e-9)


def test_what_costs_too_much_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "MAX_SIZE", 17)
    assert frechet_draws(*videos(40)) is None
    assert frechet_draws(*videos(4)) is not None


def test_a_draw_of_the_kernel_distance_leaves_out_rows_paired_with_themselves() -> None:
    first, second = videos(12)
    statistic = kernel_draws(first, second)
    assert statistic(np.array([0, 1, 2])) == pytest.approx(
        polynomial_mmd(np.concatenate(first), np.concatenate(second)), rel=1e-9
    )

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 12 + 1) ** 3)

    draw = (0, 0, 2)
    sides = [[(i, k) for i in draw for k in range(len(side[i]))] for side in (first, second)]
    same = 0.0
    for side, rows in zip((first, second), sides, strict=True):
        pairs = [kernel(side[i][k], side[j][m]) for i, k in rows for j, m in rows if (i, k) != (j, m)]
        same += float(np.mean(pairs))
    other = np.mean([kernel(first[i][k], second[j][m]) for i, k in sides[0] for j, m in sides[1]])
    assert statistic(np.array(draw)) == pytest.approx(same - 2 * other, rel=1e-9)


def test_videos_that_are_alike_leave_no_doubt() -> None:
    rows = np.random.default_rng(1).normal(size=(30, 3))
    statistic = frechet_draws([rows] * 4, [rows + 1] * 4)
    assert statistic is not None
    value = statistic(np.arange(4))
    low, high = bootstrap_of_sets(statistic, 4, 0, value) or (0, 0)
    assert (low, high) == (pytest.approx(value), pytest.approx(value))
    assert bootstrap_of_sets(statistic, 1, 0, value) is None


def test_the_interval_is_as_wide_as_the_spread_over_samples_of_videos() -> None:
    """Sets of 12 videos whose means vary: the interval's width is that of the values of fresh sets of 12."""
    rng = np.random.default_rng(2)

    def sample() -> tuple[list[np.ndarray], list[np.ndarray]]:
        first = [rng.normal(rng.normal(2, 0.5), 1, (20, 1)) for _ in range(12)]
        return first, [rng.normal(0, 1, (20, 1)) for _ in range(12)]

    values, widths = [], []
    for _ in range(40):
        statistic = frechet_draws(*sample())
        assert statistic is not None
        values.append(statistic(np.arange(12)))
        low, high = bootstrap_of_sets(statistic, 12, 0, values[-1]) or (0, 0)
        assert low < values[-1] < high
        widths.append(high - low)
    assert np.median(widths) == pytest.approx(2 * 1.96 * np.std(values), rel=0.35)


@pytest.mark.parametrize("name", ["fid", "fvd", "efid_exp", "kid", "is"])
def test_every_set_metric_draws_its_own_value(name: str) -> None:
    metric = create_metric(name)
    assert isinstance(metric, SetMetric)
    first, second = videos(6, 3)
    sets = [[a, b] if metric.paired else [a] for a, b in zip(first, second, strict=True)]
    statistic = metric.draws(sets)
    assert statistic is not None
    assert statistic(np.arange(3)) == pytest.approx(metric.pool_sets(sets), rel=1e-9)
