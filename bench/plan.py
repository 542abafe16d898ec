"""What a run will do, said before it begins: which metrics run, which cannot and why, and about how long it takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.features.reader import VideoReader
from bench.features.registry import TABLES
from bench.inputs import is_sound, wanted_extractors
from bench.metrics.base import Metric
from bench.metrics.registry import all_metrics, create_metric
from bench.suites.sample import Sample, SampleList
from bench.weights import entry, find, folder, problem
from vfa.errors import InputError, VFAError

LOOKED_AT = 50
"""Videos whose headers are read for the estimate; the rest is taken to be alike."""

DECODE_MS = 1.5
BYTES_PER_FRAME = 6200


@dataclass(frozen=True)
class Plan:
    """The metrics of a run and what it will cost.

    Attributes:
        runnable: metrics that will be computed. unavailable: reason by metric id.
        n_samples, n_videos, n_frames: how much there is (frames are an estimate).
        seconds: on one worker. megabytes: of features kept on disk.
    """

    runnable: tuple[Metric, ...]
    unavailable: dict[str, str]
    n_samples: int
    n_videos: int
    n_frames: int
    seconds: float
    megabytes: float


def choose_metrics(names: Sequence[str], align: str) -> list[Metric]:
    """Metrics by name, or all of them.

    Raises:
        InputError: an unknown name, or one that cannot be warped together with `--align dtw`.
    """
    everything = not names or list(names) == ["all"]
    chosen = [cls() for cls in all_metrics()] if everything else [create_metric(name) for name in names]
    unique = list({metric.id(): metric for metric in chosen}.values())
    if align == "dtw":
        stiff = [metric.id() for metric in unique if not metric.warpable]
        if stiff and not everything:
            raise InputError(
                "--align dtw warps paired per-frame metrics only",
                expected="metrics such as psnr, ssim, lmd",
                found=", ".join(stiff),
                hint="score these in a run of their own with --align resample",
            )
        unique = [metric for metric in unique if metric.warpable]
    return unique


def missing_weights(metric: Metric) -> str:
    """Which weight file a metric misses and how to get it; empty when all are here."""
    for key in metric.weights:
        path, item = find(key), entry(key)
        how = f"bench weights fetch {key}" if item.url else item.steps or f"copy it to {folder()}"
        if path is None:
            return f"needs {item.file} ({item.source}); {how}"
        wrong = problem(path)
        if wrong:
            return f"needs {item.file}, and {path} is not it: {wrong}; delete it, then: {how}"
    return ""


def why_unavailable(metric: Metric, samples: Sequence[Sample]) -> str:
    """What a metric misses for all of the samples; empty when it can run."""
    lacking = missing_weights(metric)
    if lacking:
        return lacking
    if metric.paired and all(sample.truth is None for sample in samples):
        return "needs a ground truth; give --gt"
    if metric.sourced and all(sample.source is None for sample in samples):
        return "needs source images; this layout names none"
    meshes = [sample.is_mesh for sample in samples]
    beside = any("vertices_prediction" in sample.tables for sample in samples)
    if "vertices" in metric.needs and not any(meshes) and not beside:
        return "scores vertex sequences (.npy, .npz), and these are videos"
    if "vertices" not in metric.needs and all(meshes):
        return "scores videos, and these are vertex sequences"
    for kind in TABLES:
        if kind in metric.needs and kind != "vertices":
            sides = (f"{kind}_prediction", f"{kind}_truth") if metric.paired else (f"{kind}_prediction",)
            if not any(all(side in sample.tables for side in sides) for sample in samples):
                return f"needs {kind} tables: {_table_hint(kind)}"
    return ""


def _table_hint(kind: str) -> str:
    if kind == "driver":
        return "whose face the driver's is; the synthetic suite of bench run knows"
    if kind == "au":
        return "OpenFace's FeatureExtraction as <stem>.au.csv beside the videos, or gt_au_csv/ and pred_au_csv/"
    return "columns valence and arousal as <stem>.va.csv beside the videos, or gt_va_csv/ and pred_va_csv/"


def make_plan(found: SampleList, metrics: Sequence[Metric]) -> Plan:
    """Finds out what can run and estimates its cost from the headers of some videos."""
    runnable, unavailable = [], {}
    for metric in metrics:
        reason = why_unavailable(metric, found.samples)
        if reason:
            unavailable[metric.id()] = reason
        else:
            runnable.append(metric)
    videos = list(dict.fromkeys(p for s in found.samples if not s.is_mesh for p in (s.prediction, s.truth) if p))
    frames, pixels = _count(videos[:LOOKED_AT])
    scale = len(videos) / min(len(videos), LOOKED_AT) if videos else 0.0
    extractors = wanted_extractors(runnable)
    per_frame = DECODE_MS + sum(
        extractor.cost for extractor in extractors if not is_sound_extractor(extractor.provides)
    )
    per_frame += sum(2.0 for metric in runnable if metric.paired and "frames" in metric.needs)
    size = max(pixels / max(frames, 1) / 65536, 0.25)
    return Plan(
        tuple(runnable),
        unavailable,
        len(found.samples),
        len(videos),
        round(frames * scale),
        frames * scale * per_frame * size**0.5 / 1000,
        frames * scale * BYTES_PER_FRAME / 1e6,
    )


def is_sound_extractor(provides: Iterable[str]) -> bool:
    """Whether an extractor reads the sound."""
    return any(not name.startswith("metric:") and is_sound(name) for name in provides)


def _count(videos: Sequence[object]) -> tuple[int, float]:
    """Frames and pixels of some videos by their headers; unreadable ones count nothing here."""
    frames, pixels = 0, 0.0
    for path in videos:
        try:
            reader = VideoReader(path, set())  # type: ignore[arg-type]
        except VFAError:
            continue
        n = reader.n_frames_hint or 250
        frames += n
        pixels += n * reader.info.width * reader.info.height
    return frames, pixels
