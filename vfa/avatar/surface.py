"""Building blocks for surfaces made from a few points: refinement, fair interpolation, rims with linings."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


def subdivide(triangles: np.ndarray, n_vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Split every triangle in four at its edges' middles.

    Returns:
        Triangles int64 `[4F, 3]`; `ends` int64 `[E, 2]`: new vertex `n_vertices + i` halves the edge `ends[i]`.
    """
    edges = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    ends, inverse = np.unique(edges, axis=0, return_inverse=True)
    ab, bc, ca = (n_vertices + inverse.reshape(-1, 3)).T
    a, b, c = triangles.T
    corners = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.concatenate([np.stack(one, axis=1) for one in corners]).astype(np.int64), ends


def border_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """The closed borders of a surface, each int64 `[N]` along the direction of its triangles' edges."""
    edges = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2)
    ordered = np.sort(edges, axis=1)
    _, inverse, uses = np.unique(ordered, axis=0, return_inverse=True, return_counts=True)
    following = {int(a): int(b) for a, b in edges[uses[inverse.reshape(-1)] == 1]}
    loops = []
    while following:
        start, current = next(iter(following.items()))
        loop = [start]
        del following[start]
        while current != start:
            loop.append(current)
            current = following.pop(current)
        loops.append(np.array(loop))
    return loops


def refine_fair(
    points: np.ndarray, triangles: np.ndarray, *, levels: int = 2, corners: tuple[int, ...] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """A smooth surface through given points.

    The triangulation is subdivided, and the new vertices minimise the squared discrete Laplacian (a thin plate) with
    the given points held fixed; along borders the Laplacian is that of the curve, except at `corners`.

    Args:
        points: float64 `[N, 3]`.
        triangles: int `[F, 3]`, every point used.
        levels: number of subdivisions.
        corners: points where a border may bend sharply.

    Returns:
        Vertices float64 `[V, 3]`, the given points first, and triangles int64 `[4^levels F, 3]`.
    """
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import splu

    vertices, triangles = np.asarray(points, np.float64), np.asarray(triangles, np.int64)
    fixed = len(vertices)
    for _ in range(levels):
        triangles, ends = subdivide(triangles, len(vertices))
        vertices = np.concatenate([vertices, vertices[ends].mean(axis=1)])
    count = len(vertices)
    rows, columns, values = [], [], []
    for k in range(3):
        i, j, o = triangles[:, k], triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        u, v = vertices[i] - vertices[o], vertices[j] - vertices[o]
        area = np.linalg.norm(np.cross(u, v), axis=1)
        cotangent = np.clip((u * v).sum(axis=1) / np.maximum(area, 1e-12), 0.05, 20.0)
        rows += [i, j]
        columns += [j, i]
        values += [cotangent, cotangent]
    weights = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (count, count))
    weights = weights.tolil()
    for loop in border_loops(triangles):
        ahead, behind = np.roll(loop, -1), np.roll(loop, 1)
        for here, a, b in zip(loop, ahead, behind, strict=True):
            weights.rows[here], weights.data[here] = [], []
            if here not in corners:
                weights[here, a] = weights[here, b] = 1.0
    weights = weights.tocsr()
    total = np.asarray(weights.sum(axis=1)).ravel()
    scale = diags(1 / np.where(total > 0, total, 1))
    laplacian = (scale @ weights - diags((total > 0).astype(float))).tocsc()
    free, given = laplacian[:, fixed:], laplacian[:, :fixed]
    solve = splu((free.T @ free).tocsc() + 1e-12 * diags(np.ones(count - fixed)).tocsc())
    vertices[fixed:] = solve.solve(-(free.T @ (given @ vertices[:fixed])))
    return vertices, triangles


@dataclass
class Builder:
    """Collects vertices and triangles with UVs, colours and materials; a corner may differ from its vertex in UV."""

    positions: list[np.ndarray] = field(default_factory=list)
    uv: list[np.ndarray] = field(default_factory=list)
    colors: list[np.ndarray] = field(default_factory=list)
    triangles: list[np.ndarray] = field(default_factory=list)
    corner_uv: list[np.ndarray] = field(default_factory=list)
    material: list[np.ndarray] = field(default_factory=list)

    def add(self, positions: np.ndarray, uv: np.ndarray, color: np.ndarray | float = 1.0) -> np.ndarray:
        """Append vertices; `color` is RGB or grey in 0..1. Returns their numbers."""
        start = sum(len(part) for part in self.positions)
        self.positions.append(np.asarray(positions, np.float64))
        self.uv.append(np.asarray(uv, np.float64))
        self.colors.append(np.broadcast_to(np.asarray(color, np.float64), (len(positions), 3)))
        return start + np.arange(len(positions))

    def vertex_uv(self) -> np.ndarray:
        """float64 `[V, 2]` of all vertices so far."""
        return np.concatenate(self.uv)

    def connect(self, triangles: np.ndarray, material: int, uv: np.ndarray | None = None) -> None:
        """Append triangles `[F, 3]` of one material; `uv` float `[F, 3, 2]` overrides the vertices' own."""
        self.triangles.append(np.asarray(triangles, np.int64))
        self.corner_uv.append(self.vertex_uv()[triangles] if uv is None else uv)
        self.material.append(np.full(len(triangles), material, np.int32))

    def bridge(self, inner: np.ndarray, outer: np.ndarray, material: int) -> None:
        """Connect two closed rings of equally many vertices.

        `inner` runs along the border of what it continues, in the direction of that surface's own edges (or is the
        previous `outer`), so that both face the same way.
        """
        self.connect(ring_triangles(inner, outer), material)

    def fan(self, ring: np.ndarray, hub: int, material: int) -> None:
        """Close a ring with one vertex; same side as :meth:`bridge` with the hub as `outer`."""
        self.connect(np.stack([ring, np.full(len(ring), hub), np.roll(ring, -1)], axis=1), material)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Positions `[V, 3]`, triangles `[F, 3]`, corner UVs float32 `[F, 3, 2]`, colours uint8 `[V, 3]`, material."""
        colors = np.clip(np.round(np.concatenate(self.colors) * 255), 0, 255).astype(np.uint8)
        uv = np.concatenate(self.corner_uv).astype(np.float32)
        return (
            np.concatenate(self.positions),
            np.concatenate(self.triangles),
            uv,
            colors,
            np.concatenate(self.material),
        )


def ring_triangles(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """int64 `[2N, 3]`: the strip between two closed rings of N vertices; triangles i and N + i span the step i."""
    a, b, c, d = inner, np.roll(inner, -1), np.roll(outer, -1), outer
    return np.concatenate([np.stack([a, d, c], axis=1), np.stack([a, c, b], axis=1)])
