"""Head-motion diversity and Beat Align: closed forms and golden values."""

from __future__ import annotations

import math

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.head_motion import (
    audio_beats,
    beat_align,
    fill_gaps,
    head_motion_diversity,
    motion_beats,
)
from vfa.errors import InputError


def test_diversity_of_sines_is_the_amplitude_over_root_two() -> None:
    phase = np.arange(400) * 2 * np.pi / 100
    angles = np.stack([12 * np.sin(phase), 6 * np.cos(phase), np.zeros(400)], axis=1)
    assert head_motion_diversity(angles) == pytest.approx((12 + 6 + 0) / math.sqrt(2) / 3)


def test_a_turn_through_half_a_circle_is_no_jump() -> None:
    steady = np.stack([np.linspace(160, 200, 50)] * 3, axis=1)
    wrapped = (steady + 180) % 360 - 180
    assert head_motion_diversity(wrapped) == pytest.approx(head_motion_diversity(steady))


def test_a_still_head_has_no_diversity_and_no_face_has_none() -> None:
    assert head_motion_diversity(np.full((10, 3), 5.0)) == 0.0
    assert math.isnan(head_motion_diversity(np.full((10, 3), np.nan)))
    score = create_metric("diversity_lite").score({"pose": make.pose()})
    assert set(score.details) == {"yaw", "pitch", "roll"}


def test_identical_beats_align_fully_and_three_frames_give_the_golden_value() -> None:
    beats = np.array([5.0, 30.0, 61.0])
    assert beat_align(beats, beats) == 1.0
    assert beat_align(beats, beats + 3) == pytest.approx(math.exp(-0.5))
    assert beat_align(beats, beats - 3) == pytest.approx(0.6065, abs=1e-4)
    assert beat_align(beats, beats + 6, sigma=6.0) == pytest.approx(math.exp(-0.5))


def test_each_audio_beat_takes_its_nearest_motion_beat() -> None:
    expected = (1.0 + math.exp(-(5**2) / 18)) / 2
    assert beat_align(np.array([10.0, 25.0]), np.array([10.0, 30.0, 90.0])) == pytest.approx(expected)


def test_without_beats_there_is_no_number() -> None:
    assert math.isnan(beat_align(np.empty(0), np.array([3.0])))
    assert math.isnan(beat_align(np.array([3.0]), np.empty(0)))
    score = create_metric("beat_align_lite").score({"pose": make.pose()}, audio={"audio_onset": np.zeros(800)})
    assert math.isnan(score.value) and score.reason == "no audio onset"


def test_motion_beats_are_where_a_swaying_head_turns_round() -> None:
    time = np.arange(250)
    angles = np.zeros((250, 3))
    angles[:, 0] = 20 * np.cos(2 * np.pi * (time + 0.2) / 50)  # at rest just before 0, 25, 50, ...
    beats = motion_beats(angles)
    inner = beats[(beats > 10) & (beats < 240)]
    np.testing.assert_allclose(inner, np.arange(25, 240, 25), atol=1)


def test_audio_beats_are_the_clicks() -> None:
    onset = np.full(500, 0.05)
    clicks = np.array([40, 120, 199, 310, 444])
    onset[clicks] = 1.0
    np.testing.assert_allclose(audio_beats(onset, 100.0), clicks / 100)
    assert len(audio_beats(np.zeros(100), 100.0)) == 0


def test_frame_rate_does_not_matter() -> None:
    """The same motion at 50 fps scores as at 25 fps."""
    onset = np.zeros(900)
    onset[[100, 230, 350, 480, 620]] = 1.0
    dense = np.stack([np.interp(np.arange(399) / 2, np.arange(200), c) for c in make.pose().T], axis=1)
    at = {rate: create_metric("beat_align_lite").score({"pose": pose}, audio={"audio_onset": onset}, rate=rate).value
          for rate, pose in ((25, make.pose()), (50, dense))}  # fmt: skip
    assert at[50] == pytest.approx(at[25], abs=0.01)


def test_gaps_are_filled_linearly() -> None:
    series = np.array([[0.0], [np.nan], [np.nan], [3.0], [np.nan]])
    np.testing.assert_allclose(fill_gaps(series), [[0], [1], [2], [3], [3]])


def test_refuses_wrong_shapes() -> None:
    with pytest.raises(InputError, match="empty"):
        head_motion_diversity(np.empty((0, 3)))
    with pytest.raises(InputError, match="shape"):
        motion_beats(np.zeros((5, 2)))
