"""What a run of training is told; each field is an option of `train.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vfa.errors import InputError
from vfa.media.normalize import CONVENTIONS
from vfa.models.config import AnimatorConfig
from vfa.training.stages import stage_class

LOSS_WEIGHTS = {
    "lambda_loss_l1": "weight_l1",
    "lambda_loss_sm": "weight_smoothness",
    "lambda_loss_gr": "weight_gradient",
    "lambda_loss_sp": "weight_structure",
}
"""The original's names of the weights of losses, and the stages'."""
_NAME = re.compile(r"[\w][\w .+=-]{0,99}")


@dataclass(frozen=True)
class RunOptions:
    """Options of a run; None leaves the choice to the stage, the checkpoint or the default architecture.

    Attributes:
        exp_path, exp_name: the run's folder is `<exp_path>/<exp_name>/`.
        resume_ckpt: "last" (of that folder, if there is one), or a file to go on from.
        weights_only: take the weights of `resume_ckpt` alone and begin a new run with them.
        stage: see `vfa.training.stages.STAGES`.
        dataset: `NAME[=FOLDER][@WEIGHT]`, several are mixed by weight; data_path: default folder.
        iterations: steps of the run (`--iter`).
        batch_size: samples of a step over all processes.
        model: fields of `AnimatorConfig` other than the default.
        stage_options, data_options: for the stage and the data sets.
    """

    exp_path: Path = Path("exps")
    exp_name: str = "run"
    resume_ckpt: str | None = None
    weights_only: bool = False
    stage: str = "animator"
    dataset: tuple[str, ...] = ("synthetic",)
    data_path: Path | None = None
    iterations: int = 800_000
    batch_size: int = 16
    lr: float = 2e-4
    schedule: str = "cosine"
    warmup: int = 500
    ema: float = 0.999
    clip: float | None = None
    seed: int = 0
    workers: int = 2
    normalization: str = "range"
    display_freq: int = 1000
    save_freq: int = 1000
    log_freq: int = 20
    validation_samples: int = 256
    accelerator: str = "auto"
    devices: str = "auto"
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    half: bool = False
    licence: str = "not stated"
    model: Mapping[str, float] = field(default_factory=dict)
    stage_options: Mapping[str, Any] = field(default_factory=dict)
    data_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.exp_name) or self.exp_name.strip(". ") != self.exp_name:
            raise InputError(
                "--exp_name is unfit for a folder's name",
                expected="letters, digits, _ . + = - and spaces, at most 100, beginning with a letter or digit",
                found=repr(self.exp_name)[:120],
            )
        for name in ("iterations", "batch_size", "display_freq", "save_freq", "log_freq", "validation_samples"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} is unfit", expected="at least 1", found=str(getattr(self, name)))
        if self.workers < 0 or self.num_nodes < 1:
            raise InputError("--workers must be 0 or more, --num_nodes 1 or more")
        if self.normalization not in CONVENTIONS:
            raise InputError(
                "unknown --normalization", expected=" | ".join(CONVENTIONS), found=repr(self.normalization)
            )
        if self.weights_only and self.resume_ckpt in (None, "last"):
            raise InputError("--weights_only needs a checkpoint", hint="--resume_ckpt FILE")
        if not self.dataset:
            raise InputError("there is no data set", hint="--dataset synthetic")
        stage_class(self.stage)

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.exp_path / self.exp_name

    def config(self) -> AnimatorConfig:
        """The architecture where no checkpoint says otherwise.

        Raises:
            InputError: a field is unknown or unfit.
        """
        return AnimatorConfig.from_dict({**AnimatorConfig().to_dict(), **self.model})

    def record(self) -> dict[str, Any]:
        """What a checkpoint remembers of them; no path of this machine."""
        local = ("exp_path", "exp_name", "resume_ckpt", "data_path", "dataset", "devices", "half", "licence")
        kept = {name: value for name, value in asdict(self).items() if name not in local}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in kept.items()}


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Options that a continued run does not share with its beginning, as "name old -> new"."""
    passing = (
        "weights_only",
        "workers",
        "display_freq",
        "save_freq",
        "log_freq",
        "accelerator",
        "num_nodes",
        "strategy",
    )
    return [
        f"{name} {before[name]} -> {value}"
        for name, value in now.items()
        if name in before and before[name] != value and name not in passing
    ]
