"""Motion along a basis: what a known basis must do to controllers and to the picture."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from vfa.avatar.rig import SlitRig
from vfa.errors import InputError
from vfa.face.rings import MOUTH
from vfa.models.animator import VersatileFaceAnimator
from vfa.models.config import AnimatorConfig
from vfa.models.network import AnimatorNetwork
from vfa.motion.basis import BasisMotion
from vfa.motion.motion import Motion
from vfa.motion.mouth import Mouth
from vfa.motion.network import DriverMotion
from vfa.motion.network_input import SourceFrame
from vfa.motion.portrait_motion import PortraitMotion
from vfa.motion.rigid import rotation_about
from vfa.render.camera import Camera

SIZE, NEAR, FAR = 64, 4.0, 8.0
CAMERA = Camera((0.5, 0.0, 6.0), (0.0, 0.0, 0.0), focal=150, principal=(32, 32), width=SIZE, height=SIZE)
CONFIG = AnimatorConfig(
    size=SIZE, channel_multiplier=1 / 32, max_channels=32, latent_dim_style=32, latent_dim_motion=8, flow_channels=4,
    flow_blocks=1, motion_channels=4, basis_channels=4,
)  # fmt: skip
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def animator() -> VersatileFaceAnimator:
    torch.manual_seed(0)
    return VersatileFaceAnimator.from_network(AnimatorNetwork(CONFIG).eval())


def source() -> SourceFrame:
    """A disc at depth 6 with a gradient."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    inside = np.hypot(rows - 31.5, columns - 31.5) < 24
    rgbd = np.stack([columns / 32 - 1, rows / 32 - 1, 0 * rows, 0.0 * rows])
    return SourceFrame(np.where(inside, rgbd, -1).astype(np.float32), NEAR, FAR)


def driver(weights: np.ndarray) -> DriverMotion:
    return DriverMotion(weights.astype(np.float32), [Fraction(i, 25) for i in range(len(weights))])


def test_a_unit_moves_a_point_by_its_width_at_that_depth() -> None:
    """A basis of a tenth of a picture to the right: a tenth of what the camera sees at the point's depth."""
    basis = np.zeros((2, 3, SIZE, SIZE), np.float32)
    basis[0, 0], basis[1, 1], basis[1, 2] = 0.1, 0.05, 0.02
    places, depths = RNG.uniform(10, 54, (5, 2)), RNG.uniform(4, 8, 5)
    for camera in (CAMERA, CAMERA.scaled(4)):
        factor = camera.width / SIZE
        lines = BasisMotion(basis, camera).at(places * factor, depths)
        rest = CAMERA.unproject(*places.T, depths)
        right = CAMERA.project(rest + lines[0])
        np.testing.assert_allclose(right[:, :2] - places, np.tile([0.1 * SIZE, 0], (5, 1)), atol=1e-9)
        np.testing.assert_allclose(right[:, 2], depths)
        up = CAMERA.project(rest + lines[1])
        np.testing.assert_allclose(up[:, 2], depths - 0.02 * depths * SIZE / 150)


def test_points_beyond_the_picture_keep_still() -> None:
    moved = BasisMotion(np.ones((1, 3, SIZE, SIZE), np.float32), CAMERA).at(
        np.array([[-3.0, 20], [20, 70]]), np.ones(2)
    )
    assert (moved == 0).all()


def test_every_pixel_moves_as_a_controller_there_does() -> None:
    basis, depth = RNG.normal(size=(3, 3, SIZE, SIZE)), RNG.uniform(4, 8, (SIZE, SIZE))
    moving = BasisMotion(basis, CAMERA)
    everywhere = moving.everywhere(depth).reshape(3, SIZE, SIZE, 3)
    places = np.array([[10.5, 20.5], [40.5, 3.5]])
    np.testing.assert_allclose(moving.at(places, depth[[20, 3], [10, 40]]), everywhere[:, [20, 3], [10, 40]], atol=1e-5)


def test_controllers_move_by_the_change_of_the_weights(animator: VersatileFaceAnimator) -> None:
    weights = RNG.normal(size=(4, 8))
    places, depths = RNG.uniform(15, 50, (6, 2)), np.full(6, 6.0)
    static = np.arange(6) == 2
    moving = PortraitMotion(animator, source(), CAMERA, places, depths, driver(weights), start=1, static=static)
    motions = list(moving.motions())
    assert [motion.time for motion in motions] == [Fraction(i, 25) for i in range(4)]
    assert np.abs(motions[1].translation).max() == 0
    basis = animator.prepare(torch.from_numpy(source().rgbd[None])).source.basis.numpy()
    lines = BasisMotion(basis, CAMERA).at(places, depths)
    change = (weights[3] - weights[1])[:2].astype(np.float32)
    expected = change[0] * lines[0] + change[1] * lines[1]
    np.testing.assert_allclose(motions[3].translation[~static], expected[~static], atol=1e-6)
    assert (motions[3].translation[2] == 0).all() and motions[3].tracked.all()
    absolute = PortraitMotion(animator, source(), CAMERA, places, depths, driver(weights), start=None)
    first = absolute.motion(0).translation
    np.testing.assert_allclose(first, np.einsum("w,wkc->kc", weights[0, :2].astype(np.float32), lines), atol=1e-6)


def test_the_picture_turns_by_the_pose(animator: VersatileFaceAnimator) -> None:
    """Weights that do not change leave the face alone: what is left is the rigid motion of a disc."""
    weights = np.tile(RNG.normal(size=8), (2, 1))
    pose = rotation_about(np.eye(3), np.zeros(3), 0.4 * CAMERA.rotation()[0])  # to the right
    moving = PortraitMotion(animator, source(), CAMERA, np.zeros((1, 2)), np.ones(1), driver(weights),
                            poses=np.stack([np.eye(4), pose]))  # fmt: skip
    still, moved = (moving.picture(index) for index in (0, 1))
    pixels = 0.4 * 150 / 6
    assert pixels == 10
    shown = (still.mask > 0.99)[:, :-10]
    np.testing.assert_allclose(moved.rgbd[:, :, 10:][:, shown], still.rgbd[:, :, :-10][:, shown], atol=1e-3)
    frames = list(moving.frames())
    assert frames[1].color.shape == (SIZE, SIZE, 3) and np.isfinite(frames[1].depth).sum() > 1000
    np.testing.assert_array_equal(frames[1].motion.pose, pose)
    (target,) = moving.frames(range(1, 2))
    np.testing.assert_array_equal(target.color, frames[1].color)


def test_a_start_beyond_the_clip_is_refused(animator: VersatileFaceAnimator) -> None:
    with pytest.raises(InputError, match="start frame"):
        PortraitMotion(animator, source(), CAMERA, np.zeros((1, 2)), np.ones(1), driver(np.zeros((2, 8))), start=2)


def test_networks_without_a_basis_are_refused() -> None:

    plain = VersatileFaceAnimator.from_network(AnimatorNetwork(replace(CONFIG, basis_channels=0)).eval())
    with pytest.raises(InputError, match="no motion basis"):
        PortraitMotion(plain, source(), CAMERA, np.zeros((1, 2)), np.ones(1), driver(np.zeros((2, 8))))


def test_turned_axes_move_points_in_the_world() -> None:
    """The basis speaks the camera's language, whichever way it looks."""
    basis = np.zeros((1, 3, SIZE, SIZE), np.float32)
    basis[0, 0] = 1.0
    aside = Camera((6.0, 0.0, 0.0), (0.0, 0.0, 0.0), focal=150, principal=(32, 32), width=SIZE, height=SIZE)
    moved = BasisMotion(basis, aside).at(np.array([[32.0, 32.0]]), np.array([6.0]))[0, 0]
    turned = Rotation.from_euler("y", 90, degrees=True).apply([1, 0, 0])
    np.testing.assert_allclose(moved / np.linalg.norm(moved), turned, atol=1e-9)


def test_smoothing_quiets_a_face_that_keeps_still_and_follows_one_that_moves() -> None:
    noisy = driver(0.1 * RNG.normal(size=(200, 3)))
    calm = noisy.smoothed(2.0)
    assert noisy.smoothed(0) is noisy and calm.times == noisy.times
    assert calm.weights[50:].std() < 0.7 * noisy.weights[50:].std()
    ramp = driver(np.linspace(0, 80, 200)[:, None])
    assert np.abs(ramp.smoothed(2.0).weights - ramp.weights)[50:].max() < 1.5


def test_strength_is_a_factor_on_the_expression(animator: VersatileFaceAnimator) -> None:
    weights, given = RNG.normal(size=(2, 8)), (source(), CAMERA, np.full((1, 2), 30.0), np.full(1, 6.0))
    once, twice = (PortraitMotion(animator, *given, driver(weights), strength=factor) for factor in (1.0, 2.0))
    np.testing.assert_allclose(twice.motion(1).translation, 2 * once.motion(1).translation)


def test_calibration_makes_the_mouths_agree(animator: VersatileFaceAnimator) -> None:
    """An avatar whose lips part half as far and whose mouth widens twice as much as the driver's, per weight."""
    weights = np.zeros((40, 8))
    weights[:, :2] = RNG.uniform(-1, 1, (40, 2))
    places = np.array([[30.0, 30], [40, 40]])
    moving = PortraitMotion(
        animator, source(), CAMERA, places, np.full(2, 6.0), driver(weights), start=None, strength=3
    )
    moving.lines = np.zeros((2, 2, 3))
    moving.lines[0, 0, 0] = moving.lines[1, 1, 0] = 1.0
    sizes = np.array([0.2, 0.6]) + weights[:, :2] * [0.1, 0.08]

    def show(motion: Motion) -> np.ndarray:
        gap, width = np.array([0.2, 0.6]) + motion.translation[:, 0] * [0.05, 0.16]
        points = np.zeros((478, 3))
        points[33, 0], points[263, 0] = -0.5, 0.5
        points[61, 0], points[291, 0] = -width / 2, width / 2
        points[13, 1], points[14, 1] = -gap / 2, gap / 2
        return points

    moving.calibrate(sizes, np.eye(2), show)
    np.testing.assert_allclose(moving.change / weights[:, :2], np.tile([2.0, 0.5], (40, 1)), rtol=0.15)
    moving.calibrate(sizes, np.eye(2), show, rounds=4)
    np.testing.assert_allclose(moving.change / weights[:, :2], np.tile([2.0, 0.5], (40, 1)), rtol=0.05)
    assert moving.strength == 3


def test_lips_that_touch_on_the_driver_touch(animator: VersatileFaceAnimator) -> None:
    """The networks part the lips; the landmarks of the second frame say that they touch, the third's half as far."""
    gaps = [1.0, 0.0, 0.4]
    mouth = SimpleNamespace(
        probes=lambda pixels: pixels, region=lambda pixels, size: None, gap=lambda translation: np.array([0.8])
    )

    def seen(index: int) -> Motion:
        return Motion(Fraction(index), np.zeros((1, 3)), np.ones(1, bool), np.eye(4), np.array([0.1, 0.2]),
                      np.array([0.5, 0.6]), np.array([gaps[index]]))  # fmt: skip

    given = animator, source(), CAMERA, np.full((1, 2), 30.0), np.ones(1), driver(RNG.normal(size=(3, 8)))
    moving = PortraitMotion(*given, mouth=mouth, seen=seen)  # type: ignore[arg-type]
    motions = list(moving.motions())
    assert [float(motion.lip_gap[0]) for motion in motions] == pytest.approx([0.8, 0.0, 0.5])  # type: ignore[index]
    assert all((motion.lid_opening == [0.5, 0.6]).all() and (motion.gaze == [0.1, 0.2]).all() for motion in motions)


def lips() -> Mouth:
    """Two pairs of controllers on each of two rings, the margins at y = 30 and 34, the borders at 26 and 38."""
    upper, lower = (np.array([0, 1]), np.array([4, 5])), (np.array([2, 3]), np.array([6, 7]))
    slit = SlitRig(MOUTH, upper, lower, np.tile([0.0, 0.1, 0.0], (2, 1)))
    return Mouth(slit, np.array([0.0, 1.0, 0.0]), reach=1.0)


LIPS = np.array([[25, 30], [35, 30], [25, 34], [35, 34], [22, 26], [38, 26], [22, 38], [38, 38]], float)


def test_the_lips_region_is_what_their_controllers_enclose() -> None:
    region = lips().region(LIPS, SIZE)
    assert region[26:38, 22:38].all() and region.sum() <= 18 * 14
    line = lips().region(np.column_stack([LIPS[:, 0], np.full(8, 30.0)]), SIZE)
    assert line.any() and line.sum() <= 18


def test_lips_are_read_at_the_border_of_the_red() -> None:
    probes = lips().probes(LIPS)
    np.testing.assert_allclose(probes[[0, 1, 2, 3]], LIPS[[4, 5, 6, 7]])
    further = replace(lips(), reach=2.0).probes(LIPS)
    np.testing.assert_allclose(further[0], 2 * LIPS[4] - LIPS[0])


def test_the_gap_grows_as_the_lips_part_and_never_turns_over() -> None:
    moved = np.zeros((8, 3))
    moved[2, 1], moved[3, 1] = -0.3, 0.5  # the lower lip: one pair parts, the other would cross
    np.testing.assert_allclose(lips().gap(moved), [0.4, 0.0], atol=1e-12)
