"""From the scores of videos to the rows of a result: both aggregations, bootstrap intervals, coverage."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from bench.metrics.base import Metric, VideoScore
from bench.metrics.rows import Merged

RESAMPLES = 1000
SET_RESAMPLES = 200
"""Draws for metrics of feature sets, each of which costs a matrix decomposition."""
LEVEL = 0.95


def bootstrap(
    statistic: Callable[[np.ndarray], float], n: int, seed: int, *, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """Percentile interval of a statistic over resampled videos; None for fewer than two videos.

    Args:
        statistic: value for an index array [n] of videos, drawn with replacement. seed: of the draws.
        resamples: number of draws.
    """
    if n < 2:
        return None
    values = _drawn(statistic, n, seed, resamples)
    if not len(values):
        return None
    low, high = np.percentile(values, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def bootstrap_of_sets(
    statistic: Callable[[np.ndarray], float], n: int, seed: int, value: float
) -> tuple[float, float] | None:
    """The same around the value of feature sets. A draw holds fewer different rows than the whole, which by itself
    raises Frechet distances: so the percentiles are taken as distances from the median draw.

    Args:
        statistic, n, seed: see `bootstrap`. value: the number itself.
    """
    if n < 2:
        return None
    values = _drawn(statistic, n, seed, SET_RESAMPLES)
    if not len(values):
        return None
    low, middle, high = np.percentile(values, [50 * (1 - LEVEL), 50, 50 * (1 + LEVEL)])
    return float(value + low - middle), float(value + high - middle)


def _drawn(statistic: Callable[[np.ndarray], float], n: int, seed: int, resamples: int) -> np.ndarray:
    """Finite values of a statistic for draws of n videos."""
    draws = np.random.default_rng(seed).integers(0, n, size=(resamples, n))
    values = np.array([statistic(draw) for draw in draws])
    return values[np.isfinite(values)]


def seed_of(seed: int, *names: str) -> int:
    """A seed of its own for each row, the same in every run."""
    return zlib.crc32(" ".join((str(seed), *names)).encode())


class SetPool(Protocol):
    """Pooled values of the feature sets of a metric."""

    def value(self, index: np.ndarray) -> float:
        """The value of the videos with these indices together."""

    def draws(self, index: np.ndarray) -> Callable[[np.ndarray], float] | None:
        """The value of draws of them; None where draws cost too much."""


def describe(metric: Metric) -> dict[str, Any]:
    """What is known about a metric, as rows of results carry it; nothing is comparable with weights that are not the
    published ones."""
    from bench.weights import substituted

    low, high = metric.range
    return {
        "metric": metric.name,
        "variant": metric.variant,
        "id": metric.id(),
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "range": [low, high],
        "comparable": metric.comparable and not any(map(substituted, metric.weights)),
        "paired": metric.paired,
        "needs": list(metric.needs),
        "definition": metric.definition,
        "reference_implementation": metric.reference,
        "version": metric.version,
    }


def row_of(
    metric: Metric,
    method: str,
    merged: Merged,
    scores: Sequence[Mapping[str, Any]],
    seed: int,
    suffix: str = "",
    pool: SetPool | None = None,
) -> dict[str, Any]:
    """One row of the results.

    Args:
        metric: with its `pool`. method: what was scored. merged: rows of all videos (see bench.metrics.rows).
        scores: their records, for reasons, details and the truth's own values.
        seed: of the bootstrap. suffix: added to the id (`@dtw(...)`).
        pool: for metrics of feature sets, how their pooled values are made.
    """
    known = np.isfinite(merged.value)
    values, statistics = merged.value[known], merged.statistics[known]
    n = int(known.sum())
    pooled = math.nan
    if n:
        pooled = pool.value(merged.index[known]) if pool else metric.pool(statistics)
    single = pool is not None and metric.pooled_only
    mean = float(values.mean()) if n and not single else math.nan
    seeds = seed_of(seed, method, metric.id())
    if pool is None:
        spread, resamples = bootstrap(lambda draw: metric.pool(statistics[draw]), n, seeds), RESAMPLES
    else:
        statistic = pool.draws(merged.index[known]) if n > 1 else None
        spread = bootstrap_of_sets(statistic, n, seeds, pooled) if statistic else None
        spread = (max(spread[0], metric.range[0]), spread[1]) if spread else None
        resamples = SET_RESAMPLES
    frames, missing = int(merged.frames.sum()), int(merged.missing.sum())
    reasons = sorted({str(score["reason"]) for score in scores if score["reason"]})
    row = describe(metric)
    row["id"] += suffix
    row["variant"] += suffix
    row |= {
        "method": method,
        "value": pooled,
        "aggregation": "pooled",
        "pooled": _with_interval(pooled, spread),
        "resamples": resamples if spread else 0,
        "video_mean": _with_interval(
            mean, None if single else bootstrap(lambda draw: float(values[draw].mean()), n, seeds)
        ),
        "n_videos": n,
        "n_videos_total": len(merged.value),
        "n_frames": frames,
        "n_missing": missing,
        "coverage": frames / (frames + missing) if frames + missing else None,
        "enough": frames >= metric.minimal_n if n else False,
        "reference": mean_of(score.get("reference") for score in scores),
        "details": _details(scores),
        "status": "ok" if n == len(merged.value) and n else "partial" if n else "failed",
        "reason": "; ".join(reasons[:3]) + (f" (and {len(reasons) - 3} more)" if len(reasons) > 3 else ""),
    }
    return row


def empty_row(metric: Metric, method: str, n_videos: int, reason: str) -> dict[str, Any]:
    """The row of a metric that could not run."""
    nothing = {"value": None, "low": None, "high": None}
    return describe(metric) | {
        "method": method,
        "value": None,
        "aggregation": "pooled",
        "pooled": nothing,
        "resamples": 0,
        "video_mean": dict(nothing),
        "n_videos": 0,
        "n_videos_total": n_videos,
        "n_frames": 0,
        "n_missing": 0,
        "coverage": None,
        "enough": False,
        "reference": None,
        "details": {},
        "status": "unavailable",
        "reason": reason,
    }


def score_from_record(record: Mapping[str, Any]) -> VideoScore:
    """A score read back from the journal."""
    value = record["value"]
    return VideoScore(
        math.nan if value is None else value,
        record["n_frames"],
        record["n_missing"],
        statistics=tuple(math.nan if x is None else x for x in record["statistics"]),
        reason=record["reason"],
    )


def mean_of(values: Any) -> float | None:
    """Mean of the numbers among some values, None when there is none."""
    known = [float(value) for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(known)) if known else None


def _details(scores: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    names = sorted({name for score in scores for name in score["details"]})
    return {name: mean_of(score["details"].get(name) for score in scores) for name in names}


def _with_interval(value: float, interval: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {"value": value, "low": low, "high": high}
