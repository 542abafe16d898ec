"""What a method is: something that turns a source and a driving clip into a video.

A method is made once in a worker process, opened once, and then given one task after another:

    class Mirror(Method):
        name, title = "mirror", "the driving video, mirrored"
        needs = (("video",),)

        def generate(self, task: Task) -> Result:
            ...write task.output...
            return Result()

`bench run --methods mirror` finds it by the entry point group `bench.methods` (`mirror = "mypackage:Mirror"`).
What it raises becomes the record of the sample and stops nothing else. `bench validate mirror` checks the contract.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from bench.suites.run_sample import RunSample


@dataclass(frozen=True)
class Task:
    """One sample for one method.

    Attributes:
        sample: the inputs and what is expected of the result.
        output: where the video goes (`.mp4`).
        motion: where vertex motion may go, see `bench.methods.motion`; None when it is not wanted.
        scratch: an empty folder for anything else; gone afterwards. log: text file for what a program prints.
        cache: folder that all tasks of the run share, for what is dear and does not change.
        seconds: time limit, 0 for none.
    """

    sample: RunSample
    output: Path
    motion: Path | None
    scratch: Path
    log: Path
    cache: Path
    seconds: float = 0.0


@dataclass
class Result:
    """What a method says of its work.

    Attributes:
        stages: seconds by name of a stage. notes: sentences for the record.
        peak_bytes: memory of a program of its own; None takes what the worker process used.
        exit_code: of such a program.
    """

    stages: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    peak_bytes: int | None = None
    exit_code: int | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time of a block to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - began


class MethodFailed(Exception):
    """A method did not deliver.

    Args:
        cause: `exit`, `timeout`, `memory`, `crash` or `output`.
        reason: one sentence.
        exit_code: of the program, if there was one. peak_bytes: its memory.
    """

    def __init__(self, cause: str, reason: str, exit_code: int | None = None, peak_bytes: int | None = None) -> None:
        super().__init__(reason)
        self.cause, self.reason, self.exit_code, self.peak_bytes = cause, reason, exit_code, peak_bytes


@dataclass(frozen=True)
class OutputRules:
    """What is asked of a result beyond being a video.

    Attributes:
        rate: frames per second it must have; None takes the sample's, 0 any.
        size: width and height; None takes the sample's, `(0, 0)` any.
        tolerance: share of the length by which it may differ (two frames always may, where the rate is another one).
    """

    rate: float | None = None
    size: tuple[int, int] | None = None
    tolerance: float = 0.0


class Method:
    """Something that generates videos.

    Class attributes:
        name: under which it is found and listed. title: one line about it.
        needs: alternatives, each a set of inputs: `image`, `mesh`, `view`, `video`, `audio`, `truth`, `scene`.
        gives: `video`, and `motion` for methods that write vertex motion.
        version: raise it when results change; it is part of the fingerprint.
        cost: rough seconds per frame, to share the work.
        output: rules for the result.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    needs: ClassVar[tuple[tuple[str, ...], ...]] = ((),)
    gives: ClassVar[tuple[str, ...]] = ("video",)
    version: ClassVar[int] = 1
    cost: ClassVar[float] = 0.05
    output: ClassVar[OutputRules] = OutputRules()

    def missing(self) -> str:
        """Why the method cannot run on this machine, with what would help; empty when it can."""
        return ""

    def lacks(self, sample: RunSample) -> str:
        """Which input a sample lacks for it; empty when nothing."""
        have = sample.has()
        if any(have.issuperset(alternative) for alternative in self.needs):
            return ""
        wanted = " or ".join(" + ".join(alternative) for alternative in self.needs)
        return f"needs {wanted}; the sample has {', '.join(sorted(have)) or 'nothing'}"

    def fingerprint(self) -> str:
        """Everything about the method that decides its results."""
        return f"{self.name}-{self.version}"

    def inputs(self, sample: RunSample) -> list[Path]:
        """Files beside those of `RunSample.inputs` that decide the result of a sample."""
        return []

    def about(self) -> dict[str, object]:
        """What `method.json` says of it."""
        return {"title": self.title, "needs": [list(part) for part in self.needs], "gives": list(self.gives)}

    def open(self) -> None:
        """Loads what all tasks share; called once in the worker."""

    def generate(self, task: Task) -> Result:
        """Writes `task.output`.

        Raises:
            VFAError, MethodFailed: the sample failed; anything else counts as a fault of the method.
        """
        raise TypeError(f"method {self.name} lacks generate()")

    def close(self) -> None:
        """Frees what `open` took."""
