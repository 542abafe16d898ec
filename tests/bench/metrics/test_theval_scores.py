"""THEval's head motion, normalised and final score: closed forms, and the published leaderboard."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.theval import final_score
from bench.metrics.functional.theval_head import head_motion, head_motion_composite
from bench.profiles import find_profile, profile_table
from bench.report.model import published_tables
from vfa.errors import InputError


def test_final_score_of_the_published_leaderboard() -> None:
    """The mean of the eight equals the final column in all 17 rows, both rounded to four decimals."""
    table = next(table for table in published_tables() if table["id"] == "theval")
    rows = [[float(value) for value in row["values"]] for row in table["rows"]]
    assert len(rows) == 17
    for row in rows:
        assert final_score(row[:8]) == pytest.approx(row[8], abs=1e-4)
    assert [0.9523, 0.8798, 0.7914, 0.7863, 0.1279, 0.6372, 0.8555, 0.9430, 0.7467] in rows  # Dimitra
    assert [0.9090, 0.9180, 0.6762, 0.6966, 0.1124, 0.3662, 0.6388, 0.8849, 0.6502] in rows  # Wav2Lip
    # The eight count alike: not the mean of the three groups (of 3, 3 and 2).
    assert final_score([1, 1, 1, 0, 0, 0, 0, 0]) == pytest.approx(3 / 8)
    for bad in ([0.5] * 7, [0.5] * 7 + [math.nan]):
        with pytest.raises(InputError, match="no final score"):
            final_score(bad)


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


def row_of(method: str, metric: str, value: float | None, truth: float | None) -> dict[str, object]:
    given = {"value": value, "low": None, "high": None}
    return {
        "method": method, "id": metric, "value": value, "pooled": given, "video_mean": given, "reference": truth,
        "reason": "", "comparable": True, "enough": True, "n_videos": 2, "n_videos_total": 2, "n_missing": 0,
        "coverage": 1.0, "higher_is_better": True,
    }  # fmt: skip


def test_profile_shows_closeness_and_the_final_score() -> None:
    profile = find_profile("theval")
    names = [column.metric for column in profile.columns]
    truth = [4.6842, 23.835, 0.4425, 1.716603, 18.46757, 0.006777, 0.0263, 0.2528]
    shares = [1.0, 0.5, 1.5, 2.0, 1.0, 3.0, 1.0, 1.0]
    rows = [row_of("m", n, s * t, t) for n, s, t in zip(names, shares, truth, strict=True)]
    table = profile_table(profile, rows)
    assert table[0][-1].startswith("Final")
    assert [line[0] for line in table] == ["method", "m", "m, closeness"]
    assert table[2][1:] == ["1", "0.5", "0.5", "0", "1", "-1", "1", "1", "0.5"]
    # Without one of the eight there is no final score, and a truth that is not known gives no closeness.
    rows[4] = row_of("m", names[4], None, None)
    rows[0] = row_of("m", names[0], 4.0, None)
    table = profile_table(profile, rows)
    assert [table[2][i] for i in (1, 5, 9)] == ["–", "–", "–"]
    fixed = find_profile("theval-fixed")
    assert [c.label for c in fixed.columns] == [c.label for c in profile.columns] and fixed.closeness
    assert all(c.metric.endswith("fixed") for c in fixed.columns[1:])
