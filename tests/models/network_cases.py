"""Small networks, seeded weights and inputs for the tests of the networks."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from vfa.models.config import AnimatorConfig
from vfa.models.network import AnimatorNetwork

PARITY = Path(__file__).parents[1] / "data" / "parity"
SMALL = AnimatorConfig(
    size=32, channel_multiplier=1 / 16, max_channels=64, latent_dim_style=48, latent_dim_motion=8, flow_channels=8,
    flow_blocks=2,
)  # fmt: skip


def seeded_state(seed: int = 1) -> dict[str, torch.Tensor]:
    """The full network's state, filled as the parity vectors' page says."""
    taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype(np.float32)
    state = {}
    for entry in json.loads((PARITY / "vfa_state.json").read_text()):
        name, shape = entry["name"], entry["shape"]
        if entry["kind"] == "normal":
            rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
            value = (entry["mean"] + entry["std"] * rng.standard_normal(shape)).astype(np.float32)
        elif entry["kind"] == "zero":
            value = np.zeros(shape, np.float32)
        else:
            follows_up = "upsample" in name or ".blur." in name or "up_blocks" in name
            value = taps / taps.sum() * (4 if follows_up else 1)
        state[name] = torch.from_numpy(np.asarray(value))
    return state


def parity_frame(seed: int) -> torch.Tensor:
    """One of the parity inputs, [1, 4, 256, 256]."""
    noise = np.random.default_rng(seed).standard_normal((1, 4, 16, 16)).astype(np.float32)
    return F.interpolate(torch.from_numpy(noise), size=(256, 256), mode="bicubic", align_corners=False).clamp(-1, 1)


def frames(count: int, seed: int, config: AnimatorConfig = SMALL) -> torch.Tensor:
    """Smooth random frames in [-1, 1]."""
    noise = torch.randn(count, config.input_channels, 4, 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, size=config.size, mode="bicubic", align_corners=False).clamp(-1, 1)


def small_network(config: AnimatorConfig = SMALL, seed: int = 0) -> AnimatorNetwork:
    """A network whose biases and BatchNorm statistics are random too, as after training."""
    torch.manual_seed(seed)
    network = AnimatorNetwork(config).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif value.is_floating_point() and ("bias" in name or "running_mean" in name or "noise" in name):
                value += 0.1 * torch.randn_like(value)
    return network


def relative(value: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest deviation over the largest expected value."""
    return float((value - expected).abs().max() / expected.abs().max())
