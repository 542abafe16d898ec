"""The motion encoder's second look, its folding, growing networks, and a flow generator that has not learned yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from network_cases import SMALL, frames, small_network

from vfa.errors import InputError
from vfa.models.animator import VersatileFaceAnimator
from vfa.models.config import AnimatorConfig
from vfa.models.flow import FlowGenerator
from vfa.models.growing import grow
from vfa.models.layers import sampling_grid
from vfa.models.motion_encoder import LOWER_FACE, POSE_SPREAD, UNIT_SIZE, MotionEncoder, cut
from vfa.models.network import AnimatorNetwork

SIZE = 128
OWN = replace(SMALL, size=64, latent_dim_motion=12, motion_channels=4)


def coordinates() -> torch.Tensor:
    """A picture [1, 2, SIZE, SIZE] whose values are the places of its pixels, -1..1."""
    line = (torch.arange(SIZE) + 0.5) * 2 / SIZE - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack((x, y))[None]


def middle(patch: torch.Tensor) -> torch.Tensor:
    return patch[0].mean((1, 2))


def test_a_face_from_the_front_is_cut_where_it_is() -> None:
    window = cut(coordinates(), torch.zeros(1, 6), LOWER_FACE)
    assert window.shape == (1, 2, LOWER_FACE.rows, LOWER_FACE.columns)
    scale = 2 * UNIT_SIZE
    torch.testing.assert_close(middle(window), torch.tensor([0.0, -scale * LOWER_FACE.y]), atol=1e-4, rtol=0)
    span = window[0, 0, 0, -1] - window[0, 0, 0, 0]
    expected = scale * LOWER_FACE.width * (1 - 1 / LOWER_FACE.columns)
    torch.testing.assert_close(span, torch.tensor(expected), atol=1e-4, rtol=0)


def test_turning_moves_the_window_towards_where_the_face_looks() -> None:
    pose = torch.zeros(1, 6)
    pose[0, 0] = 0.4 / POSE_SPREAD[0]
    window = middle(cut(coordinates(), pose, LOWER_FACE))
    shift = 2 * UNIT_SIZE * LOWER_FACE.z * torch.sin(torch.tensor(0.4))
    torch.testing.assert_close(window[0], shift, atol=1e-4, rtol=0)


def test_a_rolled_head_is_cut_upright() -> None:
    pose = torch.zeros(1, 6)
    pose[0, 2] = 0.5 / POSE_SPREAD[2]  # the head's right side goes up in the picture
    window = cut(coordinates(), pose, LOWER_FACE)[0]
    across = window[:, 0, -1] - window[:, 0, 0]
    torch.testing.assert_close(torch.atan2(-across[1], across[0]), torch.tensor(0.5), atol=1e-4, rtol=0)


def test_shape_gain_and_gradients() -> None:
    encoder = MotionEncoder(4, 64, 4, 12)
    encoder.train()
    out = encoder(torch.randn(3, 4, 64, 64))
    assert out.shape == (3, 12)
    out.square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    encoder.eval()
    x = torch.randn(2, 4, 64, 64)
    before = encoder(x)
    encoder.gain.fill_(3.0)
    torch.testing.assert_close(encoder(x), 3 * before)


def test_network_takes_the_drivers_motion_from_it() -> None:
    network = small_network(OWN)
    source, driving = frames(1, 1, OWN), frames(1, 2, OWN)
    latent, _ = network.latent(source, driving, driving)
    w, own, _ = network.enc(source)
    torch.testing.assert_close(latent, w + network.dec.direction(own))
    torch.testing.assert_close(network.motion(driving), network.motion_enc(driving))


def test_too_small_frames_are_refused() -> None:
    with pytest.raises(InputError, match="motion encoder"):
        AnimatorConfig(size=32, motion_channels=4)


def test_a_held_pose_never_reaches_the_generator() -> None:
    """The face's weights move the picture, the pose's last six do not: trained network and folded one alike."""
    held = replace(OWN, basis_channels=2)
    network = small_network(held)
    animator = VersatileFaceAnimator.from_network(network)
    weights = torch.zeros(3, 12)
    weights[1, -6:], weights[2, :-6] = 5.0, 5.0
    still, turned, moved = animator.prepare(frames(1, 1, held)).animate_motion(weights).rgbd
    assert torch.equal(still, turned) and not torch.allclose(still, moved)
    latent = network.dec.direction(weights)
    assert torch.equal(latent[0], latent[1]) and not torch.allclose(latent[0], latent[2])
    free = small_network(OWN).dec.direction(weights)
    assert not torch.allclose(free[0], free[1])


def test_a_basis_needs_weights_of_a_known_meaning() -> None:
    with pytest.raises(InputError, match="known meaning"):
        replace(OWN, motion_channels=0, basis_channels=2)


def test_growing_keeps_the_coarse_levels() -> None:
    small = small_network(SMALL)
    grown = grow(small.state_dict(), SMALL)
    assert grown.config == replace(SMALL, size=64)
    assert torch.equal(grown.dec.convs[0].conv.weight, small.dec.convs[0].conv.weight)
    assert torch.equal(grown.enc.net_app.convs[2].conv1[0].weight, small.enc.net_app.convs[1].conv1[0].weight)
    assert torch.equal(grown.enc.fc[4].weight, small.enc.fc[4].weight)
    assert len(grown.dec.to_flows) == len(small.dec.to_flows) + 1
    out, field = grown(frames(1, 1, grown.config), frames(1, 2, grown.config))
    assert out.rgbd.shape == (1, 4, 64, 64) and torch.isfinite(field.flow).all()


def test_a_fresh_flow_generator_passes_the_flow_on() -> None:
    network = FlowGenerator(SMALL).eval()
    logits = torch.randn(2, 3, 32, 32)
    for seed in (0, 1):
        style = torch.randn(2, SMALL.latent_dim_style, generator=torch.Generator().manual_seed(seed))
        field = network(logits, style, torch.randn(2, 4, 32, 32))
        torch.testing.assert_close(field.flow, sampling_grid(torch.tanh(logits[:, :2])), atol=1e-5, rtol=0)
        torch.testing.assert_close(field.mask, torch.sigmoid(logits[:, 2:]), atol=1e-5, rtol=0)


def test_configuration_with_its_own_motion_encoder_is_read_off_the_shapes() -> None:
    from vfa.models.checkpoint import infer_config

    assert infer_config(AnimatorNetwork(OWN).state_dict()) == OWN
