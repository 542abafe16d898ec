"""Features of arrays in memory, so that a metric can be called on frames without any files."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.features.base import AudioExtractor, SampleFeatures, VideoFeatures, VideoInfo
from bench.features.reader import StreamFrame, planes_from_rgb
from bench.features.registry import provider, resolve
from bench.features.stream import VideoPass
from vfa.errors import InputError

if TYPE_CHECKING:
    from bench.metrics.base import Metric

RAW = ("frames", "planes")


def sample_from_arrays(metric: Metric, prediction: Any, truth: Any, *, audio: Any, rate: float) -> SampleFeatures:
    """A sample whose features come from arrays; frames pair by number, extra frames of the longer side are left out.

    Args:
        metric: what will be computed; it decides which features are extracted.
        prediction, truth: uint8 [T,H,W,3] frames or a mapping from feature names to arrays; truth may be None.
        audio: mapping of audio features, or float32 [n] samples at 16 kHz, or None.
        rate: frames a second.

    Raises:
        InputError: an argument is neither frames nor a mapping with what the metric needs.
    """
    sound = [name for name in metric.needs if _is_sound(name)]
    video = [name for name in metric.needs if name not in sound]
    sides = [_given(prediction, "prediction", video)]
    if truth is not None:
        sides.append(_given(truth, "ground truth", video))
        _same_size(sides)
    features = [_extract(side, video, Fraction(rate).limit_denominator(1001)) for side in sides]
    length = min(len(side.times) for side in features)
    sample = SampleFeatures(
        "arrays",
        features[0],
        features[1] if truth is not None else None,
        np.repeat(np.arange(length)[:, None], 2, 1),
        audio=_audio(audio, sound),
    )
    _run_streamed(metric, sample)
    return sample


def _is_sound(name: str) -> bool:
    return name not in RAW and name not in ("au", "va", "vertices") and provider(name).inputs == "audio"


def _given(value: Any, side: str, needs: list[str]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    frames = np.asarray(value)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise InputError(
            f"the {side} cannot be scored",
            expected="uint8 frames [T,H,W,3] with T, H, W > 0, or a mapping of the features " + ", ".join(needs),
            found=f"{frames.dtype} {list(frames.shape)}",
        )
    return {"frames": frames}


def _same_size(sides: list[dict[str, Any]]) -> None:
    sizes = [side["frames"].shape[1:3] for side in sides if "frames" in side]
    if len(sizes) == 2 and sizes[0] != sizes[1]:
        raise InputError(
            "frames of different sizes cannot be compared",
            expected=f"{sizes[1][1]}x{sizes[1][0]} pixels as in the ground truth",
            found=f"{sizes[0][1]}x{sizes[0][0]}",
        )


def _extract(side: dict[str, Any], needs: list[str], rate: Fraction) -> VideoFeatures:
    frames = side.get("frames")
    if frames is not None and "planes" in needs and "planes" not in side:
        side["planes"] = [planes_from_rgb(frame) for frame in frames]
    rows = [side[name] for name in ([n for n in needs if n in side] or list(side))]
    lengths = [len(next(iter(row.values())) if isinstance(row, Mapping) else row) for row in rows]
    if not lengths:
        raise InputError("no features were given", expected=", ".join(needs))
    length = min(lengths)
    height, width = frames.shape[1:3] if frames is not None else (0, 0)
    video = VideoFeatures("arrays", width, height, rate, np.arange(length) / float(rate), dict(side))
    missing = [name for name in needs if name not in side]
    if not missing:
        return video
    if frames is None:
        raise InputError("a feature is missing", expected=", ".join(needs), found=", ".join(side))
    extractors = [cls() for cls in resolve(missing)]
    video_pass = VideoPass(VideoInfo("arrays", width, height, rate), extractors, {})
    collected: dict[str, list[np.ndarray]] = {}
    try:
        stream = [StreamFrame(i, i / rate, {"frames": frame}) for i, frame in enumerate(frames)]
        for frame in stream:
            video_pass.push(frame)
        for arrays in video_pass.finish().values():
            video.arrays.update(arrays)
        for error in video_pass.errors.values():
            raise error
        for name in missing:
            if name not in video.arrays:
                collected[name] = [frame.features[name] for frame in stream]
    finally:
        video_pass.close()
    video.arrays.update({name: np.stack(rows) for name, rows in collected.items()})
    video.pixel_xy = frozenset(name for extractor in extractors for name in extractor.pixel_xy)
    return video


def _audio(audio: Any, needs: list[str]) -> dict[str, np.ndarray]:
    if isinstance(audio, Mapping):
        return dict(audio)
    if not needs:
        return {}
    if audio is None:
        raise InputError("this metric needs sound", expected="audio: samples at 16 kHz, or " + ", ".join(needs))
    features: dict[str, np.ndarray] = {}
    for cls in {provider(name) for name in needs}:
        extractor = cls()
        assert isinstance(extractor, AudioExtractor)
        features.update(extractor.extract(np.asarray(audio, np.float32)))
    return features


def _run_streamed(metric: Any, sample: SampleFeatures) -> None:
    """Computes the values that the engine would compute while decoding."""
    if not getattr(metric, "streamed", lambda: False)():
        return
    key, every = f"metric:{metric.id()}", metric.every
    if metric.paired:
        assert sample.truth is not None
        sides = []
        for video, column in ((sample.prediction, 0), (sample.truth, 1)):
            index = sample.pairs[:, column]
            sides.append({name: _rows(video[name], index) for name in metric.needs})
        sample.pair[key] = np.asarray(metric.values(sides[0], sides[1]), np.float64)
        return
    index = np.arange(0, sample.prediction.n_frames, every)
    values = np.full(sample.prediction.n_frames, np.nan)
    values[index] = metric.values({name: _rows(sample.prediction[name], index) for name in metric.needs}, None)
    sample.prediction.arrays[key] = values


def _rows(rows: Any, index: np.ndarray) -> Any:
    return [rows[i] for i in index] if isinstance(rows, list) else rows[index]
