"""The order of training samples as a function of the step alone, so that a run can be stopped, moved and continued.

Step s of a run takes one batch over all processes, from one of its data sets (chosen by weight). Which items these are
depends on the seed and on s, not on how many processes and workers there are nor on when the run was last resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from torch.utils.data import Dataset, Sampler

from vfa.errors import InputError

CYCLE = 1000
"""Steps after which the shares of the data sets are exact to a thousandth."""
Key = tuple[int, int]
"""(data set, item number)."""


class Source(Protocol):
    """A data set as a run uses it; `PairDataModule` is one."""

    def prepare_data(self) -> None:
        """Checks and prepares files, once on each node."""

    def dataset(self, split: str) -> Dataset[dict[str, Any]]:
        """The items of "train" or "test".

        With a length n, item numbers go beyond it: number // n is the epoch, number % n the item. Without `__len__`
        ("train" only) it is endless, and each number is asked for once. Where it has `batch(numbers)`, that is called
        instead of `[number]` for each, and gives the collated batch.
        """


def shares(weights: Sequence[float], cycle: int = CYCLE) -> list[int]:
    """Steps of each data set in a cycle, largest remainders first.

    Raises:
        InputError: a weight is negative or not a number, or all are 0.

    >>> shares([1, 2], 10)
    [3, 7]
    """
    values = np.asarray(weights, np.float64)
    if not (len(values) and np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise InputError("the weights of the data sets are unfit", expected="numbers > 0", found=str(list(weights)))
    exact = values / values.sum() * cycle
    counts = np.floor(exact).astype(int)
    for place in np.argsort(counts - exact, kind="stable")[: cycle - int(counts.sum())]:
        counts[place] += 1
    return counts.tolist()


class Mix:
    """Which data set each step takes, and how many steps took it before; a seeded shuffle of each cycle.

    Args:
        weights: of the data sets, any scale.
        seed: of the shuffles.
    """

    def __init__(self, weights: Sequence[float], seed: int = 0) -> None:
        counts = shares(weights)
        self._counts, self._seed = counts, seed
        self._slots = np.repeat(np.arange(len(counts)), counts)
        self._cycle = lru_cache(maxsize=2)(self._shuffled)

    def _shuffled(self, cycle: int) -> np.ndarray:
        return np.random.default_rng([self._seed, 1, cycle]).permutation(self._slots)

    def __call__(self, step: int) -> tuple[int, int]:
        """(data set, number of earlier steps with it)."""
        cycle, slot = divmod(step, CYCLE)
        order = self._cycle(cycle)
        part = int(order[slot])
        return part, cycle * self._counts[part] + int((order[:slot] == part).sum())


class StepSampler(Sampler[list[Key]]):
    """Batches of keys for the steps `start` to `steps` of one process.

    A finite data set is gone through in seeded permutations, another one for each epoch; an endless one in order.

    Args:
        datasets: of the run.
        weights: their shares of the steps.
        batch: samples of a step of one process.
        steps: of the whole run; also what `len` says, wherever it starts.
        start: the first step to give.
        seed: of the order.
        rank, world: this process and how many there are.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset[Any]],
        weights: Sequence[float],
        *,
        batch: int,
        steps: int,
        start: int = 0,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not 0 <= rank < world:
            raise InputError("such a rank does not exist", expected=f"0..{world - 1}", found=str(rank))
        if len(weights) != len(datasets):
            raise InputError("each data set needs a weight", expected=str(len(datasets)), found=str(len(weights)))
        self._lengths = [length_of(dataset) for dataset in datasets]
        self._mix = Mix(weights, seed)
        self._batch, self._steps, self._start, self._seed = batch, steps, start, seed
        self._rank, self._world = rank, world

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[list[Key]]:
        for step in range(self._start, self._steps):
            yield self.keys(step)

    def keys(self, step: int) -> list[Key]:
        """The keys of this process at a step."""
        part, turn = self._mix(step)
        first = (turn * self._world + self._rank) * self._batch
        return [(part, self._number(part, place)) for place in range(first, first + self._batch)]

    def _number(self, part: int, place: int) -> int:
        length = self._lengths[part]
        if length is None:
            return place
        epoch, within = divmod(place, length)
        return epoch * length + int(_permutation(self._seed, part, epoch, length)[within])


@lru_cache(maxsize=8)
def _permutation(seed: int, part: int, epoch: int, length: int) -> np.ndarray:
    return np.random.default_rng([seed, 2, part, epoch]).permutation(length)


def length_of(dataset: Dataset[Any]) -> int | None:
    """How many items a data set has; None where it is endless.

    Raises:
        InputError: it is empty.
    """
    length = len(dataset) if hasattr(dataset, "__len__") else None
    if length == 0:
        raise InputError("a data set is empty", expected="at least one item")
    return length


class MixedDataset(Dataset[dict[str, Any]]):
    """Several data sets behind one; a batch always comes out of one of them."""

    def __init__(self, datasets: Sequence[Dataset[dict[str, Any]]]) -> None:
        self.datasets = list(datasets)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        return self.datasets[key[0]][key[1]]

    def __getitems__(self, keys: list[Key]) -> Any:
        """All items of a batch: a list of them, or the collated batch where the data set makes it itself."""
        dataset = self.datasets[keys[0][0]]
        whole = getattr(dataset, "batch", None)
        return whole([number for _, number in keys]) if whole else [self[key] for key in keys]


def collate(items: Any) -> dict[str, Any]:
    """A batch out of items, or as it is where it is one already."""
    from torch.utils.data import default_collate

    return items if isinstance(items, dict) else default_collate(items)
