"""What can end a run early: a signal, which saves first, and a loss that is no number, which does not."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from torch import Tensor

from vfa.errors import VFAError

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SHOWN = 32


class DivergedError(VFAError):
    """The loss is no number any more."""


class Watch(pl.Callback):
    """Notes signals and checks the loss after every step; all processes come to the same decision.

    The first signal lets the step end, has the state saved (`vfa.training.keeping`) and stops the run; a second SIGINT
    interrupts at once. Goes before all other callbacks.

    Attributes:
        signal: name of the signal that stops the run, or empty.
        ended: when the step's work was done, `time.perf_counter()`.
        last_good: the last checkpoint that was saved or started from.
    """

    def __init__(self, last_good: Path | None = None) -> None:
        self.signal, self.ended, self.last_good = "", 0.0, last_good
        self._received = 0
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes the signals over (from Lightning, which would end the processes one by one)."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = number

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Decides, together with the other processes, whether the run goes on.

        Raises:
            DivergedError: the loss of some process is not finite.
        """
        loss = outputs["loss"]
        flags = torch.tensor([float(self._received), float(not torch.isfinite(loss))])
        self.ended = time.perf_counter()
        if trainer.world_size > 1:
            shared = flags.to(pl_module.device)
            dist.all_reduce(shared, op=dist.ReduceOp.MAX)
            flags = shared.cpu()
        if flags[1]:
            raise self._diverged(trainer, outputs, batch)
        if flags[0]:
            self.signal = signal.Signals(int(flags[0])).name
            trainer.should_stop = True

    def _diverged(self, trainer: pl.Trainer, outputs: dict[str, Any], batch: dict[str, Any]) -> DivergedError:
        terms = ", ".join(f"{name} {float(value):.4g}" for name, value in outputs["terms"].items())
        mine = f"process {trainer.global_rank}: {terms}; batch {identify(batch)}"
        everyone = [mine]
        if trainer.world_size > 1:
            everyone = [""] * trainer.world_size
            dist.all_gather_object(everyone, mine)
        return DivergedError(
            f"the loss of step {trainer.global_step} is not finite",
            found="\n  ".join(everyone),
            hint=f"a smaller --lr, or --clip 1; the last good checkpoint is {self.last_good or 'none yet'}",
        )

    def release(self) -> None:
        """Gives the signals back to whom they belonged when this was made; Lightning keeps some."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                if handler is not None:
                    signal.signal(number, handler)


def identify(batch: dict[str, Any]) -> str:
    """The whole numbers of a batch, by which its samples are found again."""
    numbers = {
        name: values.tolist()[:SHOWN]
        for name, values in batch.items()
        if isinstance(values, Tensor) and values.ndim == 1 and not values.is_floating_point()
    }
    return ", ".join(f"{name} {values}" for name, values in numbers.items()) or "without numbers"
