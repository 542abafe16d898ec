"""What is a function of the step: learning rate, average, order of samples, random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from vfa.errors import InputError
from vfa.training.averaging import Average
from vfa.training.data_run import RunDataModule
from vfa.training.data_stream import Mix, MixedDataset, StepSampler, collate, shares
from vfa.training.schedule import Schedule


def test_warm_up_is_a_line_and_the_cosine_falls_to_its_floor() -> None:
    schedule = Schedule(2e-4, 1000, warmup=100, floor=0.1)
    assert [schedule(step) for step in (0, 49, 99)] == pytest.approx([2e-6, 1e-4, 2e-4])
    assert schedule(100) == pytest.approx(2e-4)
    assert schedule(550) == pytest.approx(2e-4 * (0.1 + 0.9 / 2))
    assert schedule(325) == pytest.approx(2e-4 * (0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2))
    assert schedule(1000) == pytest.approx(2e-5) == pytest.approx(schedule(5000))


def test_the_originals_staircase() -> None:
    schedule = Schedule(2e-4, 800_000, shape="steps")
    assert schedule(4999) == 2e-4
    assert schedule(5000) == pytest.approx(4e-5)
    assert schedule(12_345) == pytest.approx(8e-6)
    assert Schedule(1e-3, 10, shape="constant")(9) == 1e-3


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"peak": 0.0, "steps": 9}, "learning rate"),
        ({"peak": math.nan, "steps": 9}, "learning rate"),
        ({"peak": 1.0, "steps": 9, "warmup": 10}, "warm-up"),
        ({"peak": 1.0, "steps": 9, "shape": "linear"}, "schedule"),
    ],
)
def test_unfit_schedules(options: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Schedule(**options)


def test_average_has_its_closed_form() -> None:
    """With weights w_n = n and the decay d in full: a_N = d^N a_0 + (1 - d) sum d^(N - n) n."""
    network = torch.nn.BatchNorm1d(1)
    averaging, average = Average(0.5), Average.start(network)
    start = float(average.weight)
    steps = range(20, 26)  # the decay of these steps is in full: 21 / 30 > 0.5
    for step in steps:
        with torch.no_grad():
            network.weight.fill_(float(step))
            network.running_mean.fill_(float(step))  # type: ignore[union-attr]
        averaging.update(average, network, step)
    expected = 0.5 ** len(steps) * start + sum(0.5 * 0.5 ** (25 - n) * n for n in steps)
    assert float(average.weight) == pytest.approx(expected)
    assert float(average.running_mean) == 25.0  # type: ignore[arg-type]
    assert not average.training and not any(p.requires_grad for p in average.parameters())


def test_average_of_early_steps_forgets_the_beginning() -> None:
    averaging = Average(0.999)
    assert [averaging.at(n) for n in (1, 8, 90)] == [2 / 11, 0.5, 0.91]
    assert averaging.at(10**6) == 0.999
    assert Average(0.0).at(50) == 0.0
    frozen = torch.nn.Linear(1, 1).requires_grad_(False)
    average = Average.start(frozen)
    frozen.weight.data += 1
    averaging.update(average, frozen, 1)
    assert float(average.weight - frozen.weight) == -1  # what does not learn is not averaged
    with pytest.raises(InputError):
        Average(1.0)


class Numbers(Dataset[dict[str, Any]]):
    def __init__(self, base: int) -> None:
        self.base = base

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {"number": self.base + number, "picture": torch.zeros(2)}


class Finite(Numbers):
    def __init__(self, base: int, length: int) -> None:
        super().__init__(base)
        self._length = length

    def __len__(self) -> int:
        return self._length


class Whole(Finite):
    def batch(self, numbers: list[int]) -> dict[str, Any]:
        return {"number": torch.tensor(numbers) + self.base, "whole": torch.ones(1)}


def test_shares_add_up_to_the_cycle() -> None:
    assert shares([3, 1]) == [750, 250]
    assert shares([1, 1, 1]) == [334, 333, 333]
    assert sum(shares(np.random.default_rng(0).random(7))) == 1000
    for weights in ([], [0, 0], [1, -1], [math.nan]):
        with pytest.raises(InputError):
            shares(weights)


def test_data_sets_are_mixed_by_weight_and_counted() -> None:
    mix = Mix([3, 1], seed=5)
    parts = [mix(step) for step in range(2500)]
    assert [sum(part == k for part, _ in parts[:1000]) for k in (0, 1)] == [750, 250]
    for k in (0, 1):
        turns = [turn for part, turn in parts if part == k]
        assert turns == list(range(len(turns)))
    assert [part for part, _ in parts[:1000]] != [part for part, _ in parts[1000:2000]]
    assert Mix([3, 1], seed=5)(2222) == parts[2222]


def test_each_item_comes_once_an_epoch_in_another_order() -> None:
    sampler = StepSampler([Finite(0, 12)], [1.0], batch=4, steps=6, seed=1)
    numbers = [number for keys in sampler for _, number in keys]
    assert sorted(numbers[:12]) == list(range(12)) and sorted(numbers[12:]) == list(range(12, 24))
    assert [n - 12 for n in numbers[12:]] != numbers[:12] != list(range(12))
    assert len(sampler) == 6


def test_batches_may_cross_the_end_of_an_epoch() -> None:
    sampler = StepSampler([Finite(0, 5)], [1.0], batch=3, steps=5)
    numbers = [number for keys in sampler for _, number in keys]
    assert sorted(numbers) == list(range(15))


def test_an_endless_data_set_is_read_in_order() -> None:
    sampler = StepSampler([Numbers(0)], [1.0], batch=3, steps=4, rank=1, world=2)
    assert [[n for _, n in keys] for keys in sampler] == [[3, 4, 5], [9, 10, 11], [15, 16, 17], [21, 22, 23]]


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_out_what_one_would_take(world: int) -> None:
    datasets, weights = [Finite(0, 7), Numbers(100)], [2.0, 1.0]
    one = list(StepSampler(datasets, weights, batch=8, steps=30, seed=3))
    several = [
        list(StepSampler(datasets, weights, batch=8 // world, steps=30, seed=3, rank=rank, world=world))
        for rank in range(world)
    ]
    for step, keys in enumerate(one):
        assert sum((part[step] for part in several), []) == keys


def test_a_run_that_continues_sees_what_is_left() -> None:
    datasets = [Finite(0, 7), Finite(100, 11)]
    whole = list(StepSampler(datasets, [1, 1], batch=3, steps=20, seed=2))
    later = StepSampler(datasets, [1, 1], batch=3, steps=20, seed=2, start=13)
    assert list(later) == whole[13:] and len(later) == 20


def test_batches_come_out_of_one_data_set() -> None:
    mixed = MixedDataset([Finite(0, 9), Whole(1000, 9)])
    first = collate(mixed.__getitems__([(0, 1), (0, 4)]))
    assert first["number"].tolist() == [1, 4] and first["picture"].shape == (2, 2)
    second = collate(mixed.__getitems__([(1, 1), (1, 4)]))
    assert second["number"].tolist() == [1001, 1004] and set(second) == {"number", "whole"}
    assert mixed[(0, 3)]["number"] == 3


class Toy:
    def __init__(self, train: Dataset[Any], test: Dataset[Any]) -> None:
        self.parts = {"train": train, "test": test}
        self.prepared = 0

    def prepare_data(self) -> None:
        self.prepared += 1

    def dataset(self, split: str) -> Dataset[Any]:
        return self.parts[split]


def test_validation_takes_samples_evenly() -> None:
    module = RunDataModule([Toy(Numbers(0), Finite(0, 100))], [1.0], batch_size=4, steps=3, workers=0,
                           validation_samples=5, evaluation_batch=2)  # fmt: skip
    assert [batch["number"].tolist() for batch in module.val_dataloader()] == [[0, 20], [40, 60], [80]]
    module.prepare_data()
    assert module.sources[0].prepared == 1  # type: ignore[attr-defined]
    assert [len(batch["number"]) for batch in module.train_dataloader()] == [4] * 4


def test_data_that_cannot_be_used() -> None:
    with pytest.raises(InputError, match="empty"):
        StepSampler([Finite(0, 0)], [1.0], batch=1, steps=1)
    with pytest.raises(InputError, match="rank"):
        StepSampler([Finite(0, 1)], [1.0], batch=1, steps=1, rank=2, world=2)
    with pytest.raises(InputError, match="weight"):
        StepSampler([Finite(0, 1)], [1.0, 1.0], batch=1, steps=1)
    with pytest.raises(InputError, match="length"):
        RunDataModule([Toy(Numbers(0), Numbers(0))], [1.0], batch_size=4, steps=3).val_dataloader()
    with pytest.raises(InputError, match="no data set"):
        RunDataModule([], [], batch_size=1, steps=1)


def test_random_numbers_of_a_step_differ_by_run_step_and_process() -> None:
    from vfa.training.module import seed_step

    def drawn(*place: int) -> float:
        seed_step(*place)
        return float(torch.rand(()))

    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 10**6, 3)]
    values = [drawn(*place) for place in places]
    assert len(set(values)) == len(values) and [drawn(*place) for place in places] == values
