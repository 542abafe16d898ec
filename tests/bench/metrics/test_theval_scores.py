"""THEval's head motion, normalised and final score: closed forms, and the published leaderboard."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.theval_head import head_motion, head_motion_composite
from bench.metrics.functional.theval_score import LEADERBOARD, METRICS, TRUTH, final_score, normalised_scores
from vfa.errors import InputError


def test_leaderboard_is_the_published_one() -> None:
    """The mean of the eight equals the final column in all 17 rows, both rounded to four decimals."""
    assert len(LEADERBOARD) == 17
    for name, row in LEADERBOARD.items():
        assert final_score(row[:8]) == pytest.approx(row[8], abs=1e-4), name
    finals = [row[8] for row in LEADERBOARD.values()]
    assert finals == sorted(finals, reverse=True)
    # Two rows of the published table, copied apart from the module.
    assert LEADERBOARD["Dimitra"] == (0.9523, 0.8798, 0.7914, 0.7863, 0.1279, 0.6372, 0.8555, 0.9430, 0.7467)
    assert LEADERBOARD["Wav2Lip"][4:] == (0.1124, 0.3662, 0.6388, 0.8849, 0.6502)


def test_normalised_scores() -> None:
    half = {name: value / 2 for name, value in TRUTH.items()}
    scores = normalised_scores(half)
    assert all(scores[name] == pytest.approx(0.5) for name in (*METRICS, "quality", "final"))
    uneven = {**TRUTH, "lip-sync": 3 * TRUTH["lip-sync"], "mouth quality": 0.0}
    scores = normalised_scores(uneven)
    assert (scores["lip-sync"], scores["mouth quality"]) == (pytest.approx(-1.0), 0.0)
    assert scores["synchronization"] == pytest.approx(0.0)
    assert scores["quality"] == pytest.approx(2 / 3)
    # Not the mean of the groups: the eight count alike.
    assert scores["final"] == pytest.approx((8 - 2 - 1) / 8)
    with pytest.raises(InputError, match="missing"):
        normalised_scores({"lip-sync": 1.0})
    with pytest.raises(InputError, match="no final score"):
        final_score([0.5] * 7)
    with pytest.raises(InputError, match="no final score"):
        final_score([0.5] * 7 + [math.nan])


def test_composite_equals_the_published_lines() -> None:
    rng = np.random.default_rng(2)
    angles, centres = rng.normal(size=(30, 3)) * 5, rng.normal(size=(30, 2)) * 8
    angles[7] = np.nan
    kept = [i for i in range(30) if i != 7]
    spread = np.mean([np.std(angles[kept, k]) for k in range(3)])
    change = np.mean([np.var(np.diff(angles[kept, k])) for k in range(3)])
    path = (np.var(centres[kept, 0]) + np.var(centres[kept, 1])) / 2
    assert head_motion_composite(angles, centres) == pytest.approx(math.sqrt(spread * change + path))
    assert head_motion_composite(angles[:1], centres[:1]) == 0.0
    assert math.isnan(head_motion_composite(np.full((4, 3), np.nan), centres[:4]))


def test_three_numbers_do_not_depend_on_rate_or_size() -> None:
    def swing(rate: float, size: float) -> tuple[float, float, float]:
        time = np.arange(0, 4 + 1e-9, 1 / rate)
        angles = np.stack([9 * np.sin(2 * np.pi * 0.5 * time), 0 * time, 0 * time], axis=1)
        centres = size * np.stack([2 * np.sin(2 * np.pi * 0.5 * time), 0 * time], axis=1)
        found = head_motion(angles, centres, np.full(len(time), 10.0 * size), rate=rate)
        return found.rotation, found.rotation_rate, found.translation

    # A sine of amplitude a deviates by a / sqrt(2); its speed by a * 2 pi f / sqrt(2); one axis of three, of two.
    expected = (9 / math.sqrt(2) / 3, 9 * math.pi / math.sqrt(2) / 3, math.sqrt(2 * 2 / 2 / 2) / 10)
    for rate, size in ((25, 1.0), (50, 1.0), (30, 4.0)):
        assert swing(rate, size) == pytest.approx(expected, rel=0.02)


def test_a_gap_adds_no_speed() -> None:
    angles = np.zeros((20, 3))
    angles[12:] = 40.0
    angles[10:12] = np.nan
    found = head_motion(angles, np.zeros((20, 2)), np.full(20, 60.0), rate=25.0)
    assert found.rotation > 0 and found.rotation_rate == 0.0
    assert math.isnan(head_motion(angles[:1], np.zeros((1, 2)), np.ones(1), rate=25.0).rotation)
    with pytest.raises(InputError, match="rate"):
        head_motion(angles, np.zeros((20, 2)), np.ones(20), rate=0)


def test_head_metrics_read_the_networks_features() -> None:
    angles, boxes = np.zeros((6, 3)), np.tile([10.0, 10.0, 30.0, 40.0], (6, 1))
    boxes[3:] += 4.0
    angles[5] = np.nan
    score = create_metric("theval_head").score({"facexformer_pose": angles, "retinaface_box": boxes})
    # Three centres at one place and two 4 pixels further right and down: the variance of each is 16 * 6 / 25.
    assert score.value == pytest.approx(math.sqrt(16 * 6 / 25))
    assert (score.n_frames, score.n_missing) == (5, 1)


def test_qualities_are_means_with_coverage() -> None:
    values = np.array([[0.4], [np.nan], [0.6]])
    fixed = create_metric("theval_face_fixed").score({"topiq_face_largest": values})
    assert (fixed.value, fixed.n_frames, fixed.n_missing) == (pytest.approx(0.5), 2, 1)
    published = create_metric("theval_face").score({"topiq_face_central": values})
    assert math.isnan(published.value) and "1 frames show no face" in published.reason
    assert create_metric("theval_face")({"topiq_face_central": values[::2]}) == pytest.approx(0.5)
    assert create_metric("theval_mouth")({"mouth_theval": values * 100}) == pytest.approx(50.0)
    assert create_metric("theval_aesthetics_fixed").id() == "theval_aesthetics_theval"
