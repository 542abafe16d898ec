"""Resizings and normalisations in front of Inception, DINO, CLIP and MUSIQ."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from bench.networks.fid_resize import clean_input, resize_clean, resize_tensorflow, tensorflow_input
from bench.networks.vit_input import clip_input, dino_input, musiq_input

RNG = np.random.default_rng(0)


def test_tensorflow_bilinear_reads_without_half_a_pixel() -> None:
    ramp = torch.arange(10.0).expand(1, 1, 10, 10)
    enlarged = resize_tensorflow(ramp, 25)[0, 0, 0]
    torch.testing.assert_close(enlarged, torch.clamp(torch.arange(25.0) * 0.4, max=9.0))
    columns = resize_tensorflow(ramp.transpose(2, 3), 25)[0, 0, :, 0]
    torch.testing.assert_close(columns, enlarged)
    # Halving takes every second pixel.
    image = torch.from_numpy(RNG.uniform(0, 255, (1, 3, 598, 598)).astype(np.float32))
    assert torch.equal(resize_tensorflow(image), image[..., ::2, ::2])
    constant = tensorflow_input(np.full((2, 40, 50, 3), 64, np.uint8))
    assert torch.equal(constant, torch.full((2, 3, 299, 299), -0.5))


def test_clean_resize_is_antialiased_unrounded_and_clipped() -> None:
    assert np.array_equal(resize_clean(np.full((31, 47, 3), 200, np.uint8)), np.full((299, 299, 3), 200, np.float32))
    # A checkerboard of single pixels vanishes when halved with antialiasing.
    board = ((np.indices((598, 598)).sum(0) % 2) * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    halved = resize_clean(board)
    np.testing.assert_allclose(halved[10:-10, 10:-10], 127.5, atol=1.0)
    # Enlarging a step overshoots in bicubic; the result is clipped, and keeps fractions.
    step = np.zeros((20, 20, 3), np.uint8)
    step[:, 10:] = 255
    enlarged = resize_clean(step)
    assert enlarged.min() == 0 and enlarged.max() == 255 and np.any(enlarged % 1)
    # Independent: torch's antialiased bicubic has the same kernel.
    image = RNG.integers(0, 256, (400, 350, 3), dtype=np.uint8)
    other = F.interpolate(
        torch.from_numpy(image).permute(2, 0, 1)[None].double(), (299, 299), mode="bicubic", antialias=True
    )
    expected = other[0].permute(1, 2, 0).clamp(0, 255).numpy()
    np.testing.assert_allclose(resize_clean(image), expected, atol=0.02)
    tensor = clean_input(image[None])
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0) * 128 + 128, expected, atol=0.02)


def test_dino_keeps_the_aspect() -> None:
    frames = RNG.integers(0, 256, (2, 300, 400, 3), dtype=np.uint8)
    x = dino_input(frames)
    assert tuple(x.shape) == (2, 3, 224, 298)
    plain = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    expected = F.interpolate(plain, (224, 298), mode="bilinear", align_corners=False) / 255
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(x, (expected - mean[:, None, None]) / deviation[:, None, None], rtol=1e-4, atol=1e-4)


def test_clip_crops_the_middle_and_does_not_clip_overshoot() -> None:
    frames = np.zeros((1, 112, 200, 3), np.uint8)
    frames[:, :, 100:] = 255
    x = clip_input(frames)
    assert tuple(x.shape) == (1, 3, 224, 224)
    white = (1 - 0.48145466) / 0.26862954
    # Twice the size: the step lies at column 200 of 400, of which columns 88..311 stay.
    assert abs(float(x[0, 0, 100, 200]) - white) < 1e-3 and float(x[0, 0, 100, 100]) < 0
    assert float(x[0, 0].max()) > white + 0.05


def test_musiq_shrinks_only_long_images() -> None:
    small = RNG.integers(0, 256, (1, 100, 512, 3), dtype=np.uint8)
    torch.testing.assert_close(musiq_input(small), torch.from_numpy(small).permute(0, 3, 1, 2).float() / 255)
    assert tuple(musiq_input(np.zeros((1, 700, 1024, 3), np.uint8)).shape) == (1, 3, 350, 512)
