"""Camera: projection against closed forms, its inverse, framing at any scale, the options of the original."""

from __future__ import annotations

import numpy as np
import pytest

from vfa.errors import InputError, MeshError
from vfa.render import Camera, frame_mesh


def test_project_default_camera_closed_form():
    # focal 1000, eye at z = 8: a point at depth 8 moves 125 px per unit, at depth 7 1000/7 px per unit; y points down
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-0.7, 0.35, 1]])
    expected = [[128, 128, 8], [253, 128, 8], [128, 3, 8], [28, 78, 7]]
    np.testing.assert_allclose(Camera().project(points), expected, atol=1e-12)


def test_project_agrees_with_view_matrix_and_intrinsics(rng_camera):
    rng, camera = rng_camera
    points = rng.normal(size=(50, 3))
    local = (camera.view_matrix() @ np.c_[points, np.ones(50)].T)[:3]
    opencv = np.diag([1.0, -1.0, -1.0]) @ local  # OpenCV: y down, z forward
    homogeneous = camera.intrinsics() @ opencv
    projected = camera.project(points)
    np.testing.assert_allclose(projected[:, :2], (homogeneous[:2] / homogeneous[2]).T, rtol=1e-9)
    np.testing.assert_allclose(projected[:, 2], opencv[2], rtol=1e-12)


@pytest.fixture
def rng_camera():
    rng = np.random.default_rng(5)
    return rng, Camera((3, 1, 9), (0.2, -0.1, 0), (0.1, 1, 0), focal=430, principal=(100, 70), width=220, height=130)


def test_unproject_inverts_project(rng_camera):
    rng, camera = rng_camera
    points = rng.normal(size=(200, 3))
    x, y, depth = camera.project(points).T
    np.testing.assert_allclose(camera.unproject(x, y, depth), points, atol=1e-10)


def test_view_and_pose_are_inverse_and_rigid(rng_camera):
    _, camera = rng_camera
    np.testing.assert_allclose(camera.view_matrix() @ camera.pose_matrix(), np.eye(4), atol=1e-12)
    rotation = camera.rotation()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert camera.rotation()[2] @ (camera.target - camera.eye) < 0  # looks along its own -Z


def test_looking_along_up_still_gives_a_rotation():
    rotation = Camera((0, 5, 0), (0, 0, 0), (0, 1, 0)).rotation()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)


def test_translation_moves_the_mesh():
    points, shift = np.array([[0.1, 0.2, 0.3], [-1, 0.5, 0]]), np.array([0.3, -0.2, 0.5])
    moved = Camera.from_options(translation=tuple(shift)).project(points)
    np.testing.assert_allclose(moved, Camera().project(points + shift), atol=1e-9)


def test_center_is_subtracted():
    points, center = np.array([[1e5 + 0.5, 3, -2e4]]), np.array([1e5, 2.5, -2e4])
    seen = Camera.from_options(center=center).project(points)
    np.testing.assert_allclose(seen, Camera().project(points - center), atol=1e-6)


def test_from_options_scales_with_size():
    points = np.array([[0.4, -0.3, 0.2]])
    small, large = Camera.from_options().project(points), Camera.from_options(size=1024).project(points)
    np.testing.assert_allclose(large[:, :2], 4 * small[:, :2])


def test_scaled_camera_scales_pixels(rng_camera):
    rng, camera = rng_camera
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(camera.scaled(2).project(points)[:, :2], 2 * camera.project(points)[:, :2])
    assert (camera.scaled(2).width, camera.scaled(2).height) == (440, 260)


def test_orbit_keeps_target_and_distance():
    camera = Camera((0, 0, 8), (0, 0.5, 0))
    side = camera.orbited(90)
    np.testing.assert_allclose(side.eye, [np.hypot(8, 0.5), 0.5, 0], atol=0.3)  # to the camera's right is +x
    assert side.distance == pytest.approx(camera.distance)
    np.testing.assert_allclose(side.project(np.array([[0, 0.5, 0]]))[0, :2], [128, 128], atol=1e-9)
    assert camera.orbited(0, 30).eye[1] > camera.eye[1]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_frame_mesh_fills_the_picture(scale, offset):
    rng = np.random.default_rng(1)
    vertices = (rng.uniform(-1, 1, size=(500, 3)) * [1, 1.5, 0.8] + offset) * scale
    camera = frame_mesh(vertices, width=300, height=200, fill=0.9)
    x, y, depth = camera.project(vertices).T
    assert (depth > 0).all()
    extent = np.array([np.ptp(x) / 300, np.ptp(y) / 200])
    assert extent.max() == pytest.approx(0.9, abs=0.02)
    assert (x.max() + x.min()) / 2 == pytest.approx(150, abs=2)
    assert (y.max() + y.min()) / 2 == pytest.approx(100, abs=2)


def test_frame_region_by_indices_mask_and_box_agree():
    rng = np.random.default_rng(2)
    vertices = rng.uniform(-1, 1, size=(400, 3)) * [1, 4, 1]
    mask = vertices[:, 1] > 3
    by_mask, by_index = frame_mesh(vertices, region=mask), frame_mesh(vertices, region=np.flatnonzero(mask))
    np.testing.assert_array_equal(by_mask.eye, by_index.eye)
    x, y, _ = by_mask.project(vertices[mask]).T
    assert max(np.ptp(x), np.ptp(y)) == pytest.approx(0.9 * 256, abs=2)
    box = np.stack([vertices[mask].min(0), vertices[mask].max(0)])
    x, y, _ = frame_mesh(vertices, region=box).project(vertices[mask]).T
    assert 0.75 * 256 < max(np.ptp(x), np.ptp(y)) < 0.95 * 256


def test_frame_ignores_bad_vertices_and_refuses_nothing():
    vertices = np.array([[0, 0, 0], [1, 1, 0], [np.nan, 0, 0]])
    assert np.isfinite(frame_mesh(vertices).eye).all()
    for bad in (np.full((3, 3), np.nan), np.zeros((4, 3)), np.zeros((0, 3))):
        with pytest.raises(MeshError, match="nothing to frame"):
            frame_mesh(bad)
    with pytest.raises(MeshError):
        frame_mesh(vertices, region=np.zeros(3, bool))


def test_frame_a_line_towards_the_camera():
    camera = frame_mesh(np.array([[0, 0, 0], [0, 0, 1.0]]))
    assert (camera.project(np.array([[0, 0, 0], [0, 0, 1.0]]))[:, 2] > 0).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"eye": (0, 0, 0)},
        {"eye": (0, np.nan, 8)},
        {"focal": 0},
        {"focal": np.inf},
        {"width": 0},
        {"up": (0, 1)},
    ],
)
def test_bad_camera(arguments):
    with pytest.raises(InputError):
        Camera(**arguments)


def test_to_dict_round_trip(rng_camera):
    _, camera = rng_camera
    points = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_array_equal(Camera(**camera.to_dict()).project(points), camera.project(points))
