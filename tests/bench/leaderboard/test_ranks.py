"""Places: tables worked out by hand, and the published script of the ViCo challenge done again with pandas' rules."""

from __future__ import annotations

import numpy as np
import pytest

from bench.leaderboard.ranks import metric_ranks, standings, vico_sums

TABLE = {"a": [30.0, 0.90, 5.0], "b": [28.0, 0.95, 5.0], "c": [25.0, 0.80, 9.0]}
UP = [True, True, False]


def test_ranks_of_a_known_table() -> None:
    found = standings(TABLE, UP)
    # a: 1, 2, 1.5   b: 2, 1, 1.5   c: 3, 3, 3
    assert [found[m].mean_rank for m in "abc"] == pytest.approx([1.5, 1.5, 3.0])
    assert [found[m].place for m in "abc"] == [1, 1, 3]
    assert [found[m].wins for m in "abc"] == [2, 2, 0]
    assert [found[m].vico for m in "abc"] == [1 + 2 + 1, 2 + 1 + 1, 9]
    assert found["a"].low is None


def test_vico_cuts_shared_ranks_to_whole_numbers() -> None:
    """data[k].rank().apply(int): four equal values share (1+2+3+4)/4 = 2.5, which becomes 2."""
    ranks = metric_ranks([1.0, 1.0, 1.0, 1.0], True)
    assert ranks == [2.5] * 4
    assert vico_sums({"a": ranks[:1], "b": [1.0]}) == {"a": 2, "b": 1}


def test_vico_by_its_own_definition() -> None:
    """Rank = how many are better + (1 + how many are equal) / 2, from counting, then cut and added."""
    rng = np.random.default_rng(0)
    methods, directions = [f"m{i}" for i in range(7)], [True, False, False, True]
    table = {m: list(rng.integers(0, 4, size=4).astype(float)) for m in methods}
    found = standings(table, directions)
    for method in methods:
        total = 0
        for k, up in enumerate(directions):
            column = [table[m][k] if up else -table[m][k] for m in methods]
            own = table[method][k] if up else -table[method][k]
            better, equal = sum(x > own for x in column), sum(x == own for x in column)
            total += int(better + (1 + equal) / 2)
        assert found[method].vico == total


def test_interval_of_the_mean_rank() -> None:
    """A method that is better on every sample keeps its place in every draw; equal ones share theirs."""
    steady = {m: np.array([[v + 0.1 * i for i in range(6)]]) for m, v in (("a", 3.0), ("b", 1.0))}
    found = standings({m: [x.mean()] for m, x in steady.items()}, [True], steady)
    assert (found["a"].low, found["a"].high, found["b"].low) == (1.0, 1.0, 2.0)
    mixed = {"a": np.array([[1.0, 0.0, 1.0, 0.0]]), "b": np.array([[0.0, 1.0, 0.0, 1.0]])}
    found = standings({"a": [0.5], "b": [0.5]}, [True], mixed)
    assert (found["a"].mean_rank, found["a"].low, found["a"].high) == (1.5, 1.0, 2.0)


def test_nothing_to_rank() -> None:
    assert standings({}, [True]) == {}
    assert standings({"a": []}, []) == {}
