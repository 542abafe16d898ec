"""One step of training: losses of the stage, the learning rate of the step, the averaged weights."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from vfa.models.checkpoint import RUN_FORMAT, RUN_KEY
from vfa.models.network import AnimatorNetwork
from vfa.training.averaging import Average
from vfa.training.schedule import Schedule
from vfa.training.stages import Stage


class TrainingModule(pl.LightningModule):
    """A network, the stage that teaches it, and its average.

    Every step is a function of the weights, the step's batch and (seed, step, process): torch's generator is seeded
    before each, so that a resumed run draws the same numbers.

    Args:
        network: learns.
        stage: what is learned, see `vfa.training.stages`.
        schedule: learning rate of each step.
        seed: of the random numbers.
        decay: of the averaged weights.
        record: plain values kept in every checkpoint; `record["figures"]` is replaced at each validation.
    """

    def __init__(
        self,
        network: AnimatorNetwork,
        stage: Stage,
        schedule: Schedule,
        *,
        seed: int = 0,
        decay: float = 0.999,
        record: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.stage, self.schedule, self.seed = network, stage, schedule, seed
        self.learning = stage.trainable(network)
        self.averaging = Average(decay)
        self.average = Average.start(network)
        self.record = {} if record is None else record
        self._hours, self._began = float(self.record.get("hours", 0.0)), time.monotonic()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The stage's optimiser."""
        return self.stage.optimizer(self.learning, self.schedule.peak)

    def on_train_batch_start(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Sets the step's random numbers and learning rate."""
        seed_step(self.seed, self.trainer.global_step, self.trainer.global_rank)
        rate = self.schedule(self.trainer.global_step)
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Any]:
        """The sum of the stage's losses, and each of them."""
        terms = self.stage.losses(self.network, batch)
        total = torch.stack([term.float() for term in terms.values()]).sum()
        return {"loss": total, "terms": {name: term.detach().float() for name, term in terms.items()}}

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """One step of the optimiser, taken into the average."""
        super().optimizer_step(*args, **kwargs)
        self.averaging.update(self.average, self.network, self.trainer.global_step + 1)

    @torch.no_grad()
    def evaluate(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """The stage's figures of a batch with the averaged weights, on the CPU."""
        return {name: values.detach().float().cpu() for name, values in self.stage.metrics(self.average, batch).items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the record, with the step and the hours so far."""
        hours = self._hours + (time.monotonic() - self._began) / 3600
        now = {"format": RUN_FORMAT, "step": self.trainer.global_step, "hours": hours}
        checkpoint[RUN_KEY] = {**self.record, **now}


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seeds torch's generators (of all devices) for a step of a process."""
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> np.uint64(1)))
