"""PSNR and SSIM as ffmpeg's `psnr` and `ssim` filters compute them, on YUV planes as decoded.

They equal ffmpeg's C code. Its vector code for x86 (seen in 5.1) gives another SSIM, by up to 6e-3, for planes whose
`width // 4` leaves 2 when divided by 4; `ffmpeg -cpuflags 0` switches it off. Widths of 256 and 512 are not concerned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.metrics.functional.checks import describe
from vfa.errors import InputError

Planes = Sequence[np.ndarray]
SSIM_C1 = int(0.01 * 0.01 * 255 * 255 * 64 + 0.5)
SSIM_C2 = int(0.03 * 0.03 * 255 * 255 * 64 * 63 + 0.5)
IDENTICAL_DB = 100.0
"""Value for identical frames, where ffmpeg prints `inf`."""


def check_planes(prediction: Planes, target: Planes) -> None:
    """Check that both are the same planes of the same frames.

    Raises:
        InputError: not uint8 `[T, h, w]` planes, a different number of planes, or shapes differ.
    """
    for name, planes in (("prediction", prediction), ("target", target)):
        if len(planes) == 0 or any(p.ndim != 3 or p.dtype != np.uint8 or 0 in p.shape for p in planes):
            raise InputError(
                f"{name} planes cannot be used",
                expected="planes (Y, U, V), each uint8 [T, h, w], not empty",
                found=", ".join(map(describe, planes)) or "no planes",
            )
    if [p.shape for p in prediction] != [p.shape for p in target]:
        raise InputError(
            "prediction and target planes differ in length or size",
            expected=", ".join(map(describe, target)),
            found=", ".join(map(describe, prediction)),
            hint="align the clips and use one pixel format",
        )


def mean_over_planes(values: np.ndarray, planes: Planes) -> np.ndarray:
    """Mean of `[P, T]` over planes by their number of samples (2/3, 1/6, 1/6 for yuv420p of even size), `[T]`."""
    area = np.array([plane.shape[1] * plane.shape[2] for plane in planes], np.float64)
    return area @ values / area.sum()


def psnr_ffmpeg(prediction: Planes, target: Planes) -> np.ndarray:
    """ffmpeg's `psnr_avg` of each frame: PSNR of the plane MSEs averaged by plane area.

    Args:
        prediction: planes, each uint8 `[T, h, w]` (full luma, chroma as subsampled).
        target: planes of the same shapes.

    Returns:
        float64 `[T]` in dB; 100 for identical frames.

    Raises:
        InputError: see `check_planes`.

    Example:
        >>> black = [np.zeros((1, 4, 4), np.uint8), np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 2), np.uint8)]
        >>> luma_off = [black[0] + np.uint8(51), black[1], black[2]]
        >>> psnr_ffmpeg(luma_off, black).round(4).tolist()
        [15.7403]
    """
    import cv2

    check_planes(prediction, target)
    errors = np.array(
        [
            [cv2.norm(x, y, cv2.NORM_L2SQR) / x.size for x, y in zip(a, b, strict=True)]
            for a, b in zip(prediction, target, strict=True)
        ]
    )
    mse = mean_over_planes(errors, prediction)
    with np.errstate(divide="ignore"):
        return np.minimum(10.0 * np.log10(255.0**2 / mse), IDENTICAL_DB)


def ssim_plane(prediction: np.ndarray, target: np.ndarray) -> float:
    """ffmpeg's SSIM of one plane: 8x8 blocks at every 4 pixels, no Gaussian, incomplete blocks dropped.

    Args:
        prediction: uint8 `[h, w]`, both sides at least 8.
        target: same shape.

    Returns:
        Mean over blocks, in [-1, 1].
    """
    rows, columns = prediction.shape[0] // 4, prediction.shape[1] // 4
    # As in ffmpeg, all block sums and their products fit into 32 bits.
    a = prediction[: rows * 4, : columns * 4].astype(np.int32)
    b = target[: rows * 4, : columns * 4].astype(np.int32)

    def block_sums(values: np.ndarray) -> np.ndarray:
        cells = values.reshape(rows, 4, columns, 4).sum(axis=(1, 3), dtype=np.int32)
        return cells[:-1, :-1] + cells[:-1, 1:] + cells[1:, :-1] + cells[1:, 1:]

    s1, s2, squares, products = block_sums(a), block_sums(b), block_sums(a * a + b * b), block_sums(a * b)
    variances = squares * 64 - s1 * s1 - s2 * s2
    covariance = products * 64 - s1 * s2
    luminance = (2 * s1 * s2 + SSIM_C1) / (s1 * s1 + s2 * s2 + SSIM_C1)
    return float((luminance * ((2 * covariance + SSIM_C2) / (variances + SSIM_C2))).mean())


def ssim_ffmpeg(prediction: Planes, target: Planes) -> np.ndarray:
    """ffmpeg's SSIM `All` of each frame: plane SSIMs averaged by plane area.

    Args:
        prediction: planes, each uint8 `[T, h, w]` with sides of at least 8.
        target: planes of the same shapes.

    Returns:
        float64 `[T]` in [-1, 1].

    Raises:
        InputError: see `check_planes`; or a plane smaller than a block.

    Example:
        >>> grey = [np.full((1, 16, 16), 128, np.uint8), *[np.full((1, 8, 8), 128, np.uint8)] * 2]
        >>> ssim_ffmpeg(grey, grey).tolist()
        [1.0]
    """
    check_planes(prediction, target)
    smallest = min(min(plane.shape[1:]) for plane in prediction)
    if smallest < 8:
        raise InputError(
            "frames are too small for ffmpeg's SSIM", expected="planes of at least 8x8", found=f"a side of {smallest}"
        )
    scores = np.array(
        [[ssim_plane(a[t], b[t]) for t in range(len(a))] for a, b in zip(prediction, target, strict=True)]
    )
    return mean_over_planes(scores, prediction)
