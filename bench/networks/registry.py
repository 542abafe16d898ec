"""Names of the networks, and the one way to build each from a state dict or from its published file."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfa.errors import InputError

if TYPE_CHECKING:
    from torch import nn

# name -> (module, factory). A factory takes no argument and returns a freshly constructed torch module; the module
# may define `adapt_state(state)`, which maps the published key layout to its own.
_FACTORIES: dict[str, tuple[str, str]] = {
    "amt_s": ("amt", "AMTSmall"),
    "arcface_iresnet100": ("arcface", "iresnet100"),
    "clip_vit_b32": ("clip", "clip_vit_b32"),
    "clip_vit_l14": ("clip", "clip_vit_l14"),
    "dino_vitb16": ("dino", "DINOViTB16"),
    "emonet_5": ("emonet", "emonet_5"),
    "emonet_8": ("emonet", "emonet_8"),
    "facerecon_resnet50": ("facerecon", "FaceReconResNet50"),
    "facexformer_pose": ("facexformer", "FaceXFormerPose"),
    "fan_68": ("fan", "FAN"),
    "fid_inception": ("fid_inception", "FIDInception"),
    "hopenet": ("hopenet", "Hopenet"),
    "laion_aesthetic": ("aesthetic", "AestheticHead"),
    "lpips_alex": ("lpips", "lpips_alex"),
    "lpips_vgg": ("lpips", "lpips_vgg"),
    "musiq": ("musiq", "MUSIQ"),
    "raft": ("raft", "RAFT"),
    "retinaface": ("retinaface", "RetinaFace"),
    "retinaface_preact": ("retinaface_preact", "RetinaFacePreact"),
    "s3fd": ("s3fd", "s3fd"),
    "s3fd_fan": ("s3fd", "s3fd_fan"),
    "syncnet": ("syncnet", "SyncNet"),
    "topiq_aesthetic": ("topiq", "topiq_aesthetic"),
    "topiq_face": ("topiq", "topiq_face"),
}
# name -> (module, class) of networks whose file carries its own graph; the class takes the path.
_FILES: dict[str, tuple[str, str]] = {
    "arcface_onnx": ("arcface_onnx", "ArcFaceONNX"),
    "fid_inception_ts": ("scripted", "FIDInceptionScript"),
    "i3d": ("scripted", "I3DScript"),
    "silero_vad": ("silero_vad", "SileroVad"),
}


@dataclass(frozen=True)
class LoadedNetwork:
    """A network that came from files.

    Attributes:
        name: registry name.
        network: called with its inputs, it returns a dict of tensors.
        hashes: sha256 of each file by file name, to be stored with every score.
    """

    name: str
    network: Any
    hashes: dict[str, str]

    @property
    def sha256(self) -> str:
        """Hash of the main file."""
        return next(iter(self.hashes.values()))


def network_names() -> tuple[str, ...]:
    """All registered names, sorted."""
    return tuple(sorted({**_FACTORIES, **_FILES}))


def create_network(name: str, *, device: str = "cpu") -> nn.Module:
    """Construct an untrained network; `device="meta"` gives names and shapes without memory.

    Args:
        name: one of `network_names()` that is built from a state dict.
        device: torch device on which parameters are created.
    Raises:
        InputError: the name is unknown (near names are listed), or the network exists only as a file.
    """
    _check_name(name)
    if name in _FILES:
        raise InputError(
            f"{name} is not built from a state dict", expected="its file, which holds the graph", hint="load_network"
        )
    import torch

    with torch.device(device):
        network = _resolve(_FACTORIES[name])()
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
    network = create_network(name, device="meta")

    from bench.networks.strict import load_strict

    load_strict(network, state_dict, name=name, path=path)
    return network


def load_network(
    name: str,
    path: str | Path,
    *,
    parts: Sequence[str | Path] = (),
    device: str = "cpu",
    sha256: str | None = None,
) -> LoadedNetwork:
    """Read the published weight file(s) and build the network they belong to.

    Args:
        name: one of `network_names()`.
        path: the file as published (torch, TorchScript archive, safetensors or ONNX).
        parts: further files that complete the state dict, such as the heads of LPIPS.
        device: where the network is to run (ONNX networks choose for themselves).
        sha256: expected hash of the main file, or its leading digits; checked before anything is decoded.
    Raises:
        InputError: unknown name.
        AssetError: a file is absent.
        CheckpointError: a file is damaged, is no weight file, has another hash or belongs to another network.
    """
    from bench.networks.checkpoint import check_file, read_checkpoint

    _check_name(name)
    if name in _FILES:
        hashes = {Path(path).name: check_file(path, sha256=sha256)}
        network = _resolve(_FILES[name])(path)
    else:
        checkpoint = read_checkpoint(path, sha256=sha256)
        hashes, state = {Path(path).name: checkpoint.sha256}, dict(checkpoint.state)
        for part in parts:
            checkpoint = read_checkpoint(part)
            hashes[Path(part).name] = checkpoint.sha256
            state.update(checkpoint.state)
        network = build_network(name, state, path=path)
    return LoadedNetwork(name, network.to(device) if hasattr(network, "to") else network, hashes)


def _check_name(name: str) -> None:
    if name in _FACTORIES or name in _FILES:
        return
    near = difflib.get_close_matches(str(name), network_names(), n=3, cutoff=0.4)
    raise InputError(
        f"unknown network {name!r}",
        expected="one of " + ", ".join(network_names()),
        hint=f"did you mean {' or '.join(near)}?" if near else None,
    )


def _resolve(entry: tuple[str, str]) -> Any:
    module, attribute = entry
    return getattr(importlib.import_module(f"bench.networks.{module}"), attribute)
