"""Further distances of feature sets: kernel distance (KID) and Inception Score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.metrics.functional.checks import as_float
from vfa.errors import InputError


class MeanStd(NamedTuple):
    """Mean and population standard deviation over subsets or splits, and how many there were."""

    mean: float
    std: float
    n: int


def polynomial_mmd(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased squared MMD with the kernel `(x . y / D + 1)^3` (Binkowski et al., ICLR 2018).

    Args:
        first: `[N, D]`, N at least 2.
        second: `[M, D]`, M at least 2.

    Returns:
        Squared distance, around 0 for one distribution (may be negative).

    Raises:
        InputError: fewer than two rows, or dimensions differ.

    Example:
        >>> polynomial_mmd(np.zeros((2, 1)), np.ones((2, 1)))
        7.0
    """
    x = as_float(first, "first features", (None, None), minimum=2)
    y = as_float(second, "second features", (None, x.shape[1]), minimum=2)
    n, m, d = len(x), len(y), x.shape[1]

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / d + 1.0) ** 3

    within_x, within_y = kernel(x, x), kernel(y, y)
    same = (within_x.sum() - np.trace(within_x)) / (n * (n - 1)) + (within_y.sum() - np.trace(within_y)) / (m * (m - 1))
    return float(same - 2.0 * kernel(x, y).mean())


def kernel_distance(
    first: np.ndarray, second: np.ndarray, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> MeanStd:
    """KID: mean and deviation of the MMD over random subsets.

    Args:
        first: `[N, D]`.
        second: `[M, D]`.
        subsets: number of subsets.
        subset_size: rows of each, at most N and M.
        seed: of the random choice.

    Raises:
        InputError: fewer than two rows, or dimensions differ.
    """
    x = as_float(first, "first features", (None, None), minimum=2)
    y = as_float(second, "second features", (None, x.shape[1]), minimum=2)
    size = min(subset_size, len(x), len(y))
    generator = np.random.default_rng(seed)
    values = np.array(
        [
            polynomial_mmd(x[generator.choice(len(x), size, False)], y[generator.choice(len(y), size, False)])
            for _ in range(subsets)
        ]
    )
    return MeanStd(float(values.mean()), float(values.std()), subsets)


def inception_score(logits: np.ndarray, *, splits: int = 10, seed: int | None = 0) -> MeanStd:
    """Inception Score: `exp` of the mean KL divergence of each image's class distribution from the split's mean.

    Salimans et al., NeurIPS 2016. Rows are shuffled before splitting: video frames in order would make each split a
    slice of time. Splits with fewer than two rows are dropped.

    Args:
        logits: `[N, C]` before softmax.
        splits: number of splits.
        seed: of the shuffle; None keeps the order, as pyiqa does.

    Returns:
        Mean and deviation over splits; 1 (all alike) to C (all classes, each certain).

    Raises:
        InputError: fewer than two rows.

    Example:
        >>> round(inception_score(np.eye(4) * 1000.0, splits=1).mean, 6)
        4.0
    """
    values = as_float(logits, "logits", (None, None), minimum=2)
    if splits < 1:
        raise InputError("Inception Score needs splits", expected="at least 1", found=str(splits))
    if seed is not None:
        values = np.random.default_rng(seed).permutation(values)
    values = values - values.max(axis=1, keepdims=True)
    logs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    scores = []
    for part in np.array_split(logs, splits):
        if len(part) < 2:
            continue
        probability = np.exp(part)
        marginal = np.log(np.maximum(probability.mean(axis=0), np.finfo(np.float64).tiny))
        scores.append(np.exp((probability * (part - marginal)).sum(axis=1).mean()))
    if not scores:
        raise InputError(
            "every split has fewer than two rows", expected=f"at least {2 * splits} rows", found=str(len(logs))
        )
    return MeanStd(float(np.mean(scores)), float(np.std(scores)), len(scores))
