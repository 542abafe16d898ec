"""Lightning's trainer as a run uses it, and which process speaks."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import SLURMEnvironment

from vfa.errors import InputError
from vfa.training.checkpointing import AtomicIO
from vfa.training.options import RunOptions
from vfa.training.tracing import say


def leading() -> bool:
    """Whether this process is the first of the run, the one that writes and speaks; known before they have met."""
    for name in ("RANK", "SLURM_PROCID"):
        if name in os.environ:
            return os.environ[name] == "0"
    return os.environ.get("LOCAL_RANK", "0") == os.environ.get("NODE_RANK", "0") == "0"


def build_trainer(options: RunOptions, callbacks: list[pl.Callback], first: int) -> pl.Trainer:
    """Lightning's trainer: devices, processes and precision; the rest is done by the callbacks.

    Raises:
        InputError: the machine has no such devices, or the options contradict each other.
    """
    local = os.environ.get("LOCAL_WORLD_SIZE", "")  # of torchrun
    devices: Any = options.devices
    if devices == "auto" and local:
        devices = int(local)
    elif devices.isdecimal():
        devices = int(devices)
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", options.num_nodes)) if local else options.num_nodes
    plugins: list[Any] = [AtomicIO()]
    if SLURMEnvironment.detect() and not local:
        plugins.append(SLURMEnvironment(auto_requeue=False))  # a run is requeued with the same command, see train.py
    try:
        with quiet():
            return pl.Trainer(
                accelerator=options.accelerator,
                devices=devices,
                num_nodes=nodes,
                strategy=options.strategy,
                precision=options.precision,  # type: ignore[arg-type]
                sync_batchnorm=options.accelerator != "cpu" and torch.cuda.is_available(),
                max_steps=options.iterations,
                gradient_clip_val=options.clip,
                callbacks=callbacks,
                logger=_tensorboard(options.folder, first),
                plugins=plugins,
                default_root_dir=options.folder,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                use_distributed_sampler=False,
                limit_val_batches=0,
                num_sanity_val_steps=0,
                log_every_n_steps=options.log_freq,
            )
    except (ValueError, RuntimeError, pl.utilities.exceptions.MisconfigurationException) as error:
        raise InputError(
            "the trainer cannot be set up with these options",
            expected="--accelerator, --devices, --num_nodes, --strategy and --precision as Lightning knows them",
            found=(str(error).splitlines() or [type(error).__name__])[0][:300],
        ) from error


def _tensorboard(folder: Path, first: int) -> Any:
    try:
        import tensorboard  # noqa: F401
    except ModuleNotFoundError:
        if leading():
            say("TensorBoard is not installed: its log is not written, the CSV files are")
        return False
    from pytorch_lightning.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name=None, version="tensorboard", purge_step=first + 1 if first else None)


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning without its remarks; warnings of others are shown."""
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pytorch_lightning\..*")
            warnings.filterwarnings("ignore", module=r"lightning_fabric\..*")
            yield
    finally:
        logger.setLevel(before)
