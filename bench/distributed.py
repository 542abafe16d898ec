"""Ranks of a run over several processes or machines, by Lightning Fabric; one rank when there is no launcher."""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST_WAIT = timedelta(days=7)
"""How long ranks wait for each other."""


@dataclass
class Ranks:
    """This process among those of the run.

    Attributes:
        rank, size: number of this process, and how many there are. fabric: Lightning's handle, None for one process.
        nodes: machines they run on.
    """

    rank: int = 0
    size: int = 1
    fabric: Any = None
    nodes: int = 1

    @property
    def leads(self) -> bool:
        """Whether this rank prints and writes the results."""
        return self.rank == 0

    def barrier(self) -> None:
        """Waits for all ranks."""
        if self.fabric is not None:
            self.fabric.barrier()

    def total(self, value: int) -> int:
        """The sum over all ranks."""
        if self.fabric is None:
            return value
        import torch

        return int(self.fabric.all_reduce(torch.tensor(value), reduce_op="sum"))

    def largest(self, value: int) -> int:
        """The largest value of all ranks."""
        if self.fabric is None:
            return value
        import torch

        return int(self.fabric.all_reduce(torch.tensor(value), reduce_op="max"))

    def gathered(self, value: Any) -> list[Any]:
        """What all ranks gave, in their order; plain data that JSON can hold."""
        if self.fabric is None:
            return [value]
        import torch

        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        padded = torch.zeros(self.largest(len(data)), dtype=torch.uint8)
        padded[: len(data)] = data
        sizes = self.fabric.all_gather(torch.tensor(len(data))).reshape(-1).tolist()
        parts = self.fabric.all_gather(padded).reshape(self.size, -1)
        return [json.loads(bytes(part[:size].tolist())) for part, size in zip(parts, sizes, strict=True)]

    def share(self, items: Sequence[T], costs: Sequence[float]) -> list[T]:
        """The items of this rank: dear ones first, each to the rank with the least so far; the same on all ranks."""
        loads = [(0.0, rank) for rank in range(self.size)]
        mine: list[int] = []
        for index in sorted(range(len(items)), key=lambda i: (-costs[i], i)):
            load, rank = loads[0]
            heapq.heapreplace(loads, (load + max(costs[index], 1.0), rank))
            if rank == self.rank:
                mine.append(index)
        return [items[index] for index in sorted(mine)]


def launch() -> Ranks:
    """Joins the other processes that torchrun or SLURM started; alone without them."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if "LOCAL_RANK" not in os.environ:
        world = int(os.environ.get("SLURM_NTASKS", "1")) if "SLURM_PROCID" in os.environ else 1
    if world <= 1:
        return Ranks()
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy

    if "LOCAL_RANK" in os.environ:
        nodes = world // int(os.environ.get("LOCAL_WORLD_SIZE") or world)
    else:
        nodes = int(os.environ.get("SLURM_NNODES") or os.environ.get("SLURM_JOB_NUM_NODES") or 1)
    # Shares of the work end hours apart; a rank that has died breaks its connections and is noticed without a timeout.
    strategy = DDPStrategy(process_group_backend="gloo", timeout=LONGEST_WAIT)
    fabric = Fabric(accelerator="cpu", strategy=strategy, devices=world // nodes, num_nodes=nodes)
    fabric.launch()
    return Ranks(fabric.global_rank, fabric.world_size, fabric, nodes)
