"""DINO, CLIP and the aesthetic head against the formulas of their papers, written out on the published entries."""

from __future__ import annotations

import math

import numpy as np
import published_layouts as layouts
import pytest
import torch
import torch.nn.functional as F
from seeded_weights import fill_like, uniform

from bench.networks import build_network
from bench.networks.clip import CLIPImageTower
from bench.networks.dino import DINOViTB16
from bench.networks.strict import load_strict


def _state(layout: layouts.Layout) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(value) for key, value in fill_like(layout).items()}


def _attention(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, heads: int) -> torch.Tensor:
    count, length, width = x.shape
    query, key, value = (x @ w.T + b).reshape(count, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    weights = (query @ key.transpose(-1, -2) / math.sqrt(width // heads)).softmax(-1)
    return (weights @ value).transpose(1, 2).reshape(count, length, width)


def _reference_dino(s: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (768,), s[f"{name}.weight"], s[f"{name}.bias"], eps=1e-6)

    patches = F.conv2d(image, s["patch_embed.proj.weight"], s["patch_embed.proj.bias"], stride=16)
    height, width = patches.shape[-2:]
    grid = s["pos_embed"][:, 1:].reshape(1, 14, 14, 768).permute(0, 3, 1, 2)
    if (height, width) != (14, 14):
        grid = F.interpolate(grid, scale_factor=((height + 0.1) / 14, (width + 0.1) / 14), mode="bicubic")
    x = patches.flatten(2).transpose(1, 2) + grid.flatten(2).transpose(1, 2)
    x = torch.cat(((s["cls_token"] + s["pos_embed"][:, :1]).expand(len(x), -1, -1), x), dim=1)
    for i in range(12):
        b = f"blocks.{i}"
        y = _attention(norm(x, f"{b}.norm1"), s[f"{b}.attn.qkv.weight"], s[f"{b}.attn.qkv.bias"], 12)
        x = x + y @ s[f"{b}.attn.proj.weight"].T + s[f"{b}.attn.proj.bias"]
        y = F.gelu(norm(x, f"{b}.norm2") @ s[f"{b}.mlp.fc1.weight"].T + s[f"{b}.mlp.fc1.bias"])
        x = x + y @ s[f"{b}.mlp.fc2.weight"].T + s[f"{b}.mlp.fc2.bias"]
    return norm(x, "norm")[:, 0]


def _reference_clip(
    s: dict[str, torch.Tensor], image: torch.Tensor, patch: int, depth: int, heads: int
) -> torch.Tensor:
    s = {key.removeprefix("visual."): value for key, value in s.items()}
    width = len(s["class_embedding"])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (width,), s[f"{name}.weight"], s[f"{name}.bias"], eps=1e-5)

    x = F.conv2d(image, s["conv1.weight"], stride=patch).flatten(2).transpose(1, 2)
    x = torch.cat((s["class_embedding"].expand(len(x), 1, -1), x), dim=1) + s["positional_embedding"]
    x = norm(x, "ln_pre")
    for i in range(depth):
        b = f"transformer.resblocks.{i}"
        y = _attention(norm(x, f"{b}.ln_1"), s[f"{b}.attn.in_proj_weight"], s[f"{b}.attn.in_proj_bias"], heads)
        x = x + y @ s[f"{b}.attn.out_proj.weight"].T + s[f"{b}.attn.out_proj.bias"]
        y = norm(x, f"{b}.ln_2") @ s[f"{b}.mlp.c_fc.weight"].T + s[f"{b}.mlp.c_fc.bias"]
        x = x + (y * torch.sigmoid(1.702 * y)) @ s[f"{b}.mlp.c_proj.weight"].T + s[f"{b}.mlp.c_proj.bias"]
    return norm(x[:, 0], "ln_post") @ s["proj"]


def _close(value: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-4) -> None:
    assert value.shape == expected.shape
    assert (value - expected).abs().max() <= tolerance * expected.abs().max()


def test_dino_square_and_other_shapes() -> None:
    state = _state(layouts.dino_vitb16())
    network = build_network("dino_vitb16", state)
    assert isinstance(network, DINOViTB16)
    # 90 x 70 leaves 10 rows and 6 columns that fill no patch.
    for seed, size in ((1, (224, 224)), (2, (90, 70))):
        image = torch.from_numpy(uniform(seed, (1, 3, *size), -2, 2))
        _close(network(image)["embedding"], _reference_dino(state, image))


def test_clip_tower_of_two_blocks() -> None:
    """The tower is one class for both sizes; a shallow one makes the whole computation cheap to check."""
    state = _state(layouts.clip(32, 128, 2, 64))
    network = CLIPImageTower(patch=32, width=128, depth=2, heads=4, embedding=64)
    load_strict(network, state, name="clip")
    image = torch.from_numpy(uniform(3, (2, 3, 224, 224), -2, 2))
    _close(network(image)["embedding"], _reference_clip(state, image, 32, 2, 4))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "patch", "width", "depth", "heads", "embedding"),
    [("clip_vit_b32", 32, 768, 12, 12, 512), ("clip_vit_l14", 14, 1024, 24, 16, 768)],
)
def test_clip_towers(name: str, patch: int, width: int, depth: int, heads: int, embedding: int) -> None:
    state = _state(layouts.clip(patch, width, depth, embedding))
    image = torch.from_numpy(uniform(4, (1, 3, 224, 224), -2, 2))
    result = build_network(name, state)(image)["embedding"]
    assert result.shape == (1, embedding)
    _close(result, _reference_clip(state, image, patch, depth, heads))


def test_aesthetic_head_is_a_dot_product_with_the_direction() -> None:
    weight = np.zeros((1, 768), np.float32)
    weight[0, 5] = 3.0
    network = build_network("laion_aesthetic", {"weight": weight, "bias": np.array([0.5], np.float32)})
    embedding = torch.zeros(2, 768)
    embedding[0, 5], embedding[1, 5], embedding[1, 6] = 40.0, 3.0, 4.0
    torch.testing.assert_close(network(embedding)["score"], torch.tensor([3.5, 0.5 + 3.0 * 0.6]))
