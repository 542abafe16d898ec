"""The base classes of metrics: a pure function over features, and what is known about its number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from bench.features.base import SampleFeatures
from vfa.errors import InputError


@dataclass
class VideoScore:
    """What one metric says of one sample.

    Attributes:
        value: the number of this video; NaN only together with a reason.
        n_frames: frames (or frame pairs) that counted.
        n_missing: frames that should have counted and could not (no face, not finite).
        frames: float64 [T] per-frame values, NaN where missing; None for metrics that have none.
        statistics: sufficient statistics [K] from which `Metric.pool` makes the pooled value; None takes
            (sum of the finite frames, their count), or (value, 1) where there are no frames.
        details: further numbers worth keeping (per-axis values, match rate, lag); averaged over videos in the results.
        reason: why value is NaN.
        sets: feature sets [N,D] by name, for metrics whose pooled value is made of the sets of all videos (see
            `bench.metrics.sets`); the engine keeps them beside the per-frame values.
    """

    value: float
    n_frames: int
    n_missing: int = 0
    frames: np.ndarray | None = None
    statistics: Sequence[float] | None = None
    details: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    sets: dict[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        self.value = float(self.value)
        if self.frames is not None:
            self.frames = np.asarray(self.frames, np.float64)
        if self.statistics is None:
            if self.frames is not None:
                seen = self.frames[np.isfinite(self.frames)]
                self.statistics = (float(seen.sum()), float(len(seen)))
            else:
                known = math.isfinite(self.value)
                self.statistics = (self.value if known else 0.0, float(known))
        if math.isnan(self.value) and not self.reason:
            self.reason = "no frame counted" if self.n_frames == 0 else "undefined for these frames"

    @classmethod
    def missing(cls, reason: str, n_missing: int = 0) -> VideoScore:
        """A video that gives no number, and why; it never counts as zero."""
        return cls(math.nan, 0, n_missing, reason=reason)


class Metric:
    """One named number. Subclasses set the class attributes and write `measure` (or use `PerFrameMetric`).

    Class attributes:
        name, variant: together the id (`psnr`, `ffmpeg` -> `psnr_ffmpeg`); a metric without variants leaves it empty.
        default: this variant is the one that the bare name gives.
        aliases: further names by which it is found.
        higher_is_better: True, False, or None where only closeness to the ground truth's own value means something.
        range: lowest and highest possible value. unit: "dB", "px", "" ...
        needs: names of features (bench/features/base.py), of both videos when `paired`, else of the prediction.
        paired: compares with a ground truth. warpable: may be used under `--align dtw`.
        sourced: compares with the source image.
        definition: one or two sentences with the formula. reference: paper or public code that defines it.
        minimal_n: frames (videos for set metrics) under which the number is not trustworthy; the report flags it.
        comparable: may stand beside numbers of papers; False for every `_lite` and own definition.
        pooled_only: one video alone gives no meaningful number, so no mean over videos is reported.
        weights: keys of the weights manifest without which it is unavailable; find a file by `self.weight(key)`.
        version: raise it when the numbers change; it is part of the cache's key.
    """

    name: ClassVar[str]
    variant: ClassVar[str] = ""
    default: ClassVar[bool] = False
    aliases: ClassVar[tuple[str, ...]] = ()
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    unit: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    paired: ClassVar[bool] = True
    sourced: ClassVar[bool] = False
    warpable: ClassVar[bool] = False
    definition: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    minimal_n: ClassVar[int] = 1
    comparable: ClassVar[bool] = True
    pooled_only: ClassVar[bool] = False
    weights: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    @classmethod
    def id(cls) -> str:
        """The name under which results are kept: `name` or `name_variant`."""
        return f"{cls.name}_{cls.variant}" if cls.variant else cls.name

    def measure(self, sample: SampleFeatures) -> VideoScore:
        """Scores one sample from its features; pure, never mutates them.

        Raises:
            InputError: the features contradict each other (a message that names the file).
        """
        raise TypeError(f"metric {self.id()} lacks measure()")

    def pool(self, statistics: np.ndarray) -> float:
        """Makes the pooled value from the statistics [n_videos,K] of all videos; the default is sum / count."""
        total, count = statistics[:, 0].sum(), statistics[:, 1].sum()
        return float(total / count) if count > 0 else math.nan

    def weight(self, key: str) -> Any:
        """The path of a weights file named in the manifest.

        Raises:
            AssetError: the file is not there; the message says how to get it.
        """
        from bench.weights import require

        return require(key)

    def __call__(self, prediction: Any, truth: Any = None, *, audio: Any = None, rate: float = 25) -> float:
        """Scores arrays directly, without files.

        Args:
            prediction, truth: uint8 [T,H,W,3] frames, or a mapping from feature names to arrays.
            audio: mapping of audio features, or float32 [n] samples at 16 kHz.
            rate: frames a second.
        """
        return self.score(prediction, truth, audio=audio, rate=rate).value

    def score(self, prediction: Any, truth: Any = None, *, audio: Any = None, rate: float = 25) -> VideoScore:
        """As calling the metric, with counts and per-frame values."""
        from bench.features.memory import sample_from_arrays

        if self.paired and truth is None:
            raise InputError(f"{self.id()} compares with a ground truth", expected="two arguments", found="one")
        sample = sample_from_arrays(self, prediction, truth if self.paired else None, audio=audio, rate=rate)
        return self.measure(sample)


class PerFrameMetric(Metric):
    """A metric with one number per frame (or per pair of frames): subclasses write `values` only.

    When `needs` holds `frames`, `planes` or `face_frames`, `values` is called on bounded chunks while the videos are
    decoded, so it may not look beyond a chunk: a value depends on its own frame (pair) alone. Otherwise it is called
    once with whole arrays. What needs neighbouring frames is an Extractor (bench/features/base.py).

    Class attributes:
        every: only each so-many-th frame of the stream is scored (costly image metrics); unpaired metrics only.
    """

    every: ClassVar[int] = 1

    def values(self, prediction: Mapping[str, Any], truth: Mapping[str, Any] | None) -> np.ndarray:
        """Returns float64 [N], NaN where a frame cannot be scored.

        Args:
            prediction, truth: the needed features by name, both of N aligned rows; truth is None when not `paired`.
        """
        raise TypeError(f"metric {self.id()} lacks values()")

    def finish(self, mean: float) -> float:
        """Turns a mean of frame values into the metric's value (square root for an RMSE); identity by default."""
        return mean

    def streamed(self) -> bool:
        """Whether `values` runs while videos are decoded."""
        return any(name in ("frames", "planes", "face_frames") for name in self.needs)

    def measure(self, sample: SampleFeatures) -> VideoScore:
        key = f"metric:{self.id()}"
        if self.streamed():
            values = sample.pair[key] if self.paired else sample.prediction[key]
        elif self.paired:
            both = {name: sample.aligned(name) for name in self.needs}
            values = self.values({k: v[0] for k, v in both.items()}, {k: v[1] for k, v in both.items()})
        else:
            values = self.values({name: sample.prediction[name] for name in self.needs}, None)
        values = np.asarray(values, np.float64)
        if self.paired:
            values = sample.per_reference(values)
        expected = np.arange(len(values)) % self.every == 0
        seen = np.isfinite(values)
        if not seen.any():
            return VideoScore(math.nan, 0, int(expected.sum()), frames=values, reason=self.why_missing(len(values)))
        value = self.finish(float(values[seen].mean()))
        return VideoScore(value, int(seen.sum()), int((expected & ~seen).sum()), frames=values)

    def why_missing(self, n: int) -> str:
        """Says why no frame counted."""
        if n == 0:
            return "no frames to compare"
        return "no face in any frame" if any("landmarks" in need for need in self.needs) else "no frame could be scored"

    def pool(self, statistics: np.ndarray) -> float:
        return self.finish(super().pool(statistics))
