"""Compiled loops. The only metric file that imports numba; import it inside functions."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def accumulate(cost: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Least cost to reach each cell with steps (1,1), (1,0), (0,1).

    Cells outside `low[i] <= j < high[i]` are infinite.
    """
    rows, columns = cost.shape
    total = np.full((rows, columns), np.inf)
    for i in range(rows):
        for j in range(low[i], high[i]):
            best = np.inf
            if i == 0 and j == 0:
                best = 0.0
            if i > 0 and j > 0:
                best = min(best, total[i - 1, j - 1])
            if i > 0:
                best = min(best, total[i - 1, j])
            if j > 0:
                best = min(best, total[i, j - 1])
            total[i, j] = best + cost[i, j]
    return total


@numba.njit(cache=True)
def backtrack(total: np.ndarray) -> np.ndarray:
    """Cheapest path from the first to the last cell, `[P, 2]`; ties prefer the diagonal, then the step along i."""
    i, j = total.shape[0] - 1, total.shape[1] - 1
    path = np.empty((i + j + 1, 2), np.int64)
    count = 0
    while True:
        path[count, 0] = i
        path[count, 1] = j
        count += 1
        if i == 0 and j == 0:
            break
        diagonal = total[i - 1, j - 1] if i > 0 and j > 0 else np.inf
        above = total[i - 1, j] if i > 0 else np.inf
        beside = total[i, j - 1] if j > 0 else np.inf
        if diagonal <= above and diagonal <= beside:
            i -= 1
            j -= 1
        elif above <= beside:
            i -= 1
        else:
            j -= 1
    return path[:count][::-1].copy()
