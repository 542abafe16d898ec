"""Controller weights: which controllers move a vertex, and how much, by geodesic distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfa.errors import MeshError
from vfa.mesh.geodesics import GeodesicSolver

# 1e-3 on a mesh about 2 across (VFA, section 3.4): the scale at which a controller stops pulling harder.
EPSILON = 1e-3
REFERENCE_HALF_EXTENT = 1.0


@dataclass(frozen=True)
class ControllerWeights:
    """Sparse blend weights of `n_controllers` controllers.

    Attributes:
        index: int32 `[V, k]`, the controllers of each vertex, nearest first.
        weight: float32 `[V, k]`, rows sum to 1.
        n_controllers: number of controllers that `index` may name.
    """

    index: np.ndarray
    weight: np.ndarray
    n_controllers: int

    def matrix(self):
        """The same weights as a scipy CSR matrix float32 `[V, K]`."""
        from scipy.sparse import csr_matrix

        n_vertices, k = self.index.shape
        start = np.arange(0, n_vertices * k + 1, k)
        return csr_matrix((self.weight.ravel(), self.index.ravel(), start), shape=(n_vertices, self.n_controllers))


def geodesic_weights(
    vertices: np.ndarray,
    triangles: np.ndarray,
    anchor_vertices: np.ndarray,
    k: int = 10,
    *,
    size: float | None = None,
) -> ControllerWeights:
    """Weights of the `k` controllers nearest on the surface, `1 / (d^2 + eps)`, normalised (VFA, section 3.4).

    Distance is symmetric, so one solve per controller serves all vertices. Vertices of a component without any
    controller take the weights of the nearest vertex, in space, of one that has some.

    Args:
        vertices: `[V, 3]`, any unit.
        triangles: `[F, 3]`.
        anchor_vertices: int `[K]`, the vertex each controller sits on.
        k: controllers per vertex; with fewer controllers, all of them.
        size: what counts as the extent of the face in mesh units (the softening `eps` is `1e-3 (size / 2)^2`);
            the extent of the mesh when not given.

    Raises:
        MeshError: not a mesh, or no controller, or a controller on a vertex that does not exist.
    """
    solver = GeodesicSolver(vertices, triangles)
    anchors = np.asarray(anchor_vertices, dtype=np.int64).reshape(-1)
    n_vertices = len(vertices)
    if not len(anchors) or anchors.min() < 0 or anchors.max() >= n_vertices:
        raise MeshError(
            "controllers do not sit on the mesh",
            expected=f"at least one anchor with an index 0..{n_vertices - 1}",
            found=f"{len(anchors)} anchors" + (f", {anchors.min()}..{anchors.max()}" if len(anchors) else ""),
        )
    if k < 1:
        raise MeshError("too few controllers per vertex", expected="k of at least 1", found=str(k))
    k = min(k, len(anchors))
    half = (solver.scale if size is None else size) / (2 * REFERENCE_HALF_EXTENT)
    return blend(controller_distances(solver, anchors), k, EPSILON * half * half, np.asarray(vertices))


def controller_distances(solver: GeodesicSolver, anchors: np.ndarray) -> np.ndarray:
    """Geodesic distance float32 `[V, K]` of every vertex to every controller; infinity across components."""
    distance = np.empty((len(solver.label), len(anchors)), np.float32)
    solved: dict[int, int] = {}
    for column, anchor in enumerate(anchors.tolist()):
        if anchor in solved:
            distance[:, column] = distance[:, solved[anchor]]
        else:
            distance[:, column] = solver.distance(anchor)
            solved[anchor] = column
    return distance


def blend(distance: np.ndarray, k: int, epsilon: float, vertices: np.ndarray) -> ControllerWeights:
    """Weights from distances `[V, K]`; see `geodesic_weights` for the formula and for unreached vertices."""
    nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]
    reached = np.take_along_axis(distance, nearest, axis=1)
    order = np.argsort(reached, axis=1, kind="stable")
    index = np.take_along_axis(nearest, order, axis=1).astype(np.int32)
    reached = np.take_along_axis(reached, order, axis=1).astype(np.float64)
    weight = 1.0 / (reached * reached + epsilon)
    total = weight.sum(axis=1, keepdims=True)
    lost = total[:, 0] <= 0
    weight /= np.where(total > 0, total, 1.0)
    if lost.any():
        from scipy.spatial import cKDTree

        held = np.flatnonzero(~lost)
        donor = held[cKDTree(vertices[held]).query(vertices[lost])[1]]
        index[lost], weight[lost] = index[donor], weight[donor]
    return ControllerWeights(index, weight.astype(np.float32), distance.shape[1])
