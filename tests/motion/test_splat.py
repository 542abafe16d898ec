"""Flow inversion: closed forms, and the plain loop."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from vfa.errors import InputError
from vfa.motion.splat import invert_flow

SIZE = 64


def pixels(size: int = SIZE) -> np.ndarray:
    """[2, size, size]: x and y of the pixel centres."""
    return np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5))


def backward(sampled: np.ndarray) -> np.ndarray:
    """Sampled places [2, H, W] in pixels as a flow in [-1, 1]."""
    return (sampled / sampled.shape[-1] * 2 - 1).astype(np.float32)


def test_identity() -> None:
    inverted = invert_flow(backward(pixels()))
    assert np.allclose(inverted.position, np.moveaxis(pixels(), 0, -1), atol=1e-5)
    assert np.allclose(inverted.weight, 1, atol=1e-4)
    points = np.random.default_rng(0).uniform(1, SIZE - 1, (20, 2))
    assert np.allclose(inverted.at(points), points, atol=1e-4)


@pytest.mark.parametrize("shift", [(3.0, 0.0), (-2.5, 4.25), (0.3, -0.7)])
def test_a_picture_moved_by_a_vector_moves_every_point_by_it(shift: tuple[float, float]) -> None:
    """Output pixel p shows the source at p - shift, so the source's q goes to q + shift."""
    inverted = invert_flow(backward(pixels() - np.array(shift)[:, None, None]))
    points = np.random.default_rng(1).uniform(12, SIZE - 12, (30, 2))
    assert np.allclose(inverted.at(points), points + shift, atol=1e-3)


def test_rotation_and_zoom() -> None:
    angle, zoom, center = 0.2, 1.1, SIZE / 2
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    sampled = np.einsum("ij,jhw->ihw", np.linalg.inv(turn), pixels() - center) + center
    inverted = invert_flow(backward(sampled))
    points = np.random.default_rng(2).uniform(16, SIZE - 16, (30, 2))
    expected = (points - center) @ turn.T + center
    assert np.abs(inverted.at(points) - expected).max() < 0.15
    inner = inverted.weight[20:44, 20:44]
    assert inner.mean() == pytest.approx(zoom**2, rel=0.02)  # as many samples per pixel as the area grows


def test_what_is_never_sampled_is_unknown() -> None:
    sampled = pixels()
    sampled[0] = sampled[0] / 2  # only the left half is shown
    inverted = invert_flow(backward(sampled))
    assert np.isnan(inverted.at(np.array([[SIZE * 0.75, SIZE / 2]]))).all()
    assert np.allclose(inverted.at(np.array([[SIZE * 0.25, SIZE / 2]])), [[SIZE / 2, SIZE / 2]], atol=0.51)
    assert np.isnan(inverted.position[:, 40:]).all() and (inverted.weight[:, 40:] == 0).all()


def test_samples_outside_the_image_and_infinite_ones_land_nowhere() -> None:
    assert (invert_flow(backward(pixels() + 10 * SIZE)).weight == 0).all()
    broken = backward(pixels())
    broken[:, 0, 0], broken[:, 1, 1] = np.nan, np.inf
    weight = invert_flow(broken).weight
    assert np.isfinite(weight).all() and weight[0, 0] < 1e-4 and weight[5, 5] > 0.99
    outside = invert_flow(backward(pixels())).at(np.array([[-5.0, 3.0], [3.0, SIZE + 9.0]]))
    assert np.isnan(outside).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_plain_loop(seed: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "performance"))
    from reference_splat import loop_invert

    noise = np.random.default_rng(seed).standard_normal((2, SIZE, SIZE))
    wavy = np.stack([gaussian_filter(plane, 4) for plane in noise])
    flow = backward(pixels() + 60 * wavy)
    inverted = invert_flow(flow)
    weight, position = loop_invert(flow)
    assert np.abs(inverted.weight - weight).max() < 1e-5
    assert np.array_equal(np.isnan(inverted.position), np.isnan(position))
    assert np.nanmax(np.abs(inverted.position - position)) < 1e-5


def test_shape_is_checked() -> None:
    with pytest.raises(InputError, match=r"\[2, H, W\]"):
        invert_flow(np.zeros((3, 8, 8)))


def test_pixels_that_are_not_trusted_do_not_pull() -> None:
    size = 8
    line = (np.arange(size) + 0.5) * 2 / size - 1
    flow = np.stack(np.meshgrid(line, line)).astype(np.float32)
    flow[:, 2, 6] = flow[:, 4, 3]  # a second pixel says that it shows source pixel (3, 4)
    trust = np.ones((size, size), np.float32)
    point = np.array([[3.5, 4.5]])
    np.testing.assert_allclose(invert_flow(flow, trust).at(point), [[(3.5 + 6.5) / 2, (4.5 + 2.5) / 2]], atol=1e-5)
    trust[2, 6] = 0
    np.testing.assert_allclose(invert_flow(flow, trust).at(point), point, atol=1e-5)
    trust[2, 6] = 0.25
    np.testing.assert_allclose(invert_flow(flow, trust).at(point)[0, 0], (3.5 + 0.25 * 6.5) / 1.25, atol=1e-5)
    with pytest.raises(InputError, match="trust"):
        invert_flow(flow, trust[1:])
