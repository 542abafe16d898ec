"""The inversion of a flow as a plain loop over the output's pixels, for comparison."""

from __future__ import annotations

import math

import numpy as np


def loop_invert(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight [H, W] and mean output position [H, W, 2] (NaN where nothing lands) of a backward flow [2, H, W]."""
    _, height, width = flow.shape
    weight = np.zeros((height, width))
    position = np.zeros((height, width, 2))
    for i in range(height):
        for j in range(width):
            x = ((float(flow[0, i, j]) + 1) * width - 1) / 2
            y = ((float(flow[1, i, j]) + 1) * height - 1) / 2
            for row in (math.floor(y), math.floor(y) + 1):
                for column in (math.floor(x), math.floor(x) + 1):
                    if 0 <= row < height and 0 <= column < width:
                        share = (1 - abs(x - column)) * (1 - abs(y - row))
                        weight[row, column] += share
                        position[row, column] += share * np.array([j + 0.5, i + 0.5])
    with np.errstate(invalid="ignore", divide="ignore"):
        return weight, np.where(weight[..., None] > 1e-6, position / weight[..., None], np.nan)
