"""Which frame of the prediction is compared with which frame of the truth: by number, by time, or along a warp."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

import numpy as np

from bench.features.base import VideoInfo
from bench.features.reader import stamp
from vfa.errors import InputError

MODES = ("none", "trim", "resample", "dtw")
SAME_RATE = Fraction(1, 1000)
"""Relative difference of frame rates below which frames pair by number."""


class Timed(Protocol):
    """Anything with a place in a video: a frame, or a bare time stamp."""

    @property
    def index(self) -> int: ...

    @property
    def time(self) -> Fraction: ...


T = TypeVar("T", bound=Timed)


@dataclass(frozen=True)
class Stamp:
    """A frame's place without its pixels, for pairing stored time lines."""

    index: int
    time: Fraction


@dataclass
class AlignmentReport:
    """What alignment did to one sample; stored beside its scores.

    Attributes:
        mode: how frames were paired: `index`, `time` (nearest time stamp) or `dtw`.
        n_used, n_dropped: frames of the truth with and without a partner.
        n_prediction, n_truth: lengths in frames.
        rate_prediction, rate_truth: frames a second.
        resized: `WxH -> WxH` when the sizes differ, else empty.
        warp: costs of the warp (milliseconds, shares), only under dtw.
    """

    mode: str
    n_used: int
    n_dropped: int
    n_prediction: int
    n_truth: int
    rate_prediction: float
    rate_truth: float
    resized: str = ""
    warp: dict[str, float] = field(default_factory=dict)

    @property
    def dropped_share(self) -> float:
        """Share of the longer side (in the truth's frames) that was compared with nothing."""
        scale = self.rate_truth / self.rate_prediction if self.mode == "time" else 1.0
        longest = max(self.n_truth, self.n_prediction * scale, 1)
        return max(0.0, 1 - self.n_used / longest)


class Pairer(Generic[T]):
    """Gives the partners of each frame of the truth, pulling frames of the prediction as it goes.

    Args:
        prediction: frames of the generated video, in order; each is taken once.
        by_time: pair by nearest time stamp (ties to the earlier frame) instead of by number.
        partners: for a warp: frames of the prediction for each frame of the truth, non-decreasing.
    """

    def __init__(
        self, prediction: Iterable[T], *, by_time: bool = False, partners: list[list[int]] | None = None
    ) -> None:
        self._source: Iterator[T] = iter(prediction)
        self._by_time, self._partners = by_time, partners
        self._held: deque[T] = deque()
        self._last_step = Fraction(0)

    def _pull(self) -> bool:
        item = next(self._source, None)
        if item is None:
            return False
        if self._held:
            self._last_step = item.time - self._held[-1].time
        self._held.append(item)
        return True

    def push(self, truth: Timed) -> list[T]:
        """The frames of the prediction that belong to this frame of the truth; frames come in order."""
        if self._partners is not None:
            return self._on_path(truth)
        if not self._held and not self._pull():
            return []
        if not self._by_time:
            while self._held[0].index < truth.index:
                if len(self._held) == 1 and not self._pull():
                    return []
                self._held.popleft()
            return [self._held[0]]
        while self._held[-1].time <= truth.time and self._pull():
            while len(self._held) > 2:
                self._held.popleft()
        first, last = self._held[0], self._held[-1]
        if truth.time > last.time + self._last_step / 2:
            return []
        return [first if truth.time - first.time <= last.time - truth.time else last]

    def _on_path(self, truth: Timed) -> list[T]:
        assert self._partners is not None
        wanted = self._partners[truth.index] if truth.index < len(self._partners) else []
        if not wanted:
            return []
        while (not self._held or self._held[-1].index < wanted[-1]) and self._pull():
            pass
        while self._held and self._held[0].index < wanted[0]:
            self._held.popleft()
        keep = set(wanted)
        return [item for item in self._held if item.index in keep]


def pairs_by_time(rate_prediction: Fraction, rate_truth: Fraction, mode: str) -> bool:
    """Whether frames pair by time: only when the rates differ and the mode resamples."""
    return mode in ("resample", "dtw") and abs(rate_prediction / rate_truth - 1) > SAME_RATE


def timeline_pairs(
    prediction: np.ndarray, truth: np.ndarray, *, by_time: bool, partners: list[list[int]] | None = None
) -> np.ndarray:
    """Pairs [N,2] from two stored time lines (seconds), by the same rules as the streaming pass."""
    stamps = [Stamp(i, stamp(float(t))) for i, t in enumerate(prediction)]
    pairer = Pairer(stamps, by_time=by_time, partners=partners)
    found = [(item.index, i) for i, t in enumerate(truth) for item in pairer.push(Stamp(i, stamp(float(t))))]
    return np.asarray(found, np.int64).reshape(-1, 2)


def check_same(prediction: VideoInfo, truth: VideoInfo, n_prediction: int, n_truth: int) -> None:
    """For `--align none`: refuses a pair that differs in rate, length or size.

    Raises:
        InputError: they differ; the message says in what.
    """
    differences = []
    if abs(prediction.rate / truth.rate - 1) > SAME_RATE:
        differences.append(f"{float(prediction.rate):.3f} and {float(truth.rate):.3f} frames a second")
    if n_prediction != n_truth:
        differences.append(f"{n_prediction} and {n_truth} frames")
    if (prediction.width, prediction.height) != (truth.width, truth.height):
        differences.append(f"{prediction.width}x{prediction.height} and {truth.width}x{truth.height} pixels")
    if differences:
        raise InputError(
            "prediction and ground truth differ, and --align none forbids to mend it",
            path=prediction.name,
            expected="equal rate, length and size",
            found="; ".join(differences),
            hint="--align resample",
        )
