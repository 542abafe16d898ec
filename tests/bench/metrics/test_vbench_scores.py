"""VBench's scores from given network outputs, and the weight-free stand-ins on made clips."""

from __future__ import annotations

import math

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.appearance import background_cells, cell_descriptors, face_crop, noise_level
from bench.metrics.functional.vbench import (
    aesthetic_quality,
    consistency,
    imaging_quality,
    is_dynamic,
    motion_smoothness,
    normalised_score,
    sampling_interval,
    strongest_flow,
)
from vfa.errors import InputError


def test_consistency_equals_a_loop() -> None:
    features = np.random.default_rng(0).normal(size=(9, 12))

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return max(0.0, float(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b)))

    expected = [(cosine(features[i - 1], features[i]) + cosine(features[0], features[i])) / 2 for i in range(1, 9)]
    np.testing.assert_allclose(consistency(features), expected, atol=1e-12)


def test_a_still_clip_is_fully_consistent_and_opposite_features_give_zero() -> None:
    np.testing.assert_allclose(consistency(np.ones((5, 3))), 1.0)
    assert consistency(np.array([[1.0, 0], [-1, 0]])).tolist() == [0.0]


def test_missing_frames_give_nan_and_the_first_present_one_is_the_anchor() -> None:
    features = np.ones((5, 3))
    features[[0, 3]] = np.nan
    assert np.isnan(consistency(features)).tolist() == [True, False, True, True]


@pytest.mark.parametrize(("rate", "interval"), [(8.0, 1), (25.0, 3), (30.0, 4), (60.0, 8), (5.0, 1)])
def test_sampling_intervals(rate: float, interval: int) -> None:
    assert sampling_interval(rate) == interval


def test_two_sampled_frames_are_always_dynamic_and_one_never() -> None:
    assert is_dynamic(np.zeros(1), n_sampled=2, size=(256, 256))
    assert not is_dynamic(np.zeros(0), n_sampled=1, size=(256, 256))


@pytest.mark.parametrize(("moving", "expected"), [(3, False), (4, True)])
def test_sixteen_frames_need_four_moving_pairs(moving: int, expected: bool) -> None:
    flow = np.array([6.01] * moving + [5.99] * (15 - moving))
    assert is_dynamic(flow, n_sampled=16, size=(256, 300)) is expected
    assert is_dynamic(flow * 2, n_sampled=16, size=(512, 900)) is expected


def test_strongest_flow_is_the_mean_of_the_top_five_percent() -> None:
    flow = np.zeros((10, 20, 2))
    flow[0, :10] = [3.0, 4.0]  # ten of two hundred
    assert strongest_flow(flow) == 5.0
    flow[0, 5:10] = 0.0
    assert strongest_flow(flow) == 2.5


def test_smoothness_aesthetics_imaging_and_normalisation() -> None:
    black = np.zeros((2, 8, 8, 3), np.uint8)
    np.testing.assert_allclose(motion_smoothness(black, black + np.uint8(51)), 0.8)
    features = np.array([[3.0, 4.0]])
    assert aesthetic_quality(features, np.array([10.0, 5.0]), 1.0)[0] == pytest.approx((6 + 4 + 1) / 10)
    assert imaging_quality(np.array([62.5]))[0] == 0.625
    assert normalised_score(0.9975, "motion_smoothness") == 1.0
    with pytest.raises(InputError, match="dimension"):
        normalised_score(0.5, "colour")


def test_a_frozen_clip_is_smooth_still_and_consistent() -> None:
    frozen = np.repeat(make.frames(1), 30, axis=0)
    assert create_metric("ms_lite")(frozen) == 1.0
    assert create_metric("dd_lite")(frozen) == 0.0
    cells = {"face_cells": np.repeat(cell_descriptors(frozen[0])[None], 5, axis=0)}
    assert create_metric("sc_lite")(cells) == pytest.approx(1.0)


def test_odd_frame_error_of_alternating_frames() -> None:
    """Black, grey 102, black, ...: each odd frame is off by 102 / 255."""
    clip = np.zeros((9, 16, 16, 3), np.uint8)
    clip[1::2] = 102
    score = create_metric("ms_lite").score(clip)
    assert score.value == pytest.approx(0.6) and score.n_frames == 4


def test_dynamic_degree_sees_a_fast_pan() -> None:
    wide = make.frames(1, 256)[0]
    pan = np.stack([np.roll(wide, 3 * t, axis=1) for t in range(25)])
    score = create_metric("dd_lite").score(pan)
    assert score.value == 1.0 and score.details["strongest_flow_px"] > 6
    slow = np.stack([np.roll(wide, t // 8, axis=1) for t in range(25)])
    assert create_metric("dd_lite")(slow) == 0.0


def test_extractors_do_not_depend_on_where_chunks_are_cut() -> None:
    from fractions import Fraction

    from bench.features.base import Chunk, VideoInfo
    from bench.metrics.naturalness import NaturalSceneStatistics
    from bench.metrics.video_quality import SampledMotion

    clip = make.sharp_frames(12, 192)
    for kind in (SampledMotion, NaturalSceneStatistics):
        results = []
        for step in (1, 5, 12):
            extractor = kind()
            extractor.start(VideoInfo("clip", 192, 192, Fraction(25)))
            for first in range(0, 12, step):
                index = np.arange(first, min(first + step, 12))
                extractor.update(Chunk(index, index / 25, {"frames": clip[index]}))
            results.append(extractor.finish())
        for other in results[1:]:
            for name, values in results[0].items():
                np.testing.assert_array_equal(values, other[name])


def test_descriptors_have_unit_parts_and_ignore_brightness_in_gradients() -> None:
    image = make.frames(1)[0]
    cells = cell_descriptors(image)
    assert np.linalg.norm(cells[..., :9]) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(cells[..., 9:]) == pytest.approx(1.0, abs=1e-5)
    darker = cell_descriptors((image * 0.5).astype(np.uint8))
    assert float((cells[..., :9] * darker[..., :9]).sum()) > 0.98


def test_gradient_direction_falls_into_its_bin() -> None:
    across = np.tile(np.arange(128, dtype=np.uint8)[None, :, None], (128, 1, 3))
    histogram = cell_descriptors(across)[4, 4, :9]
    assert set(np.flatnonzero(histogram > 1e-6)) == {0, 8}  # angle 0 lies between the first and the last bin
    down = cell_descriptors(across.swapaxes(0, 1))[4, 4, :9]
    assert down.argmax() == 4


def test_face_boxes_cut_and_mask() -> None:
    image = make.frames(1)[0]
    assert face_crop(image, np.array([-10.0, 20, 50, 300])).shape == (108, 50, 3)
    assert face_crop(image, np.full(4, np.nan)) is None
    assert face_crop(image, np.array([200.0, 200, 300, 300])) is None
    outside = background_cells((128, 128), np.array([32.0, 32, 96, 96]), margin=0.0)
    assert outside.sum() == 64 - 16 and not outside[2:6, 2:6].any()
    assert background_cells((128, 128), np.full(4, np.nan)).all()


def test_noise_estimate_recovers_sigma() -> None:
    flat = 128 + np.random.default_rng(0).normal(size=(256, 256)) * 7
    assert noise_level(flat.astype(np.float32)) == pytest.approx(7.0, rel=0.03)


def test_few_frames_give_a_reason() -> None:
    for name in ("ms_lite", "dd_lite"):
        score = create_metric(name).score(make.frames(1))
        assert math.isnan(score.value) and "fewer" in score.reason
