"""MUSIQ: patches and positions from their definition, the transformer against torch's own encoder layer."""

from __future__ import annotations

import numpy as np
import published_layouts as layouts
import pytest
import torch
import torch.nn.functional as F
from seeded_weights import fill_like, uniform

from bench.networks import build_network
from bench.networks.musiq import hashed_positions, multiscale_patches


def test_patches_of_an_image() -> None:
    image = torch.from_numpy(uniform(1, (2, 3, 128, 160), -1, 1))
    patches, positions, scales = multiscale_patches(image)
    # 224-scale: 179 x 224 -> 6 x 7 patches; 384-scale: 307 x 384 -> 10 x 12; native: 4 x 5.
    counts = (6 * 7, 10 * 12, 4 * 5)
    assert tuple(patches.shape) == (2, sum(counts), 3, 32, 32)
    assert [int((scales == i).sum()) for i in range(3)] == list(counts)
    native = patches[:, -20:]
    for row in range(4):
        for column in range(5):
            expected = image[:, :, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
            assert torch.equal(native[:, 5 * row + column], expected)
    grid = [10 * (row * 10 // 4) + column * 10 // 5 for row in range(4) for column in range(5)]
    assert positions[-20:].tolist() == grid


def test_padding_of_part_patches_is_zero_and_split() -> None:
    """40 rows need 24 more for two patches: 12 above, 12 below."""
    patches, _, scales = multiscale_patches(torch.ones(1, 3, 40, 32))
    upper, lower = patches[0, scales == 2]
    assert upper[:, :12].abs().max() == 0 and bool((upper[:, 12:] == 1).all())
    assert bool((lower[:, :20] == 1).all()) and lower[:, 20:].abs().max() == 0


def test_positions_cover_the_grid() -> None:
    assert hashed_positions(10, 10).tolist() == list(range(100))
    assert hashed_positions(1, 1).tolist() == [0]
    assert hashed_positions(20, 1).tolist() == [10 * (i // 2) for i in range(20)]


def _reference(state: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """The network with TensorFlow's padding done by hand and torch's TransformerEncoderLayer, filled and masked as
    the original: 49 and 144 tokens of the resized scales, whatever their number of patches."""
    patches, positions, scales = multiscale_patches(2 * image - 1)
    tokens, index, level, valid = [], [], [], []
    for scale, capacity in ((0, 49), (1, 144), (2, None)):
        chosen = patches[0, scales == scale]
        missing = (capacity or len(chosen)) - len(chosen)
        tokens.append(torch.cat((chosen, torch.zeros(missing, 3, 32, 32))))
        index += positions[scales == scale].tolist() + [0] * missing
        level += [scale] * len(chosen) + [0] * missing
        valid += [True] * len(chosen) + [False] * missing

    def conv(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        flat = weight.flatten(1)
        flat = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True) + 1e-5)
        return F.conv2d(x, flat.view_as(weight), stride=stride)

    def norm(x: torch.Tensor, name: str, eps: float = 1e-4) -> torch.Tensor:
        return F.group_norm(x, 32, state[f"{name}.weight"], state[f"{name}.bias"], eps)

    x = F.pad(torch.cat(tokens), (2, 3, 2, 3))
    x = F.relu(norm(conv(x, "conv_root", 2), "gn_root", 1e-6))
    x = F.max_pool2d(F.pad(x, (0, 1, 0, 1)), 3, 2)
    y = F.relu(norm(conv(x, "block1.conv1"), "block1.gn1"))
    y = F.relu(norm(conv(F.pad(y, (1, 1, 1, 1)), "block1.conv2"), "block1.gn2"))
    x = F.relu(norm(conv(y, "block1.conv3"), "block1.gn3") + norm(conv(x, "block1.conv_proj"), "block1.gn_proj"))
    x = x.permute(0, 2, 3, 1).flatten(1) @ state["embedding.weight"].T + state["embedding.bias"]
    encoder = {key.removeprefix("transformer_encoder."): value for key, value in state.items()}
    x = x + encoder["posembed_input.position_emb"][0, index] + encoder["scaleembed_input.scale_emb"][level]
    x = torch.cat((encoder["cls"][0], x))[None]
    padding = torch.tensor([[False, *(not v for v in valid)]])
    layer = torch.nn.TransformerEncoderLayer(
        384, 6, 1152, dropout=0.0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    ).eval()
    for i in range(14):
        block = {k.split(".", 2)[2]: v for k, v in encoder.items() if k.startswith(f"transformer.encoderblock_{i}.")}
        mapped = {
            f"self_attn.in_proj_{kind}": torch.cat([block[f"attention.{n}.{kind}"] for n in ("query", "key", "value")])
            for kind in ("weight", "bias")
        }
        for kind in ("weight", "bias"):
            mapped[f"self_attn.out_proj.{kind}"] = block[f"attention.out.{kind}"]
            mapped |= {f"linear{j}.{kind}": block[f"mlp.fc{j}.{kind}"] for j in (1, 2)}
            mapped |= {f"norm{j}.{kind}": block[f"norm{j}.{kind}"] for j in (1, 2)}
        layer.load_state_dict(mapped)
        with torch.no_grad():
            x = layer(x, src_key_padding_mask=padding)
    x = F.layer_norm(x[:, 0], (384,), encoder["encoder_norm.weight"], encoder["encoder_norm.bias"], 1e-6)
    return (x @ state["head.weight"].T + state["head.bias"])[:, 0]


@pytest.mark.slow
def test_score_equals_the_original_architecture() -> None:
    state = {key: torch.from_numpy(value) for key, value in fill_like(layouts.musiq()).items()}
    network = build_network("musiq", state)
    image = torch.from_numpy(uniform(2, (1, 3, 100, 150), 0, 1))
    torch.testing.assert_close(network(image)["score"], _reference(state, image), rtol=1e-4, atol=1e-5)
    batch = torch.cat((image, image.flip(3)))
    torch.testing.assert_close(network(batch)["score"][:1], network(image)["score"], rtol=1e-4, atol=1e-5)


def test_head_alone_decides_when_its_weights_are_zero() -> None:
    state = fill_like(layouts.musiq())
    state["head.weight"], state["head.bias"] = np.zeros((1, 384), np.float32), np.array([62.5], np.float32)
    score = build_network("musiq", state)(torch.from_numpy(uniform(3, (1, 3, 40, 32), 0, 1)))["score"]
    assert score.tolist() == [62.5]


@pytest.mark.slow
def test_scores_equal_those_of_pyiqa() -> None:
    """Version 0.1.13 (`MUSIQ`) on the same seeded weights and inputs, of sizes that fill no patch exactly."""
    network = build_network("musiq", fill_like(layouts.musiq()))
    for (height, width), expected in {(70, 100): 0.92009908, (300, 210): 1.08926988, (33, 41): 1.03958499}.items():
        image = torch.from_numpy(uniform(height, (1, 3, height, width), 0, 1))
        assert float(network(image)["score"]) == pytest.approx(expected, rel=1e-5)
