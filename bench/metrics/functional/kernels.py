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


@numba.njit(cache=True)
def mean_ssim(x: np.ndarray, y: np.ndarray, channels: int, taps: np.ndarray, c1: float, c2: float) -> float:
    """Mean SSIM over the pixels whose window lies inside the image, all channels alike.

    Args:
        x: float64 `[H, W * channels]`, channels interleaved.
        y: same shape.
        channels: samples from one pixel to the next.
        taps: weights of the separable window.
        c1: stabiliser of the luminance term.
        c2: stabiliser of the contrast term.
    """
    rows, columns = x.shape
    inner_rows, inner_columns = rows - len(taps) + 1, columns - (len(taps) - 1) * channels
    down = np.empty((4, columns))
    window = np.empty((4, inner_columns))
    total = 0.0
    for r in range(inner_rows):
        down[:] = 0.0
        for k in range(len(taps)):
            weight = taps[k]
            for c in range(columns):
                a, b = x[r + k, c], y[r + k, c]
                down[0, c] += weight * a
                down[1, c] += weight * b
                down[2, c] += weight * (a * a + b * b)
                down[3, c] += weight * (a * b)
        window[:] = 0.0
        for k in range(len(taps)):
            weight, first = taps[k], k * channels
            for i in range(4):
                for c in range(inner_columns):
                    window[i, c] += weight * down[i, first + c]
        for c in range(inner_columns):
            squares = window[0, c] * window[0, c] + window[1, c] * window[1, c]
            product = window[0, c] * window[1, c]
            top = (2.0 * product + c1) * (2.0 * (window[3, c] - product) + c2)
            total += top / ((squares + c1) * (window[2, c] - squares + c2))
    return total / (inner_rows * inner_columns)
