"""A seeded file of the published layout loads strictly; one entry less, more or of another shape does not."""

from __future__ import annotations

import published_layouts as layouts
import pytest
import theval_layouts
import torch
from seeded_weights import fill_like

from bench.networks import build_network, create_network
from vfa.errors import CheckpointError

LAYOUTS = {
    "s3fd": layouts.s3fd(),
    "s3fd_fan": layouts.s3fd_fan(),
    "fan_68": layouts.fan_68(),
    "lpips_alex": layouts.lpips("alex"),
    "lpips_vgg": layouts.lpips("vgg"),
    "raft": layouts.raft(),
    "dino_vitb16": layouts.dino_vitb16(),
    "clip_vit_b32": layouts.clip(32, 768, 12, 512),
    "clip_vit_l14": layouts.clip(14, 1024, 24, 768),
    "musiq": layouts.musiq(),
    "amt_s": layouts.amt_s(),
    "laion_aesthetic": layouts.laion_aesthetic(),
    "topiq_aesthetic": theval_layouts.topiq_aesthetic(),
    "topiq_face": theval_layouts.topiq_face(),
    "retinaface": theval_layouts.retinaface(),
    "retinaface_preact": theval_layouts.retinaface_preact(),
    "facexformer_pose": theval_layouts.facexformer(),
}
LIGHT = ("lpips_alex", "raft", "amt_s", "laion_aesthetic")


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_has_exactly_the_networks_entries(name: str) -> None:
    """Shapes alone, without memory: the adapted layout equals the module's state dict."""
    network = create_network(name, device="meta")
    entries = {key.removeprefix("module."): torch.empty(shape, device="meta") for key, shape in LAYOUTS[name].items()}
    if hasattr(network, "adapt_state"):
        with torch.device("meta"):
            entries = network.adapt_state(entries)
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert {key: tuple(value.shape) for key, value in entries.items()} == expected


@pytest.mark.parametrize("name", LIGHT)
def test_strict_load(name: str) -> None:
    state = fill_like(LAYOUTS[name])
    network = build_network(name, state)
    assert not network.training and not any(value.requires_grad for value in network.parameters())
    key = next(iter(state))
    with pytest.raises(CheckpointError, match="1 missing"):
        build_network(name, {other: value for other, value in state.items() if other != key})
    with pytest.raises(CheckpointError, match="unexpected"):
        build_network(name, {**state, f"{key}.more": state[key]})
    with pytest.raises(CheckpointError, match="wrong shape"):
        build_network(name, {**state, key: state[key][:0]})


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in LAYOUTS if name not in LIGHT])
def test_strict_load_of_large_networks(name: str) -> None:
    test_strict_load(name)
