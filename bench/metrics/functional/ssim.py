"""Structural similarity of paired RGB frames (Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004)."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_frame_pair, choose
from vfa.errors import InputError

SSIM_VARIANTS = ("wang", "piq")
WINDOW = 11
SIGMA = 1.5


def gaussian_window(size: int = WINDOW, sigma: float = SIGMA) -> np.ndarray:
    """Gaussian weights of `size` taps that sum to 1, float64 `[size]`."""
    offset = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(offset**2) / (2 * sigma**2))
    return weights / weights.sum()


def average_pool(image: np.ndarray, factor: int) -> np.ndarray:
    """Mean over `factor` by `factor` cells of `[H, W, C]`; incomplete cells at the right and bottom are dropped."""
    height, width = image.shape[0] // factor * factor, image.shape[1] // factor * factor
    cells = image[:height, :width].reshape(height // factor, factor, width // factor, factor, -1)
    return cells.mean(axis=(1, 3))


def structural_similarity(prediction: np.ndarray, target: np.ndarray, *, variant: str = "wang") -> np.ndarray:
    """SSIM of each frame: 11x11 Gaussian window (sigma 1.5), K1 0.01, K2 0.03, valid region, mean of the map.

    `wang`: each RGB channel at full size, then the mean over channels (scikit-image's
    `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)`).
    `piq`: the same after average pooling by `round(min(H, W) / 256)` when that exceeds 1, as piq does and
    therefore the ViCo challenge and TalkingHeadMetrics.

    Args:
        prediction: uint8 `[T, H, W, 3]`, H and W at least 11 (after pooling).
        target: uint8, same shape.
        variant: `wang` or `piq`.

    Returns:
        float64 `[T]` in [-1, 1]; higher is closer.

    Raises:
        InputError: not frames, shapes differ, frames smaller than the window, or an unknown variant.

    Example:
        >>> black, white = np.zeros((1, 16, 16, 3), np.uint8), np.full((1, 16, 16, 3), 255, np.uint8)
        >>> structural_similarity(black, white).round(8).tolist()
        [9.999e-05]
    """
    choose(variant, SSIM_VARIANTS, "SSIM variant")
    first, second = as_frame_pair(prediction, target)
    factor = max(1, round(min(first.shape[1:3]) / 256)) if variant == "piq" else 1
    if min(first.shape[1:3]) // factor < WINDOW:
        raise InputError(
            "frames are too small for SSIM",
            expected=f"at least {WINDOW * factor} pixels on each side",
            found=f"{first.shape[2]}x{first.shape[1]}",
        )
    out = np.empty(len(first))
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        x, y = a.astype(np.float64), b.astype(np.float64)
        if factor > 1:
            x, y = average_pool(x, factor), average_pool(y, factor)
        out[i] = ssim_map(x, y, 255.0).mean()
    return out


def ssim_map(x: np.ndarray, y: np.ndarray, data_range: float) -> np.ndarray:
    """SSIM at each pixel whose window lies inside the image.

    Args:
        x: float64 `[H, W, C]` (or `[H, W]`).
        y: same shape.
        data_range: largest value minus smallest.

    Returns:
        float64 `[H - 10, W - 10, C]`.
    """
    import cv2

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    taps, edge = gaussian_window(), WINDOW // 2

    def blur(image: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(image, -1, taps, taps, borderType=cv2.BORDER_REFLECT)[edge:-edge, edge:-edge]

    mean_x, mean_y = blur(x), blur(y)
    square_x, square_y, product = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    # Both variances are needed only as their sum: one filter less.
    variances = blur(x * x + y * y) - square_x - square_y
    covariance = blur(x * y) - product
    return (2 * product + c1) * (2 * covariance + c2) / ((square_x + square_y + c1) * (variances + c2))
