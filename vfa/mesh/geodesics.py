"""Geodesic distances on meshes of any scale with any number of connected components."""

from __future__ import annotations

import numpy as np

from vfa.errors import MeshError


def check_mesh(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Validates a mesh and returns it as float64 `[V, 3]` and int32 `[F, 3]` without degenerate triangles.

    Raises:
        MeshError: wrong shapes, vertices that are not finite, indices out of range, no proper triangle.
    """
    vertices = np.asarray(vertices, dtype=np.float64)
    triangles = np.asarray(triangles)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise MeshError(
            "not a triangle mesh",
            expected="vertices [V, 3] and triangles [F, 3]",
            found=f"vertices {list(vertices.shape)} and triangles {list(triangles.shape)}",
        )
    if not np.isfinite(vertices).all():
        bad = int((~np.isfinite(vertices).all(axis=1)).sum())
        raise MeshError("vertices are not finite", expected="finite coordinates", found=f"{bad} bad vertices")
    if len(triangles) and (triangles.min() < 0 or triangles.max() >= len(vertices)):
        raise MeshError(
            "triangles point at vertices that do not exist",
            expected=f"indices 0..{len(vertices) - 1}",
            found=f"{triangles.min()}..{triangles.max()}",
        )
    a, b, c = triangles.T if len(triangles) else (np.empty(0, int),) * 3
    triangles = triangles[(a != b) & (b != c) & (a != c)]
    if not len(triangles):
        raise MeshError("mesh has no proper triangle", expected="at least one triangle of three different vertices")
    return vertices, np.ascontiguousarray(triangles, dtype=np.int32)


def extent(vertices: np.ndarray) -> float:
    """Largest side of the axis-aligned bounding box of vertices `[V, 3]`."""
    return float(np.ptp(vertices, axis=0).max())


def components(triangles: np.ndarray, n_vertices: int) -> np.ndarray:
    """Connected-component label int32 `[V]` of every vertex, components sorted by size (0 = most vertices)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    i = triangles[:, [0, 1]].ravel()
    j = triangles[:, [1, 2]].ravel()
    graph = coo_matrix((np.ones(len(i), np.int8), (i, j)), shape=(n_vertices, n_vertices))
    count, label = connected_components(graph, directed=False)
    order = np.argsort(-np.bincount(label, minlength=count), kind="stable")
    rank = np.empty(count, np.int32)
    rank[order] = np.arange(count)
    return rank[label]


class GeodesicSolver:
    """Heat-method distances, one factorisation per connected component (Crane et al., 2013; intrinsic Delaunay).

    The mesh is brought to unit size first, so results do not depend on units or on the distance from the origin. Heat
    diffuses for the mean of the squared edge lengths: the same as the usual square of the mean on even meshes, longer
    on uneven ones, where it halves how much the distance one way differs from that back.

    Args:
        vertices: `[V, 3]`, any unit.
        triangles: `[F, 3]`.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        vertices, self.triangles = check_mesh(vertices, triangles)
        self.scale = extent(vertices)
        if not self.scale > 0:
            raise MeshError("all vertices coincide", expected="a mesh with an extent above zero")
        self._unit = (vertices - vertices.mean(axis=0)) / self.scale
        self.label = components(self.triangles, len(vertices))
        self._triangle_label = self.label[self.triangles[:, 0]]
        self._solvers: dict[int, tuple[np.ndarray, np.ndarray, object]] = {}

    def _component(self, label: int) -> tuple[np.ndarray, np.ndarray, object]:
        import potpourri3d

        if label not in self._solvers:
            triangles = self.triangles[self._triangle_label == label]
            members, local = np.unique(triangles, return_inverse=True)
            position = np.full(len(self._unit), -1, np.int64)
            position[members] = np.arange(len(members))
            local = local.reshape(-1, 3).astype(np.int64)
            solver = potpourri3d.MeshHeatMethodDistanceSolver(
                self._unit[members], local, t_coef=_unevenness(self._unit[members], local), use_robust=True
            )
            self._solvers[label] = (members, position, solver)
        return self._solvers[label]

    def distance(self, sources: int | np.ndarray) -> np.ndarray:
        """Distance float32 `[V]` from one vertex, or from the nearest of several, in mesh units.

        Vertices of a component that holds no source get infinity.
        """
        sources = np.atleast_1d(np.asarray(sources, dtype=np.int64))
        out = np.full(len(self._unit), np.inf, np.float32)
        for label in np.unique(self.label[sources]):
            own = sources[self.label[sources] == label]
            if not (self._triangle_label == label).any():
                out[own] = 0.0
                continue
            members, position, solver = self._component(int(label))
            result = solver.compute_distance_multisource(position[own].tolist())  # type: ignore[attr-defined]
            out[members] = np.maximum(np.asarray(result), 0.0) * self.scale
            out[own] = 0.0
        return out


def _unevenness(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Mean of the squared edge lengths over the square of their mean: 1 where all edges are equally long."""
    edges = np.linalg.norm(vertices[triangles] - vertices[np.roll(triangles, 1, axis=1)], axis=2)
    mean = edges.mean()
    return float((edges**2).mean() / mean**2) if mean > 0 else 1.0
