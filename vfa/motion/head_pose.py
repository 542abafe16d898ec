"""The head's pose in the motion weights: six numbers of the driver's picture become the avatar's rigid motion.

A motion encoder of its own reads the pose apart from the expression, so the pose need not be painted and tracked. With
a motion basis (`AnimatorConfig.basis_channels`) the networks animate the face of a head that keeps still, and the head
is turned exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vfa.models.motion_encoder import N_POSE, POSE_SPREAD, UNIT_SIZE
from vfa.motion.rigid import rotation_about

if TYPE_CHECKING:
    from vfa.avatar.rig import Rig

EYES_APART = 0.657
"""Outer eye corners of the head that the numbers were learned from, in its units (half a head's height)."""
MIDDLE_BEHIND = (0.0, -0.115, -0.5)
"""From what the head turns about in the rig to the middle of that head: right, up, front, in its units."""


@dataclass(frozen=True)
class HeadFrame:
    """Where an avatar's head is.

    Attributes:
        axes: float64 [3, 3], rows are the face's right (+X), up and front in the world.
        view: float64 [3, 3], the same of the picture: right, up, towards the viewer.
        origin: float64 [3], the head's middle in the world.
        unit: world units of half a head's height.
        distance: from the camera to the head, world units.
    """

    axes: np.ndarray
    view: np.ndarray
    origin: np.ndarray
    unit: float
    distance: float

    @classmethod
    def of(cls, rig: Rig, eye: np.ndarray) -> HeadFrame:
        """Of a rig, seen from `eye` [3]."""
        unit = rig.size / EYES_APART
        origin = rig.pivot + unit * (np.array(MIDDLE_BEHIND) @ rig.axes)
        return cls(rig.axes, rig.view, origin, unit, float(np.linalg.norm(np.asarray(eye) - origin)))


def head_rotation(numbers: np.ndarray) -> np.ndarray:
    """Head to camera [3, 3] from yaw, pitch and roll in units of `POSE_SPREAD`; the columns are the head's right, up
    and front as the camera sees them (x right, y up, z towards it)."""
    yaw, pitch, roll = np.asarray(numbers, np.float64)[:3] * POSE_SPREAD[:3]
    front = np.array([np.cos(pitch) * np.sin(yaw), -np.sin(pitch), np.cos(pitch) * np.cos(yaw)])
    level = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])  # to the right, level
    rising = np.clip(np.sin(roll) / np.cos(pitch), -1, 1)  # so that the height of `right` is sin(roll)
    right = np.sqrt(1 - rising**2) * level + rising * np.cross(front, level)
    return np.stack([right, np.cross(front, right), front], axis=1)


def head_place(numbers: np.ndarray) -> np.ndarray:
    """The head's middle in the picture [3]: x right and y up in units of the head, and one over its relative size."""
    size, x, y = np.asarray(numbers, np.float64)[3:] * POSE_SPREAD[3:]
    scale = UNIT_SIZE * np.exp(size)
    return np.array([x / scale, -y / scale, np.exp(-size)])


def head_poses(weights: np.ndarray, start: np.ndarray | None, frame: HeadFrame) -> np.ndarray:
    """Rigid motion of the avatar's head for every frame, float64 [T, 4, 4].

    The avatar turns about its own axes as the driver does about his since the start frame, and moves and comes nearer
    by as many units of its own head; without perspective, so that only nearness changes the size.

    Args:
        weights: float [T, motion], the motion weights, the pose last.
        start: float [motion], of the frame that stands for the avatar at rest; None: a face seen from the front.
        frame: of the avatar.
    """
    first = np.zeros(N_POSE) if start is None else np.asarray(start)[-N_POSE:]
    before, place = head_rotation(first), head_place(first)
    out = np.empty((len(weights), 4, 4))
    for row, numbers in enumerate(np.asarray(weights)[:, -N_POSE:]):
        turned = before.T @ head_rotation(numbers)
        x, y, away = head_place(numbers)
        shift = np.array([frame.unit * (x - place[0]), frame.unit * (y - place[1]),
                          frame.distance * (1 - away / place[2])])  # fmt: skip
        out[row] = rotation_about(frame.axes.T @ turned @ frame.axes, frame.origin, shift @ frame.view)
    return out
