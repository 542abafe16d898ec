"""The learning rate as a pure function of the step: nothing to save, nothing to restore."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from vfa.errors import InputError

Shape = Literal["cosine", "constant", "steps"]
SHAPES: tuple[Shape, ...] = ("cosine", "constant", "steps")
ORIGINAL_PERIOD, ORIGINAL_FACTOR = 5000, 0.2
"""The original multiplies its learning rate by 0.2 every 5,000 iterations."""


@dataclass(frozen=True)
class Schedule:
    """Learning rate of each step of a run.

    Attributes:
        peak: the learning rate after the warm-up.
        steps: of the run.
        warmup: steps of linear rise, of which the first already has ``peak / warmup``.
        shape: afterwards "cosine" falls to `floor` times the peak at the end, "constant" stays, and "steps" is the
            original's staircase (without warm-up unless one is asked for).
        floor: share of the peak left at the end of the cosine.
    """

    peak: float
    steps: int
    warmup: int = 0
    shape: Shape = "cosine"
    floor: float = 0.01

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise InputError("unknown schedule of the learning rate", expected=" | ".join(SHAPES), found=self.shape)
        if not (math.isfinite(self.peak) and self.peak > 0):
            raise InputError("the learning rate is unfit", expected="a number > 0", found=str(self.peak))
        if self.steps < 1 or not 0 <= self.warmup <= self.steps:
            raise InputError(
                "the warm-up does not fit into the run",
                expected=f"0 to {self.steps} steps",
                found=str(self.warmup),
                hint="--warmup 0, or a larger --iter",
            )

    def __call__(self, step: int) -> float:
        """The learning rate of a step, counted from 0.

        >>> Schedule(1.0, 5000, 10)(4), Schedule(1.0, 100, floor=0.0)(50), Schedule(1.0, 9000, shape="steps")(5000)
        (0.5, 0.5, 0.2)
        """
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        if self.shape == "constant":
            return self.peak
        if self.shape == "steps":
            return self.peak * ORIGINAL_FACTOR ** (step // ORIGINAL_PERIOD)
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.peak * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2)
