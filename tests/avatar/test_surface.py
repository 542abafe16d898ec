"""Refinement and fair interpolation against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_files import sphere, volume

from vfa.avatar.surface import Builder, border_loops, refine_fair, subdivide


def grid(n=6):
    y, x = np.mgrid[:n, :n].astype(float)
    i = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    triangles = np.concatenate([np.stack([i, i + 1, i + n + 1], 1), np.stack([i, i + n + 1, i + n], 1)])
    return np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], 1), triangles


def test_subdivision_counts_and_area():
    points, triangles = grid()
    fine, ends = subdivide(triangles, len(points))
    edges = 3 * 25 * 2 / 2 + 4 * 5 / 2  # inner edges count twice, border edges once
    assert (len(fine), len(ends)) == (4 * len(triangles), edges)
    vertices = np.concatenate([points, points[ends].mean(axis=1)])
    a, b, c = (vertices[fine[:, k]] for k in range(3))
    areas = np.cross(b - a, c - a)[:, 2] / 2
    np.testing.assert_allclose(areas, 1 / 8)


def test_a_plane_stays_a_plane_and_given_points_stay():
    points, triangles = grid()
    points[:, 2] = 2 + 0.3 * points[:, 0] - 0.1 * points[:, 1]
    vertices, fine = refine_fair(points, triangles, corners=(0, 5, 30, 35))
    np.testing.assert_array_equal(vertices[:36], points)
    np.testing.assert_allclose(vertices[:, 2], 2 + 0.3 * vertices[:, 0] - 0.1 * vertices[:, 1], atol=1e-6)
    assert len(fine) == 16 * len(triangles)


def test_a_coarse_sphere_becomes_rounder():
    points, triangles = sphere(rows=8, columns=12)
    fair, fine = refine_fair(points, triangles)
    flat = volume(points, triangles)
    true = 4 / 3 * np.pi
    assert true - volume(fair, fine) < 0.35 * (true - flat)
    assert np.abs(np.linalg.norm(fair, axis=1) - 1).max() < 0.05


def test_borders_run_along_their_triangles():
    points, triangles = grid()
    (loop,) = border_loops(triangles)
    assert len(loop) == 20
    x, y, _ = points[loop].T
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2 == pytest.approx(25)  # counter-clockwise area


def test_bridges_and_fans_continue_a_surface():
    """A sheet with a rim turned back and closed is a closed, outward surface."""
    points, triangles = grid()
    build = Builder()
    build.add(points, points[:, :2])
    build.connect(triangles, 0)
    (loop,) = border_loops(triangles)
    ring = build.add(points[loop] - (0, 0, 1), points[loop, :2])
    build.bridge(loop, ring, 1)
    hub = build.add(np.array([[2.5, 2.5, -1]]), np.zeros((1, 2)))
    build.fan(ring, int(hub[0]), 2)
    positions, faces, uv, colors, material = build.arrays()
    assert volume(positions, faces) == pytest.approx(25)
    assert border_loops(faces) == []
    assert uv.shape == (len(faces), 3, 2) and (colors == 255).all() and set(material) == {0, 1, 2}
