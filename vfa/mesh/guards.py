"""Which of two surfaces is in front, point by point in a frontal view: teeth and lips."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def in_front(points: np.ndarray, guards: np.ndarray, reach: float) -> np.ndarray:
    """float64 `[L]`: the foremost z of points `[N, 3]` within `reach` in x and y of each guard `[L, 3]`.

    Toward the rim of the reach points count less and less far forward, so that nothing jumps when one enters it;
    minus infinity where there is none.
    """
    out = np.full(len(guards), -np.inf)
    for g in range(len(guards)):
        for p in range(len(points)):
            dx, dy = points[p, 0] - guards[g, 0], points[p, 1] - guards[g, 1]
            away = (dx * dx + dy * dy) / (reach * reach)
            if away < 1.0:
                out[g] = max(out[g], points[p, 2] - reach * away * away)
    return out


@numba.njit(cache=True)
def behind(points: np.ndarray, guards: np.ndarray, reach: float) -> np.ndarray:
    """float64 `[N]`: the z below which points `[N, 3]` stay behind the guards `[L, 3]` that are near in x and y.

    `in_front` the other way round: a guard counts fully at its own place and not at all beyond `reach`.
    """
    out = np.full(len(points), np.inf)
    for p in range(len(points)):
        for g in range(len(guards)):
            dx, dy = points[p, 0] - guards[g, 0], points[p, 1] - guards[g, 1]
            away = (dx * dx + dy * dy) / (reach * reach)
            if away < 1.0:
                out[p] = min(out[p], guards[g, 2] + reach * away * away)
    return out
