"""NIQE: distance of an image's natural scene statistics from pristine ones.

Mittal, Soundararajan and Bovik, IEEE Signal Processing Letters 20(3), 2013.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.metrics.functional.checks import as_frames, describe
from vfa.errors import InputError

BLOCK = 96
N_FEATURES = 36
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class PristineModel:
    """Gaussian of pristine statistics: mean float64 `[36]` and covariance `[36, 36]`."""

    mean: np.ndarray
    covariance: np.ndarray

    def __post_init__(self) -> None:
        if self.mean.shape != (N_FEATURES,) or self.covariance.shape != (N_FEATURES, N_FEATURES):
            raise InputError(
                "not a pristine NIQE model",
                expected="mean [36] and covariance [36, 36]",
                found=f"{describe(self.mean)} and {describe(self.covariance)}",
            )


def contrast_window() -> np.ndarray:
    """7x7 Gaussian of sigma 7/6 that sums to 1."""
    offset = np.arange(-3, 4)
    weights = np.exp(-(offset**2) / (2 * (7 / 6) ** 2))
    window = np.outer(weights, weights)
    return window / window.sum()


def luma(frames: np.ndarray) -> np.ndarray:
    """Full-range BT.601 luma rounded to integers, float64 `[T, H, W]`, of uint8 `[T, H, W, 3]`."""
    return np.round(as_frames(frames, "frames") @ np.array([0.299, 0.587, 0.114]))


def local_contrast(image: np.ndarray) -> np.ndarray:
    """Mean-subtracted contrast-normalised coefficients, float64 `[H, W]`, borders replicated."""
    import cv2

    window = contrast_window()
    mean = cv2.filter2D(image, -1, window, borderType=cv2.BORDER_REPLICATE)
    square = cv2.filter2D(image * image, -1, window, borderType=cv2.BORDER_REPLICATE)
    return (image - mean) / (np.sqrt(np.abs(square - mean * mean)) + 1.0)


def halve(image: np.ndarray) -> np.ndarray:
    """Half size as MATLAB's antialiased bicubic `imresize(image, 0.5)` with even sides, borders mirrored."""
    from scipy.ndimage import correlate1d

    distance = np.abs(np.arange(-3.5, 4.0)) / 2
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = np.where(distance <= 1, near, far)
    taps /= taps.sum()
    for axis in (0, 1):
        # Output i is centred between inputs 2i and 2i + 1: taps on 2i - 3 ... 2i + 4.
        image = correlate1d(image, taps, axis=axis, mode="reflect", origin=-1)
    return image[::2, ::2]


@lru_cache(maxsize=1)
def _shape_table() -> tuple[np.ndarray, np.ndarray]:
    """Grid of shape parameters and the moment ratio each implies."""
    from scipy.special import gamma

    alpha = np.arange(0.2, 10.001, 0.001)
    return alpha, gamma(2 / alpha) ** 2 / (gamma(1 / alpha) * gamma(3 / alpha))


def fit_aggd(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit asymmetric generalised Gaussians by moment matching, alpha on a grid from 0.2 to 10 in steps of 0.001.

    Args:
        blocks: float64 `[B, N]`, one row for each sample set.

    Returns:
        Shape alpha, left scale and right scale, each `[B]`; NaN for rows without positive or negative values.
    """
    from scipy.special import gamma

    negative, positive = blocks < 0, blocks > 0
    square = blocks * blocks
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.sqrt((square * negative).sum(1) / negative.sum(1))
        right = np.sqrt((square * positive).sum(1) / positive.sum(1))
        ratio = left / right
        moment = np.abs(blocks).mean(1) ** 2 / square.mean(1)
        moment = moment * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    grid, table = _shape_table()
    alpha = np.full(len(blocks), np.nan)
    known = np.isfinite(moment)
    alpha[known] = grid[np.abs(table[None, :] - moment[known, None]).argmin(1)]
    scale = np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
    return alpha, left * scale, right * scale


def block_features(image: np.ndarray) -> np.ndarray:
    """The 36 statistics of each 96x96 block at two scales.

    Args:
        image: float64 `[H, W]`, 0 to 255; the incomplete blocks at the right and bottom are dropped.

    Returns:
        float64 `[B, 36]`; rows of flat blocks hold NaN; B is 0 for an image smaller than a block.
    """
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    if rows * columns == 0:
        return np.empty((0, N_FEATURES))
    image = np.ascontiguousarray(image[: rows * BLOCK, : columns * BLOCK], dtype=np.float64)
    scales = []
    for side in (BLOCK, BLOCK // 2):
        normalised = local_contrast(image)
        blocks = normalised.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
        scales.append(_scale_features(blocks))
        image = halve(image)
    return np.concatenate(scales, axis=1)


def _scale_features(blocks: np.ndarray) -> np.ndarray:
    """The 18 statistics of each block `[B, s, s]` at one scale, `[B, 18]`."""
    from scipy.special import gamma

    count = len(blocks)
    alpha, left, right = fit_aggd(blocks.reshape(count, -1))
    features = [alpha, (left + right) / 2]
    for shift in SHIFTS:
        product = blocks * np.roll(blocks, shift, axis=(1, 2))
        alpha, left, right = fit_aggd(product.reshape(count, -1))
        mean = (right - left) * gamma(2 / alpha) / gamma(1 / alpha)
        features += [alpha, mean, left, right]
    return np.stack(features, axis=1)


def load_pristine(path: str | Path) -> PristineModel:
    """Read published pristine parameters.

    Args:
        path: `niqe_modelparameters.mat` (arrays `mu_prisparam`, `cov_prisparam`) or `niqe_pris_params.npz`
            (`mu_pris_param`, `cov_pris_param`).

    Raises:
        InputError: the file cannot be read, lacks an array, or has other shapes.
    """
    from zipfile import BadZipFile

    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    path = Path(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files}
        else:
            arrays = loadmat(path)
    except (OSError, EOFError, ValueError, IndexError, NotImplementedError, BadZipFile, MatReadError) as error:
        raise InputError("not a NIQE parameter file", path=path, expected=".mat or .npz", found=str(error)) from error
    found = {key.replace("_", ""): value for key, value in arrays.items()}
    if "muprisparam" not in found or "covprisparam" not in found:
        raise InputError(
            "not a NIQE parameter file",
            path=path,
            expected="arrays mu_prisparam and cov_prisparam",
            found=", ".join(sorted(arrays)) or "no arrays",
        )
    return PristineModel(
        np.asarray(found["muprisparam"], np.float64).ravel(), np.asarray(found["covprisparam"], np.float64)
    )


def fit_pristine(features: np.ndarray) -> PristineModel:
    """Gaussian of block statistics, for `niqe_gt_lite`: fitted on the ground truth's own frames.

    Args:
        features: `[B, 36]` from `block_features` of many frames.

    Raises:
        InputError: fewer than two complete rows.
    """
    complete = features[np.isfinite(features).all(1)]
    if len(complete) < 2:
        raise InputError(
            "too few blocks to fit a pristine model",
            expected="at least 2 textured blocks of 96x96",
            found=str(len(complete)),
        )
    return PristineModel(complete.mean(0), np.cov(complete, rowvar=False))


def niqe_distance(features: np.ndarray, pristine: PristineModel) -> float:
    """Distance of an image's block statistics from the pristine ones.

    `sqrt((m1 - m2)^T ((S1 + S2) / 2)^+ (m1 - m2))`; means skip NaN, the covariance uses complete rows.

    Args:
        features: `[B, 36]` of one image.
        pristine: the published or fitted model.

    Returns:
        Distance of at least 0, lower is more natural; NaN with fewer than two complete blocks.
    """
    complete = features[np.isfinite(features).all(1)]
    if len(complete) < 2:
        return float("nan")
    difference = np.nanmean(features, axis=0) - pristine.mean
    inverse = np.linalg.pinv((np.cov(complete, rowvar=False) + pristine.covariance) / 2)
    return float(np.sqrt(max(difference @ inverse @ difference, 0.0)))


def niqe(image: np.ndarray, pristine: PristineModel) -> float:
    """NIQE of one gray image `[H, W]`, 0 to 255 (see `luma`); at least 96x192 pixels, otherwise NaN."""
    return niqe_distance(block_features(image), pristine)
