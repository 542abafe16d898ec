"""Speech segments, silent lips and lip-sync of THEval: closed forms and direct computations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.speech import (
    loud_probabilities,
    rounded_segments,
    speech_frames,
    speech_segments,
    volume,
)
from bench.metrics.functional.theval_mouth import (
    INNER_LOWER,
    INNER_UPPER,
    lip_sync,
    silent_lip_stability,
    silent_openness,
    silent_runs,
    sync_openness,
)
from vfa.errors import InputError

WINDOW = 512


def seconds(*samples: int) -> list[float]:
    return [s / 16000 for s in samples]


def spoken(*runs: tuple[float, int]) -> np.ndarray:
    """Probabilities in runs of windows."""
    return np.concatenate([np.full(n, p) for p, n in runs])


def test_segments_by_the_published_rule() -> None:
    # 20 windows of speech from window 10 on; the end is where it became quiet; both ends move out by 480 samples.
    found = speech_segments(spoken((0.1, 10), (0.9, 20), (0.1, 30)), 60 * WINDOW)
    assert found.tolist() == [seconds(10 * WINDOW - 480, 30 * WINDOW + 480)]
    # A dip below 0.35 shorter than 100 ms (3 windows are 96 ms, of which the first is where it starts) does not end it.
    found = speech_segments(spoken((0.9, 10), (0.2, 3), (0.9, 10), (0.0, 20)), 43 * WINDOW)
    assert found.tolist() == [seconds(0, 23 * WINDOW + 480)]
    # Between 0.35 and 0.5 it neither starts nor ends.
    assert len(speech_segments(spoken((0.45, 50)), 50 * WINDOW)) == 0
    found = speech_segments(spoken((0.9, 10), (0.45, 20), (0.1, 10)), 40 * WINDOW)
    assert found.tolist() == [seconds(0, 30 * WINDOW + 480)]
    # Not longer than 250 ms (7 windows are 224 ms) is dropped; speech that the sound's end cuts is kept.
    assert len(speech_segments(spoken((0.9, 7), (0.0, 20)), 27 * WINDOW)) == 0
    found = speech_segments(spoken((0.0, 10), (0.9, 10)), 20 * WINDOW - 100)
    assert found.tolist() == [seconds(10 * WINDOW - 480, 20 * WINDOW - 100)]


def test_segments_share_a_short_pause() -> None:
    """A pause is at least four windows (2048 samples), more than twice 480: each side takes its 480."""
    found = speech_segments(spoken((0.9, 10), (0.0, 5), (0.9, 10), (0.0, 9)), 34 * WINDOW)
    assert found.tolist() == [seconds(0, 10 * WINDOW + 480), seconds(15 * WINDOW - 480, 25 * WINDOW + 480)]


def test_rounding_to_tenths_and_frames_with_both_ends() -> None:
    segments = np.array([[0.04, 0.449], [0.96, 1.99]])
    tenths = rounded_segments(segments, int(1.93 * 16000))
    assert tenths == pytest.approx(np.array([[0.0, 0.4], [1.0, 1.93]]))
    frames = np.flatnonzero(speech_frames(tenths, 60, 25.0))
    assert frames.tolist() == [*range(11), *range(25, 49)]
    assert not speech_frames(np.zeros((0, 2)), 5, 25.0).any()


def test_volume_of_a_steady_tone() -> None:
    """RMS of a sine is its amplitude over the root of two; the first window is half silence."""
    time = np.arange(16000) / 16000
    found = volume(0.5 * np.sin(2 * np.pi * 200 * time))
    assert len(found) == 21
    assert found[1:-1] == pytest.approx(0.5 / math.sqrt(2), rel=1e-6)
    assert found[0] == pytest.approx(0.25, rel=1e-3)


def test_loudness_stands_in_for_a_voice_detector() -> None:
    rng = np.random.default_rng(0)
    sound = np.concatenate([rng.normal(size=16000) * 0.2, rng.normal(size=16000) * 0.001, rng.normal(size=8000) * 0.2])
    found = speech_segments(loud_probabilities(sound), len(sound))
    assert found.shape == (2, 2)
    assert found.ravel() == pytest.approx([0.0, 1.0, 2.0, 2.5], abs=0.07)
    assert not loud_probabilities(np.zeros(3 * WINDOW)).any()
    assert len(loud_probabilities(np.zeros(0))) == 0


def face(upper: float, lower: float) -> np.ndarray:
    """One frame: inner lips at two heights, outer corners 100 apart, eye midpoints 60 apart."""
    points = np.zeros((1, 478, 2))
    points[0, list(INNER_UPPER), 1], points[0, list(INNER_LOWER), 1] = upper, lower
    points[0, 33], points[0, 133], points[0, 362], points[0, 263] = (0, 50), (40, 50), (60, 50), (100, 50)
    return points


def test_opening_in_eye_distances() -> None:
    points = np.concatenate([face(120, 126), face(120, 120), np.full((1, 478, 2), np.nan)])
    assert silent_openness(points)[:2] == pytest.approx([0.06, 0.0])
    assert silent_openness(points, variant="fixed")[:2] == pytest.approx([0.1, 0.0])
    assert np.isnan(silent_openness(points)[2])
    shares = points / np.array([200.0, 100.0])
    assert sync_openness(shares)[:2] == pytest.approx([0.06 / 0.3, 0.0])
    turned = points[:, :, ::-1]
    assert silent_openness(turned, variant="fixed")[:1] == pytest.approx([0.1])


def test_silent_runs_are_at_least_300_ms() -> None:
    speech = np.array([0] * 7 + [1] * 3 + [0] * 8 + [1] + [0] * 9, bool)
    assert silent_runs(speech, 25.0) == [slice(10, 18), slice(19, 28)]
    assert silent_runs(np.zeros(8, bool), 25.0) == [slice(0, 8)]
    assert silent_runs(np.ones(8, bool), 25.0) == silent_runs(np.zeros(0, bool), 25.0) == []


def test_stability_pools_about_the_mean_or_each_run_about_its_median() -> None:
    first, second = [0.1, 0.1, 0.1, 0.2] * 2, [0.5, 0.5, 0.5, 0.6] * 2
    openness = np.array([*first, 9.0, *second])
    speech = np.arange(17) == 8
    pooled = np.array([*first, *second])
    expected = np.median(np.abs(pooled - pooled.mean()))
    assert silent_lip_stability(openness, speech, rate=25.0) == pytest.approx(expected)
    assert silent_lip_stability(openness, speech, rate=25.0, variant="fixed") == pytest.approx(0.0)
    openness[2] = np.nan
    kept = np.delete(pooled, 2)
    assert silent_lip_stability(openness, speech, rate=25.0) == pytest.approx(np.median(np.abs(kept - kept.mean())))
    assert math.isnan(silent_lip_stability(openness, np.ones(17, bool), rate=25.0))
    with pytest.raises(InputError, match="differ in length"):
        silent_lip_stability(openness, speech[:3], rate=25.0)


def test_lip_sync_is_the_mean_gap_of_both_scaled_to_one() -> None:
    rng = np.random.default_rng(1)
    opening, loudness = rng.uniform(0, 1, 40), rng.uniform(0, 9, 40)
    speech = np.arange(40) >= 10
    opening[20] = np.nan
    used = speech & np.isfinite(opening)
    scaled = [(x[used] - x[used].min()) / np.ptp(x[used]) for x in (opening, loudness)]
    found = lip_sync(opening, loudness, speech, rate=25.0)
    assert (found.value, found.n_frames) == (pytest.approx(np.abs(scaled[0] - scaled[1]).mean(), abs=1e-6), 29)
    assert lip_sync(opening, 3 - opening, speech, rate=25.0).value == pytest.approx(
        np.abs(2 * scaled[0] - 1).mean(), abs=1e-6
    )
    assert math.isnan(lip_sync(opening, loudness, np.arange(40) < 3, rate=25.0).value)


def test_fixed_lip_sync_ignores_an_outlier_and_finds_the_lag() -> None:
    wave = np.sin(np.arange(200) / 3.0) + np.sin(np.arange(200) / 7.1)
    late = np.roll(wave, 4)
    found = lip_sync(late, wave, np.ones(200, bool), rate=25.0, variant="fixed")
    assert found.lag == pytest.approx(4 / 25)
    assert found.least < 0.02 < found.value
    spoilt = wave.copy()
    spoilt[50] = 100.0
    speech = np.ones(200, bool)
    assert lip_sync(spoilt, wave, speech, rate=25.0).value > 0.3
    assert lip_sync(spoilt, wave, speech, rate=25.0, variant="fixed").value < 0.03


def test_metrics_say_why_there_is_no_number() -> None:
    points = np.repeat(face(120, 126), 30, axis=0)
    silent = create_metric("theval_silent").score(
        {"mesh_squashed": points}, audio={"audio_speech_tenths": np.array([[0.0, 1.2]])}
    )
    assert math.isnan(silent.value) and "no silence" in silent.reason
    still = create_metric("theval_silent").score(
        {"mesh_squashed": points}, audio={"audio_speech_tenths": np.array([[0.4, 0.6]])}
    )
    # Frames 10 to 15 speak, so 10 and 14 frames remain; lips that do not move deviate by nothing.
    assert (still.value, still.n_frames, still.details["silent_runs"]) == (0.0, 24, 2)
    sound = {"audio_speech_tenths": np.zeros((0, 2)), "audio_volume": np.zeros(30)}
    sync = create_metric("theval_sync").score({"mesh_swapped": points[:, :468] / 100}, audio=sound)
    assert math.isnan(sync.value) and "tenth" in sync.reason
