"""Depth from landmarks on a synthetic face whose geometry is known."""

from __future__ import annotations

import numpy as np
import pytest

from vfa.face import topology
from vfa.face.depth import IRIS_DIAMETER, closed_surface, depth_from_landmarks, metres_per_pixel
from vfa.face.landmarks import FaceLandmarks


def flat_embedding():
    """The 468 points laid out in the plane without folds: every inner point is the mean of its neighbours (Tutte)."""
    vertices, triangles = closed_surface(np.zeros((478, 3), np.float32))
    n = len(vertices)
    neighbours = np.zeros((n, n))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        neighbours[triangles[:, a], triangles[:, b]] = neighbours[triangles[:, b], triangles[:, a]] = 1
    oval = list(topology.FACE_OVAL)
    angle = 2 * np.pi * np.arange(len(oval)) / len(oval)
    matrix = np.diag(neighbours.sum(1)) - neighbours
    right = np.zeros((n, 2))
    matrix[oval] = np.eye(n)[oval]
    right[oval] = np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    return np.linalg.solve(matrix, right)[:468]


@pytest.fixture(scope="module")
def sphere_face():
    """The points on a sphere cap of radius 100 px around (128, 128), irises 12 px wide."""
    xy = flat_embedding() * 80
    points = np.zeros((478, 3), np.float32)
    points[:468, :2] = xy + 128
    points[:468, 2] = -np.sqrt(100**2 - (xy**2).sum(1))
    for iris, x in ((topology.RIGHT_IRIS, 100), (topology.LEFT_IRIS, 156)):
        points[list(iris), :2] = np.array([[0, 0], [6, 0], [0, -5], [-6, 0], [0, 5]]) + (x, 110)
    return FaceLandmarks(points)


def test_pixel_size_comes_from_the_wider_iris_diameter(sphere_face):
    assert metres_per_pixel(sphere_face) == pytest.approx(IRIS_DIAMETER / 12)


def test_depth_follows_the_sphere(sphere_face):
    depth = depth_from_landmarks(sphere_face, 256, 256, smoothing=0.0)
    scale = IRIS_DIAMETER / 12
    y, x = np.mgrid[:256, :256] + 0.5
    radius = np.hypot(x - 128, y - 128)
    assert np.isnan(depth[radius > 81]).all() and np.isfinite(depth[radius < 75]).all()
    relief = (depth - np.nanmin(depth))[radius < 60] / scale
    expected = 100 - np.sqrt(100**2 - radius[radius < 60] ** 2)
    assert np.abs(relief - expected).max() < 5  # facets of up to 20 px
    eyes = sphere_face.points[list(topology.RIGHT_EYE + topology.LEFT_EYE), 2].mean()
    assert np.nanmin(depth) == pytest.approx((256 + (-100 - eyes)) * scale, rel=0.01)


def test_smoothing_keeps_outline_and_level(sphere_face):
    sharp = depth_from_landmarks(sphere_face, 256, 256, smoothing=0.0)
    smooth = depth_from_landmarks(sphere_face, 256, 256)
    np.testing.assert_array_equal(np.isnan(sharp), np.isnan(smooth))
    assert np.nanmean(smooth) == pytest.approx(np.nanmean(sharp), rel=1e-3)
    assert np.nanmax(np.abs(np.diff(smooth, 2))) < np.nanmax(np.abs(np.diff(sharp, 2)))


def test_double_size_halves_nothing_but_pixels(sphere_face):
    twice = FaceLandmarks(sphere_face.points * 2)
    small, large = (depth_from_landmarks(f, w, w) for f, w in ((sphere_face, 256), (twice, 512)))
    np.testing.assert_allclose(np.nanmin(small), np.nanmin(large), rtol=2e-3)
