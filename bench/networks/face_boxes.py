"""Detected faces: thinning of overlapping boxes, which face of several counts, and the aligned crop of 512x512."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIDE = 512
TEMPLATE = np.array(
    [
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ]
)
"""Eyes, nose, mouth corners of FFHQ's aligned faces at 512x512."""
BORDER_RGB = (132, 133, 135)


@dataclass(frozen=True)
class Faces:
    """Faces of a picture, the surest first: boxes float [M,4], points float [M,5,2], scores [M]."""

    boxes: np.ndarray
    points: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    def central(self, width: int, height: int) -> int:
        """The face whose box's centre lies nearest to the picture's."""
        centres = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        return int(np.linalg.norm(centres - np.array([width, height]) / 2, axis=1).argmin())

    def largest(self, width: int, height: int) -> int:
        """The face with the largest box inside the picture."""
        size = np.array([width, height])
        low, high = np.clip(self.boxes[:, :2], 0, size), np.clip(self.boxes[:, 2:], 0, size)
        return int((high - low).prod(axis=1).argmax())


def suppress(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Indices of the boxes that remain, the surest first: of two that overlap more than `overlap` the surer one.

    Sides count the pixels at both ends (`x2 - x1 + 1`), as the detectors of this family have it.

    Args:
        boxes: [M,4] x1, y1, x2, y2. scores: [M].

    >>> suppress(np.array([[0, 0, 9, 9], [1, 0, 10, 9], [50, 50, 59, 59]], float), np.array([0.8, 0.9, 0.7]), 0.4)
    array([1, 2])
    """
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        low, high = np.maximum(boxes[best, :2], boxes[rest, :2]), np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.maximum(high - low + 1, 0).prod(axis=1)
        order = rest[shared / (areas[best] + areas[rest] - shared) <= overlap]
    return np.array(kept, int)


def align_512(image: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """A face turned upright at 512x512, grey outside the picture; None where no similarity fits the points.

    Args:
        image: uint8 [H,W,3] RGB.
        points: [5,2] eyes, nose, mouth corners.

    Returns:
        float32 [512,512,3] in 0..255.
    """
    import cv2

    matrix = cv2.estimateAffinePartial2D(np.asarray(points, np.float64), TEMPLATE, method=cv2.LMEDS)[0]
    if matrix is None:
        return None
    return cv2.warpAffine(image.astype(np.float32), matrix, (SIDE, SIDE), borderValue=BORDER_RGB)
