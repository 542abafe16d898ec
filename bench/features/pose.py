"""Head pose by PnP: a fixed reference head is fitted to stable landmarks of each frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.registry import register_extractor

STABLE = (27, 28, 29, 30, 33, 31, 35, 36, 39, 42, 45, 0, 16)
"""iBUG-68 points that expressions hardly move: nose, corners of the eyes, ears' ends of the jaw."""

REFERENCE = np.array(
    [
        (0, 36, 2), (0, 24, 8), (0, 12, 15), (0, 0, 22), (0, -13, 9), (-13, -9, 3), (13, -9, 3),
        (-45, 32, -20), (-16, 31, -8), (16, 31, -8), (45, 32, -20), (-70, 22, -75), (70, 22, -75),
    ],
    np.float64,
)  # fmt: skip
"""Millimetres of an average adult head in the order of STABLE: x to the image's right in a frontal view, y up,
z out of the face. Our own round figures; an error here shifts all angles alike and leaves their changes."""

TO_IMAGE = np.diag([1.0, -1.0, -1.0])
"""From the head's axes (y up, z towards the camera) to the camera's (y down, z away)."""


def solve_pose(points: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Head pose of one frame.

    Args:
        points: float [68,2], iBUG-68 landmarks in pixels.
        width, height: of the image; the focal length is taken as its longer side, the principal point as its centre.

    Returns:
        Angles float64 [3] in degrees: yaw (positive: the nose points to the image's right), pitch (positive: up),
        roll (positive: the head tilts clockwise as seen in the image); position float64 [3] in mm, x right, y up,
        z towards the camera. All NaN where there is no solution.
    """
    import cv2

    nothing = np.full(3, np.nan)
    image = np.asarray(points, np.float64)[list(STABLE)]
    if not np.isfinite(image).all():
        return nothing, nothing
    focal = float(max(width, height))
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    undistorted = np.zeros(4)
    model = REFERENCE @ TO_IMAGE
    solved, rotation, translation = cv2.solvePnP(model, image, camera, undistorted, flags=cv2.SOLVEPNP_SQPNP)
    if not solved:
        return nothing, nothing
    rotation, translation = cv2.solvePnPRefineLM(model, image, camera, undistorted, rotation, translation)
    head = TO_IMAGE @ cv2.Rodrigues(rotation)[0] @ TO_IMAGE
    return np.array(angles_of(head)), TO_IMAGE @ translation[:, 0]


def angles_of(rotation: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees of R = Rz(-roll) Ry(yaw) Rx(-pitch), in axes x right, y up, z towards the camera."""
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1, 1))
    pitch = -np.arctan2(rotation[2, 1], rotation[2, 2])
    roll = -np.arctan2(rotation[1, 0], rotation[0, 0])
    return tuple(float(np.degrees(angle)) for angle in (yaw, pitch, roll))  # type: ignore[return-value]


@register_extractor
class HeadPose(Extractor):
    """Yaw, pitch, roll in degrees and position in millimetres of each frame, NaN where there is no face."""

    name = "pose"
    needs = ("landmarks68",)
    provides = ("pose", "position")
    cost = 0.2

    def start(self, info: VideoInfo) -> None:
        self._size = info.width, info.height

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        solved = [solve_pose(points, *self._size) for points in chunk["landmarks68"]]
        return {
            "pose": np.array([angles for angles, _ in solved], np.float32).reshape(-1, 3),
            "position": np.array([position for _, position in solved], np.float32).reshape(-1, 3),
        }
