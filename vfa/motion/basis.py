"""Motion from a motion basis: the lines along which the source's pixels move, and how far along them a frame is."""

from __future__ import annotations

import numpy as np

from vfa.render.camera import Camera


class BasisMotion:
    """What motion weights do to points of the source.

    Args:
        basis: float [W, 3, S, S], motion of each pixel's point per motion weight, to the right, up and towards the
            viewer, in picture widths at the point's depth (`vfa.models.motion_basis`).
        camera: the view of the source's picture, of any pixel size.
    """

    def __init__(self, basis: np.ndarray, camera: Camera) -> None:
        self.basis, self.size = np.asarray(basis, np.float32), basis.shape[-1]
        self.scale = self.size / camera.width
        self.camera = camera.scaled(self.scale)
        self.to_world = self.camera.rotation()  # of row vectors

    def at(self, pixels: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """World motion of points per motion weight, float64 [W, K, 3].

        Args:
            pixels: float [K, 2], where they are, in pixels of `camera`; beyond the picture nothing moves.
            depths: float [K], world units.
        """
        from scipy.ndimage import map_coordinates

        columns, rows = np.asarray(pixels, np.float64).T * self.scale - 0.5
        flat = self.basis.reshape(-1, self.size, self.size)
        found = np.stack([map_coordinates(layer, [rows, columns], order=1, mode="nearest") for layer in flat])
        beyond = (columns < -0.5) | (rows < -0.5) | (columns > self.size - 0.5) | (rows > self.size - 0.5)
        found = np.where(beyond, 0.0, found).reshape(len(self.basis), 3, -1).transpose(0, 2, 1)
        return found * self._width(depths)[:, None] @ self.to_world

    def everywhere(self, depth: np.ndarray) -> np.ndarray:
        """World motion of every pixel's point per motion weight, float32 [W, S * S, 3]; `depth` [S, S], world units."""
        flat = self.basis.reshape(len(self.basis), 3, -1).transpose(0, 2, 1)
        return flat * self._width(depth.ravel())[:, None].astype(np.float32) @ self.to_world.astype(np.float32)

    def _width(self, depths: np.ndarray) -> np.ndarray:
        """World units of a picture width at depths."""
        return np.asarray(depths, np.float64) * self.size / self.camera.focal
