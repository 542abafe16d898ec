"""Inversion of a backward flow by bilinear splatting: where does each source pixel go?

The animator's flow is backward: for each output pixel, the place in the source that is sampled. A source point's new
place is the mean of the output pixels whose samples fall around it, weighted as in bilinear sampling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from vfa.errors import InputError

LEAST_WEIGHT = 1e-6


@dataclass(frozen=True)
class InvertedFlow:
    """Sums over the output pixels that land around each source pixel.

    Attributes:
        weight: float64 [H, W], how much lands there; 0 = nothing does. About 1 where the flow keeps areas.
        position: float64 [H, W, 2], x and y of the output in pixels (centres at +0.5), NaN where nothing lands.
    """

    weight: np.ndarray
    position: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """New places of source points.

        Args:
            points: float [K, 2], x and y in pixels (centres at +0.5).

        Returns:
            float64 [K, 2], NaN where nothing lands around a point. Between pixels the shifts are interpolated, each
            pixel counting as much as lands on it.
        """
        height, width = self.weight.shape
        points = np.asarray(points, np.float64)
        place = points - 0.5
        low = np.floor(place).astype(np.int64)
        part = place - low
        total, shift = np.zeros(len(points)), np.zeros((len(points), 2))
        for dy in (0, 1):
            for dx in (0, 1):
                column, row = low[:, 0] + dx, low[:, 1] + dy
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                column, row = column.clip(0, width - 1), row.clip(0, height - 1)
                share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
                share = share * self.weight[row, column] * inside
                moved = self.position[row, column] - np.stack([column + 0.5, row + 0.5], 1)
                shift += share[:, None] * np.where(share[:, None] > 0, moved, 0.0)
                total += share
        known = total > LEAST_WEIGHT
        shift[known] /= total[known, None]
        shift[~known] = np.nan
        return points + shift


def invert_flow(flow: np.ndarray, trust: np.ndarray | None = None) -> InvertedFlow:
    """Invert a backward flow.

    Args:
        flow: float [2, H, W], x and y of the sampled source place; -1 and 1 are the outer edges of the image, as in
            bilinear sampling with ``align_corners=False``. Samples outside the image land nowhere.
        trust: float [H, W], how much each output pixel counts; None: all alike.

    Raises:
        InputError: for another shape.
    """
    flow = np.asarray(flow)
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise InputError("a flow has two planes", expected="[2, H, W]", found=str(list(flow.shape)))
    if trust is None:
        trust = np.ones(flow.shape[1:], np.float32)
    elif np.shape(trust) != flow.shape[1:]:
        raise InputError(
            "trust and flow differ in size", expected=str(list(flow.shape[1:])), found=str(list(np.shape(trust)))
        )
    weight, position = _splat_kernel()(np.ascontiguousarray(flow, np.float32), np.ascontiguousarray(trust, np.float32))
    return InvertedFlow(weight, position)


@cache
def _splat_kernel() -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The compiled splat; numba loads with its first use."""
    from numba import njit

    try:
        return njit(cache=True, nogil=True)(_splat)
    except RuntimeError:  # numba found no folder that it may write its cache to
        return njit(nogil=True)(_splat)


def _splat(flow, trust):  # type: ignore[no-untyped-def]  # compiled by numba
    _, height, width = flow.shape
    weight = np.zeros((height, width))
    position = np.zeros((height, width, 2))
    for i in range(height):
        for j in range(width):
            x = (np.float64(flow[0, i, j]) + 1.0) * (width / 2) - 0.5
            y = (np.float64(flow[1, i, j]) + 1.0) * (height / 2) - 0.5
            if not (-1.0 < x < width and -1.0 < y < height):
                continue
            left, top = int(np.floor(x)), int(np.floor(y))
            for row in (top, top + 1):
                for column in (left, left + 1):
                    if 0 <= row < height and 0 <= column < width:
                        share = (1.0 - abs(x - column)) * (1.0 - abs(y - row)) * trust[i, j]
                        weight[row, column] += share
                        position[row, column, 0] += share * (j + 0.5)
                        position[row, column, 1] += share * (i + 0.5)
    for row in range(height):
        for column in range(width):
            if weight[row, column] > LEAST_WEIGHT:
                position[row, column] /= weight[row, column]
            else:
                weight[row, column] = 0.0
                position[row, column] = np.nan
    return weight, position
