"""Rasteriser: planes and spheres in closed form, a ray caster as the reference, watertight edges, any scale."""

from __future__ import annotations

import numpy as np
import pytest

from vfa.errors import MeshError
from vfa.render import Camera, frame_mesh, rasterize


def cast_rays(vertices, triangles, camera):
    """Moeller-Trumbore through every pixel centre in float64: depth, triangle, barycentric of the nearest hit."""
    v = vertices.astype(np.float64)
    ys, xs = np.mgrid[: camera.height, : camera.width] + 0.5
    far = camera.unproject(xs.ravel(), ys.ravel(), 1.0)
    direction, origin = far - camera.eye, camera.eye  # depth along the view = ray parameter
    depth, index = np.full(len(far), np.inf), np.full(len(far), -1)
    bary = np.zeros((len(far), 3))
    for t, (i, j, k) in enumerate(triangles):
        e1, e2 = v[j] - v[i], v[k] - v[i]
        p = np.cross(direction, e2)
        det = p @ e1
        with np.errstate(divide="ignore", invalid="ignore"):
            s = origin - v[i]
            u = (p @ s) / det
            q = np.cross(s, e1)
            w = (direction @ q) / det
            z = (e2 @ q) / det
        hit = (u >= 0) & (w >= 0) & (u + w <= 1) & (z > 0) & (z < depth)
        depth[hit], index[hit] = z[hit], t
        bary[hit] = np.stack([1 - u - w, u, w], -1)[hit]
    shape = ys.shape
    return depth.reshape(shape), index.reshape(shape), bary.reshape(*shape, 3)


def project(camera, vertices):
    return camera.project(vertices).astype(np.float32)


def grid(n, rng=None):
    """A square [-1, 1]^2 of n x n cells, two triangles each; inner vertices are moved if rng is given."""
    x, y = np.meshgrid(np.linspace(-1, 1, n + 1), np.linspace(-1, 1, n + 1))
    vertices = np.stack([x, y, np.zeros_like(x)], -1)
    if rng is not None:
        vertices[1:-1, 1:-1, :2] += rng.uniform(-0.45, 0.45, (n - 1, n - 1, 2)) / n
    index = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return vertices.reshape(-1, 3), triangles.astype(np.int32)


def test_tilted_plane_has_the_analytic_depth():
    camera = Camera()
    vertices = np.array([[-5, -5, -2.5], [5, -5, 2.5], [5, 5, 2.5], [-5, 5, -2.5]])  # the plane z = x / 2
    raster = rasterize(project(camera, vertices), np.array([[0, 1, 2], [0, 2, 3]], np.int32), 256, 256)
    assert raster.mask.all()
    slope = (np.arange(256) + 0.5 - 128) / 1000
    expected = 8 / (1 + slope / 2)  # on a ray x = slope * d and z = 8 - d = x / 2
    np.testing.assert_allclose(raster.depth, np.tile(expected, (256, 1)), rtol=2e-6)


def test_sphere_silhouette_and_nearest_point():
    import trimesh

    sphere = trimesh.creation.icosphere(5)
    raster = rasterize(project(Camera(), sphere.vertices), sphere.faces.astype(np.int32), 256, 256)
    # a unit sphere seen from 8: the cone of tangents has tan = 1 / sqrt(63)
    area = np.pi * (1000 / np.sqrt(63)) ** 2
    ys, xs = np.nonzero(~raster.mask)
    assert np.hypot(xs + 0.5 - 128, ys + 0.5 - 128).min() > 1000 / np.sqrt(63) - 0.6
    assert raster.mask.sum() == pytest.approx(min(area, 256 * 256), rel=0.02)
    assert np.nanmin(raster.depth) == pytest.approx(7, abs=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_triangle_soup_against_ray_casting(seed):
    rng = np.random.default_rng(seed)
    vertices = (rng.uniform(-1, 1, (60, 1, 3)) + rng.normal(0, 0.4, (60, 3, 3))).reshape(-1, 3)
    triangles = np.arange(180, dtype=np.int32).reshape(-1, 3)
    camera = Camera((1, 0.5, 6), focal=150, principal=(33, 30), width=64, height=60)
    depth, index, bary = cast_rays(vertices, triangles, camera)
    raster = rasterize(project(camera, vertices), triangles, 64, 60)
    agree = raster.triangle == index
    assert agree.mean() > 0.995  # pixel centres within the snapping of an edge may differ
    seen = agree & (index >= 0)
    np.testing.assert_allclose(raster.depth[seen], depth[seen], rtol=1e-4)
    error = np.abs(raster.barycentric[seen] - bary[seen]).max(1)
    assert np.median(error) < 1e-5
    points = np.einsum("nk,nkc->nc", raster.barycentric[seen], vertices[triangles[raster.triangle[seen]]])
    back = camera.project(points)  # a barycentric point must lie behind its pixel, slivers or not
    ys, xs = np.nonzero(seen)
    np.testing.assert_allclose(back[:, :2], np.stack([xs, ys], -1) + 0.5, atol=2e-3)


def test_barycentrics_sum_to_one_and_are_not_negative():
    rng = np.random.default_rng(9)
    vertices, triangles = grid(20, rng)
    raster = rasterize(project(Camera(), vertices), triangles, 256, 256)
    assert raster.barycentric.min() >= 0
    np.testing.assert_allclose(raster.barycentric[raster.mask].sum(1), 1, atol=1e-6)
    assert not raster.barycentric[~raster.mask].any()


@pytest.mark.parametrize("mirror", [1, -1])
def test_shared_edges_have_no_cracks_and_no_double_hits(mirror):
    """Vertices on pixel centres and at random: every pixel of the square is covered exactly once."""
    for vertices, triangles in (grid(8), grid(40, np.random.default_rng(3))):
        screen = np.c_[
            (vertices[:, 0] * mirror + 1) * 32 + 0.5, (vertices[:, 1] + 1) * 32 + 0.5, np.ones(len(vertices))
        ]
        screen = screen.astype(np.float32)
        count = np.zeros((72, 72), int)
        for triangle in triangles:
            count += rasterize(screen, triangle[None], 72, 72).mask
        assert count.max() == 1
        assert count.sum() == 64 * 64
        assert rasterize(screen, triangles, 72, 72).mask.sum() == 64 * 64


def test_fan_around_a_pixel_centre_hits_it_once():
    angles = np.linspace(0, 2 * np.pi, 7, endpoint=False)
    rim = np.c_[5.5 + 3.3 * np.cos(angles), 5.5 + 3.3 * np.sin(angles), np.ones(7)]
    screen = np.r_[[[5.5, 5.5, 1]], rim].astype(np.float32)
    hits = sum(
        rasterize(screen, np.array([[0, 1 + i, 1 + (i + 1) % 7]], np.int32), 11, 11).mask.astype(int) for i in range(7)
    )
    assert hits[5, 5] == 1
    assert hits.max() == 1


@pytest.mark.parametrize("scale", [1e-6, 1000.0, 1e6])
def test_scale_invariance(scale):
    vertices, triangles = grid(15, np.random.default_rng(4))
    vertices[:, 2] = 0.3 * np.sin(3 * vertices[:, 0])
    reference = rasterize(project(frame_mesh(vertices), vertices), triangles, 128, 128)
    scaled = rasterize(project(frame_mesh(vertices * scale), vertices * scale), triangles, 128, 128)
    assert (scaled.triangle == reference.triangle).mean() > 0.999
    same = reference.mask & (scaled.triangle == reference.triangle)
    np.testing.assert_allclose(scaled.depth[same], reference.depth[same] * scale, rtol=1e-6)
    np.testing.assert_allclose(scaled.barycentric[same], reference.barycentric[same], atol=2e-3)


def test_nearer_triangle_wins_whatever_the_order():
    screen = np.array([[0, 0, 2], [20, 0, 2], [0, 20, 2], [0, 0, 1], [20, 0, 1], [0, 20, 1]], np.float32)
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]], [[2, 1, 0], [5, 4, 3]]):
        raster = rasterize(screen, np.array(order, np.int32), 8, 8)
        assert (raster.depth == 1).all()


def test_plane_through_the_camera_is_clipped():
    """A floor that starts behind the camera: depth of every pixel below the horizon in closed form."""
    camera = Camera((0, 1, 0), (0, 1, -1), focal=50, principal=(32, 32), width=64, height=64)
    vertices = np.array([[-500, 0, 50], [500, 0, 50], [500, 0, -200], [-500, 0, -200.0]])
    raster = rasterize(project(camera, vertices), np.array([[0, 1, 2], [0, 2, 3]], np.int32), 64, 64)
    slope = (np.arange(64) + 0.5 - 32) / 50  # a ray falls by slope per unit of depth and meets the floor at 1 / slope
    with np.errstate(divide="ignore"):
        expected = np.where(slope > 0, 1 / slope, np.inf)
    visible = expected < 200
    np.testing.assert_array_equal(raster.mask, np.tile(visible[:, None], (1, 64)))
    np.testing.assert_allclose(raster.depth[visible], np.tile(expected[visible, None], (1, 64)), rtol=1e-4)


def test_clipped_triangles_against_ray_casting():
    rng = np.random.default_rng(8)
    vertices = rng.uniform(-2, 2, (90, 3))
    triangles = np.arange(90, dtype=np.int32).reshape(-1, 3)
    camera = Camera((0, 0, 0.5), (0, 0, 0), focal=40, principal=(24, 24), width=48, height=48)
    screen = project(camera, vertices)
    depth, index, _ = cast_rays(vertices, triangles, camera)
    raster = rasterize(screen, triangles, 48, 48, near=1e-3)
    assert (raster.triangle == index).mean() > 0.99
    same = (raster.triangle == index) & (index >= 0)
    np.testing.assert_allclose(raster.depth[same], depth[same], rtol=1e-3)


def test_everything_behind_the_camera_gives_an_empty_map():
    raster = rasterize(np.array([[1, 1, -1], [5, 1, -1], [1, 5, -2]], np.float32), np.array([[0, 1, 2]]), 8, 8)
    assert not raster.mask.any()
    assert np.isnan(raster.depth).all()
    assert (raster.triangle == -1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_vertices_and_degenerate_triangles_are_left_out(bad):
    screen = np.array([[0, 0, 1], [20, 0, 1], [0, 20, 1], [bad, 0, 1], [3, 3, 1], [5, 5, 1]], np.float32)
    triangles = np.array([[0, 1, 3], [0, 0, 1], [0, 4, 5], [0, 1, 2]], np.int32)
    raster = rasterize(screen, triangles, 8, 8)
    assert (raster.triangle == 3).all()


def test_huge_triangle_covers_everything():
    screen = np.array([[-1e7, -1e7, 5], [3e7, -1e7, 5], [-1e7, 3e7, 5]], np.float32)
    raster = rasterize(screen, np.array([[0, 1, 2]], np.int32), 16, 16)
    assert raster.mask.all()
    np.testing.assert_allclose(raster.depth, 5, rtol=1e-6)


def test_empty_mesh():
    raster = rasterize(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), 4, 3)
    assert raster.depth.shape == (3, 4) and not raster.mask.any()


@pytest.mark.parametrize(
    "triangles", [np.array([[0, 1, 3]]), np.array([[0, 1, -1]]), np.array([0, 1, 2]), np.array([[0.0, 1, 2]])]
)
def test_bad_triangles(triangles):
    with pytest.raises(MeshError):
        rasterize(np.zeros((3, 3), np.float32), triangles, 4, 4)
