"""From face points of all frames to the one square box of a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vfa.errors import InputError

MIN_SCORE = 0.3
MIN_POINTS = 30
MIN_SHARE = 0.5
EXPAND, EXPAND_TOP = 1.25, 1.35
PERCENTILES = (5.0, 95.0)


@dataclass(frozen=True)
class FacePoints:
    """68 points of one frame in iBUG order: points float [68,2] in pixels, score float [68]."""

    points: np.ndarray
    score: np.ndarray

    def box(self) -> np.ndarray | None:
        """Box x0, y0, x1, y1 of the points that are sure, None with fewer than 30 of them."""
        sure = self.points[self.score > MIN_SCORE]
        if len(sure) < MIN_POINTS:
            return None
        return np.concatenate([sure.min(0), sure.max(0)])


@dataclass(frozen=True)
class Square:
    """A square in whole pixels; it may reach over the border of the image, which is then black."""

    x: int
    y: int
    side: int


def square_of(boxes: Sequence[np.ndarray | None]) -> Square:
    """The box of a video: for each side the 5th or 95th percentile over its frames, so that single wrong detections
    do not count, enlarged by 1.25 about its centre (1.35 at the top), then made square about its centre.

    Args:
        boxes: x0, y0, x1, y1 of each frame, None where there is no face.

    Raises:
        InputError: fewer than half of the frames have a face.
    """
    found = [box for box in boxes if box is not None]
    if not boxes or len(found) < MIN_SHARE * len(boxes):
        raise InputError(
            "too few frames with a face",
            expected=f"a face in {MIN_SHARE:.0%} of the frames",
            found=f"{len(found)} of {len(boxes)}",
        )
    table = np.stack(found).astype(np.float64)
    low = np.percentile(table[:, :2], PERCENTILES[0], axis=0)
    high = np.percentile(table[:, 2:], PERCENTILES[1], axis=0)
    centre, half = (low + high) / 2, (high - low) / 2
    left, right = centre[0] - EXPAND * half[0], centre[0] + EXPAND * half[0]
    top, bottom = centre[1] - EXPAND_TOP * half[1], centre[1] + EXPAND * half[1]
    side = max(round(max(right - left, bottom - top)), 1)
    return Square(round((left + right - side) / 2), round((top + bottom - side) / 2), side)
