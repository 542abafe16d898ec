"""Two methods on the same videos: paired bootstrap, Wilcoxon's signed-rank test, effect sizes, Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.statistics import LEVEL, seed_of

FEWEST = 5
"""Common videos under which nothing is said: with four, no signed-rank p can be below 0.125."""

RESAMPLES = 2000
BLOCK = 4_000_000
"""Drawn indices held in memory at a time."""


@dataclass(frozen=True)
class Paired:
    """Differences a - b over the videos that both have.

    Attributes:
        n: those videos. mean_a, mean_b: means over them. difference: of the means.
        low, high: 95 % percentile interval of the difference by paired bootstrap over videos.
        p_bootstrap: two-sided, from the share of resampled differences on the far side of zero.
        p: two-sided Wilcoxon signed-rank test (`scipy.stats.wilcoxon`; pairs without a difference are left out).
        effect: matched-pairs rank-biserial correlation, -1..1: (sum of positive ranks - negative) / all.
        d: Cohen's d of the differences (mean over standard deviation, ddof 1); None when all are equal.
    """

    n: int
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    p_bootstrap: float
    p: float
    effect: float
    d: float | None

    @property
    def holds(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def compare_pairs(a: Sequence[float], b: Sequence[float], seed: int = 0) -> Paired:
    """Compares two methods by their values on the same videos.

    Args:
        a, b: finite values [n] in the same order of videos, n >= 2. seed: of the bootstrap.

    Raises:
        ValueError: fewer than two pairs, or lists of different length.
    """
    first, second = np.asarray(a, float), np.asarray(b, float)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise ValueError(f"expected two lists of equal length >= 2, got {first.shape} and {second.shape}")
    gaps = first - second
    low, high, p_bootstrap = bootstrap_mean(gaps, seed)
    spread = float(gaps.std(ddof=1))
    return Paired(
        len(gaps),
        float(first.mean()),
        float(second.mean()),
        float(gaps.mean()),
        low,
        high,
        p_bootstrap,
        signed_rank_p(gaps),
        rank_biserial(gaps),
        float(gaps.mean()) / spread if spread > 0 else None,
    )


def bootstrap_mean(gaps: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Percentile interval of the mean [n] over resampled videos, and its two-sided p against zero."""
    rng, n = np.random.default_rng(seed), len(gaps)
    rows = max(1, BLOCK // n)
    means = np.concatenate(
        [
            gaps[rng.integers(0, n, size=(min(rows, RESAMPLES - start), n))].mean(axis=1)
            for start in range(0, RESAMPLES, rows)
        ]
    )
    low, high = np.percentile(means, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    far = min((means <= 0).sum(), (means >= 0).sum())
    return float(low), float(high), float(min(1.0, 2 * (far + 1) / (RESAMPLES + 1)))


def signed_rank_p(gaps: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; 1 when no pair differs."""
    from scipy.stats import wilcoxon

    return float(wilcoxon(gaps).pvalue) if gaps.any() else 1.0


def rank_biserial(gaps: np.ndarray) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014).

    >>> rank_biserial(np.array([3.0, 2.0, -1.0]))  # ranks 3 and 2 against 1
    0.6666666666666666
    """
    from scipy.stats import rankdata

    seen = gaps[gaps != 0]
    if not len(seen):
        return 0.0
    ranks = rankdata(np.abs(seen))
    return float((ranks[seen > 0].sum() - ranks[seen < 0].sum()) / ranks.sum())


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number by Holm's step-down procedure, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[i]))
        corrected[i] = largest
    return corrected


def common_values(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """Values of the videos that both have, in the order of their names."""
    names = sorted(a.keys() & b.keys())
    return [a[name] for name in names], [b[name] for name in names]


def pair_seed(metric: str, a: str, b: str, seed: int = 0) -> int:
    """The same seed for (a, b) and (b, a), so that turning a comparison round turns its interval round."""
    return seed_of(seed, metric, *sorted((a, b)))


def p_text(p: float) -> str:
    """A p value for people.

    >>> p_text(0.03125), p_text(0.00001)
    ('0.031', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.995 else "1"
