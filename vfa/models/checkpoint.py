"""Reading and writing checkpoints: the published ``.pt`` files, and safetensors with the configuration in the header.

A file is checked completely (kind, hash, names, shapes, values) before a network is built or a device is touched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfa.errors import AssetError, CheckpointError, InputError
from vfa.models.checkpoint_files import check_hash, file_kind, first_line, read_torch
from vfa.models.config import AnimatorConfig

if TYPE_CHECKING:
    from torch import Tensor

REPOSITORY = Path(__file__).resolve().parents[2]
SEARCH_ORDER = ("saved_models/VFA/VFA.pt", "saved_models/VFA-small/vfa_small.safetensors")
HEADER_KEY = "vfa_config"
NORMALIZATION_KEY = "vfa_normalization"
RECORD_KEY = "vfa_record"
RUN_KEY = "vfa"
"""In the checkpoint of a training run: what is ours beside Lightning's entries."""
RUN_FORMAT = 1
AVERAGE = "average."
"""Prefix of the averaged weights of a training run."""
NORMALIZATIONS = ("range", "foreground", "skin")
MOTION_ENTRY, BASIS_ENTRY = "motion_enc.whole.0.0.weight", "motion_basis.first.0.weight"
SHOWN = 4


@dataclass(frozen=True)
class Checkpoint:
    """A checked checkpoint.

    Attributes:
        state: float32 on the CPU, exactly the entries that ``config`` asks for.
        config: the architecture.
        normalization: how its frames were brought to [-1, 1], see `vfa.media.normalize`.
        record: how it came about (stage, steps, data, figures, licence); empty where the file does not say.
    """

    state: dict[str, Tensor]
    config: AnimatorConfig
    normalization: str = "range"
    record: Mapping[str, Any] = field(default_factory=dict)


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


def load_checkpoint(
    path: str | Path, *, sha256: str | None = None, student: Callable[[], Mapping[str, Tensor]] | None = None
) -> Checkpoint:
    """Read a checkpoint safely and completely.

    Args:
        path: ``.pt`` (published layout, or a bare state dict), ``.safetensors``, or the ``.ckpt`` of a training run,
            whose averaged weights are taken; told apart by content.
        sha256: what the file must hash to; without it, a file ``<path>.sha256`` is obeyed where there is one.
        student: makes the entries ``student_dec.*`` where the file has none of them, because it was saved before
            distillation; training starts from such files.

    Raises:
        AssetError: the file does not exist or is a placeholder for the real one.
        CheckpointError: the file is damaged, unsafe, of another architecture, or holds values that are not finite.
    """
    path = find_checkpoint(path)
    kind = file_kind(path)
    check_hash(path, sha256)
    if kind == "torch":
        content = read_torch(path)
        if not (isinstance(content, Mapping) and isinstance(content.get(RUN_KEY), Mapping)):
            return check_state(_with_student(_published(content, path), student), path=path)
        raw, config, normalization, record = _of_run(content, path)
    else:
        raw, config, normalization, record = _read_safetensors(path)
    checked = check_state(_with_student(raw, student), config=config, path=path)
    return replace(checked, normalization=normalization, record=record)


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
            motion_channels=state[MOTION_ENTRY].shape[0] if MOTION_ENTRY in state else 0,
            basis_channels=state[BASIS_ENTRY].shape[0] if BASIS_ENTRY in state else 0,
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
    state: Mapping[str, Tensor],
    config: AnimatorConfig,
    path: str | Path,
    *,
    normalization: str = "range",
    record: Mapping[str, Any] | None = None,
) -> None:
    """Write safetensors with ``config`` in the header; the file is complete or absent.

    Args:
        state: the network's state dict, checked before it is written.
        config: the architecture.
        path: where to; folders must exist.
        normalization: how frames were brought to [-1, 1] in training.
        record: plain values that say how it came about: stage, steps, data, figures, licence.
    """
    from safetensors.torch import save_file

    path = Path(path)
    if normalization not in NORMALIZATIONS:
        raise InputError("unknown normalisation", expected=" or ".join(NORMALIZATIONS), found=normalization)
    checked = check_state(state, config=config, path=path).state
    header = {HEADER_KEY: json.dumps(config.to_dict()), NORMALIZATION_KEY: normalization}
    if record:
        header[RECORD_KEY] = json.dumps(record, sort_keys=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        # Low-precision weights stay as they are: a small file is shipped in float16.
        tensors = {name: _bare(state, name).detach().cpu().contiguous() for name in checked}
        save_file(tensors, temporary, metadata=header)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _with_student(state: Mapping[str, Any], student: Callable[[], Mapping[str, Tensor]] | None) -> Mapping[str, Any]:
    names = [name.removeprefix("module.") for name in state]
    if student is None or any(name.startswith("student_dec.") for name in names):
        return state
    return {**dict(zip(names, state.values(), strict=True)), **student()}


def _bare(state: Mapping[str, Tensor], name: str) -> Tensor:
    return state[name] if name in state else state[f"module.{name}"]


Parts = tuple[Mapping[str, Any], AnimatorConfig | None, str, Mapping[str, Any]]
"""State, configuration, normalisation, record."""


def _of_run(content: Mapping[str, Any], path: Path) -> Parts:
    """The averaged weights of a training run, see `vfa.training.checkpointing`."""
    record = content[RUN_KEY]
    if record.get("format") != RUN_FORMAT:
        found = str(record.get("format"))[:40]
        raise CheckpointError("the checkpoint is of another version", path=path, expected=f"{RUN_FORMAT}", found=found)
    try:
        for name, kind in (("stage", str), ("step", int)):
            if not isinstance(record[name], kind):
                raise TypeError(name)
        weights = {n.removeprefix(AVERAGE): v for n, v in content["state_dict"].items() if n.startswith(AVERAGE)}
        return weights, AnimatorConfig.from_dict(record["config"]), str(record["normalization"]), record
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise CheckpointError(
            "the checkpoint of the run lacks something", path=path, found=f"no {error}", hint="train anew"
        ) from error


def _published(content: Any, path: Path) -> Mapping[str, Any]:
    """The published layout: ``gen`` holds the weights; optimisers and the training arguments lie beside it."""
    import torch

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


def _read_safetensors(path: Path) -> Parts:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            "the file is truncated or damaged", path=path, found=first_line(error), hint="download it again"
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
    try:
        record = json.loads(metadata.get(RECORD_KEY, "{}"))
    except json.JSONDecodeError:
        record = None
    if not isinstance(record, dict):
        raise CheckpointError("the record in the header is invalid", path=path, found=metadata[RECORD_KEY][:160])
    return state, config, normalization, record


def _some(names: list[str]) -> str:
    shown = ", ".join(map(str, names[:SHOWN]))
    return shown + (f", ... ({len(names) - SHOWN} more)" if len(names) > SHOWN else "")
