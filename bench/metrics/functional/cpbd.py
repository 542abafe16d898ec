"""CPBD: cumulative probability of blur detection (Narvekar and Karam, IEEE TIP 20(9), 2011)."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_frames, choose, describe
from vfa.errors import InputError

CPBD_VARIANTS = ("compat", "strict")
BLOCK = 64
EDGE_SHARE = 0.002
BETA = 3.6
LONGEST_WALK = 100
JUST_NOTICEABLE = 63
"""Last histogram bin (in percent) of blur that is not detected."""


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
    from skimage.feature import canny

    image = np.asarray(gray)
    if image.ndim != 2 or image.size == 0:
        raise InputError("not a gray image", expected="[H, W], 0 to 255", found=describe(image))
    image = image.astype(np.float64)
    edges = canny(image if variant == "compat" else image / 255.0)
    widths = edge_widths(image, strict=variant == "strict")
    return _sharpness(image, edges, widths)


def sobel_edges(image: np.ndarray) -> np.ndarray:
    """Thinned edges of the horizontal gradient, bool `[H, W]`.

    The squared strength is compared with twice the root of its mean, as in the published code.
    """
    from scipy.ndimage import convolve

    kernel = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 8.0
    strength = np.square(convolve(image, kernel))
    strength[strength <= 2.0 * np.sqrt(strength.mean())] = 0.0
    padded = np.pad(strength, 1)
    along_row = (strength > padded[1:-1, :-2]) & (strength > padded[1:-1, 2:])
    along_column = (strength > padded[:-2, 1:-1]) & (strength > padded[2:, 1:-1])
    return along_row | along_column


def _walk(step: np.ndarray, row: np.ndarray, column: np.ndarray, direction: int) -> np.ndarray:
    """How many of the steps from `column` onwards in `direction` are true without a gap, at most 100, `[N]`.

    Args:
        step: bool `[H, W - 1]`.
        row: int `[N]`.
        column: int `[N]`, first step of each walk; outside the image counts as false.
        direction: -1 for left, 1 for right.
    """
    length = np.zeros(len(row), np.int64)
    walking = np.flatnonzero((column >= 0) & (column < step.shape[1]))
    for _ in range(LONGEST_WALK):
        walking = walking[step[row[walking], column[walking] + direction * length[walking]]]
        if walking.size == 0:
            break
        length[walking] += 1
        reached = column[walking] + direction * length[walking]
        walking = walking[(reached >= 0) & (reached < step.shape[1])]
    return length


def edge_widths(image: np.ndarray, *, strict: bool) -> np.ndarray:
    """Width in pixels of each edge pixel (Marziliano et al. 2002), 0 where there is none.

    From the edge the walk goes left and right along the row while the intensity keeps falling away (or rising),
    at most 100 pixels each way.

    Args:
        image: float64 `[H, W]`.
        strict: leave out pixels whose gradient is vertical; otherwise they count as angle 0.

    Returns:
        float64 `[H, W]`.
    """
    height, width = image.shape
    widths = np.zeros((height, width))
    if min(height, width) < 3:
        return widths
    gradient_y, gradient_x = np.gradient(image)
    if not ((gradient_x < 0) | ((gradient_x != 0) & (gradient_y != 0))).any():
        return widths  # every angle is 0: the published code measures nothing then
    edge = sobel_edges(image)
    edge[[0, -1], :] = False
    edge[:, [0, -1]] = False
    rows, columns = np.nonzero(edge)
    across, down = gradient_x[rows, columns], gradient_y[rows, columns]
    angle = np.where(across != 0, 45.0 * np.round(np.degrees(np.arctan2(down, across)) / 45.0), 0.0)
    step = np.diff(image, axis=1)
    for climbs, directed in ((angle == 0.0, step > 0), (np.abs(angle) == 180.0, step < 0)):
        chosen = climbs & (across != 0) if strict else climbs
        row, column = rows[chosen], columns[chosen]
        # Step k joins pixels k and k + 1: left of the edge the walk starts at step c - 2, right of it at c + 1.
        left, right = _walk(directed, row, column - 2, -1), _walk(directed, row, column + 1, 1)
        widths[row, column] = left + right + 2
    return widths


def _sharpness(image: np.ndarray, edges: np.ndarray, widths: np.ndarray) -> float:
    """Share of edge pixels, over all edge blocks, whose blur probability is at most 63 percent."""
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    unseen = total = 0
    for i in range(rows):
        for j in range(columns):
            block = np.s_[i * BLOCK : (i + 1) * BLOCK, j * BLOCK : (j + 1) * BLOCK]
            if edges[block].sum() <= EDGE_SHARE * BLOCK * BLOCK:
                continue
            measured = widths[block][widths[block] != 0]
            contrast = int(image[block].max() - image[block].min())
            just_noticeable_width = 5.0 if contrast <= 50 else 3.0
            blur = 1.0 - np.exp(-((measured / just_noticeable_width) ** BETA))
            unseen += int((np.round(blur * 100) <= JUST_NOTICEABLE).sum())
            total += measured.size
    return unseen / total if total else float("nan")
