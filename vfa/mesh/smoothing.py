"""Neighbour smoothing over the geodesically nearest vertices, as one sparse matrix."""

from __future__ import annotations

import numba
import numpy as np

from vfa.mesh.geodesics import check_mesh


@numba.njit(cache=True)
def _nearest_on_graph(indptr: np.ndarray, neighbour: np.ndarray, length: np.ndarray, k: int) -> np.ndarray:
    """The k vertices nearest along edges to each vertex, by Dijkstra stopped after k; itself where fewer exist."""
    n = len(indptr) - 1
    out = np.empty((n, k), np.int32)
    best = np.full(n, np.inf)
    done = np.zeros(n, np.uint8)
    candidates = np.empty(4096, np.int32)
    for source in range(n):
        candidates[0], count, found, settled = source, 1, 0, 0
        best[source] = 0.0
        while settled < count and found < k:
            pick = settled
            for c in range(settled + 1, count):
                if best[candidates[c]] < best[candidates[pick]]:
                    pick = c
            candidates[settled], candidates[pick] = candidates[pick], candidates[settled]
            vertex = candidates[settled]
            settled += 1
            done[vertex] = 1
            if vertex != source:
                out[source, found] = vertex
                found += 1
            for e in range(indptr[vertex], indptr[vertex + 1]):
                other = neighbour[e]
                if done[other]:
                    continue
                through = best[vertex] + length[e]
                if best[other] == np.inf:
                    if count == len(candidates):
                        continue
                    candidates[count] = other
                    count += 1
                if through < best[other]:
                    best[other] = through
        for c in range(count):
            best[candidates[c]] = np.inf
            done[candidates[c]] = 0
        for rest in range(found, k):
            out[source, rest] = source
    return out


def nearest_vertices(vertices: np.ndarray, triangles: np.ndarray, k: int = 10) -> np.ndarray:
    """The `k` vertices nearest to each along the mesh's edges, int32 `[V, k]`; padded with the vertex itself."""
    from scipy.sparse import coo_matrix

    vertices, triangles = check_mesh(vertices, triangles)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    length = np.maximum(length, np.finfo(np.float64).tiny)  # an explicit zero would vanish from the graph
    i, j = np.concatenate([edges, edges[:, ::-1]]).T
    graph = coo_matrix((np.tile(length, 2), (i, j)), shape=(len(vertices),) * 2).tocsr()
    return _nearest_on_graph(graph.indptr, graph.indices, graph.data, k)


def smoothing_matrix(vertices: np.ndarray, triangles: np.ndarray, strength: float = 0.6, neighbours: int = 10):
    """One round `x <- (1 - strength) x + strength mean(x of the nearest vertices)` as a CSR matrix `[V, V]`.

    Args:
        vertices: `[V, 3]`.
        triangles: `[F, 3]`.
        strength: the original's `--lambda_lap`, 0..1.
        neighbours: how many geodesically nearest vertices take part.
    """
    from scipy.sparse import csr_matrix, identity

    near = nearest_vertices(vertices, triangles, neighbours)
    n = len(near)
    mean = csr_matrix(
        (np.full(near.size, 1.0 / neighbours, np.float32), near.ravel(), np.arange(0, near.size + 1, neighbours)),
        shape=(n, n),
    )
    return (identity(n, np.float32, format="csr") * (1.0 - strength) + mean * strength).tocsr()
