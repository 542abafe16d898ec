"""THEval's landmark dynamics (arXiv 2511.04520): how much lips and eyebrows move in a clip.

Neither has a direction: what counts is closeness to the ground truth's value. Variant `theval` repeats the public
code; `fixed` makes the number independent of size, aspect, frame rate and gaps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.metrics.functional.checks import as_float, choose
from vfa.errors import InputError

THEVAL_VARIANTS = ("theval", "fixed")
LIPS = (
    0, 13, 14, 17, 37, 39, 40, 61, 78, 80, 81, 82, 84, 87, 88, 91, 95, 146, 178, 181,
    185, 191, 267, 269, 270, 291, 308, 310, 311, 312, 314, 317, 318, 321, 324, 375, 402, 405, 409, 415,
)  # fmt: skip
LEFT_BROW = (276, 282, 283, 285, 293, 295, 296, 300, 334, 336)
RIGHT_BROW = (46, 52, 53, 55, 63, 65, 66, 70, 105, 107)
LEFT_EYE = (249, 263, 362, 373, 374, 380, 381, 382, 384, 385, 386, 387, 388, 390, 398, 466)
RIGHT_EYE = (7, 33, 133, 144, 145, 153, 154, 155, 157, 158, 159, 160, 161, 163, 173, 246)
LEFT_CORNERS = (362, 263)
RIGHT_CORNERS = (33, 133)
INPUT_SIZE = 256.0
RATE = 25.0
N_METRICS = 8


def check_mesh(landmarks: object) -> np.ndarray:
    """Check MediaPipe landmarks `[T, 468 or 478, 2 or 3]`; returns float64 `[T, N, 2]`.

    Raises:
        InputError: another shape or no frames.
    """
    points = as_float(landmarks, "landmarks", (None, None, None))
    if points.shape[1] not in (468, 478) or points.shape[2] not in (2, 3):
        raise InputError(
            "not MediaPipe face landmarks", expected="[T, 468 or 478, 2 or 3] pixels", found=str(list(points.shape))
        )
    return points[..., :2]


def eye_distance(points: np.ndarray) -> np.ndarray:
    """Distance of the midpoints of the two eyes' corners, `[T]`, from `[T, N, 2]`."""
    left, right = points[:, LEFT_CORNERS].mean(1), points[:, RIGHT_CORNERS].mean(1)
    return np.linalg.norm(left - right, axis=-1)


def lip_dynamics(landmarks: np.ndarray, *, size: tuple[int, int], variant: str = "theval") -> float:
    """Mean over all 780 pairs of lip points of the standard deviation over time of their distance.

    `theval`: pixels of the frame squashed to 256x256. `fixed`: native aspect, each frame divided by its inter-ocular
    distance.

    Args:
        landmarks: `[T, 478, 2 or 3]` pixels; NaN in frames without a face.
        size: width and height of the frames in pixels.
        variant: `theval` or `fixed`.

    Returns:
        Pixels at 256x256 or eye distances; NaN with fewer than two valid frames (the public code gives 0 when no
        face was found).

    Raises:
        InputError: wrong shape or unknown variant.

    Example:
        >>> face = np.zeros((2, 478, 2)); face[1, 61, 0] = 8.0
        >>> lip_dynamics(face, size=(256, 256)).__round__(4)  # one of 40 points moves: 39 pairs of 780, std 4
        0.2
    """
    choose(variant, THEVAL_VARIANTS, "THEval variant")
    points = check_mesh(landmarks)
    points = points[np.isfinite(points).all(axis=(1, 2))]
    if variant == "theval":
        lips = points[:, LIPS] * (INPUT_SIZE / np.asarray(size, np.float64))
    else:
        scale = eye_distance(points)
        points, scale = points[scale > 0], scale[scale > 0]
        lips = points[:, LIPS] / scale[:, None, None]
    if len(lips) < 2:
        return float("nan")
    first, second = np.triu_indices(len(LIPS), k=1)
    distances = np.linalg.norm(lips[:, first] - lips[:, second], axis=-1)
    return float(distances.std(axis=0).mean())


def eyebrow_dynamics(landmarks: np.ndarray, *, rate: float = RATE, variant: str = "theval") -> float:
    """Mean change between frames of the distance from brow to eye, over the inter-ocular distance, both sides.

    `theval`: the eye is the mean of its 16 contour points (so blinks count), every frame at the native rate, a change
    across missing frames counts once. `fixed`: resampled to 25 fps, the eye is the midpoint of its corners, changes
    across a gap are left out.

    Args:
        landmarks: `[T, 478, 2 or 3]` pixels; NaN in frames without a face.
        rate: frames for each second; used by `fixed` only.
        variant: `theval` or `fixed`.

    Returns:
        Eye distances for each frame; NaN when no change could be measured.

    Raises:
        InputError: wrong shape, a rate that is not positive, or unknown variant.
    """
    changes = eyebrow_changes(landmarks, rate=rate, variant=variant)
    seen = np.isfinite(changes)
    return float(changes[seen].mean()) if seen.any() else float("nan")


def eyebrow_changes(landmarks: np.ndarray, *, rate: float = RATE, variant: str = "theval") -> np.ndarray:
    """The absolute changes that `eyebrow_dynamics` averages, `[T - 1, 2]` (left, right); NaN for those left out."""
    choose(variant, THEVAL_VARIANTS, "THEval variant")
    if not rate > 0:
        raise InputError("frame rate is not positive", expected="frames for each second", found=str(rate))
    points = check_mesh(landmarks)
    if variant == "fixed":
        raised = _resample(_brow_raise(points, LEFT_CORNERS, RIGHT_CORNERS), rate)
    else:
        raised = _brow_raise(points, LEFT_EYE, RIGHT_EYE)
        raised = raised[np.isfinite(raised).all(axis=1)]
    return np.abs(np.diff(raised, axis=0))


def _brow_raise(points: np.ndarray, left: tuple[int, ...], right: tuple[int, ...]) -> np.ndarray:
    """Distance from brow to eye over the distance of the eyes, `[T, 2]`, each eye the mean of the points given."""
    eyes = np.stack([points[:, left].mean(1), points[:, right].mean(1)], axis=1)
    brows = np.stack([points[:, LEFT_BROW].mean(1), points[:, RIGHT_BROW].mean(1)], axis=1)
    scale = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, np.linalg.norm(brows - eyes, axis=-1) / scale, np.nan)


def _resample(series: np.ndarray, rate: float) -> np.ndarray:
    """`[T, D]` at `rate` to 25 fps, linear; NaN where a neighbour is missing."""
    if rate == RATE or len(series) < 2:
        return series
    times = np.arange(0.0, (len(series) - 1) / rate + 1e-9, 1 / RATE) * rate
    low = np.minimum(times.astype(int), len(series) - 2)
    share = (times - low)[:, None]
    return np.where(share == 0, series[low], series[low] * (1 - share) + series[low + 1] * share)


def closeness(value: float, truth: float) -> float:
    """THEval's normalised score `1 - |value - truth| / |truth|`: 1 is the truth's value, no lower bound.

    Raises:
        InputError: the truth's value is zero or not a number.

    Example:
        >>> closeness(1.5, 2.0)
        0.75
    """
    if not abs(truth) > 1e-9:
        raise InputError("closeness needs the ground truth's value", expected="a number other than 0", found=str(truth))
    return 1.0 - abs(value - truth) / abs(truth)


def final_score(normalised: Sequence[float]) -> float:
    """THEval's final score: the unweighted mean of the normalised scores of its eight metrics.

    Raises:
        InputError: not eight finite numbers; there is no final score of fewer.

    Example:
        >>> round(final_score([0.9464, 0.9760, 0.8784, 0.9913, 0.7548, 0.9997, 0.9316, 0.9980]), 4)  # LivePortrait
        0.9345
    """
    values = np.asarray(normalised, np.float64)
    if values.shape != (N_METRICS,) or not np.isfinite(values).all():
        raise InputError("no final score", expected=f"{N_METRICS} normalised scores", found=str(values.tolist()))
    return float(values.mean())
