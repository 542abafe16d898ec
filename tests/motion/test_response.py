"""Gains that make the avatar's mouth read as the driver's: closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from drivers import moved, plain_face, turn

from vfa.motion.response import LIMITS, Gains, fit_gains, measure_gains, mouth_size, spanning_frames

RNG = np.random.default_rng(0)
# Ranges far above what counts as silence, so that its share in the gain is below 1 %.
DRIVER = np.column_stack([RNG.uniform(0, 2, 50), RNG.uniform(0.3, 2, 50)])


@pytest.mark.parametrize(("answer", "gain"), [(1.0, 1.0), (0.8, 1.25), (1.25, 0.8), (0.5, LIMITS[1]), (3.0, LIMITS[0])])
def test_the_gain_is_the_inverse_of_the_answer_within_limits(answer: float, gain: float) -> None:
    found = fit_gains(DRIVER, answer * DRIVER + [0.3, -0.1])
    assert found.lip_gap == pytest.approx(gain, rel=0.01) and found.mouth_width == pytest.approx(gain, rel=0.02)


def test_both_figures_are_fitted_apart() -> None:
    found = fit_gains(DRIVER, DRIVER * [0.8, 1.25])
    assert found.lip_gap == pytest.approx(1.25, rel=0.01) and found.mouth_width == pytest.approx(0.8, rel=0.02)


def test_a_silent_driver_asks_for_nothing() -> None:
    still = np.full((50, 2), 0.4) + RNG.normal(0, 1e-4, (50, 2))
    found = fit_gains(still, 3 * still)
    assert found.lip_gap == pytest.approx(1, abs=0.01) and found.mouth_width == pytest.approx(1, abs=0.01)


def test_frames_without_a_face_do_not_count() -> None:
    avatar = 0.8 * DRIVER
    avatar[::2] = np.nan
    assert fit_gains(DRIVER, avatar).lip_gap == pytest.approx(1.25, rel=0.01)
    avatar[3:] = np.nan
    assert fit_gains(DRIVER, avatar) == Gains()


def test_an_answer_in_the_wrong_direction_stays_within_limits() -> None:
    assert fit_gains(DRIVER, -DRIVER) == Gains(LIMITS[1], LIMITS[1])


def test_frames_span_the_range_of_both() -> None:
    sizes = np.column_stack([np.arange(100.0), np.arange(100.0)[::-1] ** 2])
    frames = spanning_frames(sizes)
    assert frames[0] == 0 and frames[-1] == 99 and len(frames) < 20 and (np.diff(frames) > 0).all()
    np.testing.assert_array_equal(spanning_frames(np.zeros((1, 2))), [0])


def test_mouth_size_is_drawn_size_over_eye_distance() -> None:
    """In the drawn face the mouth is 44 wide, the outer eye corners 80 apart; opened by 10 pixels the gap is 1/8."""
    points = plain_face()
    points[14] = points[13] + [0, 10, 0]
    np.testing.assert_allclose(mouth_size(points), [10 / 80, 44 / 80])
    rolled = moved(points, turn(roll=30), 2.0, np.array([5.0, 6, 7]))
    np.testing.assert_allclose(mouth_size(rolled), [10 / 80, 44 / 80])


def test_measuring_looks_at_the_frames_that_span() -> None:
    points = plain_face()
    looked = []

    def show(index: int) -> np.ndarray:
        looked.append(index)
        out = points.copy()
        out[14] = out[13] + [0, 0.8 * 80 * sizes[index, 0], 0]
        return out

    sizes = np.column_stack([np.linspace(0, 2, 40), np.full(40, 44 / 80)])
    gains = measure_gains(sizes, show)
    assert gains.lip_gap == pytest.approx(1.25, rel=0.01) and gains.mouth_width == pytest.approx(1, abs=0.01)
    assert set(looked) == set(spanning_frames(sizes).tolist())
    assert measure_gains(sizes, lambda index: None) == Gains()
