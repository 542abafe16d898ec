"""What extractors that run a network share: frames are prepared one by one and run in batches of one fixed size."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo

if TYPE_CHECKING:
    from torch import Tensor

SYNC_RATE = 25

F = TypeVar("F", bound=Callable[..., Any])


def single_threaded(function: F) -> F:
    """Runs a function with one thread of torch: resizing and sums round differently with another number of threads, and
    scores may not depend on the cores or workers of a run. Several workers use several cores."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return function(*args, **options)
        finally:
            torch.set_num_threads(before)

    return cast(F, run)


def device() -> str:
    """Where networks run: $BENCH_DEVICE, else the CPU."""
    return os.environ.get("BENCH_DEVICE") or "cpu"


def open_on_device(name: str, key: str = "") -> Any:
    """A network with its published weights, opened once per process; see `bench.networks.open_network`."""
    from bench.networks import open_network

    return open_network(name, key=key, device=device()).network


class NetworkExtractor(Extractor):
    """Runs one network over the frames of a video.

    Batches are counted from the first frame that can be used, not from the borders of chunks, and their size is fixed:
    so the numbers depend on neither. Rows of frames that cannot be used are NaN.

    Class attributes:
        network: its registry name. file_key: which of its published files, where there are several.
        batch: inputs run at once.
        widths: numbers per frame by feature.
    """

    network: ClassVar[str]
    file_key: ClassVar[str] = ""
    batch: ClassVar[int] = 8
    widths: ClassVar[dict[str, int]] = {}

    def start(self, info: VideoInfo) -> None:
        self._network = self.open()
        self._waiting: list[tuple[int, Tensor]] = []
        self._found: list[tuple[int, dict[str, np.ndarray]]] = []
        self._count = 0

    def open(self) -> Any:
        """The network."""
        return open_on_device(self.network, self.file_key)

    def prepare(self, chunk: Chunk, row: int) -> Tensor | None:
        """The input [1,...] of one frame of a chunk; None where it cannot be used (no face)."""
        raise TypeError(f"extractor {self.name} lacks prepare()")

    def infer(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Features [N, width] of a batch of inputs, by name."""
        raise TypeError(f"extractor {self.name} lacks infer()")

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        for row in range(len(chunk)):
            given = self.prepare(chunk, row)
            if given is not None:
                self._waiting.append((self._count, given))
                # Inputs of one shape go together; a video has one, so this never depends on chunks.
                if len(self._waiting) == self.batch:
                    self._run()
            self._count += 1
        return {}

    def _run(self) -> None:
        import torch

        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        with torch.inference_mode():
            outputs = self.infer(torch.cat([given for _, given in waiting]).to(device()))
        arrays = {name: np.asarray(rows.detach().cpu().float()) for name, rows in outputs.items()}
        for position, (place, _) in enumerate(waiting):
            self._found.append((place, {name: rows[position] for name, rows in arrays.items()}))

    @single_threaded
    def finish(self) -> Mapping[str, np.ndarray]:
        self._run()
        features = {name: np.full((self._count, width), np.nan, np.float32) for name, width in self.widths.items()}
        for place, rows in self._found:
            for name, values in rows.items():
                features[name][place] = values
        self._found = []
        return features

    def close(self) -> None:
        self._network = None
        self._waiting, self._found = [], []


class SteadyRate:
    """Turns frames with any times into a steady rate, as `ffmpeg -r` does: each frame is repeated or left out.

    A frame lasts from its own tick to that of the next; a tick is the time in frames, rounded to the nearest.
    """

    def __init__(self, rate: float = SYNC_RATE) -> None:
        self.rate = rate
        self._pending: tuple[Any, int] | None = None
        self._first = 0.0
        self._last = 0.0
        self._shown = 0

    def push(self, frame: Any, time: float) -> tuple[Any, int]:
        """Takes the next frame; returns the one before it and how often that is shown (0: not at all)."""
        if self._pending is None:
            self._first = time
            self._pending, self._last = (frame, 0), time
            return None, 0
        previous, start = self._pending
        tick = math.floor((time - self._first) * self.rate + 0.5)
        self._pending, self._last = (frame, tick), time
        self._shown += tick - start
        return previous, tick - start

    def end(self, duration: float) -> tuple[Any, int]:
        """The last frame, which lasts for `duration` seconds, and how often it is shown."""
        if self._pending is None:
            return None, 0
        frame, start = self._pending
        tick = math.floor((self._last + duration - self._first) * self.rate + 0.5)
        self._pending = None
        return frame, max(tick - start, 0 if self._shown else 1)
