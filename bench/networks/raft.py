"""RAFT optical flow by torchvision, reading the original authors' files (Teed & Deng, ECCV 2020).

Weights: `raft-things.pth` (the large network). torchvision's module computes the same; only the names differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large

ITERATIONS = 20
_MIN_SIDE = 128

# Original name -> torchvision's, for everything but the two encoders.
_UPDATE = {
    **{f"update_block.encoder.convc{i}": f"update_block.motion_encoder.convcorr{i}.0" for i in (1, 2)},
    **{f"update_block.encoder.convf{i}": f"update_block.motion_encoder.convflow{i}.0" for i in (1, 2)},
    "update_block.encoder.conv": "update_block.motion_encoder.conv.0",
    **{
        f"update_block.gru.conv{gate}{i}": f"update_block.recurrent_block.convgru{i}.conv{gate}"
        for gate in "zrq"
        for i in (1, 2)
    },
    **{f"update_block.flow_head.conv{i}": f"update_block.flow_head.conv{i}" for i in (1, 2)},
    "update_block.mask.0": "mask_predictor.convrelu.0",
    "update_block.mask.2": "mask_predictor.conv",
}
_ENCODERS = {"fnet": "feature_encoder", "cnet": "context_encoder"}


class RAFT(nn.Module):
    """Dense flow from the first image to the second.

    Inputs of `forward`: `first`, `second` float32 [N,3,H,W], RGB in 0..255, sides divisible by 8 and at least 128
    (see `bench.networks.padding`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.raft = raft_large(weights=None)

    @staticmethod
    def adapt_state(state: Mapping[str, Any]) -> dict[str, Any]:
        """Original names -> torchvision's; torchvision's own names pass unchanged."""
        adapted = {}
        for key, value in state.items():
            new = _torchvision_name(key)
            if new is not None:
                adapted[f"raft.{new}"] = value
        return adapted

    @torch.no_grad()
    def forward(self, first: Tensor, second: Tensor, *, iterations: int = ITERATIONS) -> dict[str, Tensor]:
        """`flow` [N,2,H,W]: x and y displacement in pixels after `iterations` updates."""
        if (
            first.shape != second.shape
            or first.shape[-1] % 8
            or first.shape[-2] % 8
            or min(first.shape[-2:]) < _MIN_SIDE
        ):
            raise ValueError(
                f"RAFT takes two images of one size, sides divisible by 8 and >= {_MIN_SIDE}, "
                f"got {list(first.shape)} and {list(second.shape)}"
            )
        flows = self.raft(first / 127.5 - 1.0, second / 127.5 - 1.0, num_flow_updates=iterations)
        return {"flow": flows[-1]}


def _torchvision_name(key: str) -> str | None:
    """Name of an original entry in torchvision's module; None for the second listing of a shared norm."""
    layer, _, kind = key.rpartition(".")
    if layer in _UPDATE:
        return f"{_UPDATE[layer]}.{kind}"
    part, _, rest = layer.partition(".")
    if part not in _ENCODERS:
        return key
    encoder, steps = _ENCODERS[part], rest.split(".")
    if steps[0] in ("conv1", "norm1"):
        return f"{encoder}.convnormrelu.{0 if steps[0] == 'conv1' else 1}.{kind}"
    if steps[0] == "conv2":
        return f"{encoder}.conv.{kind}"
    stage, block, name = steps[0], steps[1], steps[2]
    if name == "norm3":
        return None
    if name == "downsample":
        return f"{encoder}.{stage}.{block}.downsample.{steps[3]}.{kind}"
    index = 0 if name.startswith("conv") else 1
    return f"{encoder}.{stage}.{block}.convnormrelu{name[-1]}.{index}.{kind}"
