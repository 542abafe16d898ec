"""What goes into a pass: a video with what is known of it, the extractors it needs, and how it is paired."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bench.features.base import Chunk, Extractor, VideoFeatures, VideoInfo
from bench.features.registry import STREAMED, TABLES, provider, resolve
from bench.metrics.base import Metric, PerFrameMetric
from bench.store import FeatureStore, file_hash, text_hash

TIMELINE, TIMELINE_VERSION = "timeline", "1"
"""Name under which times, size and rate of a video are kept in the store."""


class StreamedMetric(Extractor):
    """Runs an unpaired per-frame metric on the frames of one video."""

    cost = 5.0

    def __init__(self, metric: PerFrameMetric) -> None:
        self.metric = metric
        self.name = f"metric:{metric.id()}"  # type: ignore[misc]
        self.version = metric.version  # type: ignore[misc]
        self.weights = metric.weights  # type: ignore[misc]
        self.needs = metric.needs  # type: ignore[misc]
        self.provides = (self.name,)  # type: ignore[misc]

    def update(self, chunk: Chunk) -> dict[str, np.ndarray]:
        picked = np.flatnonzero(chunk.index % self.metric.every == 0)
        values = np.full(len(chunk), np.nan)
        if len(picked):
            sides = {need: _pick(chunk[need], picked) for need in self.needs}
            values[picked] = self.metric.values(sides, None)
        return {self.name: values}


def _pick(rows: Any, index: np.ndarray) -> Any:
    return [rows[i] for i in index] if isinstance(rows, list) else rows[index]


def is_streamed(metric: Metric) -> bool:
    """Whether a metric runs while videos are decoded."""
    return isinstance(metric, PerFrameMetric) and metric.streamed()


def is_sound(feature: str) -> bool:
    """Whether a feature comes from the sound."""
    if feature in STREAMED or feature in TABLES:
        return False
    return provider(feature).inputs == "audio"


def video_features(metrics: Iterable[Metric]) -> set[str]:
    """Stored video features that these metrics read (frames of streamed metrics are no stored features)."""
    names: set[str] = set()
    for metric in metrics:
        if not is_streamed(metric):
            names |= {n for n in metric.needs if n not in TABLES and not is_sound(n)}
    return names


def version_of(source: Extractor | Metric) -> str:
    """Version of an extractor or a streamed metric, with the content of its weights."""
    from bench.weights import require

    parts = [str(source.version)]
    parts += [file_hash(require(key))[:12] for key in source.weights]
    return "-".join(parts)


@dataclass
class Video:
    """One video on its way through a pass.

    Attributes:
        path, key: the file and the hash of its content.
        extractors: all that provide something wanted, in order.
        arrays: per-frame and per-video features known so far.
        errors: reason by extractor; `decode` for the video itself.
    """

    path: Path
    key: str
    extractors: list[Extractor]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    info: VideoInfo | None = None
    times: np.ndarray | None = None

    def load(self, store: FeatureStore) -> None:
        """Takes what the store has."""
        line = store.load(self.key, TIMELINE, TIMELINE_VERSION)
        if line is None:
            return
        numerator, denominator, width, height = (int(x) for x in line["header"])
        self.info = VideoInfo(self.path.name, width, height, Fraction(numerator, denominator))
        self.times = line["times"]
        self.warnings = [str(text) for text in line["warnings"]]
        for extractor in self.extractors:
            if extractor.transient:
                continue
            arrays = store.load(self.key, extractor.name, version_of(extractor))
            if arrays is not None:
                self.arrays.update(arrays)
                self.done.add(extractor.name)

    def todo(self, also: Iterable[str] = ()) -> list[Extractor]:
        """Extractors that must run, with those transient ones that feed them or `also`."""
        wanted = set(also)
        picked: list[Extractor] = []
        for extractor in reversed(self.extractors):
            missing = not extractor.transient and extractor.name not in self.done and extractor.name not in self.errors
            if missing or (extractor.transient and wanted & set(extractor.provides)):
                picked.append(extractor)
                wanted |= set(extractor.needs)
        return picked[::-1]

    def blocked(self) -> bool:
        """Whether nothing at all can be read of it."""
        return "decode" in self.errors or "weights" in self.errors

    def features(self) -> VideoFeatures:
        """The features as metrics see them."""
        assert self.info is not None and self.times is not None
        scaled = frozenset(name for extractor in self.extractors for name in extractor.pixel_xy)
        return VideoFeatures(
            self.path.name, self.info.width, self.info.height, self.info.rate, self.times, self.arrays, scaled
        )

    def why_missing(self, feature: str) -> str:
        """Why a feature is not there."""
        for name in ("decode", "weights"):
            if name in self.errors:
                return self.errors[name]
        for extractor in self.extractors:
            if feature in extractor.provides and extractor.name in self.errors:
                return f"{extractor.name}: {self.errors[extractor.name]}"
        return f"{feature} is missing"


def wanted_extractors(metrics: Sequence[Metric], extra: Iterable[str] = ()) -> list[Extractor]:
    """Fresh extractors for one video: stored features, then unpaired streamed metrics."""
    streamed = [m for m in metrics if isinstance(m, PerFrameMetric) and m.streamed()]
    names = video_features(metrics) | set(extra)
    names |= {need for m in streamed for need in m.needs if need not in STREAMED}
    own: list[Extractor] = [StreamedMetric(m) for m in streamed if not m.paired]
    return [cls() for cls in resolve(names)] + own


@dataclass
class Pairing:
    """How one prediction is compared with its truth in a pass.

    Attributes:
        metrics: streamed paired metrics.
        partners: of a warp, None without.
        signature: what the stored values depend on besides both videos.
        values: key -> values per pair.
    """

    metrics: list[PerFrameMetric]
    by_time: bool = False
    partners: list[list[int]] | None = None
    signature: str = ""
    values: dict[str, np.ndarray] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def key(self, prediction: Video, truth: Video) -> str:
        """Key of the stored values."""
        return text_hash(prediction.key, truth.key, self.signature, str(self.by_time))

    def load(self, store: FeatureStore, prediction: Video, truth: Video) -> None:
        """Takes what the store has."""
        for metric in self.metrics:
            name = f"metric:{metric.id()}"
            arrays = store.load(self.key(prediction, truth), name, version_of(metric))
            if arrays is not None:
                self.values[name] = arrays["values"]

    def todo(self) -> list[PerFrameMetric]:
        """Metrics whose values are not known."""
        return [m for m in self.metrics if f"metric:{m.id()}" not in self.values]
