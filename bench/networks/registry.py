"""Names of the networks, and the one way to build each from a state dict or from its published file."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfa.errors import InputError

if TYPE_CHECKING:
    from torch import nn

# name -> (module, factory). A factory takes no argument and returns a freshly constructed torch module; the module
# may define `adapt_state(state)`, which maps the published key layout to its own.
_FACTORIES: dict[str, tuple[str, str]] = {
    "fid_inception": ("fid_inception", "FIDInception"),
    "syncnet": ("syncnet", "SyncNet"),
    "hopenet": ("hopenet", "Hopenet"),
    "facerecon_resnet50": ("facerecon", "FaceReconResNet50"),
    "arcface_iresnet100": ("arcface", "iresnet100"),
    "emonet_5": ("emonet", "emonet_5"),
    "emonet_8": ("emonet", "emonet_8"),
}


@dataclass(frozen=True)
class LoadedNetwork:
    """A network that came from a file.

    Attributes:
        name: registry name.
        network: the torch module, in eval mode, without gradients.
        path: the file read.
        sha256: hash of the whole file, to be stored with every score.
    """

    name: str
    network: nn.Module
    path: Path
    sha256: str


def network_names() -> tuple[str, ...]:
    """All registered names, sorted."""
    return tuple(sorted(_FACTORIES))


def create_network(name: str, *, device: str = "cpu") -> nn.Module:
    """Construct an untrained network; `device="meta"` gives names and shapes without memory.

    Args:
        name: one of `network_names()`.
        device: torch device on which parameters are created.
    Raises:
        InputError: the name is unknown; near names are listed.
    """
    import torch

    if name not in _FACTORIES:
        near = difflib.get_close_matches(str(name), _FACTORIES, n=3, cutoff=0.4)
        raise InputError(
            f"unknown network {name!r}",
            expected="one of " + ", ".join(network_names()),
            hint=f"did you mean {' or '.join(near)}?" if near else None,
        )
    module, factory = _FACTORIES[name]
    with torch.device(device):
        network = getattr(importlib.import_module(f"bench.networks.{module}"), factory)()
    return network.eval().requires_grad_(False)


def build_network(name: str, state_dict: Mapping[str, Any], *, path: str | Path | None = None) -> nn.Module:
    """Build a network from the entries of its published file, strictly.

    Args:
        name: one of `network_names()`.
        state_dict: tensors (or numpy arrays) by their published names. Half precision is widened to float32, a
            `module.` prefix is removed, and the layout of the official file is mapped where it differs.
        path: the file the entries came from, for messages.
    Returns:
        The network in eval mode, without gradients. Called with its inputs (by keyword where there are several) it
        returns a dict of tensors.
    Raises:
        InputError: unknown name.
        CheckpointError: missing or extra keys, wrong shapes, values that are not finite.
    """
    from bench.networks.strict import load_strict

    network = create_network(name, device="meta")
    load_strict(network, state_dict, name=name, path=path)
    return network


def load_network(name: str, path: str | Path, *, device: str = "cpu", sha256: str | None = None) -> LoadedNetwork:
    """Read a published weight file and build the network it belongs to.

    Args:
        name: one of `network_names()`.
        path: the file as published (torch, TorchScript archive or safetensors).
        device: where the network is to run.
        sha256: expected hash of the file; checked before anything is decoded.
    Raises:
        AssetError: the file is absent.
        CheckpointError: the file is damaged, is not a weight file, has another hash or belongs to another network.
    """
    from bench.networks.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(path, sha256=sha256)
    network = build_network(name, checkpoint.state, path=path)
    return LoadedNetwork(name, network.to(device), Path(path), checkpoint.sha256)
