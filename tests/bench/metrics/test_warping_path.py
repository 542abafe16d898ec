"""The warping path against every path there is, and its band."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metrics.functional.dtw import band_limits, warping_path
from vfa.errors import InputError


def every_path(rows: int, columns: int) -> list[list[tuple[int, int]]]:
    """All monotone paths from corner to corner."""
    if rows == 1 and columns == 1:
        return [[(0, 0)]]
    shorter = []
    for r, c in ((rows - 1, columns - 1), (rows - 1, columns), (rows, columns - 1)):
        if r >= 1 and c >= 1:
            shorter += every_path(r, c)
    return [[*path, (rows - 1, columns - 1)] for path in shorter]


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (3, 6), (6, 2)])
def test_is_the_cheapest_of_all_paths(shape: tuple[int, int]) -> None:
    cost = np.random.default_rng(sum(shape)).uniform(size=shape)
    best = min(sum(cost[i, j] for i, j in path) for path in every_path(*shape))
    path = warping_path(cost)
    assert cost[path[:, 0], path[:, 1]].sum() == pytest.approx(best)
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [shape[0] - 1, shape[1] - 1]
    assert set(map(tuple, np.diff(path, axis=0).tolist())) <= {(1, 1), (1, 0), (0, 1)}


def test_ties_prefer_the_diagonal_and_radius_zero_keeps_to_it() -> None:
    diagonal = [[i, i] for i in range(5)]
    assert warping_path(np.zeros((5, 5))).tolist() == diagonal
    assert warping_path(np.random.default_rng(0).uniform(size=(5, 5)), radius=0).tolist() == diagonal


def test_band_holds_the_path() -> None:
    cost = np.ones((30, 30))
    cost[np.arange(15), np.arange(15) + 15] = 0.0
    path = warping_path(cost, radius=4)
    assert np.abs(path[:, 0] - path[:, 1]).max() <= 4


@pytest.mark.parametrize(("rows", "columns"), [(10, 30), (30, 10), (1, 7), (7, 1), (2, 9)])
def test_unequal_lengths_connect_in_the_narrowest_band(rows: int, columns: int) -> None:
    low, high = band_limits(rows, columns, 0)
    assert low[0] == 0 and high[-1] == columns
    path = warping_path(np.random.default_rng(0).uniform(size=(rows, columns)), radius=0)
    assert path[-1].tolist() == [rows - 1, columns - 1]


def test_refuses_bad_tables() -> None:
    for cost in (np.zeros((0, 3)), np.full((2, 2), np.nan), np.zeros((2, 0))):
        with pytest.raises(InputError):
            warping_path(cost)
    with pytest.raises(InputError, match="negative"):
        warping_path(np.zeros((2, 2)), radius=-1)
