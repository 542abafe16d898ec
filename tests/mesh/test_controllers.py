"""Controllers: where pixels meet the mesh, one per vertex, farthest points, and the way back from landmarks."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_shapes import sheet

from vfa.errors import MeshError
from vfa.mesh.controllers import FREE, STATIC, Controllers, farthest_points, hit, one_per_vertex
from vfa.render.camera import frame_mesh
from vfa.render.rasterizer import rasterize


@pytest.fixture(scope="module")
def seen():
    vertices, triangles = sheet(9, 9)
    camera = frame_mesh(vertices, width=200, height=200)
    screen = camera.project(vertices)
    return vertices, triangles, camera, screen, rasterize(screen, triangles, 200, 200)


class TestHit:
    def test_a_controller_sits_where_its_pixel_looks(self, seen) -> None:
        vertices, triangles, camera, screen, raster = seen
        pixels = np.random.default_rng(0).uniform(screen[:, :2].min() + 3, screen[:, :2].max() - 3, (50, 2))
        found = hit(pixels, np.arange(50), raster, triangles, reach=2.0)
        back = camera.project(found.positions(vertices))[:, :2]
        assert len(found) == 50 and np.abs(back - pixels).max() <= 0.75  # pixel centres are at most .71 away
        np.testing.assert_allclose(found.barycentric.sum(axis=1), 1, atol=1e-5)

    def test_beside_the_mesh_the_nearest_within_reach(self, seen) -> None:
        _, triangles, _, screen, raster = seen
        right = screen[:, 0].max()
        pixels = np.array([[right + 3, 100.0], [right + 9, 100.0], [-500.0, 100.0], [100, 1e6]])
        found = hit(pixels, np.array([4, 5, 6, 7]), raster, triangles, reach=5.0)
        np.testing.assert_array_equal(found.landmark, [4])
        np.testing.assert_allclose(found.pixel, pixels[:1])

    def test_an_empty_view_gives_none(self, seen) -> None:
        _, triangles, _, screen, _ = seen
        empty = rasterize(screen + [1e4, 0, 0], triangles, 60, 60)
        assert len(hit(np.array([[30.0, 30.0]]), np.array([1]), empty, triangles, 5.0)) == 0


def test_positions_are_barycentric_means() -> None:
    one = Controllers(np.array([[0, 1, 2]]), np.array([[0.5, 0.3, 0.2]]), np.zeros((1, 2)), np.array([3]))
    np.testing.assert_allclose(one.positions(np.diag([2.0, 10, 100])), [[1, 3, 20]])
    np.testing.assert_array_equal(one.nearest_vertex, [0])


def test_take_join_and_rows() -> None:
    first = Controllers.at_vertices(np.array([4, 5]), np.zeros((2, 2)), np.array([7, STATIC]))
    second = Controllers.at_vertices(np.array([6, 8]), np.ones((2, 2)), np.array([2, FREE]))
    both = Controllers.join(first, second)
    np.testing.assert_array_equal(both.nearest_vertex, [4, 5, 6, 8])
    np.testing.assert_array_equal(both.rows((2, 7, 3, 400)), [2, 0, -1, -1])
    np.testing.assert_array_equal(both.take(np.array([3, 0])).landmark, [FREE, 7])
    assert len(both.rows(())) == 0


def test_one_per_vertex_keeps_the_closest_and_the_preferred() -> None:
    corners = np.array([[0, 1, 2], [0, 3, 4], [5, 6, 7], [5, 6, 8]])
    places = np.array([[0.6, 0.2, 0.2], [0.9, 0.05, 0.05], [0.5, 0.3, 0.2], [0.9, 0.1, 0.0]])
    crowd = Controllers(corners, places, np.zeros((4, 2)), np.array([10, 11, 12, 13]))
    np.testing.assert_array_equal(one_per_vertex(crowd).landmark, [11, 13])
    np.testing.assert_array_equal(one_per_vertex(crowd, first=[12]).landmark, [11, 12])


class TestFarthestPoints:
    def test_on_a_line_they_halve_the_gaps(self) -> None:
        line = np.linspace(0, 8, 9)[:, None]
        assert sorted(farthest_points(line, 5)) == [0, 2, 4, 6, 8]

    def test_spread_is_within_twice_the_best(self) -> None:
        """Gonzalez: the greedy radius is at most twice the optimum; 16 points on a 2 x 2 square allow .354."""
        vertices, _ = sheet(41, 41)
        chosen = vertices[farthest_points(vertices, 16)]
        away = np.linalg.norm(vertices[:, None] - chosen[None], axis=2).min(axis=1)
        assert away.max() <= 2 * 0.354

    def test_points_taken_already_are_kept_away_from(self) -> None:
        line = np.linspace(0, 10, 11)[:, None]
        np.testing.assert_array_equal(farthest_points(line, 2, start=np.array([[0.0]])), [10, 5])

    def test_no_point_twice(self) -> None:
        assert len(farthest_points(np.zeros((5, 3)), 4)) == 1
        assert sorted(farthest_points(np.arange(3.0)[:, None], 10)) == [0, 1, 2]

    def test_no_points_is_an_error(self) -> None:
        with pytest.raises(MeshError, match="no place for controllers"):
            farthest_points(np.empty((0, 3)), 3)
