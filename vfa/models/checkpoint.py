"""Reading and writing checkpoints: the published ``.pt`` files, and safetensors with the configuration in the header.

A file is checked completely (kind, hash, names, shapes, values) before a network is built or a device is touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfa.errors import AssetError, CheckpointError, InputError
from vfa.models.config import AnimatorConfig

if TYPE_CHECKING:
    from torch import Tensor

REPOSITORY = Path(__file__).resolve().parents[2]
SEARCH_ORDER = ("saved_models/VFA/VFA.pt", "saved_models/VFA/vfa_small.safetensors")
HEADER_KEY = "vfa_config"
NORMALIZATION_KEY = "vfa_normalization"
NORMALIZATIONS = ("range", "foreground")
SHOWN = 4


@dataclass(frozen=True)
class Checkpoint:
    """A checked checkpoint.

    Attributes:
        state: float32 on the CPU, exactly the entries that ``config`` asks for.
        config: the architecture.
        normalization: how its frames were brought to [-1, 1], see `vfa.media.normalize`.
    """

    state: dict[str, Tensor]
    config: AnimatorConfig
    normalization: str = "range"


def find_checkpoint(path: str | Path | None = None, root: Path = REPOSITORY) -> Path:
    """The checkpoint to use: ``path`` if given, else the first of `SEARCH_ORDER` under ``root`` that exists.

    Raises:
        AssetError: there is none; the message lists where it was looked for.
    """
    if path is not None:
        if not Path(path).is_file():
            raise AssetError("no such checkpoint", path=path, hint="leave the option out to use the default checkpoint")
        return Path(path)
    for name in SEARCH_ORDER:
        if (root / name).is_file():
            return root / name
    raise AssetError(
        "no checkpoint of the animator",
        expected=" or ".join(str(root / name) for name in SEARCH_ORDER),
        hint="put the authors' VFA.pt there, or animate with --motion landmarks, which needs no checkpoint",
    )


def load_checkpoint(path: str | Path, *, sha256: str | None = None) -> Checkpoint:
    """Read a checkpoint safely and completely.

    Args:
        path: ``.pt`` (published layout, or a bare state dict) or ``.safetensors``; told apart by content.
        sha256: what the file must hash to; without it, a file ``<path>.sha256`` is obeyed where there is one.

    Raises:
        AssetError: the file does not exist or is a placeholder for the real one.
        CheckpointError: the file is damaged, unsafe, of another architecture, or holds values that are not finite.
    """
    path = find_checkpoint(path)
    kind = _kind(path)
    _check_hash(path, sha256)
    if kind == "torch":
        return check_state(_read_torch(path), path=path)
    raw, config, normalization = _read_safetensors(path)
    return replace(check_state(raw, config=config, path=path), normalization=normalization)


def check_state(
    state: Mapping[str, Any], *, config: AnimatorConfig | None = None, path: str | Path | None = None
) -> Checkpoint:
    """Check a state dict strictly against the architecture and bring it to float32.

    Args:
        state: name to tensor; a ``module.`` prefix on every name is dropped.
        config: the architecture; None reads it off the shapes.
        path: named in messages.

    Raises:
        CheckpointError: an entry is missing, unknown, of another shape, or not finite.
    """
    import torch

    from vfa.models.network import AnimatorNetwork

    strangers = [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if strangers:
        raise CheckpointError("the state dict holds more than tensors", path=path, found=_some(strangers))
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    config = config or infer_config(state, path=path)
    with torch.device("meta"):
        expected = AnimatorNetwork(config).state_dict()
    missing = [name for name in expected if name not in state]
    if missing:
        only_flow = all(name.startswith("student_dec.") for name in missing)
        raise CheckpointError(
            f"{len(missing)} of {len(expected)} entries are missing",
            path=path,
            expected=_some(missing),
            hint="the flow generator is absent: this checkpoint was saved before distillation" if only_flow else None,
        )
    extra = [name for name in state if name not in expected]
    if extra:
        raise CheckpointError(f"{len(extra)} entries are unknown to this architecture", path=path, found=_some(extra))
    for name, value in expected.items():
        if state[name].shape != value.shape:
            raise CheckpointError(
                f"the checkpoint has another architecture: {name}",
                path=path,
                expected=f"shape {list(value.shape)} for {config}",
                found=f"shape {list(state[name].shape)}",
            )
    clean = {}
    for name, value in expected.items():
        clean[name] = state[name].detach().to("cpu", value.dtype)
        if not torch.isfinite(clean[name]).all():
            raise CheckpointError(f"{name} holds values that are not finite", path=path, hint="fetch the file again")
    return Checkpoint(clean, config)


def infer_config(state: Mapping[str, Tensor], *, path: str | Path | None = None) -> AnimatorConfig:
    """The architecture a state dict belongs to, from the shapes of its entries.

    Raises:
        CheckpointError: it is no animator's.
    """

    def count(pattern: str) -> int:
        number = 0
        while pattern.format(number) in state:
            number += 1
        return number

    try:
        size = 2 ** (count("dec.to_rgbs.{}.bias") + 2)
        first = state["enc.net_app.convs.0.0.weight"].shape
        latent, motion = state["dec.direction.weight"].shape
        return AnimatorConfig(
            size=size,
            input_channels=first[1],
            channel_multiplier=first[0] * size / 16384,
            max_channels=state["dec.input.input"].shape[1],
            latent_dim_style=latent,
            latent_dim_motion=motion,
            latent_dim_depth_motion=state["dec.motion_in_depths.0.bias"].shape[1],
            flow_channels=state["student_dec.first.0.weight"].shape[0],
            flow_blocks=count("student_dec.res_blocks.{}.conv1.weight"),
        )
    except (KeyError, ValueError, IndexError, InputError) as error:
        raise CheckpointError(
            "this is not an animator's checkpoint",
            path=path,
            expected="entries such as enc.net_app.convs.0.0.weight, dec.direction.weight, student_dec.first.0.weight",
            found=f"{len(state)} entries: {_some(list(state))}",
            hint=f"missing or unfit: {str(error).splitlines()[0]}",
        ) from error


def save_checkpoint(
    state: Mapping[str, Tensor], config: AnimatorConfig, path: str | Path, *, normalization: str = "range"
) -> None:
    """Write safetensors with ``config`` in the header; the file is complete or absent.

    Args:
        state: the network's state dict, checked before it is written.
        config: the architecture.
        path: where to; folders must exist.
        normalization: how frames were brought to [-1, 1] in training.
    """
    from safetensors.torch import save_file

    path = Path(path)
    if normalization not in NORMALIZATIONS:
        raise InputError("unknown normalisation", expected=" or ".join(NORMALIZATIONS), found=normalization)
    checked = check_state(state, config=config, path=path).state
    header = {HEADER_KEY: json.dumps(config.to_dict()), NORMALIZATION_KEY: normalization}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        # Low-precision weights stay as they are: a small file is shipped in float16.
        tensors = {name: _bare(state, name).detach().cpu().contiguous() for name in checked}
        save_file(tensors, temporary, metadata=header)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _bare(state: Mapping[str, Tensor], name: str) -> Tensor:
    return state[name] if name in state else state[f"module.{name}"]


def _kind(path: Path) -> str:
    """``torch`` or ``safetensors``, by the first bytes; anything else is named."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(512)
    text = head.lstrip().lower()
    again = "download the file itself again"
    if not head:
        raise CheckpointError("the file is empty", path=path, hint=again)
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise AssetError("this is a web page, not a checkpoint", path=path, found=_preview(head), hint=again)
    if text.startswith(b"version https://git-lfs"):
        raise AssetError("this is a Git LFS pointer, not the file it stands for", path=path, hint="run: git lfs pull")
    if head.startswith(b"PK") or head[:1] == b"\x80":
        return "torch"
    if head[8:9] == b"{":
        length = int.from_bytes(head[:8], "little")
        if 8 + length > size:
            raise CheckpointError(
                "the file is truncated",
                path=path,
                expected=f"a header of {length} bytes",
                found=f"{size} bytes",
                hint=again,
            )
        return "safetensors"
    raise CheckpointError("unknown file type", path=path, expected=".pt or .safetensors", found=_preview(head))


def _check_hash(path: Path, expected: str | None) -> None:
    beside = path.with_name(path.name + ".sha256")
    if expected is None and beside.is_file():
        expected = (beside.read_text().split() or [""])[0]
    if expected is None:
        return
    found = file_sha256(path)
    if found != expected.lower():
        raise CheckpointError(
            "wrong hash", path=path, expected=f"sha256 {expected}", found=f"sha256 {found}", hint="fetch the file again"
        )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read_torch(path: Path) -> Mapping[str, Any]:
    """The published layout: ``gen`` holds the weights; optimisers and the training arguments lie beside it."""
    import argparse
    import pickle

    import torch

    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols: what cannot be read raises
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            "the file holds objects other than weights and was not opened",
            path=path,
            expected="tensors, plain values and an argparse namespace",
            found=_refused(str(error)),
            hint="a checkpoint that needs more may run code of its author's choice; get it from the original place",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "the file is truncated or damaged",
            path=path,
            found=f"{path.stat().st_size} bytes; {_first_line(error)}",
            hint="download it again",
        ) from error
    state = content.get("gen", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise CheckpointError(
            "there is no state dict in the file", path=path, expected="the key 'gen'", found=type(content).__name__
        )
    if state is content and not any(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(
            "there are no weights in the file", path=path, expected="the key 'gen'", found=f"keys {_some(list(state))}"
        )
    return state


def _read_safetensors(path: Path) -> tuple[Mapping[str, Any], AnimatorConfig | None, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            "the file is truncated or damaged", path=path, found=_first_line(error), hint="download it again"
        ) from error
    header, normalization = metadata.get(HEADER_KEY), metadata.get(NORMALIZATION_KEY, "range")
    if normalization not in NORMALIZATIONS:
        raise CheckpointError("the normalisation in the header is unknown", path=path, found=normalization[:80])
    try:
        config = None if header is None else AnimatorConfig.from_dict(json.loads(header))
    except (json.JSONDecodeError, TypeError, AttributeError, InputError) as error:
        raise CheckpointError(
            "the configuration in the header is invalid", path=path, found=str(header)[:160]
        ) from error
    return state, config, normalization


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _refused(message: str) -> str:
    """What was refused, out of torch's explanation, without its advice to switch the check off."""
    for pattern in (r"GLOBAL (\S+)", r"WeightsUnpickler error: (.+)"):
        match = re.search(pattern, message)
        if match:
            return match.group(1)[:160]
    return "a pickle that is no checkpoint"


def _preview(head: bytes) -> str:
    return repr(head[:40])


def _some(names: list[str]) -> str:
    shown = ", ".join(map(str, names[:SHOWN]))
    return shown + (f", ... ({len(names) - SHOWN} more)" if len(names) > SHOWN else "")
