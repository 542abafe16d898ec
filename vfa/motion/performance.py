"""A driving face, frame by frame, with the head's motion taken away and measured against a neutral start frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vfa.errors import InputError
from vfa.face import topology as face
from vfa.face.rings import LEFT_EYE, MOUTH, RIGHT_EYE
from vfa.motion.rigid import Similarity, fit_similarity, upright

_STABLE = list(face.STABLE)
_EYES = (RIGHT_EYE, LEFT_EYE)
_IRISES = (face.RIGHT_IRIS[0], face.LEFT_IRIS[0])


@dataclass(frozen=True)
class Expression:
    """One frame of a driver, without its head pose.

    Attributes:
        head: the similarity from the start frame's head to this frame's, in upright pixels.
        shape: float64 `[478, 3]`, the landmarks brought back to the start frame's head pose.
        lip_gap: float64 `[P]`, height between the inner lips at the pairs of `MOUTH`, in pixels.
        lid_height: float64 `[2]`, mean height between the lids of the right and the left eye, in pixels.
        gaze: float64 `[2, 2]`, offset of each iris from the middle of its eye corners, right and up, over eye width.
    """

    head: Similarity
    shape: np.ndarray
    lip_gap: np.ndarray
    lid_height: np.ndarray
    gaze: np.ndarray


class Performance:
    """Measures frames of a driver against its start frame.

    Args:
        start: landmarks `[478, 3]` of the start frame, in image pixels (x right, y down, z away from the viewer).
    """

    def __init__(self, start: np.ndarray) -> None:
        self.start = upright(np.asarray(start, np.float64))
        self.eye_distance = float(np.linalg.norm(self.start[face.RIGHT_EYE_OUTER] - self.start[face.LEFT_EYE_OUTER]))
        if not self.eye_distance > 0:
            raise InputError("the start frame's face has no size", expected="landmarks of a face in pixels")
        self.axes = face_axes(self.start)

    def measure(self, landmarks: np.ndarray, bias: Callable[[np.ndarray], np.ndarray] | None = None) -> Expression:
        """The expression and head pose of landmarks `[478, 3]` in image pixels.

        Args:
            landmarks: of the frame.
            bias: what the detector adds to the shape `[478, 3]` of a head with a given rotation from the start frame.
        """
        points = upright(np.asarray(landmarks, np.float64))
        head = fit_similarity(self.start[_STABLE], points[_STABLE])
        shape = head.invert(points)
        if bias is not None:
            shape = shape - bias(head.rotation)
        up = self.axes[1]
        lips = (shape[list(MOUTH.upper[0])] - shape[list(MOUTH.lower[0])]) @ up
        lids = [((shape[list(e.upper[0])] - shape[list(e.lower[0])]) @ up)[1:-1].mean() for e in _EYES]
        gaze = [self._gaze(shape, eye.corners, iris) for eye, iris in zip(_EYES, _IRISES, strict=True)]
        return Expression(head, shape, lips, np.array(lids), np.array(gaze))

    def _gaze(self, shape: np.ndarray, corners: tuple[int, int], iris: int) -> np.ndarray:
        right, left = shape[list(corners)]
        offset = shape[iris] - (right + left) / 2
        return np.array([offset @ self.axes[0], offset @ self.axes[1]]) / np.linalg.norm(left - right)


def face_axes(points: np.ndarray) -> np.ndarray:
    """Rows right (the image's), up and front of a face, orthonormal `[3, 3]`, from upright landmarks `[478, 3]`."""
    right = points[face.LEFT_EYE_OUTER] - points[face.RIGHT_EYE_OUTER]
    right = right / np.linalg.norm(right)
    up = points[face.FOREHEAD] - points[face.CHIN]
    up = up - (up @ right) * right
    up = up / np.linalg.norm(up)
    return np.stack([right, up, np.cross(right, up)])


def neutrality(landmarks: np.ndarray) -> float:
    """How far a face `[478, 3]` is from neutral: open lips, closed, wide or unequal eyes, turned head, pulled mouth.

    Lower is better. All terms are lengths over the distance of the outer eye corners or angles in radians, weighted so
    that a term of about .05 is visible.
    """
    points = upright(np.asarray(landmarks, np.float64))
    size = np.linalg.norm(points[face.RIGHT_EYE_OUTER] - points[face.LEFT_EYE_OUTER])
    axes = face_axes(points)
    right, up, front = axes
    gap = max(float((points[13] - points[14]) @ up / size), 0.0)
    lids = [((points[list(e.upper[0])] - points[list(e.lower[0])]) @ up)[1:-1].mean() / size for e in _EYES]
    closed = max(0.085 - min(lids), 0.0)
    wide = max(max(lids) - 0.115, 0.0) + abs(lids[0] - lids[1])
    yaw, pitch = np.arctan2(front[0], front[2]), np.arcsin(np.clip(front[1], -1, 1))
    width = np.linalg.norm(points[61] - points[291]) / size
    corners = ((points[61] + points[291]) / 2 - (points[13] + points[14]) / 2) @ up / size
    return float(
        4 * gap
        + 3 * closed
        + 2 * wide
        + 0.4 * abs(yaw)
        + 0.15 * abs(pitch)
        + 0.5 * abs(width - 0.55)
        + 1.0 * abs(corners)
    )
