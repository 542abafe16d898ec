"""Everything a group of samples with one ground truth needs, from the store or by one decoding pass over each video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.costs import Costs
from bench.features.alignment import Pairer, pairs_by_time, timeline_pairs
from bench.features.base import AudioExtractor, Extractor
from bench.features.reader import StreamFrame, VideoReader, read_audio, stamp
from bench.features.registry import STREAMED, resolve
from bench.features.stream import PairPass, Stream, VideoPass, run_pass
from bench.inputs import TIMELINE, TIMELINE_VERSION, Pairing, Video, version_of
from bench.records import reason_of
from bench.store import FeatureStore, file_hash
from vfa.errors import VFAError

Record = Callable[[str, str, str], None]
"""Told (video, extractor, reason) after each extractor of each video; the reason is empty when it went well."""


class Extraction:
    """Runs passes over a truth and its predictions, and keeps the results in the store.

    Args:
        store: where features are kept. fresh: ignore what is stored. record: told of each (video, extractor).

    Attributes:
        costs: time by extractor and streamed metric so far.
    """

    def __init__(self, store: FeatureStore, *, fresh: bool, record: Record) -> None:
        self.store, self.fresh, self.record = store, fresh, record
        self.costs = Costs()

    def open(self, path: Path, extractors: list[Extractor]) -> Video:
        """A video with what is known of it; reads header and hash only."""
        try:
            video = Video(path, file_hash(path), extractors)
        except VFAError as error:
            return Video(path, "", extractors, errors={"decode": str(error)})
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
                pair = PairPass(stream.video, truth_stream.video, functions, self.costs)  # type: ignore[arg-type]
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
        video_pass = VideoPass(video.info, todo, known, self.costs)
        reader: Any
        if not raw and video.times is not None:
            reader = Replay(video)
        else:
            reader = VideoReader(video.path, raw)
        return Stream(reader, video_pass)

    def _finish(self, video: Video, stream: Stream) -> None:
        """Stores what a pass gave for one video."""
        if stream.error is not None:
            video.errors["decode"] = reason_of(stream.error)
            self.record(str(video.path), "decode", reason_of(stream.error))
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
            self.store.save(pairing.key(video, truth), name, version_of(metric), {"values": values[name]})
            pairing.values[name] = values[name]
            self.record(where, name, "")

    def sound(self, path: Path, features: set[str]) -> tuple[dict[str, np.ndarray], str]:
        """Features of the sound of a file, and why some or all are not there."""
        key = file_hash(path)
        arrays: dict[str, np.ndarray] = {}
        reasons: list[str] = []
        samples: np.ndarray | None = None
        for cls in resolve(features):
            extractor = cls()
            assert isinstance(extractor, AudioExtractor)
            new = False
            try:
                stored = None if self.fresh else self.store.load(key, extractor.name, version_of(extractor))
                if stored is None:
                    samples = read_audio(path) if samples is None else samples
                    if samples is None:
                        return {}, f"{path.name} has no sound"
                    with self.costs.measure(extractor.name):
                        stored, new = dict(extractor.extract(samples)), True
            except Exception as error:
                self.record(str(path), extractor.name, reason_of(error))
                reasons.append(reason_of(error))
                continue
            if new:
                self.store.save(key, extractor.name, version_of(extractor), stored)
                self.record(str(path), extractor.name, "")
            arrays.update(stored)
        return arrays, "; ".join(dict.fromkeys(reasons))


class Replay:
    """Walks over the known time line of a video without decoding it, for features made from stored features."""

    def __init__(self, video: Video) -> None:
        assert video.times is not None
        self.path, self._times = video.path, video.times

    def __iter__(self) -> Iterator[StreamFrame]:
        for index, time in enumerate(self._times):
            yield StreamFrame(index, stamp(float(time)))


def pairs_of(prediction: Video, truth: Video, pairing: Pairing) -> np.ndarray:
    """Pairs [N,2] on the stored time lines, the same that the pass made."""
    assert prediction.times is not None and truth.times is not None
    return timeline_pairs(prediction.times, truth.times, by_time=pairing.by_time, partners=pairing.partners)
