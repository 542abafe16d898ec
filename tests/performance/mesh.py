"""Speed of controller weights, deformation and smoothing beside straightforward implementations of the same thing.

python -m tests.performance.mesh
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from vfa.mesh import Deformer, geodesic_weights
from vfa.mesh.controllers import Controllers, farthest_points
from vfa.mesh.geodesics import GeodesicSolver
from vfa.mesh.smoothing import nearest_vertices, smoothing_matrix

CONTROLLERS, ROUNDS, STRENGTH, NEIGHBOURS = 150, 5, 0.6, 10
SAMPLE = 200  # vertices whose reference solve is timed; the rest is scaled

Row = tuple[str, float, float | None, str]


def surface() -> tuple[np.ndarray, np.ndarray]:
    """A sphere of 40,962 vertices with the relief of a rough stone."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=6)
    vertices = np.array(ball.vertices)
    relief = 1 + 0.1 * np.sin(5 * vertices[:, 0]) * np.cos(4 * vertices[:, 1]) + 0.05 * np.sin(9 * vertices[:, 2])
    return vertices * relief[:, None], np.array(ball.faces)


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Shortest time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def loop_deform(
    index: np.ndarray, weight: np.ndarray, near: np.ndarray, translation: np.ndarray, rounds: int = ROUNDS
) -> np.ndarray:
    """The paper's steps one after the other with numpy: blend, then rounds of neighbour means."""
    moved = (weight[:, :, None] * translation[index]).sum(axis=1)
    for _ in range(rounds):
        moved = (1 - STRENGTH) * moved + STRENGTH * moved[near].mean(axis=1)
    return moved


def loop_nearest(vertices: np.ndarray, triangles: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Nearest vertices along edges by scipy's Dijkstra, one source at a time."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    i, j = triangles[:, [0, 1, 2]].ravel(), triangles[:, [1, 2, 0]].ravel()
    length = np.linalg.norm(vertices[i] - vertices[j], axis=1)
    graph = coo_matrix((length / 2, (i, j)), shape=(len(vertices),) * 2).tocsr()
    graph = graph + graph.T
    reach = 8 * float(length.mean())
    found = []
    for source in sources:
        distance = dijkstra(graph, indices=source, limit=reach)
        distance[source] = np.inf
        found.append(np.sort(distance)[:NEIGHBOURS])
    return np.array(found)


def rows() -> list[Row]:
    """(what, our milliseconds, the reference's milliseconds or None, goal)."""
    vertices, triangles = surface()
    rng = np.random.default_rng(0)
    anchors = farthest_points(vertices, CONTROLLERS)
    size = f"{len(vertices)} vertices"

    geodesic_weights(*_small(), np.array([0]))  # imports
    start = time.perf_counter()
    weights = geodesic_weights(vertices, triangles, anchors)
    solving = time.perf_counter() - start
    solver = GeodesicSolver(vertices, triangles)
    solver.distance(0)
    sample = rng.choice(len(vertices), SAMPLE, replace=False)
    start = time.perf_counter()
    by_vertex = np.array([solver.distance(int(v))[anchors] for v in sample])
    loop = (time.perf_counter() - start) / SAMPLE * len(vertices)
    nearest = by_vertex.argmin(axis=1)
    assert (weights.index[sample, 0] == nearest).mean() > 0.95, "both ways find the same nearest controllers"

    nearest_vertices(*_small(), NEIGHBOURS)  # compiles
    near = nearest_vertices(vertices, triangles, NEIGHBOURS)
    search = seconds(lambda: nearest_vertices(vertices, triangles, NEIGHBOURS), 3)
    few = sample[:20]
    start = time.perf_counter()
    distances = loop_nearest(vertices, triangles, few)
    plain_search = (time.perf_counter() - start) / len(few) * len(vertices)
    ours = np.sort(_along_edges(vertices, triangles, few, near[few]), axis=1)
    assert np.allclose(ours, distances), "both find neighbours at the same distances"

    at = Controllers.at_vertices(anchors, np.zeros((CONTROLLERS, 2)), np.arange(CONTROLLERS))
    smooth = smoothing_matrix(vertices, triangles, STRENGTH, NEIGHBOURS)
    build = seconds(lambda: Deformer(weights, at.vertices, at.barycentric, smoothing=smooth, rounds=ROUNDS), 1)
    blend = Deformer(weights, at.vertices, at.barycentric, smoothing=smooth, rounds=ROUNDS, solve=False)
    deformer = Deformer(weights, at.vertices, at.barycentric, smoothing=smooth, rounds=ROUNDS)
    translation = rng.normal(0, 0.05, (CONTROLLERS, 3)).astype(np.float32)
    expected = loop_deform(weights.index, weights.weight, near, translation)
    error = np.abs(blend.displacement(translation) - expected).max()
    assert error < 0.02 * np.abs(expected).max(), f"the operator deviates from the loop by {error:.1e}"
    deform = seconds(lambda: deformer.displacement(translation), 30)
    plain = seconds(lambda: loop_deform(weights.index, weights.weight, near, translation), 5)
    return [
        (f"controller weights, {size}, {CONTROLLERS} controllers (reference: a solve per vertex, {SAMPLE} timed)",
         1e3 * solving, 1e3 * loop, "< 5000 ms"),
        (f"deformation with {ROUNDS} rounds of smoothing, a frame, {size}", 1e3 * deform, 1e3 * plain, "< 10 ms"),
        (f"{NEIGHBOURS} nearest vertices of each, {size} (reference: {len(few)} timed)",
         1e3 * search, 1e3 * plain_search, ""),
        (f"setting up the deformer, {size}", 1e3 * build, None, ""),
    ]  # fmt: skip


def _small() -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    return corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def _along_edges(vertices: np.ndarray, triangles: np.ndarray, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Distances along edges from each source to its row of targets, by scipy."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    i, j = triangles[:, [0, 1, 2]].ravel(), triangles[:, [1, 2, 0]].ravel()
    length = np.linalg.norm(vertices[i] - vertices[j], axis=1)
    graph = coo_matrix((length / 2, (i, j)), shape=(len(vertices),) * 2).tocsr()
    distance = dijkstra(graph + graph.T, indices=sources)
    return np.take_along_axis(distance, targets.astype(np.int64), axis=1)


if __name__ == "__main__":
    for name, ours, reference, goal in rows():
        factor = f"{reference / ours:8.0f}x" if reference else ""
        print(f"{name:95s} {ours:9.1f} ms {reference or float('nan'):12.1f} ms {factor}  {goal}")
