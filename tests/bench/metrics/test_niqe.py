"""NIQE against an implementation written as plainly as the paper, and its parameter files."""

from __future__ import annotations

import math
from pathlib import Path

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.niqe import (
    block_features,
    fit_aggd,
    fit_pristine,
    halve,
    load_pristine,
    local_contrast,
    luma,
    niqe,
    niqe_distance,
)
from vfa.errors import InputError, VFAError


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    import cv2

    noise = np.random.default_rng(seed).normal(size=(height, width))
    image = cv2.GaussianBlur(noise, (0, 0), 1.5) * 120 + noise * 10 + 128
    return np.clip(np.round(image), 0, 255)


def fit_plainly(values: np.ndarray) -> tuple[float, float, float]:
    left = math.sqrt((values[values < 0] ** 2).mean())
    right = math.sqrt((values[values > 0] ** 2).mean())
    ratio = left / right
    wanted = np.abs(values).mean() ** 2 / (values**2).mean() * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    grid = [0.2 + 0.001 * i for i in range(9801)]
    table = [math.gamma(2 / a) ** 2 / (math.gamma(1 / a) * math.gamma(3 / a)) for a in grid]
    alpha = grid[int(np.argmin([(t - wanted) ** 2 for t in table]))]
    scale = math.sqrt(math.gamma(1 / alpha) / math.gamma(3 / alpha))
    return alpha, left * scale, right * scale


def features_plainly(image: np.ndarray) -> np.ndarray:
    """One image, block by block, with SciPy filters."""
    from scipy.ndimage import convolve

    axis = np.arange(-3, 4)
    window = np.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    blocks = []
    for scale in (1, 2):
        mean = convolve(image, window, mode="nearest")
        deviation = np.sqrt(np.abs(convolve(image**2, window, mode="nearest") - mean**2))
        normalised = (image - mean) / (deviation + 1)
        side, rows = 96 // scale, []
        for top in range(0, image.shape[0], side):
            for left in range(0, image.shape[1], side):
                block = normalised[top : top + side, left : left + side]
                alpha, low, high = fit_plainly(block.ravel())
                row = [alpha, (low + high) / 2]
                for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
                    alpha, low, high = fit_plainly((block * np.roll(block, shift, (0, 1))).ravel())
                    row += [alpha, (high - low) * math.gamma(2 / alpha) / math.gamma(1 / alpha), low, high]
                rows.append(row)
        blocks.append(rows)
        image = halve(image)
    return np.concatenate(blocks, axis=1)


def test_features_equal_a_plain_implementation() -> None:
    image = textured(96, 192)
    np.testing.assert_allclose(block_features(image), features_plainly(image), rtol=1e-6, atol=1e-9)


def test_halving_has_the_antialiased_bicubic_weights() -> None:
    """A single bright pixel spreads by the cubic kernel (a = -1/2) stretched to width 8."""

    def cubic(x: float) -> float:
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    image = np.zeros((32, 32))
    image[15, 16] = 1.0
    expected = np.zeros((16, 16))
    for y in range(16):
        for x in range(16):
            expected[y, x] = cubic((2 * y + 0.5 - 15) / 2) / 2 * cubic((2 * x + 0.5 - 16) / 2) / 2
    np.testing.assert_allclose(halve(image), expected, atol=1e-12)
    np.testing.assert_allclose(halve(np.full((20, 30), 7.0)), np.full((10, 15), 7.0))


@pytest.mark.parametrize("alpha", [0.8, 1.0, 2.0])
def test_fit_recovers_a_generalised_gaussian(alpha: float) -> None:
    from scipy.stats import gennorm

    sample = gennorm(alpha, scale=3.0).rvs(400_000, random_state=np.random.default_rng(1))[None]
    shape, left, right = fit_aggd(sample)
    assert shape[0] == pytest.approx(alpha, rel=0.02)
    assert left[0] == pytest.approx(3.0, rel=0.05) and right[0] == pytest.approx(3.0, rel=0.05)


def test_flat_contrast_is_zero() -> None:
    np.testing.assert_allclose(local_contrast(np.full((20, 20), 55.0)), 0.0, atol=1e-9)


def test_distance_has_a_closed_form_for_equal_covariances() -> None:
    features = np.random.default_rng(0).normal(size=(400, 36))
    pristine = fit_pristine(features)
    assert niqe_distance(features, pristine) == pytest.approx(0.0, abs=1e-6)
    offset = np.linspace(0, 1, 36)
    expected = math.sqrt(offset @ np.linalg.inv(np.cov(features, rowvar=False)) @ offset)
    assert niqe_distance(features + offset, pristine) == pytest.approx(expected, rel=1e-9)


def test_noise_is_less_natural_than_the_ground_truth() -> None:
    clip = np.stack([np.repeat(textured(288, 288, seed)[..., None], 3, -1) for seed in range(1, 31)]).astype(np.uint8)
    noisy = np.clip(clip + np.random.default_rng(3).normal(size=clip.shape) * 25, 0, 255).astype(np.uint8)
    metric = create_metric("niqe_gt_lite")
    assert metric(clip, clip) < metric(noisy, clip)


def test_luma_is_rounded_bt601() -> None:
    frames = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]]], np.uint8)
    assert luma(frames)[0, 0].tolist() == [76.0, 150.0, 29.0, 255.0]


@pytest.mark.parametrize("suffix", [".mat", ".npz"])
def test_reads_both_published_file_forms(tmp_path: Path, suffix: str) -> None:
    from scipy.io import savemat

    pristine = fit_pristine(np.random.default_rng(0).normal(size=(100, 36)))
    path = tmp_path / f"niqe{suffix}"
    if suffix == ".mat":
        savemat(path, {"mu_prisparam": pristine.mean[None], "cov_prisparam": pristine.covariance})
    else:
        np.savez(path, mu_pris_param=pristine.mean, cov_pris_param=pristine.covariance, gaussian_window=np.ones((7, 7)))
    read = load_pristine(path)
    np.testing.assert_array_equal(read.mean, pristine.mean)
    np.testing.assert_array_equal(read.covariance, pristine.covariance)
    image = textured(192, 192)
    assert niqe(image, read) == niqe(image, pristine)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\n"])
@pytest.mark.parametrize("suffix", [".mat", ".npz"])
def test_refuses_files_that_are_something_else(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"niqe{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="NIQE parameter file"):
        load_pristine(path)


def test_refuses_files_with_other_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", mean=np.zeros(36))
    with pytest.raises(InputError, match="mu_prisparam"):
        load_pristine(tmp_path / "other.npz")
    np.savez(tmp_path / "small.npz", mu_pris_param=np.zeros(18), cov_pris_param=np.zeros((18, 18)))
    with pytest.raises(InputError, match=r"\[36\]"):
        load_pristine(tmp_path / "small.npz")


def test_without_the_published_file_it_is_an_error_never_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(VFAError):
        create_metric("niqe")(make.frames(6, 192))


def test_small_and_flat_frames_give_nan_with_a_reason() -> None:
    for height, level in ((90, 0), (96, 99)):
        frames, truth = np.full((6, height, 192, 3), level, np.uint8), make.sharp_frames()[:, :height, :192]
        score = create_metric("niqe_gt_lite").score(frames, truth)
        assert math.isnan(score.value) and score.reason
