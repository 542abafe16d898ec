"""The data of a run for Lightning: several sources mixed by weight, in an order that only the step decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler

from vfa.errors import InputError
from vfa.training.data_stream import MixedDataset, Source, StepSampler, collate, length_of


class RunDataModule(pl.LightningDataModule):
    """Training batches of all sources; validation samples of the first.

    Give the trainer `use_distributed_sampler=False`: items are shared out over the processes here.

    Args:
        sources: where items come from.
        weights: their shares of the steps.
        batch_size: samples of a step over all processes; the number of processes must divide it.
        steps: of the run.
        workers: loading processes of each training process.
        seed: of the order.
        validation_samples: at most so many samples of the test people, evenly spread.
        evaluation_batch: samples in a validation batch of a process.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        weights: Sequence[float],
        *,
        batch_size: int,
        steps: int,
        workers: int = 2,
        seed: int = 0,
        validation_samples: int = 256,
        evaluation_batch: int = 16,
    ) -> None:
        super().__init__()
        if not sources:
            raise InputError("there is no data set", hint="--dataset synthetic")
        self.sources, self.weights = list(sources), list(weights)
        self.batch_size, self.steps, self.workers, self.seed = batch_size, steps, workers, seed
        self.validation_samples, self.evaluation_batch = validation_samples, evaluation_batch

    def prepare_data(self) -> None:
        """Prepares the files of all sources (Lightning calls this on one process per node)."""
        for source in self.sources:
            source.prepare_data()

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches from the trainer's step to the end of the run."""
        rank, world = self._place()
        if self.batch_size % world:
            raise InputError(
                "the batch cannot be shared out evenly",
                expected=f"--batch_size divisible by {world} processes",
                found=str(self.batch_size),
            )
        datasets = [source.dataset("train") for source in self.sources]
        sampler = StepSampler(
            datasets,
            self.weights,
            batch=self.batch_size // world,
            # One more than will be used: a run ends by its number of steps, never by its data.
            steps=self.steps + 1,
            start=self.trainer.global_step if self.trainer else 0,
            seed=self.seed,
            rank=rank,
            world=world,
        )
        return self._loader(MixedDataset(datasets), sampler)

    def val_dataloader(self) -> DataLoader[Any]:
        """This process's share of the validation samples: every world-th, so that in turns they are in order."""
        rank, world = self._place()
        dataset = self.sources[0].dataset("test")
        length = length_of(dataset)
        if length is None:
            raise InputError("validation needs a data set with a length")
        count = min(self.validation_samples, length)
        numbers = [place * length // count for place in range(count)][rank::world]
        return self._loader(MixedDataset([dataset]), _Batches(numbers, self.evaluation_batch), workers=0)

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _loader(self, dataset: Dataset[Any], sampler: Sampler[Any], *, workers: int | None = None) -> DataLoader[Any]:
        workers = self.workers if workers is None else workers
        return DataLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=collate,
            num_workers=workers,
            worker_init_fn=_start_worker,
            prefetch_factor=4 if workers else None,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
        )


class _Batches(Sampler[list[tuple[int, int]]]):
    """Numbers of one data set in order, in batches."""

    def __init__(self, numbers: Sequence[int], batch: int) -> None:
        self._numbers, self._batch = numbers, batch

    def __len__(self) -> int:
        return -(-len(self._numbers) // self._batch)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for first in range(0, len(self._numbers), self._batch):
            yield [(0, number) for number in self._numbers[first : first + self._batch]]


GRACE = 60
"""Seconds that a worker outlives a signal: time for the step to end and the state to be saved."""


def _start_worker(worker: int) -> None:
    """Workers are the parallelism; threads inside them would only contend, and do not survive a fork.

    A scheduler sends its signal to the workers too. They go on until the process that they work for has ended its step
    and ends them, or gives them up.
    """
    import os
    import signal

    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    try:
        import cv2
    except ModuleNotFoundError:
        return  # nothing that uses it can run here
    cv2.setNumThreads(0)
