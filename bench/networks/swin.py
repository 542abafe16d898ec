"""Swin Transformer, base size, by torchvision: the trunk of TOPIQ and FaceXFormer (Liu et al., ICCV 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torchvision.models.swin_transformer import SwinTransformer

EMBEDDING = 128
STAGES = 4


def swin_base(window: int) -> SwinTransformer:
    """The trunk with windows of `window` x `window` patches of 4x4 pixels, without a head."""
    trunk = SwinTransformer(
        patch_size=[4, 4],
        embed_dim=EMBEDDING,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=[window, window],
        stochastic_depth_prob=0.0,
    )
    trunk.head = nn.Identity()
    return trunk


def stage_features(layers: nn.Sequential, image: Tensor, *, merged: bool) -> list[Tensor]:
    """Maps [N,C,h,w] of the four stages.

    Args:
        layers: `SwinTransformer.features`.
        image: [N,3,H,W], normalised.
        merged: each map after the patch merging that follows its stage (there is none after the last), else before.
    """
    maps = []
    for i, layer in enumerate(layers):
        image = layer(image)
        last = i == len(layers) - 1
        if (merged and ((i > 0 and i % 2 == 0) or last)) or (not merged and i % 2 == 1):
            maps.append(image.permute(0, 3, 1, 2).contiguous())
    return maps


def from_timm(state: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of timm's Swin (before 0.9: merging at the end of a stage) under torchvision's names.

    The attention masks, which are constants, and the classifier are left out.
    """
    adapted = {}
    for key, value in state.items():
        if key.endswith("attn_mask") or key.startswith("head."):
            continue
        parts = key.split(".")
        if parts[0] == "patch_embed":
            parts[:2] = ["features", "0", {"proj": "0", "norm": "2"}.get(parts[1], parts[1])]
        elif parts[0] == "layers":
            stage, part = int(parts[1]), parts[2]
            parts[:3] = ["features", str(2 * stage + (1 if part == "blocks" else 2))]
        name = ".".join(parts).replace(".mlp.fc1.", ".mlp.0.").replace(".mlp.fc2.", ".mlp.3.")
        adapted[name] = value.reshape(-1) if name.endswith("relative_position_index") else value
    return adapted
