"""Scores of the samples that share a ground truth: extraction, alignment, then every metric on every sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.extraction import Extraction, Record, pairs_of
from bench.features.alignment import AlignmentReport, check_same, timeline_pairs
from bench.features.base import SampleFeatures, VideoFeatures
from bench.features.registry import TABLES
from bench.features.tables import read_beside, read_table
from bench.features.warp import dtw_path, lip_trajectory, partners_of, path_report, warp_costs
from bench.inputs import Pairing, Video, is_sound, is_streamed, wanted_extractors
from bench.mesh_scoring import score_mesh
from bench.metrics.base import Metric, PerFrameMetric, VideoScore
from bench.metrics.registry import create_metric
from bench.records import reason_of, sample_record, score_record
from bench.sound import SoundOf, sound_of
from bench.store import FeatureStore, file_hash, sets_path, slug, text_hash, write_arrays
from bench.suites.sample import Sample
from bench.weights import require
from vfa.errors import InputError


@dataclass(frozen=True)
class Settings:
    """What decides the scores of a sample; sent to workers, and part of a sample's fingerprint.

    Attributes:
        metrics: ids. align: none, trim, resample or dtw. max_drop: share of frames without a partner that is
            tolerated. band: half width of the warp's band in seconds. reference: score the truth by unpaired metrics.
    """

    metrics: tuple[str, ...]
    align: str = "resample"
    max_drop: float = 0.1
    band: float = 0.2
    reference: bool = True

    def metric_objects(self) -> list[Metric]:
        """The metrics, freshly made."""
        return [create_metric(name) for name in self.metrics]


@dataclass
class Group:
    """Samples with one ground truth (or one sample without)."""

    truth: Path | None
    samples: list[Sample] = field(default_factory=list)


def fingerprint(sample: Sample, settings: Settings) -> str:
    """Hash of everything a sample's scores depend on: files, metrics, extractors, settings."""
    parts = [repr(settings)]
    for role, path in (("p", sample.prediction), ("t", sample.truth), ("s", sample.source), ("a", sample.audio)):
        parts.append(f"{role}:{file_hash(path) if path else ''}")
    parts += [f"{name}:{file_hash(path)}" for name, path in sorted(sample.tables.items())]
    metrics = settings.metric_objects()
    parts += [f"{metric.id()}:{metric.version}" for metric in metrics]
    parts += [f"{key}:{file_hash(require(key))}" for key in sorted({k for metric in metrics for k in metric.weights})]
    parts += [f"{extractor.name}:{extractor.version}" for extractor in wanted_extractors(metrics)]
    return text_hash(*parts)


def score_group(group: Group, settings: Settings, out: Path, extraction: Extraction) -> list[dict[str, Any]]:
    """Scores all samples of a group and writes their per-frame arrays; returns one record per sample."""
    metrics = settings.metric_objects()
    if not metrics:
        return [sample_record(sample, "ok", {}, [], "", None, []) for sample in group.samples]
    if group.samples[0].is_mesh:
        return [score_mesh(sample, metrics, settings.max_drop, out) for sample in group.samples]
    truth = None
    warped = settings.align == "dtw"
    extra = ("landmarks68",) if warped else ()
    # The sound comes first: without it nothing needs to be seen for the metrics of lips and sound.
    sounds = [sound_of(sample, metrics, extraction) for sample in group.samples]
    if group.truth is not None:
        of_truth = [m for m in metrics if m.paired or settings.reference]
        of_truth = [m for m in of_truth if any(sound.serves(m) for sound in sounds)]
        truth = extraction.open(group.truth, wanted_extractors(of_truth, extra))
    rows: list[tuple[Sample, Video, Pairing | None]] = []
    for sample, sound in zip(group.samples, sounds, strict=True):
        chosen = [m for m in metrics if (truth is not None or not m.paired) and sound.serves(m)]
        video = extraction.open(sample.prediction, wanted_extractors(chosen, extra))
        rows.append((sample, video, _pairing(metrics, settings) if truth is not None else None))
    extraction.run(truth, [(video, pairing) for _, video, pairing in rows])
    warps: dict[str, tuple[Pairing, dict[str, float]]] = {}
    if warped and truth is not None:
        for sample, video, pairing in rows:
            found = _warp(video, truth, pairing, metrics, settings)
            if found is not None:
                warps[f"{sample.method}/{sample.id}"] = found
        pass_rows = [(v, warps[f"{s.method}/{s.id}"][0]) for s, v, _ in rows if f"{s.method}/{s.id}" in warps]
        if any(pairing.metrics for _, pairing in pass_rows):
            extraction.run(truth, pass_rows)
    return [
        _Scorer(sample, video, truth, pairing, warps.get(f"{sample.method}/{sample.id}"), settings, sound).record(
            metrics, out
        )
        for (sample, video, pairing), sound in zip(rows, sounds, strict=True)
    ]


def _pairing(metrics: Sequence[Metric], settings: Settings) -> Pairing:
    streamed = [m for m in metrics if isinstance(m, PerFrameMetric) and m.paired and is_streamed(m)]
    return Pairing(streamed, by_time=settings.align in ("resample", "dtw"), signature="pairs")


def _warp(
    video: Video, truth: Video, pairing: Pairing | None, metrics: Sequence[Metric], settings: Settings
) -> tuple[Pairing, dict[str, float]] | None:
    """The warp of one prediction onto its truth, by its lips; None where there are no landmarks."""
    if pairing is None or "landmarks68" not in video.arrays or "landmarks68" not in truth.arrays:
        return None
    assert truth.info is not None and video.times is not None and truth.times is not None
    source = np.arange(len(video.times))
    if pairing.by_time:
        rate = float(truth.info.rate)
        steps = np.arange(max(1, int(round(video.times[-1] * rate)) + 1)) / rate
        source = timeline_pairs(video.times, steps, by_time=True)[:, 0]
    lips = lip_trajectory(video.arrays["landmarks68"])[source], lip_trajectory(truth.arrays["landmarks68"])
    radius = round(settings.band * float(truth.info.rate))
    path = dtw_path(*warp_costs(*lips), radius)
    report = path_report(path, float(truth.info.rate), radius, (len(source), len(truth.times)))
    path[:, 0] = source[path[:, 0]]
    streamed = [m for m in pairing.metrics if m.warpable]
    partners = partners_of(np.unique(path, axis=0), len(truth.times))
    return Pairing(streamed, partners=partners, signature=f"dtw:{radius}:lip"), report


@dataclass
class _Scorer:
    """Puts the features of one sample together and measures it."""

    sample: Sample
    video: Video
    truth: Video | None
    pairing: Pairing | None
    warp: tuple[Pairing, dict[str, float]] | None
    settings: Settings
    sound: SoundOf
    faults: list[str] = field(default_factory=list)

    def record(self, metrics: Sequence[Metric], out: Path) -> dict[str, Any]:
        """Scores of the sample as they are kept in the journal."""
        scores: dict[str, Any] = {}
        frames: dict[str, np.ndarray] = {}
        sets: dict[str, np.ndarray] = {}
        self.faults = [f"{name}: {why}" for name, why in self.video.errors.items()]
        self.faults += [f"truth {name}: {why}" for name, why in (self.truth.errors if self.truth else {}).items()]
        self.faults += [f"{name}: {why}" for name, why in (self.pairing.errors if self.pairing else {}).items()]
        base = self._features(self.pairing)
        warped = self._features(self.warp[0]) if self.warp is not None else None
        report = self._alignment(base)
        blocked = self._blocked(report)
        for metric in metrics:
            score = self._measure(metric, base, blocked)
            if self.settings.align == "dtw" and metric.paired:
                score = self._warped(metric, score, warped)
            scores[metric.id()] = entry = score_record(score)
            if not metric.paired and self.truth is not None and self.settings.reference:
                entry["reference"] = self._reference(metric)
            if score.frames is not None:
                frames[metric.id()] = score.frames
            sets |= score.sets or {}
        if base is not None:
            frames["times"] = (base.truth or base.prediction).times
            frames["pairs"] = (warped or base).pairs
        arrays = f"frames/{slug(self.sample.method)}/{slug(self.sample.id)}.npz"
        write_arrays(out / arrays, frames)
        if sets:
            write_arrays(sets_path(out, arrays), sets)
        status = "failed" if self.video.blocked() else "partial" if self.faults else "ok"
        return sample_record(self.sample, status, scores, self.faults, arrays, report, self._warnings())

    def _warnings(self) -> list[str]:
        return [*self.video.warnings, *(self.truth.warnings if self.truth else [])]

    def _features(self, pairing: Pairing | None) -> SampleFeatures | None:
        if self.video.blocked() or self.video.times is None:
            return None
        sample = self.sample
        features = SampleFeatures(sample.id, self.video.features(), audio=self.sound.arrays, source=sample.source)
        if self.truth is not None and not self.truth.blocked() and self.truth.times is not None and pairing is not None:
            features.truth = self.truth.features()
            features.pairs = pairs_of(self.video, self.truth, pairing)
            features.pair = pairing.values
        self._tables(features)
        return features

    def _tables(self, features: SampleFeatures) -> None:
        for kind in TABLES:
            for side, video in (("prediction", features.prediction), ("truth", features.truth)):
                path = self.sample.tables.get(f"{kind}_{side}")
                if path is None or video is None:
                    continue
                try:
                    arrays = read_beside(kind, path)
                    if kind == "vertices" and len(arrays["vertices"]) != video.n_frames:
                        raise InputError(
                            "the vertex sequence and its video differ in length",
                            path=path,
                            expected=f"{video.n_frames} frames",
                            found=f"{len(arrays['vertices'])} frames",
                        )
                    video.arrays = {**video.arrays, **arrays}
                except InputError as error:
                    if str(error) not in self.faults:
                        self.faults.append(str(error))

    def _alignment(self, base: SampleFeatures | None) -> AlignmentReport | None:
        if base is None or base.truth is None or self.pairing is None:
            return None
        p, t = base.prediction, base.truth
        n = len(base.pairs)
        resized = "" if (p.width, p.height) == (t.width, t.height) else f"{p.width}x{p.height} -> {t.width}x{t.height}"
        mode = "time" if self.pairing.by_time else "index"
        rates = float(p.rate), float(t.rate)
        report = AlignmentReport(mode, n, t.n_frames - n, p.n_frames, t.n_frames, *rates, resized)
        if self.warp is not None:
            report.warp = self.warp[1]
        return report

    def _blocked(self, report: AlignmentReport | None) -> str:
        """Why paired metrics cannot be computed; empty when they can."""
        if self.truth is None:
            return "no ground truth"
        if self.truth.blocked():
            return "ground truth: " + self.truth.why_missing("frames")
        if report is None:
            return self.video.why_missing("frames")
        if self.settings.align == "none":
            assert self.video.info is not None and self.truth.info is not None
            try:
                check_same(self.video.info, self.truth.info, report.n_prediction, report.n_truth)
            except InputError as error:
                self.faults.append(str(error))
                return str(error)
        counts = report.mode == "time" or self.settings.align != "dtw"
        if counts and report.dropped_share > self.settings.max_drop:
            why = (
                f"{report.dropped_share:.0%} of the frames have no partner ({report.n_prediction} and "
                f"{report.n_truth} frames), more than --max-drop {self.settings.max_drop:g}"
            )
            self.faults.append(why)
            return why
        return ""

    def _measure(self, metric: Metric, features: SampleFeatures | None, blocked: str) -> VideoScore:
        if metric.paired and blocked:
            return VideoScore.missing(blocked)
        if features is None:
            return VideoScore.missing(self.video.why_missing("frames"))
        why = self._lacks(metric, features)
        if why:
            return VideoScore.missing(why)
        try:
            return metric.measure(features)
        except Exception as error:
            self.faults.append(f"{metric.id()}: {reason_of(error)}")
            return VideoScore.missing(reason_of(error))

    def _lacks(self, metric: Metric, features: SampleFeatures) -> str:
        """Which input a metric misses; empty when it has all."""
        if not self.sound.serves(metric):
            return self.sound.silent
        if is_streamed(metric):
            key = f"metric:{metric.id()}"
            if metric.paired:
                errors = self.pairing.errors if self.pairing else {}
                return "" if key in features.pair else errors.get(key, f"{key} is missing")
            return "" if key in features.prediction else self.video.why_missing(key)
        sides: list[tuple[str, VideoFeatures | None, Video | None]] = [("", features.prediction, self.video)]
        if metric.paired:
            sides.append(("ground truth: ", features.truth, self.truth))
        for need in metric.needs:
            if is_sound(need):
                continue
            for label, arrays, video in sides:
                if arrays is None or need not in arrays:
                    if need in TABLES:
                        return f"{label}no {need} table"
                    return label + (video.why_missing(need) if video is not None else f"{need} is missing")
        return ""

    def _warped(self, metric: Metric, plain: VideoScore, warped: SampleFeatures | None) -> VideoScore:
        """The score along the warp, with the plain one and the warp's cost beside it."""
        if math.isnan(plain.value):
            return plain
        if warped is None or self.warp is None:
            return VideoScore.missing("no landmarks to warp by")
        try:
            score = metric.measure(warped)
        except Exception as error:
            self.faults.append(f"{metric.id()}: {reason_of(error)}")
            return VideoScore.missing(reason_of(error))
        score.details = {**score.details, "unaligned": plain.value, **self.warp[1]}
        return score

    def _reference(self, metric: Metric) -> float:
        """The same number of the ground truth itself: what a real video scores."""
        if self.truth is None or self.truth.blocked() or self.truth.times is None:
            return math.nan
        features = SampleFeatures(self.sample.id, self.truth.features(), audio=self.sound.arrays)
        self._tables_of_truth(features)
        if is_streamed(metric) and f"metric:{metric.id()}" not in features.prediction:
            return math.nan
        try:
            return metric.measure(features).value if not self._lacks(metric, features) else math.nan
        except Exception:
            return math.nan

    def _tables_of_truth(self, features: SampleFeatures) -> None:
        for kind in ("au", "va"):
            path = self.sample.tables.get(f"{kind}_truth")
            if path is not None:
                features.prediction.arrays = {**features.prediction.arrays, kind: read_table(path)}


def make_extraction(cache: Path, *, fresh: bool, record: Record) -> Extraction:
    """The extraction of a run."""
    return Extraction(FeatureStore(cache), fresh=fresh, record=record)
