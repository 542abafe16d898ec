"""The mouth in a dense flow: where to read the motion of the lips, and how far they have parted.

Closed lips share their pixels, and so would their motion; a little away from the slit each lip has pixels of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vfa.avatar.rig import SlitRig

REACH = 1.8
"""How far from the slit the lips' motion is read, in heights of the lip: flow is soft, and at the red of a lip it is
still mixed with that of the other lip."""


@dataclass(frozen=True)
class Mouth:
    """An avatar's mouth as the networks see it.

    Attributes:
        slit: the lips with their controllers.
        up: float64 [3], the face's upward direction in world space.
        reach: how far from the slit the lips' motion is read, in heights of the lip.
    """

    slit: SlitRig
    up: np.ndarray
    reach: float = REACH

    def probes(self, pixels: np.ndarray) -> np.ndarray:
        """Where each controller's motion is read, float64 [K, 2].

        Args:
            pixels: float [K, 2], the controllers themselves.
        """
        out = np.array(pixels, np.float64)
        for rings in (self.slit.upper, self.slit.lower):
            margin, border = rings[0], rings[-1]
            known = (margin >= 0) & (border >= 0)
            away = pixels[margin[known]] + self.reach * (pixels[border[known]] - pixels[margin[known]])
            for ring in rings:
                has = ring[known] >= 0
                out[ring[known][has]] = away[has]
        return out

    def region(self, pixels: np.ndarray, size: int) -> np.ndarray:
        """Where the lips are in a picture, bool [size, size].

        Args:
            pixels: float [K, 2], the controllers in the picture's pixels.
            size: side of the picture.
        """
        import cv2

        rings = np.concatenate([*self.slit.upper, *self.slit.lower])
        lips = pixels[np.unique(rings[rings >= 0])]
        # Drawn in pixels whose centres are whole numbers; lips of which little is seen are a point or a line.
        inside = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(inside, cv2.convexHull(np.rint(lips - 0.5).astype(np.int32)), (1,))
        return inside > 0

    def gap(self, translation: np.ndarray) -> np.ndarray:
        """Distance of the lips' margins, float64 [P] in mesh units, after the controllers moved.

        Args:
            translation: float [K, 3], in the head's own frame.
        """
        slit = self.slit
        rest = slit.opening @ self.up
        apart = (translation[slit.upper[0]] - translation[slit.lower[0]]) @ self.up
        gap = rest + np.where(slit.paired, apart, 0.0)
        return np.maximum(gap, np.minimum(rest, 0.0))  # lips that overlap at rest may stay so
