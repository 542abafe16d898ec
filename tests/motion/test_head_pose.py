"""The head's pose in motion weights, against the poses from which the data set makes them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dataset.codes import POSE_SPREAD, UNIT_SIZE, pose_code
from vfa.models import motion_encoder
from vfa.motion.head_pose import HeadFrame, head_place, head_poses, head_rotation
from vfa.render.camera import Camera

RNG = np.random.default_rng(3)


def camera(distance: float = 6.0) -> Camera:
    direction = np.array([0.1, -0.05, 1.0])
    return Camera(distance * direction / np.linalg.norm(direction), np.zeros(3), focal=0.45 * distance * 200,
                  principal=(100, 100), width=200, height=200)  # fmt: skip


def placed(rotation: np.ndarray, shift: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, shift
    return pose


def weights(*poses: np.ndarray, view: Camera) -> np.ndarray:
    return np.stack([np.r_[RNG.normal(size=14), pose_code(pose, view)] for pose in poses])


def frame(view: Camera) -> HeadFrame:
    """The driver's own head as the avatar."""
    return HeadFrame(np.eye(3), view.rotation(), np.zeros(3), 1.0, view.distance)


def test_the_encoder_and_the_data_mean_the_same_numbers() -> None:
    assert motion_encoder.POSE_SPREAD == POSE_SPREAD and motion_encoder.UNIT_SIZE == UNIT_SIZE


@pytest.mark.parametrize("angles", [(0, 0, 0), (40, 0, 0), (0, 25, 0), (0, 0, 20), (-30, 15, -12), (50, -20, 30)])
def test_a_rotation_comes_back_from_its_numbers(angles: tuple[float, float, float]) -> None:
    view = camera()
    turned = Rotation.from_euler("yxz", angles, degrees=True).as_matrix()
    numbers = pose_code(placed(turned, np.zeros(3)), view)
    np.testing.assert_allclose(head_rotation(numbers), view.rotation() @ turned, atol=1e-12)


def test_a_head_that_turns_turns_the_avatar_about_its_own_axes() -> None:
    view = camera()
    first = Rotation.from_euler("yxz", [12, -5, 4], degrees=True).as_matrix()
    change = Rotation.from_euler("yxz", [-20, 8, 3], degrees=True).as_matrix()
    both = weights(placed(first, np.zeros(3)), placed(first @ change, np.zeros(3)), view=view)
    axes = Rotation.from_euler("y", 90, degrees=True).as_matrix()  # an avatar that faces sideways
    sideways = HeadFrame(axes, view.rotation(), np.array([1.0, 2, 3]), 2.0, view.distance)
    still, turned = head_poses(both, both[0], sideways)
    np.testing.assert_allclose(still, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(turned[:3, :3], axes.T @ change @ axes, atol=1e-12)
    np.testing.assert_allclose(turned[:3, :3] @ [1, 2, 3] + turned[:3, 3], [1, 2, 3], atol=1e-12)


def test_a_head_that_moves_moves_the_avatar_by_as_many_units() -> None:
    view = camera()
    right, up, back = view.rotation()
    away = np.stack([placed(np.eye(3), shift) for shift in (0 * up, 0.3 * right - 0.2 * up, 0.5 * back)])
    numbers = weights(*away, view=view)
    for scale in (1.0, 10.0):
        avatar = HeadFrame(np.eye(3), view.rotation(), np.zeros(3), scale, scale * view.distance)
        moved = head_poses(numbers, numbers[0], avatar)[:, :3, 3] / scale
        np.testing.assert_allclose(moved, away[:, :3, 3], atol=1e-9)


def test_without_a_start_the_numbers_are_taken_as_they_are() -> None:
    view = camera()
    turned = Rotation.from_euler("y", 30, degrees=True).as_matrix()
    front = view.rotation().T  # a head that faces the camera
    pose = head_poses(weights(placed(front @ turned, np.zeros(3)), view=view), None, frame(view))[0]
    np.testing.assert_allclose(pose[:3, :3], turned, atol=1e-12)


def test_a_nearer_head_is_larger_by_one_over_its_distance() -> None:
    view = camera()
    near, far = (pose_code(placed(np.eye(3), shift * view.rotation()[2]), view) for shift in (1.0, 0.0))
    assert head_place(near)[2] / head_place(far)[2] == pytest.approx((view.distance - 1) / view.distance)


def test_the_middle_of_the_built_in_head_is_found_on_its_rig() -> None:
    """Faces are rendered about the model's origin, in its units; a rig knows eyes and the middle of the face."""
    from tests.performance.fidelity_people import avatar_of, draw_pair
    from vfa.avatar.stage import choose_camera, set_stage

    avatar = avatar_of(draw_pair(0, seed=5, frames=2, rate=Fraction(12)))
    stage = set_stage(avatar, choose_camera(avatar))
    head = HeadFrame.of(stage.rig, stage.camera.eye)
    assert head.unit == pytest.approx(1, abs=0.06) and np.abs(head.origin).max() < 0.06
