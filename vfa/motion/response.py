"""How strongly an avatar's mouth answers its driver, measured by looking, and the gain that makes both agree.

The same motion of the lips reads differently on different heads: thin or full lips, visible teeth, a wide or a narrow
mouth. Some frames of the driver that span its range are put on the avatar; the detector measures lip gap and mouth
width on both, and the slope between them gives the gain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vfa.face import topology as face

LIMITS = (0.7, 1.5)
# Ranges (squared, over the outer eye distance) below which a driver says nothing about the slope.
_LEAST_GAP, _LEAST_WIDTH = 0.03**2, 0.02**2
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0)


@dataclass(frozen=True)
class Gains:
    """Attributes: lip_gap, mouth_width: factors on the driver's change of each."""

    lip_gap: float = 1.0
    mouth_width: float = 1.0


def mouth_size(points: np.ndarray) -> np.ndarray:
    """Lip gap and mouth width `[2]` of landmarks `[478, 2 or 3]`, in the picture, over the outer eye distance."""
    flat = points[:, :2]
    eyes = np.linalg.norm(flat[face.RIGHT_EYE_OUTER] - flat[face.LEFT_EYE_OUTER])
    gap = np.linalg.norm(flat[13] - flat[14])
    width = np.linalg.norm(flat[face.LIP_CORNERS[0]] - flat[face.LIP_CORNERS[1]])
    return np.array([gap, width]) / eyes


def spanning_frames(sizes: np.ndarray) -> np.ndarray:
    """Indices int64 of frames that span the range of every column of `[T, C]`."""
    picks = []
    for column in sizes.T:
        order = np.argsort(column, kind="stable")
        picks += [order[round(q * (len(order) - 1))] for q in _QUANTILES]
    return np.unique(picks)


def fit_gains(driver: np.ndarray, avatar: np.ndarray) -> Gains:
    """Gains from lip gap and mouth width `[N, 2]` of the same frames on both; frames without a face are NaN."""
    seen = np.isfinite(avatar).all(axis=1)
    if seen.sum() < 4:
        return Gains()
    a, b = driver[seen] - driver[seen].mean(axis=0), avatar[seen] - avatar[seen].mean(axis=0)
    least = np.array([_LEAST_GAP, _LEAST_WIDTH])
    gain = ((a * a).mean(axis=0) + least) / np.maximum((a * b).mean(axis=0) + least, 1e-9)
    return Gains(*np.clip(gain, *LIMITS).tolist())


def measure_gains(sizes: np.ndarray, show: Callable[[int], np.ndarray | None]) -> Gains:
    """Puts some frames on the avatar and compares.

    Args:
        sizes: `[T, 2]`, lip gap and mouth width of the driver in every frame.
        show: landmarks `[478, 3]` found on the picture of the avatar in a frame of the driver, or None.
    """
    frames = spanning_frames(sizes)
    found = [show(int(index)) for index in frames]
    measured = [np.full(2, np.nan) if points is None else mouth_size(points) for points in found]
    return fit_gains(sizes[frames], np.array(measured))
