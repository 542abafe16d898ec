"""The running average of a network's weights (EMA), which is what is validated, exported and used."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from vfa.errors import InputError

Network = TypeVar("Network", bound=nn.Module)


class Average:
    """Keeps ``a <- d a + (1 - d) w`` after each step, in a copy of the network that is always in evaluation mode.

    The decay of step n (from 1) is ``min(decay, (1 + n) / (10 + n))``: the first steps, far from what is to come, are
    soon forgotten. Buffers (BatchNorm's statistics) are copied.

    Args:
        decay: in [0, 1); 0 keeps the weights themselves.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise InputError("the decay of the average is unfit", expected="0 <= decay < 1", found=str(decay))
        self.decay = decay

    @staticmethod
    def start(network: Network) -> Network:
        """A frozen copy to average into."""
        return copy.deepcopy(network).eval().requires_grad_(False)

    def at(self, step: int) -> float:
        """The decay of a step, counted from 1.

        >>> [round(Average(0.9).at(n), 3) for n in (1, 8, 1000)]
        [0.182, 0.5, 0.9]
        """
        return min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0

    @torch.no_grad()
    def update(self, average: nn.Module, network: nn.Module, step: int) -> None:
        """Takes the weights after a step (from 1) into the average; frozen ones are left as they are."""
        pairs = [
            (mean, weight.detach())
            for mean, weight in zip(average.parameters(), network.parameters(), strict=True)
            if weight.requires_grad
        ]
        if pairs:
            means, weights = map(list, zip(*pairs, strict=True))
            torch._foreach_lerp_(means, weights, 1 - self.at(step))
        if copies := list(average.buffers()):
            torch._foreach_copy_(copies, list(network.buffers()))
