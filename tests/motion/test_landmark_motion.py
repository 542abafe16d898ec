"""Motion axioms on the built-in avatar: driven by its own face and by closed-form changes of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from drivers import eye_distance, eyes_shut, mouth_opened, moved, turn

from vfa.face.rings import MOUTH
from vfa.mesh.controllers import FREE, Controllers
from vfa.motion.landmarks import LandmarkMotion, LandmarkOptions
from vfa.motion.motion import Motion

NOW = Fraction(7, 30)
NO_SHIFT = np.zeros(3)


@pytest.fixture(scope="module")
def rig(demo_stage):
    return demo_stage.rig


@pytest.fixture(scope="module")
def start(rig) -> np.ndarray:
    """The driver looks exactly like the avatar."""
    return rig.landmarks


@pytest.fixture(scope="module")
def carry(rig, start) -> LandmarkMotion:
    return LandmarkMotion(rig, start)


def mouth_margins(rig, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    at = rig.controllers.positions(vertices)
    return at[rig.mouth.upper[0]], at[rig.mouth.lower[0]]


class TestNoMotion:
    def test_no_motion_in_no_motion_out(self, rig, start, carry) -> None:
        motion = carry.motion(start, NOW)
        np.testing.assert_allclose(rig.deform(motion), rig.rest, atol=1e-6)
        np.testing.assert_allclose(motion.pose, np.eye(4), atol=1e-6)
        assert motion.time == NOW and motion.tracked.all()
        np.testing.assert_allclose(motion.gaze, 0, atol=1e-6)
        np.testing.assert_allclose(motion.lid_opening, 1, atol=1e-6)

    @pytest.mark.parametrize("change", [lambda f: f, lambda f: mouth_opened(f, 0.2), eyes_shut])
    def test_whatever_the_start_frame_shows(self, rig, start, change) -> None:
        """A start frame with an open mouth or shut eyes is the avatar at rest, too."""
        shown = moved(change(start), turn(10, 5, 3), 0.4, np.array([9.0, 9, 9]))
        motion = LandmarkMotion(rig, shown).motion(shown, NOW)
        assert np.abs(motion.translation).max() < 1e-6
        np.testing.assert_allclose(rig.deform(replace(motion, lid_opening=np.ones(2))), rig.rest, atol=1e-6)
        np.testing.assert_allclose(motion.pose, np.eye(4), atol=1e-6)

    def test_strength_zero_is_no_expression(self, rig, start) -> None:
        still = LandmarkMotion(rig, start, LandmarkOptions(strength=0, lids=False, gaze=False))
        np.testing.assert_allclose(rig.deform(still.motion(mouth_opened(start, 0.2), NOW)), rig.rest, atol=1e-6)


class TestHead:
    @pytest.mark.parametrize(
        ("angles", "scale", "shift"),
        [((0, 0, 25), 1, NO_SHIFT), ((0, 0, 0), 1, np.array([60.0, -30, 0])), ((0, 0, 0), 1.7, NO_SHIFT),
         ((20, 0, 0), 1, NO_SHIFT), ((0, -15, 0), 1, NO_SHIFT), ((20, 10, -30), 0.6, np.array([5.0, 5, 5]))],
    )  # fmt: skip
    def test_a_rigid_driver_gives_a_rigid_avatar(self, rig, start, carry, angles, scale, shift) -> None:
        rotation = turn(*angles)
        motion = carry.motion(moved(start, rotation, scale, shift), NOW)
        np.testing.assert_allclose(rig.deform(motion), rig.rest, atol=1e-6)
        flip = np.diag([1.0, -1, -1])  # image axes to upright ones
        np.testing.assert_allclose(motion.pose[:3, :3], rig.view.T @ flip @ rotation @ flip @ rig.view, atol=1e-9)
        distances = np.linalg.norm(np.diff(rig.rest[::500], axis=0), axis=1)
        posed = rig.rest[::500] @ motion.pose[:3, :3].T + motion.pose[:3, 3]
        np.testing.assert_allclose(np.linalg.norm(np.diff(posed, axis=0), axis=1), distances, rtol=1e-9)

    def test_expression_and_head_do_not_mix(self, rig, start, carry) -> None:
        expressive = mouth_opened(start, 0.15)
        still, turned = (carry.motion(f, NOW) for f in (expressive, moved(expressive, turn(15, 5, 20), 1, NO_SHIFT)))
        np.testing.assert_allclose(rig.deform(turned), rig.deform(still), atol=1e-5)

    def test_a_shift_is_as_large_as_the_drivers(self, rig, start, carry) -> None:
        """A driver that moves right by its eye distance moves the avatar by the avatar's."""
        distance = float(np.linalg.norm(start[33] - start[263]))
        motion = carry.motion(start + [distance, 0, 0], NOW)
        np.testing.assert_allclose(motion.pose[:3, 3] @ rig.view.T, [rig.size, 0, 0], atol=1e-6)

    def test_the_options(self, rig, start) -> None:
        shown = moved(start, turn(15, 0, 10), 1, np.array([50.0, 0, 0]))
        full, rotation, none = (
            LandmarkMotion(rig, start, LandmarkOptions(head_pose=kind)).motion(shown, NOW).pose
            for kind in ("full", "rotation", "none")
        )
        np.testing.assert_array_equal(none, np.eye(4))
        np.testing.assert_allclose(rotation[:3, :3], full[:3, :3], atol=1e-12)
        np.testing.assert_allclose(rotation @ [*rig.pivot, 1], [*rig.pivot, 1], atol=1e-9)
        assert np.linalg.norm((full @ [*rig.pivot, 1])[:3] - rig.pivot) > 0.1 * rig.size


class TestScale:
    def test_a_driver_of_any_resolution(self, rig, start, carry) -> None:
        small = LandmarkMotion(rig, 0.25 * start).motion(0.25 * mouth_opened(start, 0.1), NOW)
        large = carry.motion(mouth_opened(start, 0.1), NOW)
        np.testing.assert_allclose(rig.deform(small), rig.deform(large), atol=1e-6)

    def test_an_avatar_1000_times_as_large(self, demo_stage, start, carry) -> None:
        from vfa.avatar.rigging import build_rig
        from vfa.avatar.stage import choose_camera

        small = demo_stage.avatar
        eyes = [replace(eye, center=1000 * eye.center, radius=1000 * eye.radius) for eye in small.eyes]
        large = replace(small, vertices=1000 * small.vertices, eyes=eyes)
        rig = build_rig(large, choose_camera(large, centered=False), landmarks=demo_stage.rig.landmarks)
        assert rig.size == pytest.approx(1000 * demo_stage.rig.size, rel=1e-4)
        assert len(rig.controllers) == len(demo_stage.rig.controllers)
        shown = moved(eyes_shut(mouth_opened(start, 0.15)), turn(12, 4, 8), 1.1, np.array([20.0, 5, 0]))
        here, there = carry.motion(shown, NOW), LandmarkMotion(rig, start).motion(shown, NOW)
        np.testing.assert_allclose(there.pose[:3, :3], here.pose[:3, :3], atol=1e-6)
        np.testing.assert_allclose(there.pose[:3, 3], 1000 * here.pose[:3, 3], atol=0.05 * demo_stage.rig.size)
        apart = np.linalg.norm(rig.deform(there) / 1000 - demo_stage.rig.deform(here), axis=1) / demo_stage.rig.size
        # Rounding of the picture may tip single ties between controllers; the motion itself is .15.
        assert np.quantile(apart, 0.99) < 2e-3 and apart.max() < 0.02


class TestLips:
    def test_the_lower_lip_drops_and_the_upper_one_stays(self, rig, start, carry) -> None:
        vertices = rig.deform(carry.motion(mouth_opened(start, 0.2), NOW))
        before, after = mouth_margins(rig, rig.rest), mouth_margins(rig, vertices)
        up = rig.axes[1]
        upper, lower = ((b - a) @ up / rig.size for a, b in zip(before, after, strict=True))
        assert np.abs(upper).max() < 0.02
        drop = 0.2 * eye_distance(start) / np.linalg.norm(start[33] - start[263])
        np.testing.assert_allclose(lower, -drop, atol=0.02)

    def test_open_lips_close(self, rig, start) -> None:
        """A driver who starts with an open mouth and shuts it: the avatar's lips meet, not pass through each other."""
        carry = LandmarkMotion(rig, mouth_opened(start, 0.1))
        upper, lower = mouth_margins(rig, rig.deform(carry.motion(start, NOW)))
        gap = np.abs((upper - lower) @ rig.axes[1] / rig.size)
        assert gap[1:-1].max() < 0.01 and gap.max() < 0.025

    def test_weights_of_the_lips_do_not_mix(self, rig) -> None:
        """Of a motion of the lower lip's controllers alone, nothing reaches the margin of the upper lip."""
        lower = np.concatenate([ring[ring >= 0] for ring in rig.mouth.lower])
        pull = np.zeros((len(rig.controllers), 3))
        pull[lower] = [0, -1.0, 0]
        at = rig.controllers.positions(rig.deformer.displacement(pull).astype(np.float64))
        inner = slice(2, -2)
        assert np.abs(at[rig.mouth.upper[0][inner]]).max() < 0.05
        assert at[rig.mouth.lower[0][inner], 1].max() < -0.9

    def test_without_lip_contact_there_is_no_gap(self, rig, start) -> None:
        plain = LandmarkMotion(rig, start, LandmarkOptions(lips=False, lids=False, gaze=False))
        motion = plain.motion(eyes_shut(start), NOW)
        assert motion.lip_gap is None and (motion.lid_opening == 1).all() and (motion.gaze == 0).all()


class TestLids:
    def test_opening_follows_the_height_between_the_lids(self, start, carry) -> None:
        def opening(share: float) -> float:
            shut = eyes_shut(start)
            return float(carry.motion(share * start + (1 - share) * shut, NOW).lid_opening.mean())

        assert opening(1) == pytest.approx(1) and opening(0) == 0
        assert opening(0.1) == 0 and 0 < opening(0.3) < opening(0.6) < 1 < opening(1.2) <= 1.35

    def test_shut_eyes_do_not_look_around(self, start, carry) -> None:
        looking = eyes_shut(start)
        looking[468:478, 0] += 6
        assert (carry.motion(looking, NOW).gaze == 0).all()
        looking = start.copy()
        looking[468:478, 0] += 6
        yaw, pitch = carry.motion(looking, NOW).gaze
        assert yaw > 0.05 and abs(pitch) < 0.3 * yaw


class TestWithoutFace:
    def test_every_controller_takes_a_mean_of_landmarks(self, rig, start) -> None:
        chosen = rig.controllers.take(np.arange(40))
        free = Controllers(chosen.vertices, chosen.barycentric, chosen.pixel, np.full(40, FREE))
        nothing = {"landmarks": None, "mouth": None, "eyes": (), "lids": (), "balls": ()}
        free = replace(rig, controllers=free, axes=np.eye(3), view=np.eye(3), **nothing)
        carry = LandmarkMotion(free, start)
        np.testing.assert_allclose(carry._carry.sum(axis=1), 1)
        assert np.abs(carry.motion(start, NOW).translation).max() < 1e-9
        assert np.abs(carry.motion(mouth_opened(start, 0.2), NOW).translation).max() > 0.02 * rig.size
        assert carry.motion(start, NOW).lip_gap is None


def test_gains_set_how_far_lips_and_corners_go(rig, start) -> None:
    from vfa.motion.response import Gains

    wide = start.copy()
    for ring in (*MOUTH.upper, *MOUTH.lower, MOUTH.corners, (61, 291)):
        at = list(ring)
        wide[at, 0] += 0.2 * (wide[at, 0] - start[[61, 291], 0].mean())
    widths, gaps = [], []
    for gain in (1.0, 1.4):
        carry = LandmarkMotion(rig, start)
        carry.gains = Gains(gain, gain)
        at = carry.rig.controllers.positions(rig.rest) + carry.motion(wide, NOW).translation
        left, right = rig.controllers.rows((291, 61))
        widths.append((at[left] - at[right]) @ rig.axes[0])
        gaps.append(carry.motion(mouth_opened(start, 0.1), NOW).lip_gap.mean())
    at = rig.controllers.positions(rig.rest)
    rest_width = (at[left] - at[right]) @ rig.axes[0]
    assert (widths[1] - rest_width) / (widths[0] - rest_width) == pytest.approx(1.4, rel=0.02)
    rest_gap = np.maximum(rig.mouth.opening @ rig.axes[1], 0).mean()
    assert (gaps[1] - rest_gap) / (gaps[0] - rest_gap) == pytest.approx(1.4, rel=0.02)


def test_a_motion_defaults_to_rest() -> None:
    motion = Motion(NOW, np.zeros((3, 3)), np.ones(3, bool))
    np.testing.assert_array_equal(motion.pose, np.eye(4))
    assert motion.lip_gap is None and (motion.lid_opening == 1).all() and (motion.gaze == 0).all()
