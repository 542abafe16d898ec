"""From values to places: ranks by metric, their mean, and the sum of ranks of the ViCo challenge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.statistics import LEVEL

RESAMPLES = 500
BLOCK = 50
"""Draws at a time."""


@dataclass(frozen=True)
class Standing:
    """A method's place.

    Attributes:
        mean_rank: of its ranks, ties sharing the mean of their places. low, high: 95 % interval of it over resampled
            samples; None where a ranked metric has no values by sample, or there are fewer than two samples.
        vico: sum of ranks as the ViCo challenge computes it. wins: metrics in which nobody is better.
        place: 1 for the lowest mean rank; ties share the lower place.
    """

    mean_rank: float
    low: float | None
    high: float | None
    vico: int
    wins: int
    place: int


def metric_ranks(values: Sequence[float], higher_is_better: bool) -> list[float]:
    """Rank of each value, 1 is best; equal values share the mean of their places.

    >>> metric_ranks([0.9, 0.5, 0.9], True)
    [1.5, 3.0, 1.5]
    """
    from scipy.stats import rankdata

    return [float(r) for r in rankdata([-v if higher_is_better else v for v in values])]


def vico_sums(ranks: Mapping[str, Sequence[float]]) -> dict[str, int]:
    """Sum of ranks over metrics, lower is better: the additive score of the ViCo challenge.

    Its published script (`evaluations/scoring_example.py`) ranks with shared means and then cuts each rank to a whole
    number, so two methods that share the places 1 and 2 both get 1; this does the same. An offset counts by its
    absolute value, which is what `av_offset` holds here.

    Args:
        ranks: by method, one rank for each metric.
    """
    return {method: sum(int(rank) for rank in some) for method, some in ranks.items()}


def standings(
    table: Mapping[str, Sequence[float]],
    directions: Sequence[bool],
    samples: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
) -> dict[str, Standing]:
    """Places of methods over several metrics, in the order of the methods given.

    Args:
        table: one value for each metric by method. directions: whether higher is better, by metric.
        samples: [K,N] by method, the values of the same N samples; for the interval of the mean rank.
        seed: of the bootstrap.
    """
    methods = list(table)
    if not methods or not directions:
        return {}
    columns = [metric_ranks([table[m][k] for m in methods], up) for k, up in enumerate(directions)]
    ranks = {method: [column[i] for column in columns] for i, method in enumerate(methods)}
    means = {method: float(np.mean(some)) for method, some in ranks.items()}
    sums = vico_sums(ranks)
    intervals = _intervals(samples, directions, seed) if samples is not None else {}
    best = [min(column) for column in columns]
    found = {}
    for method in methods:
        low, high = intervals.get(method, (None, None))
        wins = sum(rank == top for rank, top in zip(ranks[method], best, strict=True))
        place = 1 + sum(means[other] < means[method] - 1e-12 for other in methods)
        found[method] = Standing(means[method], low, high, sums[method], wins, place)
    return found


def _intervals(
    samples: Mapping[str, np.ndarray], directions: Sequence[bool], seed: int
) -> dict[str, tuple[float, float]]:
    """Interval of the mean rank when the samples are drawn again, the same draw for all methods."""
    from scipy.stats import rankdata

    methods = list(samples)
    signs = np.where(np.array(directions), -1.0, 1.0)[:, None]
    stack = np.stack([signs * samples[method] for method in methods])  # [M,K,N], lower is better
    n = stack.shape[2]
    if n < 2:
        return {}
    flat = stack.reshape(-1, n)
    rng = np.random.default_rng(seed)
    drawn = np.empty((RESAMPLES, len(methods)))
    for start in range(0, RESAMPLES, BLOCK):
        # How often each sample is drawn: a product of matrices takes all means at once, however many samples there are.
        some = range(start, min(start + BLOCK, RESAMPLES))
        times = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in some], axis=1).astype(float)
        means = (flat @ times).reshape(len(methods), -1, len(some))
        drawn[start : start + len(some)] = rankdata(means.round(12), axis=0).mean(axis=1).T
    ends = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0)
    return {method: (float(ends[0, i]), float(ends[1, i])) for i, method in enumerate(methods)}
