"""A driver's expression without its head: any rigid motion vanishes; lips, lids and gaze are what was drawn."""

from __future__ import annotations

import numpy as np
import pytest
from drivers import eyes_shut, mouth_opened, moved, plain_face, turn

from vfa.errors import InputError
from vfa.face import topology as face
from vfa.motion.performance import Performance, face_axes, neutrality
from vfa.motion.rigid import upright

FACE = plain_face()


def test_the_start_frame_has_no_expression() -> None:
    found = Performance(FACE).measure(FACE)
    np.testing.assert_allclose(found.shape, upright(FACE), atol=1e-9)
    assert found.head.scale == pytest.approx(1) and np.allclose(found.head.rotation, np.eye(3))


@pytest.mark.parametrize("angles", [(30, 0, 0), (0, 20, 0), (0, 0, -40), (15, -10, 25)])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_any_rigid_motion_is_taken_away_exactly(angles, scale) -> None:
    performance = Performance(FACE)
    expressive = eyes_shut(mouth_opened(FACE, 0.2))
    still = performance.measure(expressive)
    turned = performance.measure(moved(expressive, turn(*angles), scale, np.array([40.0, -7, 99])))
    np.testing.assert_allclose(turned.shape, still.shape, atol=1e-8)
    np.testing.assert_allclose(turned.lip_gap, still.lip_gap, atol=1e-8)
    np.testing.assert_allclose(turned.lid_height, still.lid_height, atol=1e-8)
    np.testing.assert_allclose(turned.gaze, still.gaze, atol=1e-8)
    assert turned.head.scale == pytest.approx(scale)


def test_gaps_are_those_drawn() -> None:
    """The drawn lids are 8 pixels apart; a mouth opened by a quarter of the 80 pixels between the eyes gapes 20."""
    performance = Performance(FACE)
    opened = performance.measure(mouth_opened(FACE, 0.25))
    np.testing.assert_allclose(performance.measure(FACE).lip_gap, 0, atol=1e-9)
    np.testing.assert_allclose(opened.lip_gap, 20, atol=1e-9)
    np.testing.assert_allclose(opened.lid_height, 8, atol=1e-9)
    np.testing.assert_allclose(performance.measure(eyes_shut(FACE)).lid_height, 0, atol=1e-9)


def test_gaze_is_the_offset_of_the_iris_over_the_eye_width() -> None:
    looking = FACE.copy()
    looking[[face.RIGHT_IRIS[0], face.LEFT_IRIS[0]]] += [6, -3, 0]  # to the image's right and up; eyes are 30 wide
    np.testing.assert_allclose(Performance(FACE).measure(looking).gaze, [[0.2, 0.1], [0.2, 0.1]], atol=1e-9)


def test_a_bias_of_the_detector_is_taken_off() -> None:
    bias = np.random.default_rng(0).normal(size=(478, 3))
    found = Performance(FACE).measure(FACE, lambda rotation: bias)
    np.testing.assert_allclose(found.shape, upright(FACE) - bias, atol=1e-9)


def test_axes_of_a_frontal_and_of_a_turned_face() -> None:
    np.testing.assert_allclose(face_axes(upright(FACE)), np.eye(3), atol=1e-12)
    rotation = turn(20, 10, 5)
    np.testing.assert_allclose(face_axes(upright(FACE) @ rotation.T), rotation.T, atol=1e-12)


def test_a_face_without_size_is_an_error() -> None:
    with pytest.raises(InputError, match="no size"):
        Performance(np.zeros((478, 3)))


class TestNeutrality:
    @pytest.mark.parametrize(
        "change",
        [
            lambda f: mouth_opened(f, 0.1),
            eyes_shut,
            lambda f: moved(f, turn(yaw=25), 1, np.zeros(3)),
            lambda f: moved(f, turn(pitch=25), 1, np.zeros(3)),
        ],
        ids=["open mouth", "shut eyes", "turned", "nodding"],
    )
    def test_a_neutral_face_is_preferred(self, change) -> None:
        assert neutrality(FACE) < neutrality(change(FACE))

    def test_it_depends_neither_on_size_nor_on_place(self) -> None:
        far = moved(FACE, np.eye(3), 0.2, np.array([500.0, 3, -70]))
        assert neutrality(far) == pytest.approx(neutrality(FACE))

    def test_more_is_worse(self) -> None:
        scores = [neutrality(mouth_opened(FACE, share)) for share in (0, 0.05, 0.1, 0.3)]
        assert scores == sorted(scores)
