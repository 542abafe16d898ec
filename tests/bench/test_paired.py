"""Paired statistics against closed forms, scipy and known distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.paired import bootstrap_mean, common_values, compare_pairs, holm, pair_seed, rank_biserial, signed_rank_p


def test_holm_against_the_definition() -> None:
    # Sorted .001 .01 .02 .9 times 4 3 2 1, made monotone: .004 .03 .04 .9
    assert holm([0.02, 0.9, 0.001, 0.01]) == pytest.approx([0.04, 0.9, 0.004, 0.03])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.03, 0.03]) == pytest.approx([0.06, 0.06])


def test_rank_biserial_by_hand() -> None:
    # |gaps| 1 2 2 4 -> ranks 1 2.5 2.5 4; negative: 2.5; (7.5 - 2.5) / 10
    assert rank_biserial(np.array([1.0, 2.0, -2.0, 4.0])) == pytest.approx(0.5)
    assert rank_biserial(np.array([0.0, 0.0])) == 0.0
    assert rank_biserial(np.array([-1.0, -5.0])) == -1.0


def test_signed_ranks_are_those_of_scipy_and_of_the_exact_distribution() -> None:
    gaps = np.array([6.0, -1.0, 2.0, 5.0, 3.0, 4.0])  # W- = 1: two of 64 sign patterns are as low, two-sided 4/64
    assert signed_rank_p(gaps) == pytest.approx(4 / 64)
    a, b = [3.1, 2.0, 5.5, 4.0, 8.0, 1.0, 7.7], [2.0, 2.5, 3.0, 4.0, 5.0, 1.5, 6.0]
    assert compare_pairs(a, b).p == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert signed_rank_p(np.zeros(8)) == 1.0


def test_differences_and_effects_are_those_of_the_pairs() -> None:
    result = compare_pairs([2.0, 4.0, 6.0, 8.0, 10.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert (result.n, result.mean_a, result.mean_b, result.difference) == (5, 6.0, 3.0, 3.0)
    assert result.d == pytest.approx(3.0 / np.sqrt(2.5))
    assert result.effect == 1.0
    assert result.holds
    assert compare_pairs([1.0, 2.0], [1.0, 2.0]).d is None
    assert compare_pairs([1.0, 2.0], [1.0, 2.0]).p_bootstrap == 1.0


def test_turning_the_pair_round_turns_everything_round() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=20), rng.normal(0.3, 1, size=20)
    there, back = compare_pairs(a, b, pair_seed("m", "a", "b")), compare_pairs(b, a, pair_seed("m", "b", "a"))
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p == back.p
    assert there.p_bootstrap == back.p_bootstrap
    assert (there.effect, there.d) == pytest.approx((-back.effect, -back.d))


def test_bootstrap_interval_covers_a_known_mean() -> None:
    """Percentile intervals of n normal values hold the mean about as often as a z interval with the sample's spread."""
    n, rounds = 30, 300
    rng = np.random.default_rng(0)
    held = 0
    for k in range(rounds):
        low, high, _ = bootstrap_mean(rng.normal(2.0, 3.0, size=n), k)
        held += low <= 2.0 <= high
    wanted = stats.t(n - 1).cdf(1.96 * np.sqrt((n - 1) / n)) * 2 - 1  # plug-in spread has ddof 0
    assert held / rounds == pytest.approx(wanted, abs=3 * np.sqrt(wanted * (1 - wanted) / rounds))


def test_bootstrap_spread_is_the_standard_error() -> None:
    values = np.random.default_rng(1).normal(size=400)
    low, high, p = bootstrap_mean(values + 5, 0)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)
    assert p == pytest.approx(2 / 2001)


def test_bootstrap_in_blocks_is_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=50)
    whole = bootstrap_mean(values, 4)
    monkeypatch.setattr("bench.paired.BLOCK", 50 * 300)
    assert bootstrap_mean(values, 4) == pytest.approx(whole)


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="equal length"):
        compare_pairs([1.0, 2.0], [1.0])
    with pytest.raises(ValueError):
        compare_pairs([1.0], [1.0])
    assert common_values({"b": 1.0, "a": 2.0, "x": 9.0}, {"a": 3.0, "b": 4.0}) == ([2.0, 1.0], [3.0, 4.0])
