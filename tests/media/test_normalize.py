"""Normalisation and foreground: closed forms and ways back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.media import Frame
from vfa.media.foreground import close_holes, foreground, shrink_depth
from vfa.media.normalize import Moments, Normalization


def picture(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    color = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    depth = rng.uniform(0.4, 0.6, (12, 16)).astype(np.float32)
    depth[:3] = np.nan
    return color, depth


def test_range_is_the_affine_map_of_the_original_inference() -> None:
    color = np.array([[[0, 255, 51]]], np.uint8)
    depth = np.array([[0.5]], np.float32)
    result = Normalization("range", near=0.4, far=0.6).apply(color, depth)
    np.testing.assert_allclose(result[:, 0, 0], [-1, 1, -0.6, 0], atol=1e-6)


def test_range_comes_back_exactly() -> None:
    color, depth = picture()
    normalization = Normalization("range", near=0.4, far=0.6)
    result = normalization.apply(color, depth)
    assert result.shape == (4, 12, 16)
    assert result.dtype == np.float32
    assert result.min() >= -1
    assert result.max() <= 1
    np.testing.assert_array_equal(normalization.color_of(result), color)
    np.testing.assert_allclose(normalization.depth_of(result), depth, atol=1e-6)


def test_foreground_uses_mean_and_two_sigma_of_the_person() -> None:
    color, depth = picture()
    seen = np.isfinite(depth)
    normalization = Normalization.fit([Frame(0, Fraction(0), color, depth)], "foreground")
    values = color[seen].astype(float)
    assert normalization.mean == pytest.approx(values.mean())
    assert normalization.sigma == pytest.approx(values.std())
    result = normalization.apply(color, depth)
    expected = np.clip((color.astype(float) - values.mean()) / (2 * values.std()), -1, 1)
    np.testing.assert_allclose(result[:3].transpose(1, 2, 0)[seen], expected[seen], atol=1e-5)
    assert (result[:, ~seen] == -1).all()
    inside = (np.abs(expected) < 1).all(axis=2) & seen
    np.testing.assert_array_equal(normalization.color_of(result)[inside], color[inside])


def test_depth_range_of_a_clip_is_one_for_all_frames() -> None:
    frames = [Frame(i, Fraction(i), *picture(i)) for i in range(3)]
    normalization = Normalization.fit(frames)
    assert normalization.near == min(float(np.nanmin(f.depth)) for f in frames)
    assert normalization.far == max(float(np.nanmax(f.depth)) for f in frames)


def test_without_depth_there_are_three_channels() -> None:
    color, _ = picture()
    assert Normalization.fit([Frame(0, Fraction(0), color)], "foreground").apply(color).shape == (3, 12, 16)


@pytest.mark.parametrize("arguments", [{"convention": "x"}, {"near": 1.0, "far": 1.0}, {"sigma": 0.0}])
def test_nonsense_is_refused(arguments: dict) -> None:
    with pytest.raises(InputError):
        Normalization(**arguments)


def test_moments_in_pieces_equal_moments_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(0.45, 0.03, 1000)
    moments = Moments()
    for piece in np.array_split(values, 7):
        moments.update(piece)
    assert moments.mean == pytest.approx(values.mean(), rel=1e-12)
    assert moments.sigma == pytest.approx(values.std(), rel=1e-9)


def test_foreground_is_near_and_connected_to_the_face() -> None:
    depth = np.full((40, 40), 1.5, np.float32)
    depth[10:30, 10:30] = 0.4
    depth[0:30, 34:38] = 0.3  # something nearer that is not the person
    depth[35, 5] = 0.45  # a speck
    expected = np.zeros((40, 40), bool)
    expected[10:30, 10:30] = True
    np.testing.assert_array_equal(foreground(depth, far=0.5, seed=(12, 12, 28, 28)), expected)
    assert not foreground(depth, far=0.2).any()
    depth[10:30, 10:30] = np.nan
    assert foreground(depth, far=0.5).sum() == 120


def test_small_holes_are_bridged_and_large_ones_stay() -> None:
    """A plane solves Laplace's equation, so a hole in it is filled with the plane itself."""
    y, x = np.mgrid[0:40, 0:40].astype(np.float32)
    plane = 0.4 + 0.001 * x + 0.002 * y
    depth = plane.copy()
    depth[10:14, 10:14] = np.nan
    depth[20:32, 20:32] = np.nan
    mask = np.isfinite(depth)
    filled, seen = close_holes(depth, mask, largest=20)
    np.testing.assert_allclose(filled[10:14, 10:14], plane[10:14, 10:14], atol=1e-6)
    assert np.isnan(filled[20:32, 20:32]).all()
    assert seen.sum() == mask.sum() + 16
    np.testing.assert_array_equal(filled[mask], depth[mask])


def test_shrinking_averages_what_is_there() -> None:
    depth = np.array([[0.2, 0.4, np.nan, np.nan], [0.6, np.nan, np.nan, 0.5]] * 2, np.float32)
    shrunk = shrink_depth(depth, 2)
    np.testing.assert_allclose(shrunk[:, 0], 0.4, atol=1e-6)
    assert np.isnan(shrunk[:, 1]).all()
