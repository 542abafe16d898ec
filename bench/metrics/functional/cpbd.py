"""CPBD: cumulative probability of blur detection (Narvekar and Karam, IEEE TIP 20(9), 2011)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bench.metrics.functional.checks import as_frames, choose, describe
from vfa.errors import InputError

CPBD_VARIANTS = ("compat", "strict")
BLOCK = 64
EDGE_SHARE = 0.002
LONGEST_WALK = 100
LOW_CONTRAST = 50
NOTICEABLE_WIDTHS = (5, 3)
"""Just noticeable widths in pixels for blocks of low and of higher contrast."""


def to_gray(frames: np.ndarray) -> np.ndarray:
    """BT.601 luma of RGB frames as OpenCV rounds it, uint8 `[T, H, W]`."""
    import cv2

    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in as_frames(frames, "frames")])


def cpbd(gray: np.ndarray, *, variant: str = "compat") -> float:
    """Sharpness of one image: the share of edges whose blur is not noticed.

    `compat` repeats the published Python implementation, on which reported numbers rest: Canny's thresholds
    0.1 and 0.2 are applied to gray levels 0 to 255 (nearly every block counts as an edge block), and a vertical
    gradient counts as angle 0. `strict` runs Canny on [0, 1] and leaves vertical gradients out.

    Args:
        gray: uint8 or float `[H, W]`, 0 to 255.
        variant: `compat` or `strict`.

    Returns:
        Value in [0, 1], higher is sharper; NaN where no edge could be measured (flat, or smaller than 64x64).

    Raises:
        InputError: not a gray image, or an unknown variant.

    Example:
        >>> sharp = np.tile(np.repeat([0, 128, 255], [31, 1, 32]), (64, 2))
        >>> cpbd(sharp)
        1.0
        >>> cpbd(np.zeros((64, 64)))
        nan
    """
    choose(variant, CPBD_VARIANTS, "CPBD variant")
    image = np.asarray(gray)
    if image.ndim != 2 or image.size == 0:
        raise InputError("not a gray image", expected="[H, W], 0 to 255", found=describe(image))
    image = image.astype(np.float64)
    edges = canny_edges(image if variant == "compat" else image / 255.0)
    widths = edge_widths(image, strict=variant == "strict")
    return _sharpness(image, edges, widths)


@lru_cache(maxsize=8)
def _coverage(height: int, width: int) -> np.ndarray:
    """How much of the Gaussian lies inside the image at each pixel, `[H, W]`."""
    return _smooth(np.ones((height, width))) + np.finfo(np.float64).eps


def _smooth(image: np.ndarray) -> np.ndarray:
    """Gaussian of sigma 1 cut at 4 pixels; outside the image is 0."""
    from bench.metrics.functional.edge_kernels import smooth

    taps = np.exp(-0.5 * np.arange(-4.0, 5.0) ** 2)
    return smooth(image, taps / taps.sum())


def canny_edges(image: np.ndarray, *, low: float = 0.1, high: float = 0.2) -> np.ndarray:
    """Canny's edges with scikit-image's defaults (sigma 1), five times as fast.

    Args:
        image: float64 `[H, W]`.
        low: lower threshold of the gradient's length.
        high: upper threshold.

    Returns:
        bool `[H, W]`.
    """
    from bench.metrics.functional.edge_kernels import canny_from_smoothed

    return canny_from_smoothed(_smooth(image) / _coverage(*image.shape), low, high)


def edge_widths(image: np.ndarray, *, strict: bool) -> np.ndarray:
    """Width in pixels of each edge pixel (Marziliano et al. 2002), 0 where there is none.

    Edges are thinned maxima of the horizontal Sobel response; its square is compared with twice the root of its mean,
    as in the published code. From an edge the walk goes left and right along the row while the intensity keeps
    falling away (or rising), at most 100 pixels each way.

    Args:
        image: float64 `[H, W]`.
        strict: leave out pixels whose gradient is vertical; otherwise they count as angle 0.

    Returns:
        float64 `[H, W]`.
    """
    import cv2

    from bench.metrics.functional.edge_kernels import measure_widths

    if min(image.shape) < 3:
        return np.zeros(image.shape)
    gradient_y, gradient_x = np.gradient(image)
    if not ((gradient_x < 0) | ((gradient_x != 0) & (gradient_y != 0))).any():
        return np.zeros(image.shape)  # every angle is 0: the published code measures nothing then
    kernel = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 8.0
    strength = np.square(cv2.filter2D(image, cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT))
    strength[strength <= 2.0 * np.sqrt(strength.mean())] = 0.0
    return measure_widths(image, strength, strict, LONGEST_WALK)


def _sharpness(image: np.ndarray, edges: np.ndarray, widths: np.ndarray) -> float:
    """Share of the measured edges, over all edge blocks, whose blur is not noticed.

    The probability of noticing blur, `1 - exp(-(w / w_jnb)^3.6)`, stays within 63 percent exactly while the width `w`
    does not exceed the just noticeable width `w_jnb`: 5 pixels in blocks of a contrast up to 50, else 3.
    """
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    if rows * columns == 0:
        return float("nan")

    def blocks(values: np.ndarray) -> np.ndarray:
        inside = values[: rows * BLOCK, : columns * BLOCK]
        return inside.reshape(rows, BLOCK, columns, BLOCK)

    within = (1, 3)
    counted = np.count_nonzero(blocks(edges), axis=within) > EDGE_SHARE * BLOCK * BLOCK
    contrast = np.floor(blocks(image).max(axis=within) - blocks(image).min(axis=within))
    noticeable = np.where(contrast <= LOW_CONTRAST, *NOTICEABLE_WIDTHS)[:, None, :, None]
    measured = blocks(widths)
    total = np.count_nonzero(measured, axis=within)[counted].sum()
    unseen = np.count_nonzero((measured > 0) & (measured <= noticeable), axis=within)[counted].sum()
    return float(unseen / total) if total else float("nan")
