"""LMD, AKD, mouth overlap, jitter and lip timing: closed forms, invariances, and formulas written as the papers do."""

from __future__ import annotations

import math
from collections.abc import Callable

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.landmarks import (
    average_keypoint_distance,
    interocular_distance,
    landmark_distance,
    landmark_jitter,
    lip_opening,
    mouth_overlap,
    polygon_iou,
)
from bench.metrics.functional.timing import temporal_misalignment
from vfa.errors import InputError


def noisy(points: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    return points + np.random.default_rng(0).normal(size=points.shape) * sigma


def test_vico_is_the_mean_of_coordinates() -> None:
    truth = make.landmarks68(5)
    prediction = noisy(truth)
    plain = np.mean(
        [abs(prediction[t, p, c] - truth[t, p, c]) for t in range(5) for p in range(48, 68) for c in (0, 1)]
    )
    assert landmark_distance(prediction, truth, variant="vico").mean() == pytest.approx(plain)


def test_centered_is_the_mean_distance_after_both_means_are_removed() -> None:
    truth = make.landmarks68(4)
    prediction = noisy(truth)
    values = []
    for p, t in zip(prediction[:, 48:68], truth[:, 48:68], strict=True):
        p, t = p - p.mean(0), t - t.mean(0)
        values.append(np.mean([math.hypot(*(a - b)) for a, b in zip(p, t, strict=True)]))
    np.testing.assert_allclose(landmark_distance(prediction, truth), values)


def test_what_each_variant_ignores() -> None:
    truth = make.landmarks68(3)
    prediction = noisy(truth)
    base = landmark_distance(prediction, truth)
    np.testing.assert_allclose(landmark_distance(prediction + [30.0, -7.0], truth), base)
    assert (landmark_distance(prediction + [30.0, -7.0], truth, variant="vico") > 15).all()
    np.testing.assert_allclose(landmark_distance(2 * prediction, 2 * truth), 2 * base)
    norm = landmark_distance(prediction, truth, variant="norm")
    np.testing.assert_allclose(landmark_distance(2 * prediction, 2 * truth, variant="norm"), norm)
    np.testing.assert_allclose(norm, base / 70.0)  # the eyes of the test face are 70 pixels apart


def test_regions_see_their_points_only() -> None:
    truth = make.landmarks68(2)
    brow = truth.copy()
    brow[:, 20] += 10.0
    assert landmark_distance(brow, truth).tolist() == [0.0, 0.0]
    assert (landmark_distance(brow, truth, region="face") > 0).all()


def test_akd_is_scaled_to_256_by_each_axis() -> None:
    truth = make.landmarks68(2)
    shifted = truth + [4.0, 10.0]
    assert average_keypoint_distance(shifted, truth, size=(512, 640)) == pytest.approx(np.full(2, (2.0 + 4.0) / 2))
    euclidean = average_keypoint_distance(shifted, truth, size=(512, 640), euclidean=True)
    assert euclidean == pytest.approx(np.full(2, math.hypot(2.0, 4.0)))


def test_akd_asks_for_the_size_of_the_frames() -> None:
    points = {"landmarks68": make.landmarks68(2)}
    with pytest.raises(InputError, match="size"):
        create_metric("akd")(points, points)
    assert create_metric("akd", size=(256, 256))(points, points) == 0.0


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 1.0), (2.0, 0.6), (4.0, 1 / 3), (8.0, 0.0)])
def test_overlap_of_shifted_squares(shift: float, expected: float) -> None:
    square = np.array([[0.0, 0.0], [8.0, 0.0], [8.0, 8.0], [0.0, 8.0]])
    assert polygon_iou(square, square + [shift, 0.0]) == pytest.approx(expected)
    assert polygon_iou(square, square + [0.0, shift]) == pytest.approx(expected)


def test_overlap_of_a_disc_in_a_disc() -> None:
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    disc = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert polygon_iou(10 * disc, 5 * disc, resolution=16) == pytest.approx(0.25, abs=2e-3)


def test_mouth_overlap_is_one_for_equal_mouths_and_centring_removes_a_shift() -> None:
    truth = make.landmarks68(4)
    np.testing.assert_allclose(mouth_overlap(truth, truth), 1.0)
    moved = truth + [6.0, 3.0]
    assert (mouth_overlap(moved, truth) < 0.8).all()
    np.testing.assert_allclose(mouth_overlap(moved, truth, center=True), 1.0)


def test_closed_inner_lips() -> None:
    open_mouth = make.landmarks68(1)
    closed = open_mouth.copy()
    closed[:, 60:68, 1] = 145.0
    assert mouth_overlap(closed, closed, region="inner").tolist() == [1.0]
    assert mouth_overlap(closed, open_mouth, region="inner").tolist() == [0.0]


def test_jitter_sees_shaking_not_steady_motion() -> None:
    still = np.repeat(make.landmarks68(1), 30, axis=0)
    gliding = still + np.linspace(0, 60, 30)[:, None, None]
    np.testing.assert_allclose(landmark_jitter(gliding), 0.0, atol=1e-12)
    shaking = still.copy()
    shaking[::2, :, 0] += 1.0
    np.testing.assert_allclose(landmark_jitter(shaking), 2.0 / 70.0)


def test_lip_opening_is_in_eye_distances() -> None:
    points = make.landmarks68(1)
    points[0, 62], points[0, 66] = (100.0, 140.0), (100.0, 154.0)
    assert interocular_distance(points)[0] == pytest.approx(70.0)
    assert lip_opening(points)[0] == pytest.approx(0.2)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_late_mouth_is_late_by_as_many_frames(frames: int) -> None:
    wave = make.mouth_opening_wave(160, rate=25.0)
    truth, late = wave[10:150], wave[10 - frames : 150 - frames]
    found = temporal_misalignment(late, truth, rate=25.0)
    assert found.milliseconds == pytest.approx(40.0 * frames, abs=8.0)
    assert found.signed == pytest.approx(40.0 * frames, abs=8.0)
    assert temporal_misalignment(truth, late, rate=25.0).signed == pytest.approx(-40.0 * frames, abs=8.0)
    assert temporal_misalignment(truth, truth, rate=25.0).milliseconds == 0.0


def test_a_frozen_mouth_has_no_match_and_says_so() -> None:
    truth = make.landmarks68(60)
    frozen = np.repeat(truth[:1], 60, axis=0)
    score = create_metric("mtm_2d").score({"landmarks68": frozen}, {"landmarks68": truth})
    assert math.isnan(score.value) and "match" in score.reason
    assert temporal_misalignment(lip_opening(frozen), lip_opening(truth), rate=25.0).match_rate == 0.0


def test_missing_faces_in_either_side_are_missing() -> None:
    truth, prediction = make.landmarks68(6), make.landmarks68(6)
    prediction[1], truth[3] = np.nan, np.nan
    score = create_metric("lmd").score({"landmarks68": prediction}, {"landmarks68": truth})
    assert score.value == 0.0 and (score.n_frames, score.n_missing) == (4, 2)
    assert np.isnan(score.frames[[1, 3]]).all() and score.frames[[0, 2, 4, 5]].tolist() == [0.0] * 4


@pytest.mark.parametrize("function", [landmark_distance, mouth_overlap])
def test_refuses_wrong_shapes(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    with pytest.raises(InputError, match="shape"):
        function(np.zeros((2, 51, 2)), np.zeros((2, 51, 2)))
    with pytest.raises(InputError, match="differ"):
        function(np.zeros((2, 68, 2)), np.zeros((3, 68, 2)))
    with pytest.raises(InputError, match="empty"):
        function(np.zeros((0, 68, 2)), np.zeros((0, 68, 2)))
