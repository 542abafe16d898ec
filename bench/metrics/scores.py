"""From per-frame values to a video's score, for metrics that write their own `measure`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import VideoScore


def frame_score(
    values: np.ndarray,
    *,
    reason: str,
    details: Mapping[str, float] | None = None,
    finish: Callable[[float], float] = float,
) -> VideoScore:
    """The mean over the frames that counted, with the counts.

    Args:
        values: `[T]`, NaN where a frame could not be scored.
        reason: said when no frame counted.
        details: further numbers to keep.
        finish: applied to the mean.
    """
    seen = np.isfinite(values)
    if not seen.any():
        return VideoScore(math.nan, 0, len(values), frames=values, reason=reason)
    mean = float(values[seen].mean())
    return VideoScore(
        finish(mean), int(seen.sum()), int((~seen).sum()), frames=values, details=known_only(details or {})
    )


def clip_score(
    value: float, n_frames: int, n_missing: int, *, reason: str, details: Mapping[str, float] | None = None
) -> VideoScore:
    """A number that only a whole clip has; NaN becomes a missing score with the reason."""
    if math.isnan(value):
        return VideoScore.missing(reason, n_missing)
    return VideoScore(value, n_frames, n_missing, details=known_only(details or {}))


def known_only(details: Mapping[str, float]) -> dict[str, float]:
    """The details that are numbers."""
    return {key: float(value) for key, value in details.items() if math.isfinite(value)}


def frames_with(feature: np.ndarray) -> np.ndarray:
    """Which rows of a per-frame feature hold no NaN, bool `[T]`."""
    return np.isfinite(feature).all(axis=tuple(range(1, feature.ndim)))


def column_pair(sample: SampleFeatures, table: str, column: str) -> tuple[np.ndarray, np.ndarray, int]:
    """A column of both tables of a sample: joined on `frame` where both have it, else by row.

    Returns:
        Prediction `[N]`, truth `[N]`, and how many rows have no partner.

    Raises:
        InputError: the column is missing.
    """
    from vfa.errors import InputError

    sides = []
    for video in (sample.prediction, sample.truth):
        rows = video[table] if video is not None else {}
        if column not in rows:
            raise InputError(
                f"the {table} table lacks the column {column!r}",
                path=sample.id,
                expected=column,
                found=", ".join(rows) or "no columns",
            )
        sides.append(rows)
    first, second = (np.asarray(rows[column], np.float64) for rows in sides)
    if all("frame" in rows for rows in sides):
        _, i, j = np.intersect1d(sides[0]["frame"], sides[1]["frame"], return_indices=True)
        return first[i], second[j], max(len(first), len(second)) - len(i)
    shorter = min(len(first), len(second))
    return first[:shorter], second[:shorter], max(len(first), len(second)) - shorter
