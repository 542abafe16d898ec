"""THEval's head motion dynamics: one composite of degrees and pixels, and the three numbers it is better read as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrics.functional.checks import as_float
from bench.metrics.functional.head_motion import fill_gaps
from vfa.errors import InputError

RATE = 25.0


def head_motion_composite(angles: np.ndarray, centres: np.ndarray) -> float:
    """`sqrt(S D + T)` as the public code has it.

    S is the mean of the three angles' standard deviations, D the mean of the variances of their changes from frame to
    frame, T the mean of the variances of the face box's centre in pixels; frames without a face are left out and the
    changes bridge them. The sum has no unit, and T grows with the size of the frames.

    Args:
        angles: pitch, yaw, roll in degrees `[T, 3]`, NaN without a face.
        centres: x, y in pixels `[T, 2]`.

    Returns:
        NaN when no frame shows a face.

    Raises:
        InputError: wrong shapes.

    Example:
        >>> angles = np.array([[0.0, 0, 0], [3, 0, 0], [0, 0, 0]])  # S = sqrt(2)/3, D = 9/3, T = 0
        >>> round(head_motion_composite(angles, np.zeros((3, 2))), 6) == round((2**0.5) ** 0.5, 6)
        True
    """
    angles, centres = as_float(angles, "angles", (None, 3)), as_float(centres, "centres", (None, 2))
    if len(angles) != len(centres):
        raise InputError("angles and centres differ in length", expected=str(len(angles)), found=str(len(centres)))
    seen = np.isfinite(angles).all(axis=1) & np.isfinite(centres).all(axis=1)
    angles, centres = angles[seen], centres[seen]
    if len(angles) == 0:
        return float("nan")
    spread = angles.std(axis=0).mean()
    change = np.diff(angles, axis=0).var(axis=0).mean() if len(angles) > 2 else 0.0
    moved = centres.var(axis=0).mean() if len(centres) > 1 else 0.0
    return float(np.sqrt(spread * change + moved))


@dataclass(frozen=True)
class HeadMotion:
    """How a head moves.

    Attributes:
        rotation: mean over the axes of the standard deviation of the angles, degrees.
        rotation_rate: the same of their speed, degrees a second.
        translation: root mean variance of x and y of the head, in distances of the eyes.
    """

    rotation: float
    rotation_rate: float
    translation: float


def head_motion(angles: np.ndarray, centres: np.ndarray, eyes: np.ndarray, *, rate: float) -> HeadMotion:
    """The three numbers, independent of frame rate and size; a speed across a gap is left out.

    Args:
        angles: degrees `[T, 3]`, NaN without a face.
        centres: x, y in pixels `[T, 2]`.
        eyes: distance of the eyes in pixels `[T]`.
        rate: frames for each second.

    Returns:
        NaN throughout with fewer than two frames that show a face.

    Raises:
        InputError: wrong shapes, lengths that differ or a rate that is not positive.
    """
    angles, centres = as_float(angles, "angles", (None, 3)), as_float(centres, "centres", (None, 2))
    eyes = as_float(eyes, "eyes", (None,))
    if not len(angles) == len(centres) == len(eyes):
        raise InputError(
            "the series differ in length", expected=str(len(angles)), found=f"{len(centres)} and {len(eyes)}"
        )
    if not rate > 0:
        raise InputError("frame rate is not positive", expected="frames for each second", found=str(rate))
    seen = np.isfinite(angles).all(axis=1) & np.isfinite(centres).all(axis=1) & (eyes > 0)
    if seen.sum() < 2:
        return HeadMotion(float("nan"), float("nan"), float("nan"))
    turned = np.unwrap(fill_gaps(np.where(seen[:, None], angles, np.nan)), period=360.0, axis=0)
    times = np.arange(len(angles)) / rate
    grid = np.arange(0.0, times[-1] + 1e-9, 1 / RATE)
    smooth = np.stack([np.interp(grid, times, column) for column in turned.T], axis=1)
    # A grid point counts where both of its neighbours show a face.
    whole = np.interp(grid, times, seen.astype(float)) == 1.0
    speed = np.diff(smooth, axis=0)[whole[1:] & whole[:-1]] * RATE
    scale = float(np.median(eyes[seen]))
    return HeadMotion(
        float(turned[seen].std(axis=0).mean()),
        float(speed.std(axis=0).mean()) if len(speed) else float("nan"),
        float(np.sqrt(centres[seen].var(axis=0).mean()) / scale),
    )
