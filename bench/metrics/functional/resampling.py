"""Set distances of draws of videos with replacement, each without touching the features again.

A draw gives every row the weight of its video: how often that was drawn. Products of rows are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bench.metrics.functional.frechet import Moments, frechet_from_moments

Statistic = Callable[[np.ndarray], float]
"""The value of a draw, int [n] numbers of videos."""

MAX_SIZE = 1024
"""Rows, or columns where those are fewer, above which draws of a Frechet distance cost too much: the time of one grows
with the third power (about 0.2 s at this size on one core)."""


def frechet_draws(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Statistic | None:
    """Frechet distances of draws; None where they cost too much (see MAX_SIZE).

    Args:
        first, second: features `[N_v, D]` of each video on either side, the same videos in the same order.

    Example:
        >>> sets = [[np.array([[0.0]]), np.array([[2.0]])], [np.array([[3.0]]), np.array([[7.0]])]]
        >>> round(frechet_draws(*sets)(np.array([0, 1])), 9)  # as frechet_distance of all rows
        18.0
    """
    rows = [np.concatenate(side).astype(np.float64) for side in (first, second)]
    owner = [np.repeat(np.arange(len(side)), [len(part) for part in side]) for side in (first, second)]
    size, width = max(map(len, rows)), rows[0].shape[1]
    if min(size, width) > MAX_SIZE:
        return None
    origin = rows[0].mean(axis=0)
    x, y = (side - origin for side in rows)

    def by_moments(draw: np.ndarray) -> float:
        times = np.bincount(draw, minlength=len(first))
        return frechet_from_moments(*(_weighted(side, times[own]) for side, own in zip((x, y), owner, strict=True)))

    if size > width:
        return by_moments
    products = x @ y.T

    def by_products(draw: np.ndarray) -> float:
        times = np.bincount(draw, minlength=len(first))
        w, v = (times[own].astype(np.float64) for own in owner)
        a, b = w > 0, v > 0
        w, v = w[a], v[b]
        means = w @ x[a] / w.sum(), v @ y[b] / v.sum()
        gap = means[0] - means[1]
        # Products of rows without their means; a row drawn k times counts by the root of k.
        cross = products[np.ix_(a, b)]
        cross = cross - cross @ (v / v.sum())[:, None] - (w / w.sum())[None] @ cross + means[0] @ means[1]
        cross = np.sqrt(w)[:, None] * cross * np.sqrt(v)
        degrees = max(w.sum() - 1, 1.0), max(v.sum() - 1, 1.0)
        traces = (w @ (x[a] - means[0]) ** 2).sum() / degrees[0] + (v @ (y[b] - means[1]) ** 2).sum() / degrees[1]
        singular = np.linalg.svd(cross, compute_uv=False).sum() / np.sqrt(degrees[0] * degrees[1])
        return max(float(gap @ gap + traces - 2 * singular), 0.0)

    return by_products


def _weighted(rows: np.ndarray, times: np.ndarray) -> Moments:
    """Moments of rows `[N, D]` of which each counts so many times."""
    some = times > 0
    rows, weight = rows[some], times[some].astype(np.float64)
    mean = weight @ rows / weight.sum()
    centred = (rows - mean) * np.sqrt(weight)[:, None]
    return Moments(int(weight.sum()), mean, centred.T @ centred)


def kernel_draws(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Statistic:
    """Squared MMD with the kernel `(x . y / D + 1)^3` of draws: pairs of a row with itself never count, so that a video
    drawn twice does not look like one that resembles itself.

    Args:
        first, second: features `[N_v, D]` of each video on either side.
    """
    parts = [[np.asarray(part, np.float64) for part in side] for side in (first, second)]
    width = parts[0][0].shape[1]

    def sums(one: list[np.ndarray], other: list[np.ndarray]) -> np.ndarray:
        return np.array([[((a @ b.T / width + 1.0) ** 3).sum() for b in other] for a in one])

    within = [sums(side, side) for side in parts]
    itself = [np.array([(((a * a).sum(axis=1) / width + 1.0) ** 3).sum() for a in side]) for side in parts]
    counts = [np.array([len(part) for part in side], np.float64) for side in parts]
    across = sums(*parts)

    def statistic(draw: np.ndarray) -> float:
        times = np.bincount(draw, minlength=len(parts[0])).astype(np.float64)
        same = sum(
            (times @ pairs @ times - times**2 @ own) / ((times @ count) ** 2 - times**2 @ count)
            for pairs, own, count in zip(within, itself, counts, strict=True)
        )
        return float(same - 2 * (times @ across @ times) / ((times @ counts[0]) * (times @ counts[1])))

    return statistic
