"""Controllers move vertices: rigid shifts exactly, targets reached, controllers that were not seen filled in."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_shapes import sphere

from vfa.mesh import ControllerWeights, Deformer, geodesic_weights
from vfa.mesh.controllers import Controllers, farthest_points
from vfa.mesh.smoothing import smoothing_matrix

VERTICES, TRIANGLES = sphere(4)
ANCHORS = farthest_points(VERTICES, 80)


def deformer(**options) -> Deformer:
    weights = geodesic_weights(VERTICES, TRIANGLES, ANCHORS)
    controllers = Controllers.at_vertices(ANCHORS, np.zeros((80, 2)), np.arange(80))
    smoothing = smoothing_matrix(VERTICES, TRIANGLES) if options.get("rounds", 5) else None
    return Deformer(weights, controllers.vertices, controllers.barycentric, smoothing=smoothing, **options)


@pytest.fixture(scope="module")
def solved() -> Deformer:
    return deformer()


def targets(size: float = 0.1) -> np.ndarray:
    """A smooth motion of the sphere's controllers."""
    x, y, z = VERTICES[ANCHORS].T
    return size * np.stack([np.sin(3 * y), np.cos(2 * z), x * y], axis=1)


def test_nothing_in_nothing_out(solved: Deformer) -> None:
    assert (solved.displacement(np.zeros((80, 3))) == 0).all()


@pytest.mark.parametrize("options", [{}, {"solve": False}, {"rounds": 0}])
def test_a_shift_of_all_controllers_is_a_shift_of_the_mesh(options: dict) -> None:
    moved = deformer(**options).displacement(np.tile([0.3, -0.2, 0.1], (80, 1)))
    np.testing.assert_allclose(moved, np.tile([0.3, -0.2, 0.1], (len(VERTICES), 1)), atol=1e-6)


def test_motion_is_linear(solved: Deformer) -> None:
    a, b = targets(), np.random.default_rng(0).normal(size=(80, 3))
    both = solved.displacement(2 * a - b)
    np.testing.assert_allclose(both, 2 * solved.displacement(a) - solved.displacement(b), atol=1e-5)


def test_solved_controllers_arrive_where_blended_ones_do_not(solved: Deformer) -> None:
    wanted = targets()
    short = {name: np.abs(d.displacement(wanted)[ANCHORS] - wanted).max() for name, d in
             (("solved", solved), ("blended", deformer(solve=False)))}  # fmt: skip
    assert short["solved"] < 0.1 * short["blended"] and short["solved"] < 0.003


def test_the_blend_is_the_formula_of_the_paper() -> None:
    """Without smoothing and solving, a vertex moves by the weighted mean of its controllers."""
    weights = ControllerWeights(
        np.array([[0, 1], [1, 0], [0, 1]]), np.array([[0.9, 0.1], [0.7, 0.3], [0.5, 0.5]], np.float32), 2
    )
    plain = Deformer(weights, np.array([[0] * 3, [1] * 3]), np.tile([1.0, 0, 0], (2, 1)), solve=False)
    moved = plain.displacement(np.array([[1.0, 0, 0], [0, 2.0, 0]]))
    np.testing.assert_allclose(moved, [[0.9, 0.2, 0], [0.3, 1.4, 0], [0.5, 1, 0]], atol=1e-6)


def test_solving_by_hand() -> None:
    """d' = (B'B + mu I)^-1 (B' + mu I) d for B = [[.75, .25], [.25, .75]] and mu = .01."""
    weights = ControllerWeights(np.array([[0, 1], [1, 0]]), np.array([[0.75, 0.25]] * 2, np.float32), 2)
    hinge = Deformer(weights, np.array([[0] * 3, [1] * 3]), np.tile([1.0, 0, 0], (2, 1)), regularisation=0.01)
    # The shift (1, 1) has eigenvalue 1: kept. The difference (1, -1) has .5: gain .51 / .26, times .5 again.
    moved = hinge.displacement(np.array([[1.0, 0, 0], [-1.0, 0, 0]]))
    np.testing.assert_allclose(moved[:, 0], [0.51 / 0.26 * 0.5, -0.51 / 0.26 * 0.5], atol=1e-6)


class TestUntracked:
    def test_those_around_take_over(self, solved: Deformer) -> None:
        tracked = np.ones(80, bool)
        tracked[::4] = False
        shift = np.tile([0.0, 0.5, 0.0], (80, 1))
        shift[~tracked] = 99.0  # what an unseen controller says must not matter
        np.testing.assert_allclose(solved.displacement(shift, tracked)[:, 1], 0.5, atol=1e-5)

    def test_all_seen_is_the_same_as_not_saying(self, solved: Deformer) -> None:
        np.testing.assert_array_equal(solved.displacement(targets(), np.ones(80, bool)), solved.displacement(targets()))

    def test_a_smooth_motion_is_bridged(self, solved: Deformer) -> None:
        wanted = targets()
        tracked = np.ones(80, bool)
        tracked[11] = False
        gap = np.linalg.norm(solved.displacement(wanted, tracked)[ANCHORS[11]] - wanted[11])
        assert gap < 0.5 * np.linalg.norm(wanted[11])

    def test_none_seen_is_no_motion(self, solved: Deformer) -> None:
        assert (solved.displacement(targets(), np.zeros(80, bool)) == 0).all()


def test_rows_of_the_operator_sum_to_one(solved: Deformer) -> None:
    np.testing.assert_allclose(np.asarray(solved.operator.sum(axis=1)).ravel(), 1, atol=1e-5)
    assert solved.operator.data.min() > 0
