"""An RGBD picture seen after its points have moved: every pixel is a point in space, displaced and drawn again.

The generator of a network that holds the head still animates the face alone; here its picture, its depth and its flow
turn as the head turns (depth image based rendering: Fehn, SPIE 5291, 2004, section 3). Where a motion basis tells how
every pixel of the source moves, the source's own picture is moved instead, as sharp as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from vfa.motion.network_input import SourceFrame
from vfa.render.camera import Camera
from vfa.render.rasterizer import rasterize

TORN = 0.12
"""Change of depth from one pixel to the next, of the source's whole range, over which the surface does not reach: what
comes into view there is what lies behind."""
INSIDE = (-0.55, -0.85, -0.85)
"""Colour of an open mouth: the source's picture does not show its inside."""
OPENED = 0.9
"""Pixels by which neighbours move apart where the surface opens, as between the lips."""


@dataclass(frozen=True)
class AnimatedPicture:
    """A picture and where it comes from.

    Attributes:
        rgbd: float [4, S, S] in [-1, 1].
        flow: float [2, S, S], where in the source each pixel is, x and y in [-1, 1].
        mask: float [S, S] in 0..1, how far the flow is trusted; below a half: background.
    """

    rgbd: np.ndarray
    flow: np.ndarray
    mask: np.ndarray

    @classmethod
    def of(cls, source: SourceFrame) -> AnimatedPicture:
        """The source itself."""
        shown = (source.rgbd > -1).any(axis=0)  # the nearest point has a depth of -1 too
        return cls(source.rgbd, grid(source.rgbd.shape[-1]), shown.astype(np.float32))


class PictureMover:
    """Moves pictures of one source.

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

    def points(self, depth: np.ndarray) -> np.ndarray:
        """Where the pixels of a picture are in the world, float64 [S * S, 3], from its depth [S, S] in [-1, 1]."""
        return self.camera.unproject(*self.place, self.near + (depth.astype(np.float64).ravel() + 1) * self.half)

    def move(
        self,
        picture: AnimatedPicture,
        pose: np.ndarray,
        displacement: np.ndarray | None = None,
        mouth: np.ndarray | None = None,
    ) -> AnimatedPicture:
        """The picture after its points have moved.

        Args:
            picture: of the still head.
            pose: float [4, 4], the head's rigid motion in the world.
            displacement: float [S * S, 3] in the world, of each pixel's point, before the pose; None: none.
            mouth: bool [S, S], where the displaced surface is dark inside when it opens; elsewhere, as above a lid
                that closes, it stretches.

        Returns:
            float32; what comes into view that the picture does not show has a mask of 0, and the flow goes on evenly.
        """
        size, depth = self.size, picture.rgbd[3].astype(np.float64).ravel()
        points, opened = self.points(picture.rgbd[3]), np.zeros(len(self.quads), bool)
        kept = (picture.mask.ravel() > 0.5)[self.quads].all(axis=1)
        if displacement is not None:
            width = self.camera.focal / np.maximum(self.near + (depth + 1) * self.half, 1e-9)
            shift = (displacement * width[:, None])[self.quads]
            opened = (np.ptp(shift, axis=1) > OPENED).any(axis=1)
            points = points + displacement
        quads, gaping = self.quads[kept], np.tile(opened[kept], 2)
        triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
        torn = np.tile(np.ptp(depth[quads], axis=1) > 2 * TORN, 2)
        behind = np.tile(quads[np.arange(len(quads)), depth[quads].argmax(axis=1)], 2)
        painted = np.where(torn[:, None], behind[:, None], triangles)
        rgbd, mask = np.full((4, size, size), -1.0, np.float32), np.zeros((size, size), np.float32)
        if not len(triangles):
            return AnimatedPicture(rgbd, grid(size), mask)
        moved = self.camera.project(points @ pose[:3, :3].T + pose[:3, 3])
        seen = rasterize(moved.astype(np.float32), triangles, size, size)
        layers = np.concatenate([picture.rgbd[:3], picture.flow, picture.mask[None]]).reshape(6, -1)
        drawn = np.einsum("lhwk,hwk->lhw", layers[:, painted[seen.triangle]].astype(np.float32), seen.barycentric)
        crack = seen.mask & torn[seen.triangle]
        gap = seen.mask & gaping[seen.triangle] & ~crack
        shown = seen.mask & ~gap & ~crack
        rgbd[:3, seen.mask] = drawn[:3, seen.mask]
        rgbd[3, seen.mask] = ((seen.depth - self.near) / self.half - 1)[seen.mask]
        mask[shown] = drawn[5, shown]
        if mouth is not None:
            lips = np.tile(mouth.ravel()[quads].all(axis=1), 2)
            rgbd[:3, gap & lips[seen.triangle]] = np.array(INSIDE)[:, None]
        # Beyond what is shown the flow goes on evenly, as the networks' own does.
        flow, here = grid(size), grid(size)
        if shown.any():
            nearest = distance_transform_edt(~shown, return_distances=False, return_indices=True)
            flow = here + (drawn[3:5] - here)[:, nearest[0], nearest[1]]
        return AnimatedPicture(rgbd, flow, mask)


def grid(size: int) -> np.ndarray:
    """The flow of a picture that keeps still, float32 [2, S, S]."""
    middle = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    return np.stack(np.meshgrid(middle, middle))
