"""Z-buffer rasteriser on the CPU: which triangle is seen at each pixel, how far away, and where on the triangle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfa.errors import MeshError
from vfa.render.bands import over_bands

NEAR_RATIO = 1e-4  # near plane over the farthest vertex, where the caller names none


@dataclass(frozen=True)
class Raster:
    """What is seen at the pixel centres; independent of colours.

    Attributes:
        depth: float32 `[H, W]`, distance along the viewing direction, NaN where nothing is seen.
        triangle: int32 `[H, W]`, index of the nearest triangle, -1 where nothing is seen.
        barycentric: float32 `[H, W, 3]`, perspective-correct weights of the corners; 0 where nothing is seen.
    """

    depth: np.ndarray
    triangle: np.ndarray
    barycentric: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Bool `[H, W]`: something is seen."""
        return self.triangle >= 0


def rasterize(
    screen: np.ndarray, triangles: np.ndarray, width: int, height: int, *, near: float | None = None
) -> Raster:
    """Rasterise projected triangles, both sides visible, nearest wins.

    Shared edges are watertight: a pixel centre on an edge belongs to exactly one of its triangles. Triangles that
    reach behind the near plane are cut there; triangles with a vertex that is not finite are left out.

    Args:
        screen: float32 `[V, 3]`: x and y in pixels (pixel centres at +0.5), depth in any unit, positive in front.
        triangles: int32 `[F, 3]`.
        width, height: image size in pixels.
        near: nothing nearer than this depth is drawn; None takes 1/10,000 of the farthest vertex.

    Raises:
        MeshError: if an array has the wrong shape or a triangle names a vertex that is not there.
    """
    from vfa.render import kernels

    screen = np.require(screen, np.float32, ["C", "W"])  # numba would compile again for read-only arrays
    triangles = check_triangles(triangles, len(screen))
    if screen.ndim != 2 or screen.shape[1] != 3:
        raise MeshError("cannot rasterise", expected="screen positions [V, 3]", found=str(list(screen.shape)))
    near = near_plane(screen[:, 2]) if near is None else float(near)
    snapped = np.empty((len(screen), 3))
    kernels.snap(screen, near, 1.0, snapped)
    inverse, index = np.empty((height, width), np.float32), np.empty((height, width), np.int32)
    over_bands(kernels.visibility, height, snapped, screen, 1.0, near, triangles, inverse, index, *no_alpha())
    return resolve(snapped, screen, triangles, index)


def resolve(snapped: np.ndarray, screen: np.ndarray, triangles: np.ndarray, index: np.ndarray) -> Raster:
    """Depth and barycentric maps of a triangle map, int32 `[H, W]`."""
    from vfa.render import kernels

    depth, barycentric = np.empty(index.shape, np.float32), np.empty((*index.shape, 3), np.float32)
    over_bands(kernels.resolve, len(index), snapped, screen, triangles, index, depth, barycentric)
    return Raster(depth, index, barycentric)


def near_plane(depth: np.ndarray) -> float:
    """The default near plane for vertices at these depths."""
    finite = depth[np.isfinite(depth)]
    farthest = float(finite.max()) if finite.size else 0.0
    return NEAR_RATIO * farthest if farthest > 0 else 1.0


def check_triangles(triangles: np.ndarray, n_vertices: int) -> np.ndarray:
    """Triangles as contiguous int32 `[F, 3]` whose indices all exist.

    Raises:
        MeshError: otherwise.
    """
    triangles = np.asarray(triangles)
    if triangles.ndim != 2 or triangles.shape[1] != 3 or not np.issubdtype(triangles.dtype, np.integer):
        raise MeshError("bad triangles", expected="integers [F, 3]", found=f"{triangles.dtype} {list(triangles.shape)}")
    if triangles.size and (triangles.min() < 0 or triangles.max() >= n_vertices):
        raise MeshError(
            "a triangle names a vertex that is not there",
            expected=f"0 to {n_vertices - 1}",
            found=f"{triangles.min()} to {triangles.max()}",
        )
    return np.require(triangles, np.int32, ["C", "W"])


def no_alpha() -> tuple[np.ndarray, np.ndarray, np.ndarray, bool, np.ndarray]:
    """The visibility kernel's texture arguments where no texture cuts the surface."""
    return (
        np.empty(0, np.int32),
        np.zeros((1, 4), np.uint8),
        np.zeros((1, 3), np.int32),
        True,
        np.zeros((0, 3, 2), np.float32),
    )
