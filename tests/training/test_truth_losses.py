"""Pairs with exact truth and the losses against it, in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from vfa.models.generator import Generated
from vfa.models.layers import sampling_grid
from vfa.training.animation_pairs import animation_pair, continue_outside
from vfa.training.truth_losses import centers, flow_losses, generator_losses, level_displacement, picture_losses


def test_outside_takes_the_nearest_displacement() -> None:
    rng = np.random.default_rng(0)
    size = 24
    inside = np.zeros((size, size), bool)
    inside[6:15, 8:13] = True
    inside[18:21, 3:6] = True
    line = (np.arange(size) + 0.5) * 2 / size - 1
    middle = np.stack(np.meshgrid(line, line), -1).astype(np.float32)
    moved = rng.normal(size=(size, size, 2)).astype(np.float32)
    flow = np.where(inside[..., None], middle + moved, np.nan)
    result = continue_outside(flow.astype(np.float32), inside)
    places = np.argwhere(inside)
    distance = cdist(np.argwhere(~inside), places)
    best = distance.min(axis=1)
    for (row, column), to_all, least in zip(np.argwhere(~inside), distance, best, strict=True):
        shift = result[row, column] - middle[row, column]
        same = [d for d, (r, c) in zip(to_all, places, strict=True) if np.allclose(moved[r, c], shift, atol=1e-5)]
        assert same and min(same) <= least + 0.5  # the nearest, or one as near to within half a pixel
    np.testing.assert_array_equal(result[inside], flow[inside])


def test_level_displacement_of_no_motion_brings_the_grid_onto_pixel_centres() -> None:
    for size in (16, 32, 64):
        still = centers(64, torch.zeros(1))
        grid = sampling_grid(level_displacement(still, size))
        torch.testing.assert_close(grid, centers(size, torch.zeros(1)), atol=1e-6, rtol=0)


def test_perfect_flow_costs_nothing_and_a_shift_its_pixels() -> None:
    size = 32
    flow = centers(size, torch.zeros(1)) * 0.9
    pyramid = []
    for level in (8, 16, 32):
        displacement = level_displacement(flow, level)
        pyramid.append(torch.cat((torch.atanh(displacement), torch.full((1, 1, level, level), 20.0)), 1))
    weight = visible = torch.ones(1, 1, size, size)
    error, mask = flow_losses(tuple(pyramid), flow, weight, visible)
    assert error < 1e-4 and mask < 1e-6
    shifted = flow + torch.tensor([2 / size, 0.0])[None, :, None, None]  # a pixel in x
    error, _ = flow_losses(tuple(pyramid), shifted, weight, visible)
    torch.testing.assert_close(error, torch.tensor(1.0), atol=1e-3, rtol=0)
    undecided = tuple(torch.cat((logits[:, :2], torch.zeros_like(logits[:, 2:])), 1) for logits in pyramid)
    _, mask = flow_losses(undecided, flow, weight, visible)
    torch.testing.assert_close(mask, torch.tensor(2.0).log())


def test_picture_losses_of_a_constant_offset() -> None:
    target = torch.randn(2, 4, 16, 16)
    offset = torch.tensor([0.5, 0.5, 0.5, -0.25])[None, :, None, None]
    detail = torch.rand(2, 1, 16, 16) + 0.5
    terms = picture_losses(target + offset, target, detail)
    torch.testing.assert_close(terms["colour"], torch.tensor(0.5))
    torch.testing.assert_close(terms["depth"], torch.tensor(0.25))
    torch.testing.assert_close(terms["gradient"], torch.tensor(0.0), atol=1e-6, rtol=0)


def test_all_terms_have_gradients() -> None:
    logits = torch.randn(1, 3, 16, 16, requires_grad=True)
    rgbd = torch.randn(1, 4, 16, 16, requires_grad=True)
    batch = {
        "flow": centers(16, torch.zeros(1)), "flow_weight": torch.ones(1, 1, 16, 16),
        "visible": torch.ones(1, 1, 16, 16), "driving": torch.zeros(1, 4, 16, 16), "detail": torch.ones(1, 1, 16, 16),
    }  # fmt: skip
    sum(generator_losses(Generated(rgbd, logits, (logits,)), batch).values()).backward()
    assert logits.grad is not None and rgbd.grad is not None
    assert (logits.grad != 0).all() and (rgbd.grad != 0).all()


def test_pair_is_normalised_by_the_source() -> None:
    size = 8
    depth = np.full((2, size, size), np.nan, np.float32)
    depth[0, 2:6, 2:6], depth[1, 2:6, 2:6] = np.linspace(4, 6, 16).reshape(4, 4), 5.0
    kind = np.where(np.isfinite(depth), 1, 0).astype(np.uint8)
    kind[1, 3, 3] = 4
    color = np.where(np.isfinite(depth)[..., None], 200, 0).astype(np.uint8).repeat(3, -1)
    flow = np.zeros((size, size, 2), np.float32)
    visible = np.isfinite(depth[1])
    visible[3, 3] = False
    pair = animation_pair(color, depth, kind, flow, visible, np.random.default_rng(1))
    np.testing.assert_allclose(pair["source"][3, 2, 2], -1, atol=1e-6)
    np.testing.assert_allclose(pair["source"][3, 5, 5], 1, atol=1e-6)
    np.testing.assert_allclose(pair["target"][3, 2:6, 2:6], 0, atol=1e-6)  # 5 m lies in the middle
    for picture in (pair["source"], pair["target"]):
        assert (picture[:, ~np.isfinite(depth[0])] == -1).all()
    assert pair["visible"][0, 3, 3] == 0 and pair["visible"].sum() == 15
    assert pair["flow_weight"][0, 3, 3] < pair["flow_weight"][0, 4, 4]
    assert pair["detail"][0, 3, 3] > pair["detail"][0, 4, 4]


def test_the_flow_of_what_moves_weighs_more() -> None:
    size = 64
    middle = (np.arange(size) + 0.5) * 2 / size - 1
    flow = np.stack(np.meshgrid(middle, middle), -1).astype(np.float32)
    flow[10:20, 10:20, 0] += 2 * 2 / size  # two pixels, 1/32 of the picture
    flow[40:50, 40:50, 1] += 0.5
    color, kind = np.full((2, size, size, 3), 128, np.uint8), np.ones((2, size, size), np.uint8)
    depth = np.broadcast_to(np.linspace(4, 5, size), (2, size, size)).astype(np.float32)
    seen = np.ones((size, size), bool)
    weight = animation_pair(color, depth, kind, flow, seen, np.random.default_rng(0))["flow_weight"][0]
    still, moving, fast = weight[0, 0], weight[15, 15], weight[45, 45]
    assert moving == pytest.approx(3 * still) and fast == pytest.approx(5 * still)
