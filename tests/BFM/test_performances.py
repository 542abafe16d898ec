"""Seeded performances: repeatable, smooth, natural in timing, neutral at the start."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from BFM.expressions import expression_index
from BFM.performances import EPISODES, VISEMES, performance

RATE = 30


@pytest.fixture(scope="module")
def minute() -> object:
    return performance(60 * RATE, RATE, 3)


def curve(acted: object, name: str) -> np.ndarray:
    return acted.expression[:, expression_index(name)].mean(1)  # type: ignore[attr-defined]


def test_shapes_and_ranges() -> None:
    acted = performance(90, Fraction(30000, 1001), 1)
    assert acted.expression.shape == (90, 64) and acted.euler.shape == (90, 3)
    assert acted.translation.shape == (90, 3) and acted.gaze.shape == (90, 2)
    assert acted.time[30] == pytest.approx(1.001)
    assert acted.expression.min() >= 0 and acted.expression.max() <= 1
    assert np.isfinite(acted.expression).all()


def test_starts_neutral_with_closed_lips() -> None:
    for seed in range(10):
        acted = performance(5, RATE, seed)
        assert not acted.expression[0].any() and not acted.euler[0].any() and not acted.gaze[0].any()


def test_a_seed_decides_everything() -> None:
    a, b, c = performance(60, RATE, 4), performance(60, RATE, 4), performance(60, RATE, 5)
    np.testing.assert_array_equal(a.expression, b.expression)
    np.testing.assert_array_equal(a.euler, b.euler)
    assert np.abs(a.expression - c.expression).max() > 0.1


def test_the_rate_samples_the_same_motion() -> None:
    slow, fast = performance(60, 30, 2), performance(119, 60, 2)
    np.testing.assert_array_equal(slow.time, fast.time[::2])
    np.testing.assert_allclose(slow.expression, fast.expression[::2], atol=1e-6)
    np.testing.assert_allclose(slow.euler, fast.euler[::2], atol=1e-6)


def test_blinks_are_complete_short_and_as_frequent_as_peoples(minute: object) -> None:
    closed = curve(minute, "eyeBlink") > 0.5
    starts = np.flatnonzero(np.diff(closed.astype(int)) == 1)
    assert 8 <= len(starts) <= 40  # adults in conversation: some 10 to 30 a minute
    lengths = np.diff(np.flatnonzero(np.diff(closed.astype(int)) != 0))[::2] / RATE
    assert lengths.max() < 0.4
    fine = performance(12 * 240, 240, 3)
    assert curve(fine, "eyeBlink").max() > 0.99


def test_lips_close_between_and_within_phrases(minute: object) -> None:
    jaw = curve(minute, "jawOpen")
    assert (jaw < 0.05).mean() > 0.15 and jaw.max() > 0.5
    assert (np.diff(np.sign(jaw - 0.15)) > 0).sum() > 40  # syllables in a minute


def test_it_is_a_showcase(minute: object) -> None:
    for name in ("mouthSmile", "browInnerUp", "mouthPucker", "browDown", "cheekPuff", "mouthFrown", "eyeWide"):
        assert curve(minute, name).max() > 0.5, name
    degrees = np.degrees(minute.euler)  # type: ignore[attr-defined]
    assert 12 < np.abs(degrees[:, 1]).max() < 40 and np.abs(degrees[:, 0]).max() < 20
    gaze = np.degrees(minute.gaze)  # type: ignore[attr-defined]
    assert 8 < np.abs(gaze).max() <= 22.001


def test_motion_is_smooth_except_for_the_eyes(minute: object) -> None:
    euler, jaw = np.degrees(minute.euler), curve(minute, "jawOpen")  # type: ignore[attr-defined]
    assert np.abs(np.diff(euler, axis=0)).max() < 4.0  # degrees a frame
    assert np.abs(np.diff(jaw)).max() < 0.30


def test_all_names_exist() -> None:
    for shape in (*VISEMES.values(), *(units for units, _ in EPISODES)):
        for name in shape:
            assert expression_index(name)


@pytest.mark.parametrize(("frames", "rate"), [(0, 30), (10, 0), (10, -1)])
def test_impossible_requests_are_refused(frames: int, rate: float) -> None:
    with pytest.raises(ValueError):
        performance(frames, rate, 0)
