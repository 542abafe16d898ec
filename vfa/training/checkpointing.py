"""Checkpoints of a run: complete or absent on disk, read without running anything, and what can be started from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import CheckpointIO
from torch import Tensor

from vfa.errors import AssetError, CheckpointError, VFAError
from vfa.media.atomic import discard, temporary_path
from vfa.models.checkpoint import RUN_KEY, load_checkpoint, save_checkpoint
from vfa.models.checkpoint_files import file_kind, read_torch
from vfa.models.config import AnimatorConfig

LAST, BEST = "last.ckpt", "best.ckpt"
EXPORT = "animator.safetensors"


class AtomicIO(CheckpointIO):
    """Lightning's checkpoints, written beside their place, flushed to the disk and then renamed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Writes a checkpoint.

        Raises:
            VFAError: it cannot be written; what was there before is still there.
        """
        path = Path(path)
        temporary = temporary_path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
            discard(temporary)
            raise VFAError(
                "the checkpoint cannot be written",
                path=path,
                found=(str(error).splitlines() or [type(error).__name__])[0][:160],
                hint="free some space on the disk, then continue with --resume_ckpt last",
            ) from error

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads a checkpoint of a run; see `read_run`."""
        return read_run(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Removes a checkpoint if it is there."""
        discard(Path(path))


def copy_atomically(source: Path, target: Path) -> None:
    """Copies a file so that the copy is complete or absent.

    Raises:
        VFAError: it cannot be written.
    """
    temporary = temporary_path(target)
    try:
        shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    except OSError as error:
        discard(temporary)
        raise VFAError("the checkpoint cannot be written", path=target, found=error.strerror) from error


def read_run(path: Path) -> dict[str, Any]:
    """A checkpoint of a run, as plain values and tensors on the CPU.

    Raises:
        AssetError: there is no such file.
        CheckpointError: it is damaged, or no checkpoint of a run.
    """
    if not path.is_file():
        raise _missing(path)
    content = read_torch(path) if file_kind(path) == "torch" else None
    if not isinstance(content, dict) or RUN_KEY not in content:
        raise CheckpointError(
            "this is no checkpoint of a training run", path=path, expected=f"a {LAST} or {BEST} written by train.py"
        )
    missing = [name for name in ("state_dict", "optimizer_states", "loops") if name not in content]
    if missing:
        raise CheckpointError("the checkpoint of the run lacks something", path=path, found=f"no {', '.join(missing)}")
    return content


@dataclass(frozen=True)
class Start:
    """What a run starts from.

    Attributes:
        path: the checkpoint.
        config: its architecture.
        state: its weights (the averaged ones of a run), complete and finite.
        normalization: of its frames.
        stage: of the run that wrote it; empty for weights alone.
        step: steps that run had done.
        record: of its making, see `vfa.models.checkpoint.Checkpoint`; for a run, its entry `RUN_KEY`.
    """

    path: Path
    config: AnimatorConfig
    state: dict[str, Tensor]
    normalization: str = "range"
    stage: str = ""
    step: int = 0
    record: Mapping[str, Any] = field(default_factory=dict)


def read_start(path: Path, student: Callable[[], Mapping[str, Tensor]] | None = None) -> Start:
    """Reads what a run is to start from: a run's checkpoint, an official ``.pt``, or safetensors.

    Args:
        path: told apart by content.
        student: makes the flow generator's entries where a published file has none of them.

    Raises:
        AssetError: there is no such file.
        CheckpointError: it is damaged, or of no animator.
    """
    if not path.is_file():
        raise _missing(path)
    loaded = load_checkpoint(path, student=student)
    record = loaded.record
    is_run = bool(record) and file_kind(path) == "torch"  # published files of torch have no record
    stage, step = (str(record["stage"]), int(record["step"])) if is_run else ("", 0)
    return Start(path, loaded.config, loaded.state, loaded.normalization, stage, step, record)


def export(path: Path, target: Path, *, half: bool = False) -> Start:
    """Writes the averaged weights of a run's checkpoint as safetensors, what `infer.py --checkpoint` takes.

    Args:
        path: the run's checkpoint.
        target: where to; its header holds the configuration, the figures, the data and the licence.
        half: store float16.
    """
    start = read_start(path)
    state = {name: value.half() if half and value.is_floating_point() else value for name, value in start.state.items()}
    record = {name: value for name, value in start.record.items() if name not in ("config", "normalization")}
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        save_checkpoint(state, start.config, target, normalization=start.normalization, record=record)
    except OSError as error:
        raise VFAError("the checkpoint cannot be written", path=target, found=error.strerror) from error
    return start


def _missing(path: Path) -> AssetError:
    return AssetError("no such checkpoint", path=path, hint="leave --resume_ckpt out to train from the beginning")
