"""RAFT against the original architecture written out on the published entries, and against constant updates."""

from __future__ import annotations

import published_layouts as layouts
import pytest
import torch
import torch.nn.functional as F
from seeded_weights import fill_like, uniform

from bench.networks import build_network
from bench.networks.padding import pad_to_multiple, unpad

State = dict[str, torch.Tensor]


def _state() -> State:
    state = {key: torch.from_numpy(value) for key, value in fill_like(layouts.raft(), gain=0.7).items()}
    # In the published file the third norm of a block and the norm of its shortcut are one and the same module.
    for key in state:
        if ".norm3." in key:
            state[key.replace(".norm3.", ".downsample.1.")] = state[key]
    return state


def _conv(s: State, name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
    weight = s[f"{name}.weight"]
    padding = (weight.shape[2] // 2, weight.shape[3] // 2)
    return F.conv2d(x, weight, s[f"{name}.bias"], stride=stride, padding=padding)


def _norm(s: State, name: str, x: torch.Tensor) -> torch.Tensor:
    if f"{name}.weight" not in s:
        return F.instance_norm(x)
    kinds = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(s[f"{name}.{kind}"] for kind in kinds))


def _encode(s: State, encoder: str, x: torch.Tensor) -> torch.Tensor:
    x = F.relu(_norm(s, f"{encoder}.norm1", _conv(s, f"{encoder}.conv1", x, 2)))
    for stage in (1, 2, 3):
        for block in (0, 1):
            name = f"{encoder}.layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            y = F.relu(_norm(s, f"{name}.norm1", _conv(s, f"{name}.conv1", x, stride)))
            y = F.relu(_norm(s, f"{name}.norm2", _conv(s, f"{name}.conv2", y)))
            if stride == 2:
                x = _norm(s, f"{name}.norm3", _conv(s, f"{name}.downsample.0", x, 2))
            x = F.relu(x + y)
    return _conv(s, f"{encoder}.conv2", x)


def _look_up(volume: torch.Tensor, coords: torch.Tensor) -> torch.Tensor:
    height, width = coords.shape[-2:]
    offsets = torch.arange(-4.0, 5.0)
    out = []
    for level in range(4):
        centre = coords.permute(0, 2, 3, 1).reshape(height * width, 1, 1, 2) / 2**level
        position = centre + torch.stack(torch.meshgrid(offsets, offsets, indexing="ij"), dim=-1)
        size = torch.tensor([volume.shape[3], volume.shape[2]])
        sampled = F.grid_sample(volume, 2 * position / (size - 1) - 1, align_corners=True)
        out.append(sampled.reshape(1, height, width, 81))
        volume = F.avg_pool2d(volume, 2)
    return torch.cat(out, dim=-1).permute(0, 3, 1, 2)


def _reference(state: State, first: torch.Tensor, second: torch.Tensor, iterations: int) -> torch.Tensor:
    s = {key.removeprefix("module."): value for key, value in state.items()}
    first, second = 2 * first / 255 - 1, 2 * second / 255 - 1
    map1, map2 = _encode(s, "fnet", first), _encode(s, "fnet", second)
    hidden, context = _encode(s, "cnet", first).split(128, dim=1)
    hidden, context = hidden.tanh(), context.relu()
    height, width = map1.shape[-2:]
    volume = (map1.flatten(2).transpose(1, 2) @ map2.flatten(2) / 16.0).reshape(-1, 1, height, width)
    start = torch.stack(torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy"))[None].float()
    coords, update = start.clone(), "update_block"
    for _ in range(iterations):
        correlation, flow = _look_up(volume, coords), coords - start
        c = F.relu(_conv(s, f"{update}.encoder.convc1", correlation))
        c = F.relu(_conv(s, f"{update}.encoder.convc2", c))
        f = F.relu(_conv(s, f"{update}.encoder.convf1", flow))
        f = F.relu(_conv(s, f"{update}.encoder.convf2", f))
        motion = F.relu(_conv(s, f"{update}.encoder.conv", torch.cat((c, f), dim=1)))
        x = torch.cat((context, motion, flow), dim=1)
        for i in (1, 2):
            joint = torch.cat((hidden, x), dim=1)
            z = torch.sigmoid(_conv(s, f"{update}.gru.convz{i}", joint))
            r = torch.sigmoid(_conv(s, f"{update}.gru.convr{i}", joint))
            q = torch.tanh(_conv(s, f"{update}.gru.convq{i}", torch.cat((r * hidden, x), dim=1)))
            hidden = (1 - z) * hidden + z * q
        coords = coords + _conv(s, f"{update}.flow_head.conv2", F.relu(_conv(s, f"{update}.flow_head.conv1", hidden)))
    mask = 0.25 * _conv(s, f"{update}.mask.2", F.relu(_conv(s, f"{update}.mask.0", hidden)))
    mask = mask.view(1, 1, 9, 8, 8, height, width).softmax(dim=2)
    around = F.unfold(8 * (coords - start), 3, padding=1).view(1, 2, 9, 1, 1, height, width)
    return (mask * around).sum(dim=2).permute(0, 1, 4, 2, 5, 3).reshape(1, 2, 8 * height, 8 * width)


def test_flow_equals_the_original_architecture() -> None:
    state = _state()
    first, second = (torch.from_numpy(uniform(seed, (1, 3, 128, 144), 0, 255)) for seed in (1, 2))
    flow = build_network("raft", state)(first=first, second=second, iterations=3)["flow"]
    expected = _reference(state, first, second, 3)
    assert flow.shape == expected.shape == (1, 2, 128, 144)
    assert expected.abs().max() > 0.1
    assert (flow - expected).abs().max() <= 1e-3 * expected.abs().max()


def test_constant_updates_add_up_and_are_scaled_to_pixels() -> None:
    """Twenty updates of (0.25, -0.5) cells of 8 pixels are a flow of (40, -80) away from the border."""
    state = _state()
    state["module.update_block.flow_head.conv2.weight"].zero_()
    state["module.update_block.flow_head.conv2.bias"].copy_(torch.tensor([0.25, -0.5]))
    image = torch.from_numpy(uniform(3, (1, 3, 128, 128), 0, 255))
    flow = build_network("raft", state)(image, image)["flow"][0, :, 8:-8, 8:-8]
    torch.testing.assert_close(flow[0], torch.full_like(flow[0], 40.0), rtol=1e-4, atol=0)
    torch.testing.assert_close(flow[1], torch.full_like(flow[1], -80.0), rtol=1e-4, atol=0)


def test_sizes_are_checked() -> None:
    network = build_network("raft", _state())
    with pytest.raises(ValueError, match="divisible by 8"):
        network(torch.zeros(1, 3, 130, 128), torch.zeros(1, 3, 130, 128))
    with pytest.raises(ValueError, match="one size"):
        network(torch.zeros(1, 3, 128, 128), torch.zeros(1, 3, 128, 136))


def test_padding_repeats_the_border_and_comes_off() -> None:
    image = torch.arange(2 * 3 * 5 * 9.0).reshape(2, 3, 5, 9)
    padded, added = pad_to_multiple(image, 8)
    assert tuple(padded.shape) == (2, 3, 8, 16) and added == (3, 4, 1, 2)
    assert torch.equal(padded[..., 0, 3:-4], image[..., 0, :]) and torch.equal(padded[..., -1, 3:-4], image[..., -1, :])
    assert torch.equal(unpad(padded, added), image)
    assert pad_to_multiple(padded, 8)[0] is padded
