"""One pass over a truth and its predictions: every frame is decoded once and handed to all extractors in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from bench.costs import LOADING, Costs
from bench.features.alignment import Pairer
from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.reader import StreamFrame, VideoReader, resized_frame, resized_planes
from vfa.errors import VFAError

CHUNK_BYTES = 24 << 20
CHUNK_FRAMES = 32
RAW = ("frames", "planes")


def chunk_length(info: VideoInfo) -> int:
    """Frames in a chunk: bounded in number and in memory."""
    return int(np.clip(CHUNK_BYTES // max(info.width * info.height * 3, 1), 1, CHUNK_FRAMES))


def gather(frames: Sequence[StreamFrame], name: str) -> Any:
    """Rows of one feature for some frames: a stacked array, or a list of planes."""
    rows = [frame.features[name] for frame in frames]
    return rows if name == "planes" else np.stack(rows)


class VideoPass:
    """Feeds the frames of one video to its extractors and collects what they give.

    Args:
        info: the video.
        extractors: fresh objects in an order in which each finds what it needs.
        known: features stored earlier, one row per frame, that extractors of this pass need.
        costs: where their time counts.
    """

    def __init__(
        self,
        info: VideoInfo,
        extractors: Sequence[Extractor],
        known: dict[str, np.ndarray],
        costs: Costs | None = None,
    ) -> None:
        self.info, self.known, self.costs = info, known, costs or Costs()
        self.extractors = list(extractors)
        self.errors: dict[str, Exception] = {}
        self.times: list[float] = []
        self.buffer: list[StreamFrame] = []
        self.length = chunk_length(info)
        self._parts: dict[str, list[np.ndarray]] = {}
        for extractor in self.extractors:
            self._try(extractor, partial(extractor.start, info), LOADING)

    def _try(self, extractor: Extractor, action: Callable[[], Any], counts_as: str = "") -> Any:
        """Runs a step of an extractor; one that fails is left out from then on and its reason kept."""
        if extractor.name in self.errors:
            return None
        try:
            with self.costs.measure(counts_as or extractor.name):
                return action()
        except Exception as error:
            self.errors[extractor.name] = error
            return None

    def push(self, frame: StreamFrame) -> None:
        """Takes the next frame."""
        self.times.append(float(frame.time))
        self.buffer.append(frame)
        if len(self.buffer) >= self.length:
            self.flush()

    def flush(self) -> None:
        """Runs the extractors on what has gathered; afterwards those frames hold their features."""
        frames, self.buffer = self.buffer, []
        if not frames or not self.extractors:
            return
        index = np.array([frame.index for frame in frames], np.int64)
        chunk = Chunk(index, np.array([float(frame.time) for frame in frames]))
        for name, rows in self.known.items():
            chunk.features[name] = rows[index]
        for name in RAW:
            if name in frames[0].features:
                chunk.features[name] = gather(frames, name)
        for extractor in self.extractors:
            given = self._try(extractor, partial(_checked, extractor, chunk))
            for name, rows in (given or {}).items():
                chunk.features[name] = rows
                if not extractor.transient:
                    self._parts.setdefault(name, []).append(rows)
        for name, rows in chunk.features.items():
            if name not in RAW:
                for frame, row in zip(frames, rows, strict=True):
                    frame.features[name] = row

    def finish(self) -> dict[str, dict[str, np.ndarray]]:
        """Ends the pass: arrays by extractor, for those that did not fail."""
        self.flush()
        results: dict[str, dict[str, np.ndarray]] = {}
        for extractor in self.extractors:
            last = self._try(extractor, extractor.finish)
            if extractor.name in self.errors or extractor.transient:
                continue
            arrays = {n: np.concatenate(self._parts[n]) for n in extractor.provides if n in self._parts}
            results[extractor.name] = {**arrays, **(last or {})}
        return results

    def close(self) -> None:
        """Frees the extractors."""
        for extractor in self.extractors:
            extractor.close()


def _checked(extractor: Extractor, chunk: Chunk) -> dict[str, np.ndarray]:
    for need in extractor.needs:
        if need not in chunk.features:
            raise VFAError(f"the feature {need!r} is not there: its extractor failed")
    given = dict(extractor.update(chunk))
    for name, rows in given.items():
        if len(rows) != len(chunk):
            raise VFAError(f"extractor {extractor.name} gave {len(rows)} rows of {name} for {len(chunk)} frames")
    return given


@dataclass
class PairPass:
    """Collects per-pair values of streamed paired metrics.

    Attributes:
        functions: key -> `values(prediction, truth)` of a metric, with the features it needs.
        costs: where their time counts.
    """

    prediction: VideoPass
    truth: VideoPass
    functions: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any], dict[str, Any]], np.ndarray]]]
    costs: Costs = field(default_factory=Costs)
    errors: dict[str, Exception] = field(default_factory=dict)
    pairs: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._buffer: list[tuple[StreamFrame, StreamFrame]] = []
        self._values: dict[str, list[np.ndarray]] = {key: [] for key in self.functions}
        self._derived = any(need not in RAW for needs, _ in self.functions.values() for need in needs)

    def push(self, prediction: StreamFrame, truth: StreamFrame) -> None:
        """Takes the next pair."""
        self.pairs.append((prediction.index, truth.index))
        if self.functions:
            self._buffer.append((prediction, truth))
            if len(self._buffer) >= self.truth.length:
                self.flush()

    def flush(self) -> None:
        """Runs the functions on the pairs that have gathered."""
        if not self._buffer:
            return
        if self._derived:
            self.prediction.flush()
            self.truth.flush()
        pairs, self._buffer = self._buffer, []
        width, height = self.truth.info.width, self.truth.info.height
        sides: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for key, (needs, function) in self.functions.items():
            if key in self.errors:
                continue
            try:
                for need in needs:
                    if need not in sides[0]:
                        sides[0][need] = _resized(gather([p for p, _ in pairs], need), need, width, height)
                        sides[1][need] = gather([t for _, t in pairs], need)
                picked = [{need: side[need] for need in needs} for side in sides]
                with self.costs.measure(key):
                    self._values[key].append(np.asarray(function(picked[0], picked[1]), np.float64))
            except Exception as error:
                self.errors[key] = error

    def finish(self) -> dict[str, np.ndarray]:
        """Values by key, [N] each, for the functions that did not fail."""
        self.flush()
        empty = np.zeros(0)
        return {
            key: np.concatenate(parts) if parts else empty
            for key, parts in self._values.items()
            if key not in self.errors
        }


def _resized(rows: Any, name: str, width: int, height: int) -> Any:
    if name == "planes":
        return [resized_planes(row, width, height) for row in rows]
    if name == "frames" and rows.shape[1:3] != (height, width):
        return np.stack([resized_frame(row, width, height) for row in rows])
    return rows


@dataclass
class Stream:
    """One video of a pass: where its frames come from and where they go; a decoding error ends it and is kept."""

    reader: VideoReader
    video: VideoPass
    error: Exception | None = None
    frames: Iterator[StreamFrame] = field(init=False)

    def __post_init__(self) -> None:
        self.frames = self._run()

    def _run(self) -> Iterator[StreamFrame]:
        try:
            for frame in self.reader:
                self.video.push(frame)
                yield frame
        except Exception as error:
            self.error = error

    def drain(self) -> None:
        """Reads what is left."""
        for _ in self.frames:
            pass


def run_pass(truth: Stream | None, predictions: Sequence[tuple[Stream, Pairer | None, PairPass | None]]) -> None:
    """Streams a truth and its predictions side by side, each decoded once, until all are read to their end."""
    if truth is not None:
        for frame in truth.frames:
            for stream, pairer, pair in predictions:
                if pairer is not None and pair is not None and stream.error is None:
                    for partner in pairer.push(frame):
                        pair.push(partner, frame)
    for stream, _, pair in predictions:
        stream.drain()
        if pair is not None:
            pair.flush()
