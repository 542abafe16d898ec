"""An animation as it is made: frames in head space with a rigid head pose, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vfa.avatar.avatar import Avatar


@dataclass(frozen=True)
class AnimationFrame:
    """One moment of an animation.

    Attributes:
        time: exact seconds since the clip's start.
        vertices: float32 `[V, 3]` in mesh units and head space, without the rigid pose.
        pose: float64 `[4, 4]`, the rigid head motion (a uniform scale is allowed); the identity for none.
    """

    time: Fraction
    vertices: np.ndarray
    pose: np.ndarray = field(default_factory=lambda: np.eye(4))

    def posed(self) -> np.ndarray:
        """Vertices float32 `[V, 3]` with the head pose applied."""
        return apply_pose(self.vertices, self.pose)


@dataclass
class Animation:
    """What is animated, and its frames in the order of time; they are streamed and can be walked once.

    Attributes:
        avatar: mesh and appearance at rest.
        frames: the frames; never held together in memory.
    """

    avatar: Avatar
    frames: Iterator[AnimationFrame]

    def __iter__(self) -> Iterator[AnimationFrame]:
        return iter(self.frames)


def apply_pose(vertices: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Vertices float32 `[V, 3]` moved by a `[4, 4]` pose, computed in float64."""
    pose = np.asarray(pose, np.float64)
    return (np.asarray(vertices, np.float64) @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
