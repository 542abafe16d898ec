"""The figures of a run as it goes: CSV files, TensorBoard, and the progress that is shown.

`losses.csv` and `validation.csv` hold every number in full. When a run continues, rows beyond its first step are
dropped and the files are continued, so that they read as those of one uninterrupted run.
"""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from vfa.errors import VFAError
from vfa.media.atomic import write_bytes
from vfa.training.watching import Watch

LOSSES, VALIDATION = "losses.csv", "validation.csv"
SPEED = ("samples_per_second", "waiting")
"""Columns of `losses.csv` that differ from run to run: speed without validation, share of time without data."""


class Table:
    """A CSV file whose first column is the step.

    Args:
        path: of the file.
        step: rows beyond this step are dropped.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.columns: list[str] = []
        rows = []
        if path.is_file() and step:
            with path.open(newline="") as file:
                rows = list(csv.reader(file))
            self.columns = rows[0] if rows else []
            # The last line may be half written.
            rows = [row for row in rows[1:] if len(row) == len(self.columns) and row[0].isdigit()]
            rows = [self.columns, *(row for row in rows if int(row[0]) <= step)] if self.columns else []
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        write_bytes(path, text.getvalue().encode())

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Appends a row; numbers are written so that they read back exactly.

        Raises:
            VFAError: it cannot be written.
        """
        lines: list[list[str]] = []
        if not self.columns:
            self.columns = ["step", *values]
            lines.append(self.columns)
        lines.append([str(step), *(repr(float(values[name])) if name in values else "" for name in self.columns[1:])])
        try:
            with self.path.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(lines)
        except OSError as error:
            raise VFAError("the log cannot be written", path=self.path, found=error.strerror) from error


def read_table(path: Path) -> list[dict[str, float]]:
    """The rows of a table, empty cells left out."""
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


class Trace(pl.Callback):
    """Writes and shows losses every `every` steps, averaged over processes. Goes after all other callbacks.

    Args:
        folder: of the run.
        watch: knows when a step's work was done.
        every: steps.
        batch: samples of a step over all processes.
    """

    def __init__(self, folder: Path, watch: Watch, *, every: int, batch: int) -> None:
        self.folder, self.watch, self.every, self.batch = folder, watch, max(1, every), batch
        self._losses: Table | None = None
        self._validation: Table | None = None
        self._working = self._waiting = 0.0
        self._steps = 0
        self._free = self._began = time.perf_counter()
        self._bar: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Opens what is written and shown."""
        if trainer.is_global_zero:
            self._losses = Table(self.folder / LOSSES, trainer.global_step)
            self._validation = Table(self.folder / VALIDATION, trainer.global_step)
            if sys.stderr.isatty():
                from tqdm import tqdm

                self._bar = tqdm(total=trainer.max_steps, initial=trainer.global_step, unit="step", dynamic_ncols=True)
        self._free = time.perf_counter()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The batch has come: the wait for it is over."""
        self._began = time.perf_counter()
        self._waiting += self._began - self._free

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Writes the step's losses where due."""
        self._working += self.watch.ended - self._began
        self._steps += 1
        step = trainer.global_step
        if self._bar is not None:
            self._bar.update()
        if step % self.every == 0 or step >= trainer.max_steps:
            names = list(outputs["terms"])
            shared = torch.stack([outputs["loss"].detach().float(), *outputs["terms"].values()])
            values = trainer.strategy.reduce(shared, reduce_op="mean").double().cpu().tolist()  # type: ignore[union-attr]
            spent = max(self._working + self._waiting, 1e-9)
            row = {"loss": values[0], "lr": trainer.optimizers[0].param_groups[0]["lr"]}
            row |= dict(zip(names, values[1:], strict=True))
            row |= dict(zip(SPEED, (self.batch * self._steps / spent, self._waiting / spent), strict=True))
            self._working = self._waiting = 0.0
            self._steps = 0
            self._write(trainer, step, row)
        self._free = time.perf_counter()

    def _write(self, trainer: pl.Trainer, step: int, row: dict[str, float]) -> None:
        if self._losses is None:
            return
        self._losses.add(step, row)
        _to_loggers(trainer.loggers, "train", row, step)
        speed, waiting = (row[name] for name in SPEED)
        now = f"loss {row['loss']:.4g}  lr {row['lr']:.3g}  {speed:.1f} samples/s  waiting for data {waiting:.0%}"
        if self._bar is not None:
            self._bar.set_postfix_str(now)
        else:
            left = (trainer.max_steps - step) * self.batch / speed
            say(f"step {step}/{trainer.max_steps}  {now}  {left / 60:.0f} min left")

    def figures(self, trainer: pl.Trainer, step: int, figures: Mapping[str, float]) -> None:
        """Writes and shows what a validation gave."""
        if self._validation is None:
            return
        self._validation.add(step, figures)
        _to_loggers(trainer.loggers, "validation", figures, step)
        say(f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()), self._bar)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def say(text: str, bar: Any = None) -> None:
    """A line on the terminal, above the bar where there is one."""
    if bar is not None:
        bar.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)


def _to_loggers(loggers: list[Logger], kind: str, figures: Mapping[str, float], step: int) -> None:
    for logger in loggers:
        logger.log_metrics({f"{kind}/{name}": value for name, value in figures.items()}, step)
