"""FAN: crop geometry and decoding from closed forms, and the mirror."""

from __future__ import annotations

import numpy as np
import published_layouts as layouts
import pytest
import torch
from seeded_weights import fill_like, uniform

from bench.networks import build_network
from bench.networks.fan import MIRROR_68, FanFrame, fan_crop, fan_points
from bench.networks.hourglass import Hourglass


def test_frame_of_a_box() -> None:
    frame = FanFrame.of_box(np.array([100.0, 100.0, 200.0, 220.0, 0.99]))
    assert (frame.x, frame.scale) == (150.0, 220.0 / 195.0)
    assert frame.y == pytest.approx(160.0 - 0.12 * 120.0)
    # The middle of the square is its centre; its side is 200 * scale pixels.
    np.testing.assert_allclose(frame.to_image(np.array([128.0, 128.0]), 256), (150.0, 145.6))
    corners = frame.to_image(np.array([[0.0, 0.0], [256.0, 256.0]]), 256)
    np.testing.assert_allclose(corners[1] - corners[0], 200 * 220 / 195)


def test_crop_of_the_natural_size_copies_pixels() -> None:
    """Scale 1.28 makes the square 256 pixels wide. Its corners count from 1, so it starts one pixel later."""
    image = np.random.default_rng(0).integers(0, 256, (300, 320, 3), dtype=np.uint8)
    frame = FanFrame(150.0, 140.0, 1.28)
    crop = fan_crop(image, frame)
    assert tuple(crop.shape) == (1, 3, 256, 256)
    left, top = 150 - 128 + 1, 140 - 128 + 1
    region = image[top : top + 255, left : left + 255].astype(np.float32) / 255
    assert np.abs(crop[0].permute(1, 2, 0).numpy().mean() - region.mean()) < 1e-3
    # 255 pixels resized to 256: pixel centres move by at most half a pixel; a ramp shows it.
    ramp = np.tile((np.arange(320) // 2).astype(np.uint8)[None, :, None], (300, 1, 3))
    values = fan_crop(ramp, frame)[0, 0, 128].numpy() * 255
    expected = (left + (np.arange(256) + 0.5) * 255 / 256 - 0.5) / 2
    assert np.abs(values - expected).max() < 1.0


def test_crop_outside_the_image_is_black() -> None:
    image = np.full((100, 100, 3), 255, np.uint8)
    crop = fan_crop(image, FanFrame(0.0, 0.0, 0.5))[0, 0].numpy()
    assert crop[:120, :].max() == 0 and crop[:, :120].max() == 0
    assert crop[140:, 140:].min() == 1
    assert fan_crop(image, FanFrame(-500.0, -500.0, 0.5)).max() == 0


def test_points_are_read_a_quarter_cell_towards_the_larger_neighbour() -> None:
    heatmap = np.zeros((68, 64, 64), np.float32)
    heatmap[:, 20, 30] = 1.0
    heatmap[0, 20, 31], heatmap[0, 19, 30] = 0.5, 0.5
    heatmap[1, 20, 29], heatmap[1, 21, 30] = 0.5, 0.5
    heatmap[2] = 0.0
    heatmap[2, 0, 63] = 1.0
    # A square of 64 pixels whose corner is the origin: image pixels are cells.
    points = fan_points(heatmap, FanFrame(32.0, 32.0, 0.32), whole_pixels=False)
    np.testing.assert_allclose(points[0], (30.75, 20.25), atol=1e-5)
    np.testing.assert_allclose(points[1], (30.25, 20.75), atol=1e-5)
    np.testing.assert_allclose(points[2], (63.5, 0.5), atol=1e-5)
    np.testing.assert_allclose(points[3], (30.5, 20.5), atol=1e-5)
    whole = fan_points(heatmap, FanFrame(32.0, 32.0, 0.32))
    np.testing.assert_array_equal(whole[:2], [[30, 20], [30, 20]])


def test_points_equal_those_of_face_alignment() -> None:
    """Version 1.3.5 (`get_preds_fromhm`) on the same noise: four points, and the sum of all."""
    heatmap = np.random.default_rng(11).normal(size=(68, 64, 64)).astype(np.float32)
    points = fan_points(heatmap, FanFrame.of_box(np.array([40.0, 30.0, 160.0, 190.0])))
    np.testing.assert_array_equal(points[[0, 10, 36, 67]], [[65, 136], [233, -4], [40, 136], [130, 94]])
    assert points.sum() == 14341


def test_mirror_order_pairs_points_across_the_face() -> None:
    assert all(MIRROR_68[MIRROR_68[i]] == i for i in range(68))
    pairs = {
        0: 16,
        17: 26,
        21: 22,
        36: 45,
        37: 44,
        39: 42,
        41: 46,
        31: 35,
        48: 54,
        50: 52,
        59: 55,
        60: 64,
        61: 63,
        67: 65,
    }
    assert all(MIRROR_68[a] == b for a, b in pairs.items())
    assert all(MIRROR_68[i] == i for i in (8, 27, 28, 29, 30, 33, 51, 57, 62, 66))


def test_hourglass_pooling_is_the_argument() -> None:
    seen = []

    def pool(x: torch.Tensor, size: int) -> torch.Tensor:
        seen.append((tuple(x.shape[-2:]), size))
        return torch.nn.functional.avg_pool2d(x, size)

    Hourglass(pool, depth=2, width=8)(torch.zeros(1, 8, 16, 16))
    assert seen == [((16, 16), 2), ((8, 8), 2)]


@pytest.mark.slow
def test_heatmaps_of_the_published_layout() -> None:
    state = fill_like(layouts.fan_68(), gain=0.7)
    network = build_network("fan_68", state)
    image = torch.from_numpy(uniform(1, (1, 3, 256, 256), 0, 1))
    heatmap = network(image)["heatmap"]
    assert tuple(heatmap.shape) == (1, 68, 64, 64) and heatmap.std() > 0
    plain, mirrored = network.both(image)
    assert torch.equal(plain, heatmap)
    # Mirroring the image mirrors the sum and exchanges the sides.
    torch.testing.assert_close(
        network.both(image.flip(3))[1], mirrored.flip(3)[:, list(MIRROR_68)], rtol=1e-3, atol=1e-4
    )
    # Only the last hourglass is read, and its last layer is linear.
    state["l3.weight"], state["l3.bias"] = 0 * state["l3.weight"], np.arange(68, dtype=np.float32)
    constant = build_network("fan_68", state)(image)["heatmap"]
    assert torch.equal(constant, torch.arange(68.0)[None, :, None, None].expand(1, 68, 64, 64))
