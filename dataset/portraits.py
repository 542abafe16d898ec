"""Portraits with their motion basis: what a unit of each expression component does to every pixel of a face at rest.

The head is linear in its expression, so the motion of every surface point is known exactly for every component at once:
one picture teaches what many pairs of pictures would.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numba import njit

from dataset.codes import N_EXPRESSION_CODES
from dataset.scenes import head
from dataset.stream import BACKGROUND, GroupStream, motion_code, triangle_kinds


@dataclass(frozen=True)
class Portrait:
    """One picture of a person at rest, seen about from the front.

    Attributes:
        color: uint8 [S, S, 3], black background.
        depth: float32 [S, S], model units, NaN in the background.
        kind: uint8 [S, S], what is seen, see `dataset.stream`.
        basis: float16 [14, 3, S, S], motion of each pixel's surface point by a unit of each component: to the right, up
            and towards the camera, in picture widths at the point's depth; 0 in the background.
    """

    color: np.ndarray
    depth: np.ndarray
    kind: np.ndarray
    basis: np.ndarray


@dataclass(frozen=True)
class PortraitStream:
    """Portraits by index.

    Attributes:
        seed: of everything.
        size: side of the pictures, pixels.
        frames, pairs: of each person, as groups have them.
    """

    seed: int = 0
    size: int = 128
    frames: ClassVar[int] = 1
    pairs: ClassVar[int] = 0

    def group(self, index: int) -> Portrait:
        """Renders a portrait, a function of (seed, index) alone."""
        stream = GroupStream(self.seed, self.size, frames=2, pairs=0, at_rest=True)
        rng = np.random.default_rng([self.seed, 15, index])
        scene = stream.scene(index, rng)
        renderer = scene.renderer(supersample=2 if rng.uniform() < stream.supersampled else 1)
        seen = renderer.render(scene.vertices(0))
        shown = seen.triangle >= 0
        kind = np.where(shown, triangle_kinds()[seen.triangle], BACKGROUND).astype(np.uint8)
        camera = scene.camera
        turned = (camera.rotation() @ scene.pose(0)[:3, :3]).astype(np.float32)
        widths = np.where(shown, camera.focal / np.where(shown, seen.depth, 1) / camera.width, 0).astype(np.float32)
        basis = np.empty((N_EXPRESSION_CODES, 3, self.size, self.size), np.float32)
        _interpolate(unit_displacements(), head().triangles, seen.triangle, seen.barycentric, turned, widths, basis)
        return Portrait(seen.color, seen.depth, kind, basis.astype(np.float16))


@cache
def unit_displacements() -> np.ndarray:
    """Displacement of every vertex of the built-in head by a unit of each component, float32 [V, 14, 3]."""
    moved = head().ex_base.astype(np.float64) @ motion_code().coefficients
    return np.ascontiguousarray(moved.reshape(-1, 3, N_EXPRESSION_CODES).transpose(0, 2, 1), np.float32)


@njit(cache=True, nogil=True, fastmath=True)
def _interpolate(table, triangles, triangle, barycentric, turned, widths, out):  # type: ignore[no-untyped-def]
    """Barycentric mean of each pixel's corners, turned to the camera's axes, in picture widths."""
    rows, columns = triangle.shape
    value = np.empty(3, np.float32)
    for row in range(rows):
        for column in range(columns):
            face = triangle[row, column]
            for part in range(table.shape[1]):
                if face < 0:
                    for axis in range(3):
                        out[part, axis, row, column] = 0
                    continue
                for axis in range(3):
                    value[axis] = 0
                    for corner in range(3):
                        value[axis] += barycentric[row, column, corner] * table[triangles[face, corner], part, axis]
                for axis in range(3):
                    total = np.float32(0)
                    for other in range(3):
                        total += turned[axis, other] * value[other]
                    out[part, axis, row, column] = widths[row, column] * total
