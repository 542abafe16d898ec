"""Metrics called on arrays, without files."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metrics import create_metric
from vfa.errors import InputError


def test_psnr_of_frames_is_a_float_with_its_closed_form() -> None:
    truth = np.full((3, 16, 20, 3), 100, np.uint8)
    value = create_metric("psnr")(truth + 5, truth)
    assert isinstance(value, float)
    assert value == pytest.approx(20 * np.log10(255 / 5))


def test_planes_are_made_from_frames_when_a_metric_needs_them() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    assert create_metric("ssim_ffmpeg")(frames, frames) == pytest.approx(1)


def test_features_can_be_given_instead_of_frames() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (4, 68, 2)).astype(np.float32)
    assert create_metric("lmd")({"landmarks68": points}, {"landmarks68": points + 7}) == pytest.approx(0, abs=1e-4)
    assert create_metric("lmd_vico")({"landmarks68": points}, {"landmarks68": points + 7}) == pytest.approx(7)


def test_missing_faces_are_counted_and_never_zero() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (4, 68, 2)).astype(np.float32)
    holes = points + 3
    holes[1:3] = np.nan
    score = create_metric("lmd_vico").score({"landmarks68": holes}, {"landmarks68": points})
    assert score.value == pytest.approx(3)
    assert (score.n_frames, score.n_missing) == (2, 2)
    score = create_metric("lmd_vico").score({"landmarks68": np.full_like(points, np.nan)}, {"landmarks68": points})
    assert np.isnan(score.value)
    assert "face" in score.reason


@pytest.mark.parametrize(
    "frames",
    [np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8, 3), float), np.zeros((0, 8, 8, 3), np.uint8), [1, 2, 3]],
)
def test_what_are_no_frames_is_refused(frames: object) -> None:
    with pytest.raises(InputError, match="uint8"):
        create_metric("psnr")(frames, np.zeros((2, 8, 8, 3), np.uint8))


def test_sizes_must_agree_and_a_truth_must_be_given() -> None:
    with pytest.raises(InputError, match="8x8"):
        create_metric("psnr")(np.zeros((2, 9, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="ground truth"):
        create_metric("psnr")(np.zeros((2, 9, 8, 3), np.uint8))
