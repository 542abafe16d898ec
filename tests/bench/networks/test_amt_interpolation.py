"""AMT-S: warps, correlation and merging from closed forms."""

from __future__ import annotations

import math

import numpy as np
import published_layouts as layouts
import pytest
import torch
from seeded_weights import fill_like, uniform

from bench.networks import build_network
from bench.networks.amt_blocks import CorrelationPyramid, backward_warp


def _state(**constant: np.ndarray) -> dict[str, np.ndarray]:
    """Seeded weights whose last decoder and combination are constants: flows, masks and residuals are then known."""
    state = fill_like(layouts.amt_s())
    for name in ("decoder4", "decoder3", "decoder2", "decoder1"):
        state[f"{name}.convblock.2.weight"][...] = 0.0
        state[f"{name}.convblock.2.bias"][...] = 0.0
    for name in ("update4", "update3", "update2"):
        state[f"{name}.flow_head.2.weight"][...] = 0.0
        state[f"{name}.flow_head.2.bias"][...] = 0.0
    state["comb_block.2.weight"][...] = 0.0
    state["comb_block.2.bias"][...] = 0.0
    return {**state, **constant}


def _images() -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.from_numpy(uniform(seed, (1, 3, 128, 144), 0.2, 0.8)) for seed in (1, 2))


def test_no_motion_gives_the_mean_of_both() -> None:
    first, second = _images()
    image = build_network("amt_s", _state())(first=first, second=second)["image"]
    torch.testing.assert_close(image, (first + second) / 2, atol=1e-5, rtol=0)


def test_last_decoder_moves_blends_and_adds() -> None:
    """Flow pair i of the last decoder: to the first (2, 0) pixels, to the second (0, -3); mask 1; residual 0.1."""
    bias = np.zeros(24, np.float32)
    bias[0:6:2], bias[7:12:2], bias[12:15], bias[15:24] = 2.0, -3.0, 30.0, 0.1
    state = _state(**{"decoder1.convblock.2.bias": bias})
    first, second = _images()
    image = build_network("amt_s", state)(first, second)["image"]
    torch.testing.assert_close(image[..., :-2], first[..., 2:] + 0.1, atol=1e-4, rtol=0)
    bias[12:15] = -30.0
    image = build_network("amt_s", {**state, "decoder1.convblock.2.bias": bias})(first, second)["image"]
    torch.testing.assert_close(image[..., 3:, :], second[..., :-3, :] + 0.1, atol=1e-4, rtol=0)


def test_coarse_flows_double_at_every_level() -> None:
    """One pixel at 1/8 size is eight at full size, for either direction; the update at 1/4 size counts four."""
    bias4 = np.zeros(48, np.float32)
    bias4[:4] = (0.5, 0.0, 0.0, 0.0)
    mask = np.zeros(24, np.float32)
    mask[12:15] = 30.0
    state = _state(**{"decoder4.convblock.2.bias": bias4, "decoder1.convblock.2.bias": mask})
    state["update3.flow_head.2.bias"][...] = (0.25, 0.0, 0.0, 0.0)
    first, second = _images()
    image = build_network("amt_s", state)(first, second)["image"]
    shift = int(0.5 * 8 + 0.25 * 2 * 4)
    torch.testing.assert_close(image[..., 8:-24], first[..., 8 + shift : -24 + shift], atol=1e-4, rtol=0)


def test_result_lies_in_the_range_and_sizes_are_checked() -> None:
    network = build_network("amt_s", fill_like(layouts.amt_s(), gain=2.0))
    image = network(*_images())["image"]
    assert image.min() >= 0 and image.max() <= 1 and image.std() > 0
    with pytest.raises(ValueError, match="divisible by 16"):
        network(torch.zeros(1, 3, 130, 128), torch.zeros(1, 3, 130, 128))


def test_warp_by_whole_pixels_is_a_shift_with_the_border_held() -> None:
    image = torch.from_numpy(uniform(4, (1, 2, 9, 7), 0, 1))
    flow = torch.zeros(1, 2, 9, 7)
    flow[:, 0], flow[:, 1] = 2.0, -1.0
    warped = backward_warp(image, flow)
    torch.testing.assert_close(warped[..., 1:, :-2], image[..., :-1, 2:], atol=1e-5, rtol=0)
    torch.testing.assert_close(warped[..., 0, :-2], image[..., 0, 2:], atol=1e-5, rtol=0)


def test_correlation_is_looked_up_where_the_flow_points() -> None:
    """Pixel p of map 0 matches pixel p + (3, 1) of map 1 alone: the window centred there holds the peak."""
    height, width = 16, 16
    basis = torch.eye(height * width).reshape(1, height * width, height, width)
    shifted = torch.zeros_like(basis)
    shifted[..., 1:, 3:] = basis[..., :-1, :-3]
    pyramid = CorrelationPyramid(basis, shifted)
    flows = torch.zeros(1, 4, height, width)
    # To the second image from half way: half of the whole displacement.
    flows[:, 2], flows[:, 3] = 1.5, 0.5
    flows[:, 0], flows[:, 1] = -1.5, -0.5
    values, same = pyramid.look_up(flows, 0.5, 1)
    assert values.shape == (1, 2 * 4 * 49, height, width) and same is flows
    peak = 1 / math.sqrt(height * width)
    centre = 24
    inside = values[0, :, 2:-2, 4:-4]
    torch.testing.assert_close(inside[centre], torch.full_like(inside[centre], peak), atol=1e-6, rtol=0)
    torch.testing.assert_close(inside[196 + centre], torch.full_like(inside[centre], peak), atol=1e-6, rtol=0)
    assert inside[[i for i in range(49) if i != centre]].abs().max() < 1e-6
    # The first index of the window moves x: one step further in x, the match lies one step back.
    flows[:, 2] += 0.5
    moved, _ = pyramid.look_up(flows, 0.5, 1)
    torch.testing.assert_close(moved[0, centre - 7, 2:-2, 4:-5], torch.full((12, 7), peak), atol=1e-6, rtol=0)
