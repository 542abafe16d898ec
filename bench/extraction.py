"""Everything a group of samples with one ground truth needs, from the store or by one decoding pass over each video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bench.features.alignment import Pairer, pairs_by_time, timeline_pairs
from bench.features.base import AudioExtractor, Chunk, Extractor, VideoFeatures, VideoInfo
from bench.features.reader import StreamFrame, VideoReader, read_audio, stamp
from bench.features.registry import STREAMED, TABLES, provider, resolve
from bench.features.stream import PairPass, Stream, VideoPass, run_pass
from bench.metrics.base import Metric, PerFrameMetric
from bench.store import FeatureStore, file_hash, text_hash
from vfa.errors import VFAError

Record = Callable[[str, str, str], None]
"""Told (video, extractor, reason) after each extractor of each video; the reason is empty when it went well."""

TIMELINE, TIMELINE_VERSION = "timeline", "1"


class StreamedMetric(Extractor):
    """Runs an unpaired per-frame metric on the frames of one video."""

    cost = 5.0

    def __init__(self, metric: PerFrameMetric) -> None:
        self.metric = metric
        self.name = f"metric:{metric.id()}"  # type: ignore[misc]
        self.version = metric.version  # type: ignore[misc]
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


def version_of(extractor: Extractor) -> str:
    """Version of an extractor, with the content of its weights."""
    from bench.weights import require

    parts = [str(extractor.version)]
    parts += [file_hash(require(key))[:12] for key in extractor.weights]
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
            arrays = store.load(self.key(prediction, truth), name, str(metric.version))
            if arrays is not None:
                self.values[name] = arrays["values"]

    def todo(self) -> list[PerFrameMetric]:
        """Metrics whose values are not known."""
        return [m for m in self.metrics if f"metric:{m.id()}" not in self.values]


class Extraction:
    """Runs passes over a truth and its predictions, and keeps the results in the store.

    Args:
        store: where features are kept. fresh: ignore what is stored. record: told of each (video, extractor).
    """

    def __init__(self, store: FeatureStore, *, fresh: bool, record: Record) -> None:
        self.store, self.fresh, self.record = store, fresh, record

    def open(self, path: Path, extractors: list[Extractor]) -> Video:
        """A video with what is known of it; reads header and hash only."""
        video = Video(path, file_hash(path), extractors)
        try:
            if not self.fresh:
                video.load(self.store)
        except VFAError as error:
            video.errors["weights"] = str(error)
        return video

    def run(self, truth: Video | None, predictions: Sequence[tuple[Video, Pairing | None]]) -> None:
        """One pass: decodes each video at most once, and none of which everything is known."""
        for video, pairing in predictions:
            self._header(video)
            if pairing is not None and truth is not None:
                self._header(truth)
                if video.info and truth.info:
                    pairing.by_time = pairs_by_time(video.info.rate, truth.info.rate, "resample") and pairing.by_time
                    if not self.fresh or pairing.partners is not None:
                        pairing.load(self.store, video, truth)
        if truth is not None:
            self._header(truth)
        pair_todo = {
            id(video): (pairing.todo() if pairing is not None and truth is not None and not video.blocked() else [])
            for video, pairing in predictions
        }
        paired_needs = {need for metrics in pair_todo.values() for m in metrics for need in m.needs}
        truth_stream = self._stream(truth, paired_needs) if truth is not None else None
        rows: list[tuple[Stream, Pairer | None, PairPass | None]] = []
        links: list[tuple[Video, Pairing | None, Stream | None, PairPass | None]] = []
        for video, pairing in predictions:
            metrics = pair_todo[id(video)]
            stream = self._stream(video, {need for m in metrics for need in m.needs})
            pair = None
            if stream is not None and truth_stream is not None and pairing is not None and metrics:
                functions = {f"metric:{m.id()}": (m.needs, m.values) for m in metrics}
                pair = PairPass(stream.video, truth_stream.video, functions)  # type: ignore[arg-type]
                pairer = Pairer(stream.frames, by_time=pairing.by_time, partners=pairing.partners)
                rows.append((stream, pairer, pair))
            elif stream is not None:
                rows.append((stream, None, None))
            links.append((video, pairing, stream, pair))
        try:
            run_pass(truth_stream, rows)
            if truth_stream is not None and truth is not None:
                self._finish(truth, truth_stream)
            for video, pairing, stream, pair in links:
                if stream is not None:
                    self._finish(video, stream)
                if pair is not None and pairing is not None and truth is not None:
                    self._finish_pairs(video, truth, pairing, pair)
        finally:
            for stream in [truth_stream, *(row[0] for row in rows)]:
                if stream is not None:
                    stream.video.close()

    def _header(self, video: Video) -> None:
        """Opens a video of which nothing is known, so that bad files are told before a pass begins."""
        if video.info is not None or video.blocked():
            return
        try:
            video.info = VideoReader(video.path, set()).info
        except VFAError as error:
            video.errors["decode"] = str(error)
            self.record(str(video.path), "decode", str(error))

    def _stream(self, video: Video, pair_needs: set[str]) -> Stream | None:
        """The pass of one video, or None when nothing of it must be read."""
        if video.blocked() or video.info is None:
            return None
        todo = video.todo(pair_needs)
        raw = {need for e in todo for need in e.needs if need in STREAMED} | (pair_needs & set(STREAMED))
        if not todo and not raw and video.times is not None:
            return None
        known = {n: a for n, a in video.arrays.items() if video.times is not None and len(a) == len(video.times)}
        video_pass = VideoPass(video.info, todo, known)
        reader: Any
        if not raw and video.times is not None:
            reader = Replay(video)
        else:
            reader = VideoReader(video.path, raw)
        return Stream(reader, video_pass)

    def _finish(self, video: Video, stream: Stream) -> None:
        """Stores what a pass gave for one video."""
        if stream.error is not None:
            video.errors["decode"] = str(stream.error)
            self.record(str(video.path), "decode", str(stream.error))
            return
        results = stream.video.finish()
        if isinstance(stream.reader, VideoReader):
            video.times = np.array(stream.video.times)
            video.warnings = list(stream.reader.warnings)
            assert video.info is not None
            rate = video.info.rate
            header = np.array([rate.numerator, rate.denominator, video.info.width, video.info.height], np.int64)
            line = {"times": video.times, "header": header, "warnings": np.array(video.warnings, dtype=np.str_)}
            self.store.save(video.key, TIMELINE, TIMELINE_VERSION, line)
        for extractor in stream.video.extractors:
            error = stream.video.errors.get(extractor.name)
            if error is not None:
                video.errors[extractor.name] = reason_of(error)
                self.record(str(video.path), extractor.name, reason_of(error))
            elif not extractor.transient:
                arrays = results[extractor.name]
                self.store.save(video.key, extractor.name, version_of(extractor), arrays)
                video.arrays.update(arrays)
                video.done.add(extractor.name)
                self.record(str(video.path), extractor.name, "")

    def _finish_pairs(self, video: Video, truth: Video, pairing: Pairing, pair: PairPass) -> None:
        """Stores the values of paired metrics."""
        values = pair.finish()
        for metric in pairing.todo():
            name = f"metric:{metric.id()}"
            where = f"{video.path} | {truth.path}"
            if video.blocked() or truth.blocked():
                continue
            if name in pair.errors:
                pairing.errors[name] = reason_of(pair.errors[name])
                self.record(where, name, pairing.errors[name])
                continue
            self.store.save(pairing.key(video, truth), name, str(metric.version), {"values": values[name]})
            pairing.values[name] = values[name]
            self.record(where, name, "")

    def sound(self, path: Path, features: set[str]) -> tuple[dict[str, np.ndarray], str]:
        """Features of the sound of a file, and why there are none."""
        key = file_hash(path)
        arrays: dict[str, np.ndarray] = {}
        samples: np.ndarray | None = None
        for cls in resolve(features):
            extractor = cls()
            assert isinstance(extractor, AudioExtractor)
            stored = None if self.fresh else self.store.load(key, extractor.name, version_of(extractor))
            if stored is None:
                try:
                    samples = read_audio(path) if samples is None else samples
                    if samples is None:
                        return {}, f"{path.name} has no sound"
                    stored = dict(extractor.extract(samples))
                except Exception as error:
                    self.record(str(path), extractor.name, reason_of(error))
                    return {}, reason_of(error)
                self.store.save(key, extractor.name, version_of(extractor), stored)
                self.record(str(path), extractor.name, "")
            arrays.update(stored)
        return arrays, ""


class Replay:
    """Walks over the known time line of a video without decoding it, for features made from stored features."""

    def __init__(self, video: Video) -> None:
        assert video.times is not None
        self.path, self._times = video.path, video.times

    def __iter__(self) -> Iterator[StreamFrame]:
        for index, time in enumerate(self._times):
            yield StreamFrame(index, stamp(float(time)))


def reason_of(error: BaseException) -> str:
    """One line for the records: the message of a known failure, else its type too."""
    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, VFAError) else f"{type(error).__name__}: {text}"


def pairs_of(prediction: Video, truth: Video, pairing: Pairing) -> np.ndarray:
    """Pairs [N,2] on the stored time lines, the same that the pass made."""
    assert prediction.times is not None and truth.times is not None
    return timeline_pairs(prediction.times, truth.times, by_time=pairing.by_time, partners=pairing.partners)
