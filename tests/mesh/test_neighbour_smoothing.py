"""Neighbour smoothing against Dijkstra by scipy and against the dense formula."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_shapes import sheet, sphere
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from vfa.errors import MeshError
from vfa.mesh.smoothing import nearest_vertices, smoothing_matrix


def along_edges(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Shortest way along edges between all pairs, by scipy."""
    i, j = triangles[:, [0, 1, 2]].ravel(), triangles[:, [1, 2, 0]].ravel()
    length = np.linalg.norm(vertices[i] - vertices[j], axis=1)
    n = len(vertices)
    graph = np.full((n, n), np.inf)
    graph[i, j] = graph[j, i] = length
    return dijkstra(coo_matrix(np.where(np.isfinite(graph), graph, 0)), directed=False)


@pytest.mark.parametrize("k", [1, 6, 10, 25])
def test_the_nearest_are_those_of_dijkstra(k: int) -> None:
    vertices, triangles = sphere(2)
    vertices = vertices * np.random.default_rng(0).uniform(0.7, 1.3, (len(vertices), 1))
    distance = along_edges(vertices, triangles)
    np.fill_diagonal(distance, np.inf)
    found = np.take_along_axis(distance, nearest_vertices(vertices, triangles, k).astype(int), axis=1)
    np.testing.assert_allclose(found, np.sort(distance, axis=1)[:, :k], rtol=1e-12)


def test_with_too_few_neighbours_a_vertex_stands_for_itself() -> None:
    vertices = np.concatenate([np.eye(3), [[9.0, 9, 9]]])
    near = nearest_vertices(vertices, np.array([[0, 1, 2]]), 5)
    assert near.shape == (4, 5)
    assert set(near[0, :2]) == {1, 2} and (near[0, 2:] == 0).all() and (near[3] == 3).all()


def test_edges_of_length_zero_are_still_edges() -> None:
    vertices, triangles = sheet(3, 3)
    vertices[4] = vertices[5]
    assert nearest_vertices(vertices, triangles, 1)[4, 0] == 5


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
def test_one_round_is_the_dense_formula(strength: float) -> None:
    vertices, triangles = sphere(1)
    values = np.random.default_rng(1).normal(size=(len(vertices), 3))
    near = nearest_vertices(vertices, triangles, 4)
    expected = np.array([(1 - strength) * values[v] + strength * values[near[v]].mean(axis=0) for v in range(42)])
    smooth = smoothing_matrix(vertices, triangles, strength, 4)
    np.testing.assert_allclose(smooth @ values, expected, atol=1e-6)


def test_constants_stay_and_extremes_shrink() -> None:
    vertices, triangles = sphere(2)
    smooth = smoothing_matrix(vertices, triangles)
    np.testing.assert_allclose(smooth @ np.ones(len(vertices)), 1, atol=1e-6)
    spike = np.zeros(len(vertices))
    spike[17] = 1
    assert (smooth @ spike).max() <= 0.4 + 1e-6 and (smooth @ spike).min() >= 0


def test_parts_that_do_not_touch_do_not_mix() -> None:
    vertices, triangles = sheet(4, 4)
    both = np.concatenate([vertices, vertices + [0, 0, 1e-3]])
    smooth = smoothing_matrix(both, np.concatenate([triangles, triangles + 16])).toarray()
    assert (smooth[:16, 16:] == 0).all() and (smooth[16:, :16] == 0).all()


def test_no_mesh_is_an_error() -> None:
    with pytest.raises(MeshError, match="no proper triangle"):
        smoothing_matrix(np.eye(3), np.empty((0, 3), int))
