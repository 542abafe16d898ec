"""A mouth is cut open: the bag behind the lips is found, follows its rim, and both lips move on their own."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_shapes import Lips

from vfa.mesh import ControllerWeights, Deformer
from vfa.mesh.controllers import Controllers
from vfa.mesh.geodesics import GeodesicSolver
from vfa.mesh.slits import cut, inside_polygon, interior, rim_of, visible_vertices
from vfa.mesh.smoothing import smoothing_matrix
from vfa.mesh.weights import blend, controller_distances
from vfa.render.camera import frame_mesh
from vfa.render.rasterizer import rasterize

LIPS = Lips()


@pytest.fixture(scope="module")
def pocket() -> np.ndarray:
    """What `interior` finds in a picture of the lips."""
    camera = frame_mesh(LIPS.vertices, width=512, height=512)
    everything = np.ones(len(LIPS.vertices), bool)
    cameras = [camera, *(camera.orbited(yaw, pitch) for yaw, pitch in ((-35, 0), (35, 0), (0, 25), (0, -25)))]
    seen = visible_vertices(LIPS.vertices, LIPS.triangles, cameras)
    screen = camera.project(LIPS.vertices)
    raster = rasterize(screen, LIPS.triangles, 512, 512)
    front = np.zeros(len(LIPS.vertices), bool)
    front[LIPS.triangles[raster.triangle[raster.triangle >= 0]]] = True
    margin = np.concatenate([LIPS.row(LIPS.upper_margin, 0.5), LIPS.row(LIPS.lower_margin, 0.5)[::-1]])
    return interior(camera, LIPS.vertices, everything, seen, front, screen[margin, :2])


def test_the_bag_is_found_and_the_face_is_not(pocket: np.ndarray) -> None:
    deep = LIPS.in_bag & (LIPS.vertices[:, 2] < -0.08)
    assert pocket[deep].mean() > 0.98
    assert not pocket[np.abs(LIPS.vertices[:, 1]) > 0.3].any()
    outside = ~LIPS.in_bag & (LIPS.vertices[:, 2] == 0) & (np.abs(LIPS.vertices[:, 1]) > 0.03)
    assert not pocket[outside].any()


def test_cut_leaves_no_triangle_of_the_pocket() -> None:
    left = cut(LIPS.triangles, LIPS.in_bag)
    assert not LIPS.in_bag[left].any()
    assert len(left) == (~LIPS.in_bag[LIPS.triangles].any(axis=1)).sum()


def test_the_bag_follows_the_lip_it_hangs_on() -> None:
    rim = rim_of(LIPS.vertices, LIPS.triangles, LIPS.in_bag)
    np.testing.assert_array_equal(rim[~LIPS.in_bag], np.flatnonzero(~LIPS.in_bag))
    assert not LIPS.in_bag[rim].any()
    # Half-way through the bag (y = 0, z = -.5) is the divide: what is above hangs on the upper lip.
    middle = LIPS.in_bag & (np.abs(LIPS.vertices[:, 0]) < 0.2) & (LIPS.vertices[:, 2] > -0.45)
    upper, lower = middle & (LIPS.vertices[:, 1] > 0), middle & (LIPS.vertices[:, 1] < 0)
    assert (LIPS.vertices[rim[upper], 1] > 0).all() and (LIPS.vertices[rim[lower], 1] < 0).all()


def test_a_pocket_without_a_rim_stays_as_it_is() -> None:
    everything = np.ones(len(LIPS.vertices), bool)
    for none in (everything, ~everything):
        np.testing.assert_array_equal(rim_of(LIPS.vertices, LIPS.triangles, none), np.arange(len(LIPS.vertices)))


class TestParting:
    """Controllers along both lips and around the mouth; the lower lip drops, the upper one stays."""

    anchors = np.concatenate([
        LIPS.row(LIPS.upper_margin, 0.45)[::3], LIPS.row(LIPS.lower_margin, 0.45)[::3], LIPS.row(4)[::6],
        LIPS.row(LIPS.rows - 5)[::6],
    ])  # fmt: skip
    lower = LIPS.vertices[anchors, 1] < 0

    def moved(self, surface: np.ndarray) -> np.ndarray:
        solver = GeodesicSolver(LIPS.vertices, surface)
        raw = blend(controller_distances(solver, self.anchors), 10, 1e-3, LIPS.vertices)
        rim = rim_of(LIPS.vertices, LIPS.triangles, LIPS.in_bag)
        weights = ControllerWeights(raw.index[rim], raw.weight[rim], raw.n_controllers)
        at = Controllers.at_vertices(self.anchors, np.zeros((len(self.anchors), 2)), np.arange(len(self.anchors)))
        deform = Deformer(weights, at.vertices, at.barycentric, smoothing=smoothing_matrix(LIPS.vertices, surface))
        return deform.displacement(np.where(self.lower[:, None], [0.0, -0.2, 0.0], 0.0))[:, 1]

    def test_weights_of_the_lips_do_not_mix(self) -> None:
        solver = GeodesicSolver(LIPS.vertices, cut(LIPS.triangles, LIPS.in_bag))
        weights = blend(controller_distances(solver, self.anchors), 10, 1e-3, LIPS.vertices).matrix().toarray()
        assert weights[LIPS.row(LIPS.upper_margin, 0.25)][:, self.lower].max() < 0.02
        assert weights[LIPS.row(LIPS.lower_margin, 0.25)][:, ~self.lower].max() < 0.02

    def test_the_mouth_opens(self) -> None:
        y = self.moved(cut(LIPS.triangles, LIPS.in_bag))
        assert y[LIPS.row(LIPS.lower_margin, 0.25)].max() < -0.19
        assert np.abs(y[LIPS.row(LIPS.upper_margin, 0.25)]).max() < 0.01

    def test_the_bag_is_not_torn(self) -> None:
        """Every edge of the bag stretches by no more than the gap itself."""
        y = self.moved(cut(LIPS.triangles, LIPS.in_bag))
        edges = LIPS.triangles[LIPS.in_bag[LIPS.triangles].all(axis=1)][:, [0, 1]]
        assert np.abs(y[edges[:, 0]] - y[edges[:, 1]]).max() < 0.21


def test_inside_polygon_grows_and_shrinks() -> None:
    square = np.array([[20.0, 20], [40, 20], [40, 40], [20, 40]])
    pixels = np.array([[30.5, 30.5], [21.5, 30.5], [17.5, 30.5], [-5.0, 30.5], [30.5, 999.0]])
    shape = (60, 60)
    assert inside_polygon(pixels, square, shape, 0).tolist() == [True, True, False, False, False]
    assert inside_polygon(pixels, square, shape, 4).tolist() == [True, True, True, False, False]
    assert inside_polygon(pixels, square, shape, -4).tolist() == [True, False, False, False, False]
