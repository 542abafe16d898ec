"""Validation, sample sheets and checkpoints at fixed steps of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from torch import Tensor

from vfa.training.checkpointing import BEST, LAST, copy_atomically
from vfa.training.module import TrainingModule
from vfa.training.sheets import write_sheet
from vfa.training.tracing import Trace
from vfa.training.watching import DivergedError, Watch

KEPT_BYTES = 2**30
"""Validation batches up to this size stay in memory: rendering or decoding them again would cost more."""


class Keeper(pl.Callback):
    """Every `save_every` steps, and at the end, validates with the averaged weights and saves; draws sheets.

    What is saved at a step has seen that step's validation, so that a run that continues from it repeats neither.

    Args:
        folder: of the run.
        watch: says whether a signal stops the run; then it is saved without validation.
        trace: takes the figures.
        save_every, display_every: steps.

    Attributes:
        best: the best figure so far, of `Stage.best`, and `best_step` its step.
    """

    def __init__(self, folder: Path, watch: Watch, trace: Trace, *, save_every: int, display_every: int) -> None:
        self.folder, self.watch, self.trace = folder, watch, trace
        self.save_every, self.display_every = save_every, display_every
        self.best: float | None = None
        self.best_step = 0
        self._loader: Iterable[dict[str, Any]] | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Does what is due at this step."""
        assert isinstance(pl_module, TrainingModule)
        step = trainer.global_step
        if self.watch.signal:
            self._save(trainer, pl_module)
            return
        last = step >= trainer.max_steps
        if step % self.display_every == 0 or last:
            self._sheet(trainer, pl_module, step)
        if step % self.save_every == 0 or last:
            better = self._validate(trainer, pl_module, step)
            self._save(trainer, pl_module)
            if better and trainer.is_global_zero:
                copy_atomically(self.folder / LAST, self.folder / BEST)

    def validate(self, trainer: pl.Trainer, module: TrainingModule) -> dict[str, float]:
        """The stage's figures over the validation samples of all processes."""
        parts: list[dict[str, Tensor]] = []
        with trainer.precision_plugin.forward_context():
            for batch in self._batches(trainer):
                parts.append(module.evaluate(_to_device(trainer, module, batch)))
        own = {name: torch.cat([part[name] for part in parts]) for name in (parts[0] if parts else ())}
        return module.stage.summary(_in_order(own, trainer.world_size))

    def _validate(self, trainer: pl.Trainer, module: TrainingModule, step: int) -> bool:
        figures = self.validate(trainer, module)
        figure = figures[module.stage.best]
        ahead = self.best is None or (figure < self.best if module.stage.better == "low" else figure > self.best)
        better = math.isfinite(figure) and ahead
        if better:
            self.best, self.best_step = figure, step
        module.record.update(
            figures={name: value for name, value in figures.items() if math.isfinite(value)},
            best={"figure": module.stage.best, "value": self.best, "step": self.best_step},
        )
        self.trace.figures(trainer, step, figures)
        return better

    def _save(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        unfit = [n for n, p in module.state_dict().items() if p.is_floating_point() and not torch.isfinite(p).all()]
        if unfit:
            raise DivergedError(
                f"weights are not finite after step {trainer.global_step}",
                found=", ".join(unfit[:3]),
                hint=f"a smaller --lr; the last good checkpoint is {self.watch.last_good or 'none yet'}",
            )
        trainer.save_checkpoint(self.folder / LAST, weights_only=False)
        self.watch.last_good = self.folder / LAST

    def _sheet(self, trainer: pl.Trainer, module: TrainingModule, step: int) -> None:
        if not trainer.is_global_zero:
            return
        shown = next(iter(self._batches(trainer)))
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            picture = module.stage.sheet(module.average, _to_device(trainer, module, shown))
        write_sheet(self.folder / "sheets" / f"{step:07d}.png", picture)

    def _batches(self, trainer: pl.Trainer) -> Iterable[dict[str, Any]]:
        """The validation batches of this process, kept where they fit."""
        if self._loader is None:
            loader = trainer.datamodule.val_dataloader()  # type: ignore[attr-defined]
            first: dict[str, Any] = next(iter(loader), {})
            size = len(loader) * sum(value.nbytes for value in first.values() if isinstance(value, Tensor))
            self._loader = list(loader) if size <= KEPT_BYTES else loader
        return self._loader

    def state_dict(self) -> dict[str, Any]:
        """The best figure and its step."""
        return {"best": self.best, "best_step": self.best_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes them from a checkpoint."""
        self.best, self.best_step = state_dict["best"], state_dict["best_step"]


def _in_order(own: dict[str, Tensor], world: int) -> dict[str, Tensor]:
    """The figures of all processes in the order of the samples, of which each process had every world-th."""
    if world == 1:
        return own
    everyone: list[Any] = [None] * world
    dist.all_gather_object(everyone, own)
    joined = {}
    for name in everyone[0]:
        parts = [part[name] for part in everyone if name in part]
        whole = parts[0].new_empty((sum(map(len, parts)), *parts[0].shape[1:]))
        for rank, part in enumerate(parts):
            whole[rank::world] = part
        joined[name] = whole
    return joined


def _to_device(trainer: pl.Trainer, module: TrainingModule, batch: dict[str, Any]) -> dict[str, Any]:
    return trainer.strategy.batch_to_device(batch, module.device)
