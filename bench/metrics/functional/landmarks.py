"""Distances between the 68 face landmarks (iBUG order) of paired frames: LMD, AKD, mouth overlap, jitter."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_float, as_float_pair, choose
from vfa.errors import InputError

LMD_VARIANTS = ("centered", "norm", "vico")
LIPS = slice(48, 68)
OUTER_LIP = slice(48, 60)
INNER_LIP = slice(60, 68)
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)
UPPER_INNER_LIP, LOWER_INNER_LIP = 62, 66


def interocular_distance(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the two eye centres, pixels `[T]`, from `[T, 68, 2]`."""
    return np.linalg.norm(landmarks[:, LEFT_EYE].mean(1) - landmarks[:, RIGHT_EYE].mean(1), axis=-1)


def landmark_distance(
    prediction: np.ndarray, target: np.ndarray, *, variant: str = "centered", region: str = "mouth"
) -> np.ndarray:
    """Landmark distance (LMD) of each frame.

    `centered`: Euclidean distance after each set's mean is subtracted (ER-NeRF, TalkingGaussian, InsTaG).
    `norm`: `centered` divided by the target's inter-ocular distance, so that resolutions compare.
    `vico`: mean of |dx| and |dy| in absolute pixel coordinates (ViCo challenge, TalkingHeadMetrics).

    Args:
        prediction: `[T, 68, 2]` pixels; NaN in frames without a face.
        target: same shape.
        variant: `centered`, `norm` or `vico`.
        region: `mouth` (points 48 to 67: M-LMD) or `face` (all 68: F-LMD).

    Returns:
        float64 `[T]` in pixels (`norm`: in eye distances); NaN where either frame has no face.

    Raises:
        InputError: shapes differ, no frames, or an unknown variant or region.

    Example:
        >>> face = np.zeros((1, 68, 2)); moved = face + [3.0, 4.0]
        >>> landmark_distance(moved, face, variant="vico").tolist()
        [3.5]
        >>> landmark_distance(moved, face).tolist()
        [0.0]
    """
    choose(variant, LMD_VARIANTS, "LMD variant")
    choose(region, ("mouth", "face"), "landmark region")
    first, second = as_float_pair(prediction, target, "landmarks", (None, 68, 2))
    scale = interocular_distance(second)
    if region == "mouth":
        first, second = first[:, LIPS], second[:, LIPS]
    if variant == "vico":
        return np.abs(first - second).mean(axis=(1, 2))
    difference = (first - first.mean(1, keepdims=True)) - (second - second.mean(1, keepdims=True))
    distance = np.linalg.norm(difference, axis=-1).mean(1)
    if variant == "centered":
        return distance
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, distance / scale, np.nan)


def average_keypoint_distance(
    prediction: np.ndarray, target: np.ndarray, *, size: tuple[int, int], euclidean: bool = False
) -> np.ndarray:
    """Average keypoint distance (AKD) of each frame, in pixels of a 256x256 image.

    First Order Motion Model's protocol: the mean of |dx| and |dy| over the 68 points (despite the name), with the
    frame scaled to 256x256. `euclidean` gives the distance proper.

    Args:
        prediction: `[T, 68, 2]` pixels; NaN without a face.
        target: same shape, in the same frame size.
        size: width and height in pixels of the frames the landmarks were found in.
        euclidean: mean Euclidean distance instead of the mean of coordinates.

    Returns:
        float64 `[T]`; NaN where either frame has no face.

    Raises:
        InputError: shapes differ or the size is not positive.

    Example:
        >>> face = np.zeros((1, 68, 2))
        >>> average_keypoint_distance(face + [6.0, 8.0], face, size=(512, 512)).tolist()
        [3.5]
        >>> average_keypoint_distance(face + [6.0, 8.0], face, size=(512, 512), euclidean=True).tolist()
        [5.0]
    """
    first, second = as_float_pair(prediction, target, "landmarks", (None, 68, 2))
    if min(size) <= 0:
        raise InputError("frame size is not positive", expected="(width, height) in pixels", found=str(tuple(size)))
    difference = (first - second) * (256.0 / np.asarray(size, np.float64))
    if euclidean:
        return np.linalg.norm(difference, axis=-1).mean(1)
    return np.abs(difference).mean(axis=(1, 2))


def mouth_overlap(
    prediction: np.ndarray, target: np.ndarray, *, region: str = "outer", center: bool = False, resolution: int = 4
) -> np.ndarray:
    """Intersection over union of the mouth polygons of each frame (MA).

    No reference implementation is published. For `inner`, a closed mouth is an empty polygon: both empty gives 1,
    one empty gives 0.

    Args:
        prediction: `[T, 68, 2]` pixels; NaN without a face.
        target: same shape.
        region: `outer` (points 48 to 59) or `inner` (60 to 67).
        center: move the prediction so that the polygons' vertex means coincide.
        resolution: scan lines for each pixel.

    Returns:
        float64 `[T]` in [0, 1]; NaN where either frame has no face.

    Raises:
        InputError: shapes differ or an unknown region.
    """
    choose(region, ("outer", "inner"), "mouth region")
    first, second = as_float_pair(prediction, target, "landmarks", (None, 68, 2))
    part = OUTER_LIP if region == "outer" else INNER_LIP
    first, second = first[:, part], second[:, part]
    if center:
        first = first - first.mean(1, keepdims=True) + second.mean(1, keepdims=True)
    out = np.full(len(first), np.nan)
    for t, (a, b) in enumerate(zip(first, second, strict=True)):
        if np.isfinite(a).all() and np.isfinite(b).all():
            out[t] = polygon_iou(a, b, resolution=resolution)
    return out


def polygon_iou(first: np.ndarray, second: np.ndarray, *, resolution: int = 4) -> float:
    """Intersection over union of two polygons (even-odd rule), each `[N, 2]`; both without area gives 1.

    Areas are sums over scan lines, `resolution` of them per pixel; along a line they are exact.

    Example:
        >>> square = np.array([[0.0, 0], [8, 0], [8, 8], [0, 8]])
        >>> round(polygon_iou(square, square + [4.0, 0.0]), 6)
        0.333333
    """
    low = min(first[:, 1].min(), second[:, 1].min())
    high = max(first[:, 1].max(), second[:, 1].max())
    lines = low + (np.arange(max(1, int(np.ceil((high - low) * resolution)))) + 0.5) / resolution
    far = max(first[:, 0].max(), second[:, 0].max()) + 1.0
    crossings = np.concatenate([_crossings(polygon, lines, far) for polygon in (first, second)], axis=1)
    belongs = np.repeat([0, 1], [len(first), len(second)])
    order = np.argsort(crossings, axis=1, kind="stable")
    owner = belongs[order]
    inside = [(np.cumsum(owner == side, axis=1) % 2 == 1)[:, :-1] for side in (0, 1)]
    length = np.diff(np.take_along_axis(crossings, order, axis=1), axis=1)
    union = length[inside[0] | inside[1]].sum()
    return float(length[inside[0] & inside[1]].sum() / union) if union > 0 else 1.0


def _crossings(polygon: np.ndarray, lines: np.ndarray, far: float) -> np.ndarray:
    """Where each edge of a polygon crosses each horizontal line, `[L, N]`; `far` where it does not."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    y = lines[:, None]
    crosses = (start[:, 1] <= y) != (end[:, 1] <= y)
    rise = np.where(crosses, end[:, 1] - start[:, 1], 1.0)
    x = start[:, 0] + (y - start[:, 1]) / rise * (end[:, 0] - start[:, 0])
    return np.where(crosses, x, far)


def landmark_jitter(landmarks: np.ndarray) -> np.ndarray:
    """High-frequency landmark motion: norm of the second difference, in inter-ocular distances.

    Args:
        landmarks: `[T, 68, 2]` pixels; NaN in frames without a face.

    Returns:
        float64 `[T - 2]`: for each inner frame the mean over points of `|x[t-1] - 2 x[t] + x[t+1]|`, divided by
        the clip's median inter-ocular distance; NaN across a gap.

    Raises:
        InputError: fewer than three frames or a wrong shape.

    Example:
        >>> face = np.zeros((3, 68, 2)); face[:, 42:48, 0] = 10.0; face[1] += [1.0, 0.0]
        >>> landmark_jitter(face).tolist()
        [0.2]
    """
    points = as_float(landmarks, "landmarks", (None, 68, 2), minimum=3)
    scales = interocular_distance(points)
    scales = scales[np.isfinite(scales) & (scales > 0)]
    if scales.size == 0:
        return np.full(len(points) - 2, np.nan)
    second_difference = points[:-2] - 2 * points[1:-1] + points[2:]
    return np.linalg.norm(second_difference, axis=-1).mean(1) / np.median(scales)


def lip_opening(landmarks: np.ndarray) -> np.ndarray:
    """Inner-lip gap (points 62 and 66) over the inter-ocular distance, `[T]`; NaN without a face."""
    points = as_float(landmarks, "landmarks", (None, 68, 2))
    scale = interocular_distance(points)
    gap = np.linalg.norm(points[:, UPPER_INNER_LIP] - points[:, LOWER_INNER_LIP], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, gap / scale, np.nan)
