"""An animated RGBD picture seen after a rigid motion: every pixel is a point in space, moved and drawn again.

The generator of a network that holds the head still animates the face alone; this turns its picture, its depth and its
flow as the head turns (depth image based rendering: Fehn, SPIE 5291, 2004, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from vfa.motion.network_input import SourceFrame
from vfa.render.camera import Camera
from vfa.render.rasterizer import rasterize

BACKGROUND = -0.97
"""Generated depth below which nothing is shown."""
TORN = 0.12
"""Change of depth from one pixel to the next, of the source's whole range, over which the surface does not reach."""
NOWHERE = 2.0
"""What background pixels sample: a place outside the source's picture."""


@dataclass(frozen=True)
class AnimatedPicture:
    """A generated picture and where it comes from.

    Attributes:
        rgbd: float [4, S, S] in [-1, 1].
        flow: float [2, S, S], where in the source each pixel is, x and y in [-1, 1].
        mask: float [S, S] in 0..1, how far the flow is trusted.
    """

    rgbd: np.ndarray
    flow: np.ndarray
    mask: np.ndarray


class PictureTurner:
    """Turns pictures of one source.

    Args:
        source: its picture.
        camera: the view, as many pixels wide as the pictures or scaled to that.
    """

    def __init__(self, source: SourceFrame, camera: Camera) -> None:
        size = source.rgbd.shape[-1]
        self.camera, self.size = camera.scaled(size / camera.width), size
        self.near, self.half = source.near, (source.far - source.near) / 2
        rows, columns = np.mgrid[:size, :size] + 0.5
        self.place = columns.ravel(), rows.ravel()
        corner = np.arange(size * size, dtype=np.int32).reshape(size, size)
        a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
        self.quads = np.stack([a, b, c, d], axis=1)

    def turn(self, picture: AnimatedPicture, pose: np.ndarray) -> AnimatedPicture:
        """The picture after the head's rigid motion.

        Args:
            picture: of the still head.
            pose: float [4, 4], of the world.

        Returns:
            float32; what comes into view that the picture does not show is background, its mask 0.
        """
        size = self.size
        depth = picture.rgbd[3].astype(np.float64).ravel()
        points = self.camera.unproject(*self.place, self.near + (depth + 1) * self.half)
        moved = self.camera.project(points @ pose[:3, :3].T + pose[:3, 3])
        values = depth[self.quads]
        whole = (values > BACKGROUND).all(axis=1) & (np.ptp(values, axis=1) < 2 * TORN)
        quads = self.quads[whole]
        triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
        if not len(triangles):
            return AnimatedPicture(*self._nothing())
        seen = rasterize(moved.astype(np.float32), triangles, size, size)
        layers = np.concatenate([picture.rgbd[:3], picture.flow, picture.mask[None]]).reshape(6, -1).astype(np.float32)
        shown, corners = seen.mask, triangles[seen.triangle]
        drawn = np.einsum("lhwk,hwk->lhw", layers[:, corners], seen.barycentric)
        far = (seen.depth - self.near) / self.half - 1
        rgbd, flow, mask = self._nothing()
        rgbd[:3, shown], rgbd[3, shown] = drawn[:3, shown], far[shown]
        mask[shown] = drawn[5, shown]
        # Beyond what is shown the flow goes on evenly, as the networks' own does.
        here = np.stack(self.place).reshape(2, size, size).astype(np.float32) * (2 / size) - 1
        nearest = distance_transform_edt(~shown, return_distances=False, return_indices=True)
        flow = here + (drawn[3:5] - here)[:, nearest[0], nearest[1]]
        return AnimatedPicture(rgbd, flow, mask)

    def _nothing(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shape = self.size, self.size
        rgbd, flow = np.full((4, *shape), -1.0, np.float32), np.full((2, *shape), NOWHERE, np.float32)
        return rgbd, flow, np.zeros(shape, np.float32)
