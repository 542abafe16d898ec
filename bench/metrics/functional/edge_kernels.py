"""Compiled loops over edges for CPBD; import it inside functions, since it imports numba."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True)
def smooth(image: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Separable symmetric filter, first down then across, 0 outside; sums in SciPy's order, so equal to the last bit.

    Args:
        image: float64 `[H, W]`.
        taps: odd number of weights.
    """
    height, width = image.shape
    reach = len(taps) // 2
    padded = np.zeros((height + 2 * reach, width))
    padded[reach : reach + height] = image
    between = np.zeros((height, width + 2 * reach))
    for y in range(height):
        for x in range(width):
            between[y, reach + x] = padded[reach + y, x] * taps[reach]
        for k in range(reach, 0, -1):
            weight = taps[reach - k]
            for x in range(width):
                between[y, reach + x] += (padded[reach + y - k, x] + padded[reach + y + k, x]) * weight
    out = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            out[y, x] = between[y, reach + x] * taps[reach]
        for k in range(reach, 0, -1):
            weight = taps[reach - k]
            for x in range(width):
                out[y, x] += (between[y, reach + x - k] + between[y, reach + x + k]) * weight
    return out


@numba.njit(cache=True)
def canny_from_smoothed(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Canny's edges of a smoothed image: Sobel gradient, interpolated thinning, hysteresis over 8 neighbours.

    As scikit-image does it; the outermost pixels are never edges.

    Args:
        image: smoothed, float64 `[H, W]`.
        low: gradient length from which an edge may go on.
        high: gradient length from which an edge may start.

    Returns:
        bool `[H, W]`.
    """
    height, width = image.shape
    down, across = np.zeros((height, width)), np.zeros((height, width))
    length = np.zeros((height, width))
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            middle, first, last = (
                image[below, x] - image[above, x],
                image[below, left] - image[above, left],
                image[below, right] - image[above, right],
            )
            down[y, x] = 2.0 * middle + (first + last)
            middle, first, last = (
                image[y, right] - image[y, left],
                image[above, right] - image[above, left],
                image[below, right] - image[below, left],
            )
            across[y, x] = 2.0 * middle + (first + last)
            length[y, x] = math.sqrt(down[y, x] * down[y, x] + across[y, x] * across[y, x])
    thin = np.zeros((height, width), np.bool_)
    edges = np.zeros((height, width), np.bool_)
    stack = np.empty((height * width, 2), np.int32)
    top = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            here = length[y, x]
            if here < low or here == 0.0:
                continue
            dy, dx = down[y, x], across[y, x]
            side = 1 if (dy >= 0) == (dx >= 0) or dy == 0 or dx == 0 else -1
            steep = abs(dy) >= abs(dx)
            share = abs(dx) / abs(dy) if steep else abs(dy) / abs(dx)
            if steep:
                ahead = length[y + 1, x + side] * share + length[y + 1, x] * (1.0 - share)
                behind = length[y - 1, x - side] * share + length[y - 1, x] * (1.0 - share)
            else:
                ahead = length[y + side, x + 1] * share + length[y, x + 1] * (1.0 - share)
                behind = length[y - side, x - 1] * share + length[y, x - 1] * (1.0 - share)
            if ahead <= here and behind <= here:
                thin[y, x] = True
                if here >= high:
                    edges[y, x] = True
                    stack[top, 0], stack[top, 1] = y, x
                    top += 1
    while top > 0:
        top -= 1
        y, x = stack[top, 0], stack[top, 1]
        for j in range(y - 1, y + 2):
            for i in range(x - 1, x + 2):
                if thin[j, i] and not edges[j, i]:
                    edges[j, i] = True
                    stack[top, 0], stack[top, 1] = j, i
                    top += 1
    return edges


@numba.njit(cache=True)
def measure_widths(image: np.ndarray, strength: np.ndarray, strict: bool, longest: int) -> np.ndarray:
    """Width of each thinned edge pixel with a horizontal gradient, 0 elsewhere; see `cpbd.edge_widths`.

    Args:
        image: float64 `[H, W]`.
        strength: squared horizontal Sobel response `[H, W]`, 0 under the threshold.
        strict: leave out pixels whose gradient is vertical.
        longest: longest walk in pixels each way.
    """
    height, width = image.shape
    widths = np.zeros((height, width))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            here = strength[y, x]
            if not (
                (here > strength[y, x - 1] and here > strength[y, x + 1])
                or (here > strength[y - 1, x] and here > strength[y + 1, x])
            ):
                continue
            across = (image[y, x + 1] - image[y, x - 1]) / 2.0
            direction = 1.0
            if across != 0.0:
                down = (image[y + 1, x] - image[y - 1, x]) / 2.0
                angle = 45.0 * round(math.degrees(math.atan2(down, across)) / 45.0)
                if abs(angle) == 180.0:
                    direction = -1.0
                elif angle != 0.0:
                    continue
            elif strict:
                continue
            left = 0
            while left < longest and x - 2 - left >= 0:
                if direction * (image[y, x - 1 - left] - image[y, x - 2 - left]) <= 0.0:
                    break
                left += 1
            right = 0
            while right < longest and x + 2 + right < width:
                if direction * (image[y, x + 2 + right] - image[y, x + 1 + right]) <= 0.0:
                    break
                right += 1
            widths[y, x] = left + right + 2
    return widths
