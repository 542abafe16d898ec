"""Controller weights against geodesics known in closed form, against per-vertex solves, and on odd meshes."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_shapes import arc, sheet, sphere

from vfa.errors import MeshError
from vfa.mesh import ControllerWeights, geodesic_weights
from vfa.mesh.controllers import farthest_points
from vfa.mesh.geodesics import GeodesicSolver, components

EPSILON = 1e-3  # section 3.4 of the paper, for a face 2 units across


def expected_weights(distance: np.ndarray, k: int, size: float) -> np.ndarray:
    """Dense `[V, K]` of 1 / (d^2 + eps) over the k nearest, by the formula, one vertex at a time."""
    out = np.zeros(distance.shape)
    for row, d in zip(out, distance, strict=True):
        nearest = np.argsort(d, kind="stable")[:k]
        row[nearest] = 1 / (d[nearest] ** 2 + EPSILON * (size / 2) ** 2)
        row /= row.sum()
    return out


class TestFormula:
    def test_rows_sum_to_one_nearest_first(self) -> None:
        vertices, triangles = sphere()
        weights = geodesic_weights(vertices, triangles, farthest_points(vertices, 30), k=7)
        assert weights.index.shape == weights.weight.shape == (642, 7) and weights.n_controllers == 30
        np.testing.assert_allclose(weights.weight.sum(axis=1), 1, atol=1e-6)
        assert (np.diff(weights.weight, axis=1) <= 1e-7).all() and (weights.weight > 0).all()
        assert all(len(set(row)) == 7 for row in weights.index.tolist())

    def test_on_a_sphere_distances_are_arcs(self) -> None:
        vertices, triangles = sphere(4)
        anchors = farthest_points(vertices, 40)
        solver = GeodesicSolver(vertices, triangles)
        truth = arc(vertices, anchors)
        found = np.stack([solver.distance(int(a)) for a in anchors], axis=1)
        far = truth > 0.2
        assert np.median(np.abs(found[far] / truth[far] - 1)) < 0.015
        assert np.abs(found - truth).max() < 0.06
        weights = geodesic_weights(vertices, triangles, anchors).matrix().toarray()
        error = np.abs(weights - expected_weights(truth, 10, 2.0)).max(axis=1)
        assert np.median(error) < 0.02 and np.quantile(error, 0.95) < 0.05

    def test_on_a_plane_distances_are_straight(self) -> None:
        vertices, triangles = sheet(41, 41)
        anchors = np.array([41 * 10 + 10, 41 * 20 + 31, 41 * 33 + 15])
        weights = geodesic_weights(vertices, triangles, anchors, k=3).matrix().toarray()
        straight = np.linalg.norm(vertices[:, None] - vertices[anchors][None], axis=2)
        assert np.abs(weights - expected_weights(straight, 3, 2.0)).mean() < 0.01

    def test_the_anchor_itself_counts_most(self) -> None:
        vertices, triangles = sphere()
        anchors = farthest_points(vertices, 12)
        weights = geodesic_weights(vertices, triangles, anchors, k=4)
        np.testing.assert_array_equal(weights.index[anchors, 0], np.arange(12))
        # Beside a controller at distance 0 the others, about 1 away, hardly count: eps / (1 + eps) each.
        assert weights.weight[anchors, 0].min() > 0.99

    def test_one_solve_a_controller_agrees_with_one_solve_a_vertex(self) -> None:
        """The heat method is symmetric only nearly: what differs are ties at the tenth place."""
        vertices, triangles = sphere()
        anchors, k = farthest_points(vertices, 60), 10
        ours = geodesic_weights(vertices, triangles, anchors, k)
        solver = GeodesicSolver(vertices, triangles)
        distance = np.array([solver.distance(v)[anchors] for v in range(len(vertices))], np.float64)
        reference = expected_weights(distance, k, solver.scale)
        chosen = ours.matrix().toarray() > 0
        assert (chosen & (reference > 0)).sum() / (k * len(vertices)) > 0.99
        tenth = np.sort(distance, axis=1)[:, k - 1 : k]
        assert (distance <= 1.02 * tenth)[chosen].all()
        error = np.abs(ours.matrix().toarray() - reference).max(axis=1)
        assert np.median(error) < 0.01 and error.max() < 0.05

    def test_size_is_what_softens(self) -> None:
        vertices, triangles = sheet(11, 11)
        anchors = np.array([0, 120])
        sharp = geodesic_weights(vertices, triangles, anchors, k=2, size=1e-3)
        soft = geodesic_weights(vertices, triangles, anchors, k=2, size=1e3)
        assert sharp.weight[0, 0] > 1 - 1e-6
        np.testing.assert_allclose(soft.weight, 0.5, atol=0.01)


class TestScale:
    @pytest.mark.parametrize("factor", [1000.0, 1e-6, 1e6])
    def test_weights_do_not_depend_on_the_unit(self, factor: float) -> None:
        vertices, triangles = sphere()
        anchors = farthest_points(vertices, 25)
        here = geodesic_weights(vertices, triangles, anchors).matrix().toarray()
        there = geodesic_weights(vertices * factor, triangles, anchors).matrix().toarray()
        np.testing.assert_allclose(there, here, atol=2e-3)

    def test_nor_on_the_distance_from_the_origin(self) -> None:
        vertices, triangles = sphere()
        anchors = farthest_points(vertices, 25)
        here = geodesic_weights(vertices, triangles, anchors).matrix().toarray()
        there = geodesic_weights(vertices + [1e5, -3e4, 7e4], triangles, anchors).matrix().toarray()
        np.testing.assert_allclose(there, here, atol=2e-3)


class TestOddMeshes:
    def test_components_keep_to_their_own_controllers(self) -> None:
        vertices, triangles = sheet(11, 11)
        both = np.concatenate([vertices, vertices + [0, 0, 0.01]])
        faces = np.concatenate([triangles, triangles + 121])
        weights = geodesic_weights(both, faces, np.array([5, 60, 121 + 30, 121 + 100]), k=2)
        assert (weights.index[:121] < 2).all() and (weights.index[121:] >= 2).all()
        np.testing.assert_array_equal(components(faces, 242), np.repeat([0, 1], 121))

    def test_controllers_of_other_components_weigh_nothing(self) -> None:
        vertices, triangles = sheet(11, 11)
        both = np.concatenate([vertices, vertices + [0, 0, 0.01]])
        faces = np.concatenate([triangles, triangles + 121])
        weights = geodesic_weights(both, faces, np.array([5, 60, 121 + 30]), k=10)
        assert weights.index.shape[1] == 3
        dense = weights.matrix().toarray()
        assert (dense[:121, 2] == 0).all() and (dense[121:, :2] == 0).all()
        np.testing.assert_allclose(dense.sum(axis=1), 1, atol=1e-6)

    def test_a_component_without_controllers_follows_what_is_next_to_it(self) -> None:
        vertices, triangles = sheet(11, 11)
        tooth = np.array([[0.95, 0.95, -0.1], [0.9, 0.95, -0.1], [0.95, 0.9, -0.1]])
        faces = np.concatenate([triangles, [[121, 122, 123]]])
        weights = geodesic_weights(np.concatenate([vertices, tooth]), faces, np.array([10, 110]), k=2)
        corner = 10  # x = y = 1
        np.testing.assert_array_equal(weights.index[121], weights.index[corner])
        np.testing.assert_array_equal(weights.weight[121], weights.weight[corner])

    def test_unreferenced_vertices_and_degenerate_triangles(self) -> None:
        vertices, triangles = sphere()
        more = np.concatenate([vertices, [[2.0, 0, 0], [0, 3.0, 0]]])
        faces = np.concatenate([triangles, [[0, 0, 1], [5, 5, 5], triangles[0], triangles[3][::-1]]])
        weights = geodesic_weights(more, faces, farthest_points(vertices, 20), size=2.0)
        plain = geodesic_weights(vertices, triangles, farthest_points(vertices, 20), size=2.0)
        assert np.isfinite(weights.weight).all()
        np.testing.assert_allclose(weights.weight.sum(axis=1), 1, atol=1e-6)
        assert np.abs(weights.matrix()[:642] - plain.matrix()).max() < 0.05

    def test_a_controller_may_sit_on_a_lone_vertex(self) -> None:
        vertices, triangles = sheet(5, 5)
        weights = geodesic_weights(np.concatenate([vertices, [[0, 0, 1.0]]]), triangles, np.array([25, 3]), k=1)
        assert weights.index[25, 0] == 0 and (weights.index[:25] == 1).all()

    def test_two_controllers_on_one_vertex_share(self) -> None:
        vertices, triangles = sheet(5, 5)
        weights = geodesic_weights(vertices, triangles, np.array([7, 7]), k=2)
        np.testing.assert_allclose(weights.weight, 0.5)

    def test_no_edge_of_zero_length_breaks_it(self) -> None:
        vertices, triangles = sheet(9, 9)
        vertices[40] = vertices[41]
        weights = geodesic_weights(vertices, triangles, np.array([0, 80]), k=2)
        assert np.isfinite(weights.weight).all()

    def test_one_triangle(self) -> None:
        weights = geodesic_weights(np.eye(3), np.array([[0, 1, 2]]), np.array([0]))
        np.testing.assert_array_equal(weights.weight, np.ones((3, 1)))


TETRAHEDRON = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])


@pytest.mark.parametrize(
    ("vertices", "triangles", "anchors", "k", "says"),
    [
        (CORNERS[:, :2], TETRAHEDRON, [0], 10, r"vertices \[V, 3\]"),
        (CORNERS, TETRAHEDRON[:, :2], [0], 10, r"triangles \[F, 3\]"),
        (CORNERS, TETRAHEDRON + 1, [0], 10, "do not exist"),
        (CORNERS, np.empty((0, 3), int), [0], 10, "no proper triangle"),
        (CORNERS, np.zeros((2, 3), int), [0], 10, "no proper triangle"),
        (np.where(CORNERS == 1, np.nan, CORNERS), TETRAHEDRON, [0], 10, "3 bad vertices"),
        (np.zeros((4, 3)), TETRAHEDRON, [0], 10, "coincide"),
        (CORNERS, TETRAHEDRON, [], 10, "0 anchors"),
        (CORNERS, TETRAHEDRON, [4], 10, "indices? 0..3|index 0..3"),
        (CORNERS, TETRAHEDRON, [-1], 10, "do not sit on the mesh"),
        (CORNERS, TETRAHEDRON, [0], 0, "k of at least 1"),
    ],
)
def test_what_cannot_work_is_named(vertices, triangles, anchors, k, says) -> None:
    with pytest.raises(MeshError, match=says) as caught:
        geodesic_weights(vertices, triangles, np.array(anchors, int), k)
    assert caught.value.exit_code == 3


def test_the_matrix_holds_the_same_numbers() -> None:
    weights = ControllerWeights(np.array([[2, 0], [1, 2]]), np.array([[0.75, 0.25], [0.5, 0.5]], np.float32), 4)
    np.testing.assert_array_equal(weights.matrix().toarray(), [[0.25, 0, 0.75, 0], [0, 0.5, 0.5, 0]])
