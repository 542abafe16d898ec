"""Controllers: the points on a mesh's surface that follow the driving face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfa.errors import MeshError

STATIC, FREE = -1, -2


@dataclass(frozen=True)
class Controllers:
    """`K` anchors on the surface.

    Attributes:
        vertices: int32 `[K, 3]`, the vertices of the triangle each sits on.
        barycentric: float64 `[K, 3]`, its place in it.
        pixel: float64 `[K, 2]`, where it shows in the source image.
        landmark: int32 `[K]`, the face landmark it follows, `STATIC` for one that holds the surface still, or `FREE`
            for one that follows whatever moves at its pixel.
    """

    vertices: np.ndarray
    barycentric: np.ndarray
    pixel: np.ndarray
    landmark: np.ndarray

    def __len__(self) -> int:
        return len(self.landmark)

    @property
    def nearest_vertex(self) -> np.ndarray:
        """int64 `[K]`: the vertex with the largest barycentric coordinate."""
        corner = self.barycentric.argmax(axis=1)[:, None]
        return np.take_along_axis(self.vertices, corner, axis=1)[:, 0].astype(np.int64)

    def positions(self, vertices: np.ndarray) -> np.ndarray:
        """Where the anchors are on a mesh `[V, 3]` of this topology, float64 `[K, 3]`."""
        return np.einsum("kcx,kc->kx", np.asarray(vertices, np.float64)[self.vertices], self.barycentric)

    def take(self, keep: np.ndarray) -> Controllers:
        """The controllers that a mask or index array picks."""
        return Controllers(self.vertices[keep], self.barycentric[keep], self.pixel[keep], self.landmark[keep])

    def rows(self, landmarks: tuple[int, ...]) -> np.ndarray:
        """int64 `[N]`: the controller of each landmark, -1 where it has none."""
        row = np.full(max(int(self.landmark.max(initial=0)), *landmarks, 0) + 1, -1, np.int64)
        follows = np.flatnonzero(self.landmark >= 0)
        row[self.landmark[follows]] = follows
        return row[list(landmarks)]

    @staticmethod
    def at_vertices(index: np.ndarray, pixel: np.ndarray, landmark: np.ndarray) -> Controllers:
        """Controllers that sit exactly on vertices `index` `[K]`."""
        index = np.asarray(index, np.int32)
        barycentric = np.zeros((len(index), 3))
        barycentric[:, 0] = 1.0
        return Controllers(
            np.repeat(index[:, None], 3, axis=1), barycentric, np.asarray(pixel, np.float64),
            np.asarray(landmark, np.int32),
        )  # fmt: skip

    @staticmethod
    def join(*groups: Controllers) -> Controllers:
        """All controllers of several groups, in order."""
        return Controllers(
            *(np.concatenate([getattr(g, name) for g in groups]) for name in Controllers.__dataclass_fields__)
        )


def hit(pixels: np.ndarray, landmark: np.ndarray, raster, triangles: np.ndarray, reach: float) -> Controllers:
    """Controllers where pixels meet a rendered mesh.

    Args:
        pixels: float `[K, 2]`.
        landmark: int `[K]`, what they follow.
        raster: triangle and barycentric maps of the mesh (`vfa.render.rasterize`).
        triangles: int `[F, 3]` that were rendered.
        reach: a pixel beside the mesh takes the nearest one on it within this distance, in pixels; others drop out.
    """
    from scipy.ndimage import distance_transform_edt

    height, width = raster.triangle.shape
    away, nearest = distance_transform_edt(raster.triangle < 0, return_indices=True)
    column = np.clip(np.floor(pixels[:, 0]).astype(int), 0, width - 1)
    row = np.clip(np.floor(pixels[:, 1]).astype(int), 0, height - 1)
    inside = np.hypot(pixels[:, 0] - column - 0.5, pixels[:, 1] - row - 0.5) <= reach + 1.0
    keep = np.flatnonzero((away[row, column] <= reach) & inside & bool((raster.triangle >= 0).any()))
    row, column = nearest[0][row[keep], column[keep]], nearest[1][row[keep], column[keep]]
    return Controllers(
        triangles[raster.triangle[row, column]].astype(np.int32),
        raster.barycentric[row, column].astype(np.float64),
        np.asarray(pixels[keep], np.float64),
        np.asarray(landmark, np.int32)[keep],
    )


def one_per_vertex(controllers: Controllers, first: list[int] | None = None) -> Controllers:
    """Keeps, of the controllers that share their nearest vertex, one of the landmarks `first`, else the closest."""
    preferred = np.isin(controllers.landmark, first or [])
    order = np.lexsort((-controllers.barycentric.max(axis=1), ~preferred))
    _, kept = np.unique(controllers.nearest_vertex[order], return_index=True)
    return controllers.take(np.sort(order[kept]))


def farthest_points(points: np.ndarray, count: int, start: np.ndarray | None = None) -> np.ndarray:
    """Greedy farthest-point sample (Gonzalez, 1985): int64 `[min(count, N)]` indices of points `[N, D]`.

    Args:
        points: float `[N, D]`.
        count: how many.
        start: float `[M, D]`, points that are taken already; without any, the one farthest from the mean comes first.

    Raises:
        MeshError: there is no point to choose from.
    """
    if not len(points):
        raise MeshError("no place for controllers", expected="a visible surface", found="none")
    points = np.asarray(points, np.float64)
    if start is None or not len(start):
        distance = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    else:
        from scipy.spatial import cKDTree

        distance = cKDTree(start).query(points)[0] ** 2
    chosen: list[int] = []
    for _ in range(min(count, len(points))):
        pick = int(distance.argmax())
        if chosen and distance[pick] <= 0:
            break
        reach = ((points - points[pick]) ** 2).sum(axis=1)
        distance = reach if not chosen and (start is None or not len(start)) else np.minimum(distance, reach)
        chosen.append(pick)
    return np.array(chosen, np.int64)
