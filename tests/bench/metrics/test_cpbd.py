"""CPBD against a plain loop written from the paper and the facts of the published code."""

from __future__ import annotations

import math
from pathlib import Path

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.cpbd import canny_edges, cpbd, edge_widths, to_gray
from vfa.errors import InputError

LIVE_IMAGE = Path(__file__).parents[3].parent / "shared" / "live" / "img4.bmp"


def sobel_loop(image: np.ndarray) -> np.ndarray:
    height, width = image.shape
    mirrored = np.pad(image, 1, mode="symmetric")
    strength = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            around = mirrored[y : y + 3, x : x + 3]
            across = (around[:, 2] - around[:, 0]) @ np.array([1, 2, 1]) / 8
            strength[y, x] = across**2
    strength[strength <= 2 * math.sqrt(strength.mean())] = 0
    edges = np.zeros(image.shape, bool)
    for y in range(height):
        for x in range(width):
            here = strength[y, x]
            left, right = (strength[y, x + d] if 0 <= x + d < width else 0 for d in (-1, 1))
            above, below = (strength[y + d, x] if 0 <= y + d < height else 0 for d in (-1, 1))
            edges[y, x] = (here > left and here > right) or (here > above and here > below)
    return edges


def widths_loop(image: np.ndarray, *, strict: bool) -> np.ndarray:
    """Walks from each edge pixel to where the intensity stops falling away, at most 100 pixels each way."""
    height, width = image.shape
    edges, out = sobel_loop(image), np.zeros(image.shape)
    down, across = np.gradient(image)
    angle = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            if across[y, x] != 0:
                angle[y, x] = 45 * round(math.degrees(math.atan2(down[y, x], across[y, x])) / 45)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if not edges[y, x] or (strict and across[y, x] == 0) or abs(angle[y, x]) not in (0, 180):
                continue
            rising = 1 if angle[y, x] == 0 else -1
            total = 0
            for direction in (-1, 1):
                walked = 0
                while walked <= 100:
                    outer = x + direction * (2 + walked)
                    inner = outer - direction
                    if not 0 <= outer < width or rising * direction * (image[y, outer] - image[y, inner]) <= 0:
                        break
                    walked += 1
                total += min(walked, 100) + 1
            out[y, x] = total
    return out


def cpbd_loop(gray: np.ndarray, *, strict: bool) -> float:
    from skimage.feature import canny

    image = gray.astype(float)
    edge, widths = canny(image / 255 if strict else image), widths_loop(image, strict=strict)
    histogram = [0] * 101
    for top in range(0, image.shape[0] - 63, 64):
        for left in range(0, image.shape[1] - 63, 64):
            block = np.s_[top : top + 64, left : left + 64]
            if edge[block].sum() <= 0.002 * 64 * 64:
                continue
            contrast = int(image[block].max() - image[block].min())
            for width in widths[block][widths[block] > 0]:
                probability = 1 - math.exp(-((width / (5 if contrast <= 50 else 3)) ** 3.6))
                histogram[round(probability * 100)] += 1
    return sum(histogram[:64]) / sum(histogram)


def picture(blur: float) -> np.ndarray:
    import cv2

    gray = to_gray(make.sharp_frames(1))[0, :150, :201]
    return cv2.GaussianBlur(gray, (0, 0), blur) if blur else gray


@pytest.mark.parametrize("blur", [0.0, 0.8, 2.0])
@pytest.mark.parametrize("variant", ["compat", "strict"])
def test_equals_a_plain_loop(variant: str, blur: float) -> None:
    image = picture(blur)
    np.testing.assert_array_equal(
        edge_widths(image.astype(float), strict=variant == "strict"),
        widths_loop(image.astype(float), strict=variant == "strict"),
    )
    assert cpbd(image, variant=variant) == pytest.approx(cpbd_loop(image, strict=variant == "strict"), abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_canny_equals_scikit_image(scale: float) -> None:
    """Pixel for pixel, also where neighbours tie on hard edges and flat parts."""
    from skimage.feature import canny

    steps = np.kron(np.random.default_rng(1).integers(0, 256, (6, 7)), np.ones((16, 16)))
    noise = np.random.default_rng(2).integers(0, 256, (90, 131))
    for image in (picture(0.0), picture(1.5), steps, noise, np.zeros((70, 70)), np.eye(5) * 200):
        np.testing.assert_array_equal(canny_edges(image.astype(float) / scale), canny(image.astype(float) / scale))


def test_long_ramps_stop_after_one_hundred_pixels() -> None:
    """A ramp of 150 pixels is walked 100 pixels each way."""
    row = np.concatenate([np.zeros(60), np.linspace(0, 150, 151), [151 + 40, 151 + 60], np.linspace(212, 250, 130)])
    image = np.tile(row[::-1], (64, 1))
    assert edge_widths(image, strict=False).max() > 100
    np.testing.assert_array_equal(edge_widths(image, strict=False), widths_loop(image, strict=False))


@pytest.mark.skipif(not LIVE_IMAGE.is_file(), reason="the public image is not here")
def test_published_value_of_the_public_image() -> None:
    import cv2

    assert cpbd(cv2.imread(str(LIVE_IMAGE), cv2.IMREAD_GRAYSCALE)) == pytest.approx(0.7534, abs=0.005)


@pytest.mark.parametrize("shape", [(63, 63), (40, 200), (64, 64), (1, 1)])
def test_flat_or_small_frames_give_nan_not_zero(shape: tuple[int, int]) -> None:
    assert math.isnan(cpbd(np.full(shape, 128, np.uint8)))
    frames = np.full((2, *shape, 3), 128, np.uint8)
    score = create_metric("cpbd").score(frames)
    assert math.isnan(score.value) and "64x64" in score.reason and score.n_missing == 2


def test_refuses_what_is_no_gray_image() -> None:
    with pytest.raises(InputError, match="gray"):
        cpbd(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(InputError, match="variant"):
        cpbd(np.zeros((64, 64), np.uint8), variant="matlab")
