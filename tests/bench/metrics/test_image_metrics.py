"""PSNR, MSE, MAE and SSIM against scikit-image, closed forms, and formulas written independently here."""

from __future__ import annotations

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.image import mean_absolute_error, mean_squared_error, peak_signal_noise_ratio
from bench.metrics.functional.ssim import structural_similarity
from vfa.errors import InputError


def degraded(n: int, size: int, *, sigma: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    clip = make.frames(n, size)
    noise = np.random.default_rng(size).normal(size=clip.shape) * sigma
    return np.clip(np.rint(clip + noise), 0, 255).astype(np.uint8), clip


def test_psnr_equals_scikit_image() -> None:
    from skimage.metrics import peak_signal_noise_ratio as reference

    first, second = degraded(3, 96)
    expected = [reference(t, p, data_range=255) for p, t in zip(first, second, strict=True)]
    np.testing.assert_allclose(peak_signal_noise_ratio(first, second), expected, rtol=1e-12)


@pytest.mark.parametrize("difference", [1, 5, 51, 255])
def test_constant_difference_has_a_closed_form(difference: int) -> None:
    black = np.zeros((1, 9, 7, 3), np.uint8)
    other = black + np.uint8(difference)
    level = difference / 255
    assert mean_squared_error(other, black)[0] == pytest.approx(level**2, rel=1e-14)
    assert mean_absolute_error(other, black)[0] == pytest.approx(level, rel=1e-14)
    assert peak_signal_noise_ratio(other, black)[0] == pytest.approx(-20 * np.log10(level), abs=1e-12)
    vico = peak_signal_noise_ratio(other, black, variant="vico")[0]
    assert vico == pytest.approx(-10 * np.log10(level**2 + 1e-8), abs=1e-12)


def test_published_values_of_zeros_against_ones() -> None:
    """The public golden values for all-black against all-white clips: PSNR 0 dB, SSIM C1 / (1 + C1)."""
    black, white = np.zeros((2, 64, 64, 3), np.uint8), np.full((2, 64, 64, 3), 255, np.uint8)
    assert peak_signal_noise_ratio(black, white).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(structural_similarity(black, white), 9.999000099990664e-05, rtol=1e-9)
    assert create_metric("ssim")(black, white) == pytest.approx(9.999000099990664e-05)


@pytest.mark.parametrize(("size", "sigma"), [(64, 5.0), (97, 20.0), (256, 40.0)])
def test_wang_equals_scikit_image_with_gaussian_weights(size: int, sigma: float) -> None:
    from skimage.metrics import structural_similarity as reference

    first, second = degraded(2, size, sigma=sigma)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = [reference(t, p, channel_axis=-1, **options) for p, t in zip(first, second, strict=True)]
    np.testing.assert_allclose(structural_similarity(first, second), expected, atol=1e-6)


@pytest.mark.parametrize("size", [96, 383, 384, 520])
def test_piq_equals_a_torch_formula(size: int) -> None:
    """Average pooling by round(size / 256) (384 rounds to 2, 383 to 1), then 2D convolution in torch."""
    import torch
    from torch.nn import functional

    first, second = degraded(1, size)
    x, y = (torch.tensor(clip).permute(0, 3, 1, 2).double() / 255 for clip in (first, second))
    factor = {96: 1, 383: 1, 384: 2, 520: 2}[size]
    if factor > 1:
        x, y = functional.avg_pool2d(x, factor), functional.avg_pool2d(y, factor)
    axis = torch.arange(11, dtype=torch.float64) - 5
    window = torch.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / (2 * 1.5**2))
    window = (window / window.sum()).expand(3, 1, 11, 11)

    def mean(image: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(image, window, groups=3)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    index = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    assert structural_similarity(first, second, variant="piq")[0] == pytest.approx(float(index.mean()), abs=1e-9)


def test_vico_psnr_equals_a_torch_formula() -> None:
    import torch

    first, second = degraded(2, 80)
    x, y = torch.tensor(first).double() / 255, torch.tensor(second).double() / 255
    expected = -10 * torch.log10(((x - y) ** 2).flatten(1).mean(1) + 1e-8)
    ours = peak_signal_noise_ratio(first, second, variant="vico")
    np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-12)


def test_variants_agree_only_where_they_should() -> None:
    first, second = degraded(1, 512)
    assert structural_similarity(first, second)[0] < structural_similarity(first, second, variant="piq")[0] - 0.01
    small = degraded(1, 200)
    assert structural_similarity(*small)[0] == structural_similarity(*small, variant="piq")[0]


def test_names_and_values_through_the_registry() -> None:
    first, second = degraded(2, 64)
    expected = float(np.mean(peak_signal_noise_ratio(first, second)))
    assert create_metric("psnr")(first, second) == pytest.approx(expected)
    assert create_metric("psnr_rgb")(first, second) == pytest.approx(expected)
    assert create_metric("PSNR-vico").id() == "psnr_vico"
    assert create_metric("ssim").id() == "ssim_wang"


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8), "empty"),
        (np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8, 3), np.uint8), "not RGB"),
        (np.zeros((1, 8, 8), np.uint8), np.zeros((1, 8, 8, 3), np.uint8), "not RGB"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((1, 8, 8, 3), np.uint8), "differ"),
    ],
)
def test_refuses_what_cannot_be_compared(first: np.ndarray, second: np.ndarray, message: str) -> None:
    for function in (peak_signal_noise_ratio, mean_squared_error, mean_absolute_error, structural_similarity):
        with pytest.raises(InputError, match=message):
            function(first, second)


def test_refuses_unknown_variants_and_small_frames() -> None:
    tiny = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(InputError, match="variant"):
        peak_signal_noise_ratio(tiny, tiny, variant="luma")
    with pytest.raises(InputError, match="too small"):
        structural_similarity(tiny, tiny)
