"""What a stage of training is: which part of the network learns, from which losses, and how good it has become.

A stage is a frozen dataclass; its fields are its options (`train.py --stage_option NAME=VALUE`, or `stage_options:` in
the configuration file). It holds no weights of the animator and does no bookkeeping: `vfa.training.module` owns the
step, the optimiser and the averaged weights, `vfa.training.keeping` the checkpoints. To add a stage: write the class,
name it in `STAGES`.
"""

from __future__ import annotations

import importlib
import types
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from vfa.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from vfa.models.network import AnimatorNetwork

STAGES = {
    "animator": "vfa.training.stage_animator:AnimatorStage",
    "distilling": "vfa.training.stage_distillation:DistillationStage",
    "motion": "vfa.training.stage_motion:MotionStage",
    "basis": "vfa.training.stage_basis:BasisStage",
    "generator": "vfa.training.stage_generator:GeneratorStage",
}


class Stage(ABC):
    """One stage of training. A batch is a dict of tensors, `[B, ...]` each, as the data set of the run gives it.

    Attributes:
        name: under which it is known on the command line, in logs and in checkpoints.
        best: the entry of `summary` by which the best checkpoint is chosen; `better`: whether "low" or "high" is good.
        betas, weight_decay: of the optimiser (Adam; AdamW with a weight decay).
        needs_truth: whether its batches must hold exact truth (synthetic data).
    """

    name: ClassVar[str]
    best: ClassVar[str]
    better: ClassVar[Literal["low", "high"]] = "low"
    betas: ClassVar[tuple[float, float]] = (0.0, 0.99)
    weight_decay: ClassVar[float] = 0.0
    needs_truth: ClassVar[bool] = False

    @abstractmethod
    def learning(self, network: AnimatorNetwork) -> Iterable[nn.Module]:
        """The modules that learn; everything else is frozen and in evaluation mode."""

    def trainable(self, network: AnimatorNetwork) -> list[nn.Parameter]:
        """Freezes and switches what does not learn, and gives the parameters that do (each once)."""
        return only_these_learn(network, self.learning(network))

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        """The optimiser; its `lr` is set anew before every step by the schedule."""
        import torch

        if self.weight_decay:
            return torch.optim.AdamW(parameters, lr, betas=self.betas, weight_decay=self.weight_decay)
        return torch.optim.Adam(parameters, lr, betas=self.betas)

    @abstractmethod
    def losses(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """The weighted terms, scalars with gradients; what is minimised is their sum.

        Draws from torch's generator alone, which is seeded by run, step and process before each call.
        """

    @abstractmethod
    def metrics(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Figures of each sample, `[B]` or `[B, ...]`; called without gradients, with the averaged weights."""

    def summary(self, figures: dict[str, Tensor]) -> dict[str, float]:
        """The figures of the whole validation set (all batches of all processes, in order) as single numbers.

        Default: the mean of each. Correlations over samples belong here.
        """
        return {name: float(values.double().mean()) for name, values in figures.items()}

    @abstractmethod
    def sheet(self, network: AnimatorNetwork, batch: dict[str, Any]) -> np.ndarray:
        """uint8 `[H, W, 3]`: source, driving, output, truth, depth, flow of some samples; see `vfa.training.sheets`."""

    def notes(self) -> dict[str, str]:
        """What a reader of the log and of the checkpoint must know, for example which perceptual loss was used."""
        return {}


def only_these_learn(network: nn.Module, modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Freezes a network and sets it to evaluation, except for some of its modules; their parameters, each once.

    Parameters that no loss reaches (`RGBDGenerator.to_rgb1`) stay frozen: they were so before.
    """
    modules = list(modules)
    kept = {id(p): p for module in modules for p in module.parameters() if p.requires_grad}
    network.eval().requires_grad_(False)
    for module in modules:
        module.train()
    for parameter in kept.values():
        parameter.requires_grad_(True)
    return list(kept.values())


def stage_class(name: str) -> type[Stage]:
    """The class of a stage.

    Raises:
        InputError: no such stage.
    """
    if name not in STAGES:
        raise InputError("unknown stage of training", expected=" | ".join(STAGES), found=name)
    module, _, attribute = STAGES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def build_stage(name: str, options: Mapping[str, Any] | None = None) -> Stage:
    """A stage with its options, given as values or as text ("0.5", "true", "high").

    Raises:
        InputError: no such stage, no such option, or a value of another kind.
    """
    kind = stage_class(name)
    hints = get_type_hints(kind)
    known = {field.name: hints[field.name] for field in fields(kind) if field.init}  # type: ignore[arg-type]
    values = {}
    for option, value in (options or {}).items():
        if option not in known:
            raise InputError(f"stage {name} has no option {option!r}", expected=", ".join(known) or "none")
        values[option] = _converted(f"{name}.{option}", value, known[option])
    missing = [
        field.name
        for field in fields(kind)  # type: ignore[arg-type]
        if field.init and field.default is MISSING and field.default_factory is MISSING and field.name not in values
    ]
    if missing:
        raise InputError(f"stage {name} needs the options {', '.join(missing)}", hint="--stage_option NAME=VALUE")
    return kind(**values)


def _converted(name: str, value: Any, hint: Any) -> Any:
    """A value as the annotated kind, from itself or from text."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if value is None or (value == "none" and type(None) in kinds):
        return None
    for kind in kinds:
        if get_origin(kind) is Literal and value in get_args(kind):
            return value
        if kind is bool and str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        if kind in (int, float, str) and not isinstance(value, bool):
            try:
                converted = kind(value)
            except (TypeError, ValueError):
                continue
            if kind is str or converted == float(value):
                return converted
    raise InputError(
        f"{name} has an unfit value", expected=str(getattr(hint, "__name__", hint)), found=repr(value)[:80]
    )
