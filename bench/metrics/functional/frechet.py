"""Fréchet distance of two feature sets, without a matrix square root (Heusel et al., NeurIPS 2017, for FID)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrics.functional.checks import as_float
from vfa.errors import InputError


@dataclass(frozen=True)
class Moments:
    """Count, mean `[D]` and scatter `[D, D]` (sum of outer products of deviations) of a feature set; shards add up."""

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Moments:
        """Moments of features `[N, D]`.

        Raises:
            InputError: not `[N, D]`, empty, or not finite.
        """
        values = as_float(features, "features", (None, None))
        if not np.isfinite(values).all():
            raise InputError("features hold NaN or infinity", expected="finite numbers", found="others")
        mean = values.mean(axis=0)
        centred = values - mean
        return cls(len(values), mean, centred.T @ centred)

    def __add__(self, other: Moments) -> Moments:
        """Moments of both sets together (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        difference = other.mean - self.mean
        scatter = self.scatter + other.scatter + np.outer(difference, difference) * (self.count * other.count / count)
        return Moments(count, self.mean + difference * (other.count / count), scatter)

    def pack(self) -> np.ndarray:
        """As one vector `[1 + D + D (D + 1) / 2]`: count, mean, upper triangle of the scatter."""
        return np.concatenate([[self.count], self.mean, self.scatter[np.triu_indices(len(self.mean))]])

    @classmethod
    def unpack(cls, rows: np.ndarray) -> Moments:
        """All sets together whose vectors from `pack` are given, `[N, 1 + D + D (D + 1) / 2]`."""
        d = int(np.sqrt(2 * rows.shape[1] + 0.25) - 1.5)
        counts, means = rows[:, 0], rows[:, 1 : d + 1]
        total = counts.sum()
        mean = counts @ means / total
        upper = np.zeros((d, d))
        upper[np.triu_indices(d)] = rows[:, d + 1 :].sum(axis=0)
        scatter = upper + np.triu(upper, 1).T
        difference = means - mean
        return cls(int(total), mean, scatter + (difference * counts[:, None]).T @ difference)

    @property
    def covariance(self) -> np.ndarray:
        """Sample covariance (divisor N - 1); zero for a single row."""
        return self.scatter / max(self.count - 1, 1)


def frechet_from_moments(first: Moments, second: Moments) -> float:
    """Fréchet distance of two Gaussians, from their moments.

    `|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)`. With `Si = Li Li^T` the last trace is the sum of the singular
    values of `L1^T L2`, which needs no square root of a product that is not symmetric and stays exact for singular
    covariances.

    Args:
        first: moments of one set.
        second: moments of the other, same D.

    Returns:
        Squared distance of at least 0; symmetric.

    Raises:
        InputError: the dimensions differ.
    """
    if first.mean.shape != second.mean.shape:
        raise InputError(
            "feature dimensions differ", expected=str(second.mean.shape[0]), found=str(first.mean.shape[0])
        )
    singular = np.linalg.svd(_root(first.covariance).T @ _root(second.covariance), compute_uv=False)
    return _assemble(first.mean, second.mean, np.trace(first.covariance) + np.trace(second.covariance), singular)


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of two feature sets.

    With centred features `A` and `B` (divided by `sqrt(N - 1)`), `tr (S1 S2)^(1/2)` is the sum of the singular values
    of `A B^T`: right for any N, also N < D, and cheap for small N. A single row has no covariance.

    Args:
        first: `[N, D]`.
        second: `[M, D]`.

    Returns:
        Squared distance of at least 0; symmetric. Small N biases it upwards: report N and M beside it.

    Raises:
        InputError: empty, not finite, or dimensions differ.

    Example:
        >>> round(frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [7.0]])), 9)  # 16 + (sqrt 2 - sqrt 8)^2
        18.0
    """
    sets = [as_float(x, name, (None, None)) for x, name in ((first, "first features"), (second, "second features"))]
    if sets[0].shape[1] != sets[1].shape[1]:
        raise InputError("feature dimensions differ", expected=str(sets[1].shape[1]), found=str(sets[0].shape[1]))
    if len(sets[0]) * len(sets[1]) > sets[0].shape[1] ** 2:
        return frechet_from_moments(Moments.of(sets[0]), Moments.of(sets[1]))
    if not all(np.isfinite(x).all() for x in sets):
        raise InputError("features hold NaN or infinity", expected="finite numbers", found="others")
    means = [x.mean(axis=0) for x in sets]
    a, b = ((x - m) / np.sqrt(max(len(x) - 1, 1)) for x, m in zip(sets, means, strict=True))
    return _assemble(means[0], means[1], (a * a).sum() + (b * b).sum(), np.linalg.svd(a @ b.T, compute_uv=False))


def _assemble(first: np.ndarray, second: np.ndarray, traces: float, singular: np.ndarray) -> float:
    """The distance from means, the sum of the traces and the singular values; rounding below 0 is clipped."""
    difference = first - second
    return max(float(difference @ difference + traces - 2.0 * singular.sum()), 0.0)


def _root(covariance: np.ndarray) -> np.ndarray:
    """A factor L with `L L^T` the symmetric matrix given; eigenvalues within rounding of 0 are set to 0."""
    values, vectors = np.linalg.eigh(covariance)
    rounding = max(values[-1], 0.0) * len(values) * np.finfo(np.float64).eps
    return vectors * np.sqrt(np.where(values > rounding, values, 0.0))
