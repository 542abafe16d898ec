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
    import cv2

    height, width = image.shape[0] // factor, image.shape[1] // factor
    return cv2.resize(image[: height * factor, : width * factor], (width, height), interpolation=cv2.INTER_AREA)


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
    from bench.metrics.functional.kernels import mean_ssim

    taps, out = gaussian_window(), np.empty(len(first))
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        x, y = a.astype(np.float64), b.astype(np.float64)
        if factor > 1:
            x, y = average_pool(x, factor), average_pool(y, factor)
        flat = x.reshape(len(x), -1), y.reshape(len(y), -1)
        out[i] = mean_ssim(*flat, 3, taps, (0.01 * 255) ** 2, (0.03 * 255) ** 2)
    return out
