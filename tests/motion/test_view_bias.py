"""What the detector adds to a turned face is recovered when it is planted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from drivers import plain_face, turn
from scipy.spatial.transform import Rotation

from vfa.face import topology as face
from vfa.motion.rigid import upright
from vfa.motion.view_bias import ViewBias, measure_view_bias

SHAPE = upright(plain_face())
RIG = SimpleNamespace(rest=SHAPE, landmarks=plain_face(), view=np.eye(3), pivot=SHAPE.mean(axis=0))
SIZE = 80.0  # between the outer eye corners of the drawn face
OTHERS = np.setdiff1d(np.arange(478), face.STABLE)


class Detector:
    """Sees the points themselves, and adds a bias that is quadratic in the viewing direction, in the head's frame.

    `gain` is how much it overstates a turn about the vertical axis.
    """

    def __init__(self, gain: float = 1.0, blind: float = 90.0) -> None:
        self.coefficients = np.zeros((5, 478, 3))
        self.coefficients[:, OTHERS] = np.random.default_rng(0).normal(0, 0.05, (5, len(OTHERS), 3))
        self.gain, self.blind = gain, blind

    def __call__(self, vertices: np.ndarray) -> np.ndarray | None:
        rotation, _ = Rotation.align_vectors(vertices - vertices.mean(axis=0), SHAPE - SHAPE.mean(axis=0))
        if np.degrees(rotation.magnitude()) > self.blind:
            return None
        matrix = Rotation.from_rotvec(rotation.as_rotvec() * [1, self.gain, 1]).as_matrix()
        x, y = matrix[2, :2]
        bias = np.tensordot([x, y, x * x, y * y, x * y], self.coefficients, axes=1)
        return upright((SHAPE + SIZE * bias) @ matrix.T)


def test_a_planted_bias_comes_back() -> None:
    detect = Detector()
    found = measure_view_bias(RIG, detect)
    for angles in ((25, 0), (-10, 12), (5, -14)):
        rotation = turn(*angles)
        planted = ViewBias(detect.coefficients, np.ones(3)).at(rotation)
        np.testing.assert_allclose(found.at(rotation), planted, atol=0.02 * np.abs(planted).max())
    np.testing.assert_allclose(found.gain, 1, atol=1e-6)


def test_seen_from_the_front_there_is_none() -> None:
    found = measure_view_bias(RIG, Detector())
    np.testing.assert_array_equal(found.at(np.eye(3)), np.zeros((478, 3)))
    np.testing.assert_allclose(found.at(turn(roll=50)), 0, atol=1e-12)


@pytest.mark.parametrize("gain", [0.9, 1.16])
def test_overstated_turns_are_taken_back(gain: float) -> None:
    found = measure_view_bias(RIG, Detector(gain))
    np.testing.assert_allclose(found.gain, [1, gain, 1], atol=1e-6)
    np.testing.assert_allclose(found.true_rotation(turn(yaw=gain * 20)), turn(yaw=20), atol=1e-9)


def test_the_bias_belongs_to_the_turn_as_it_is_measured() -> None:
    """A driver's turn is known as measured only, so that is what the bias must be a function of."""
    detect = Detector(1.16)
    found = measure_view_bias(RIG, detect)
    planted = ViewBias(detect.coefficients, np.ones(3)).at(turn(yaw=25))
    np.testing.assert_allclose(found.at(turn(yaw=25)), planted, atol=0.03 * np.abs(planted).max())


def test_too_few_views_or_no_face_give_none() -> None:
    for rig, detect in (
        (RIG, Detector(blind=8)),
        (RIG, lambda vertices: None),
        (SimpleNamespace(**{**vars(RIG), "landmarks": None}), Detector()),
    ):
        found = measure_view_bias(rig, detect)
        assert not found.coefficients.any() and (found.gain == 1).all()


def test_no_bias_changes_nothing() -> None:
    none = ViewBias.none()
    assert not none.at(turn(20, 10)).any()
    np.testing.assert_allclose(none.true_rotation(turn(20, 10, 5)), turn(20, 10, 5), atol=1e-12)
