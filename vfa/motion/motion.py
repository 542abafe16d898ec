"""What every motion source gives for a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class Motion:
    """Motion of the avatar in one frame, relative to its rest.

    Attributes:
        time: seconds since the clip's start, exact.
        translation: float64 `[K, 3]`, controller translations in mesh units, in the head's own frame.
        tracked: bool `[K]`, which of them were seen.
        pose: float64 `[4, 4]`, rigid motion of the head in world space, applied after the translations.
        gaze: float64 `[2]`, rotation of both eyeballs relative to rest, yaw (to +X) and pitch (up), in radians.
        lid_opening: float64 `[2]`, opening of the right and the left eye; 1 = as at rest, 0 = shut.
        lip_gap: float64 `[P]`, distance of the inner lips at the lip pairs of the rig, in mesh units,
            or None where the source of motion does not know it.
    """

    time: Fraction
    translation: np.ndarray
    tracked: np.ndarray
    pose: np.ndarray = field(default_factory=lambda: np.eye(4))
    gaze: np.ndarray = field(default_factory=lambda: np.zeros(2))
    lid_opening: np.ndarray = field(default_factory=lambda: np.ones(2))
    lip_gap: np.ndarray | None = None
