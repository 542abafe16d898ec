"""What an extractor is, and the containers in which features travel from frames to metrics.

A *feature* is a named array. Video features have one row per frame (NaN rows where a frame has no face); features of
`finish()` have any shape. Extractors of one video run chunk by chunk in the order of their needs, so that a video is
decoded once for all of them. The names known today:

============== ============================ =====================================================================
feature        shape                        meaning
============== ============================ =====================================================================
frames         uint8 [n,H,W,3]              RGB; streamed in chunks, never stored
planes         list of n `Planes`           the decoder's own 4:2:0 planes (full resolution Y, half resolution U, V)
face_frames    uint8 [n,256,256,3]          square face crop, black where there is no face; streamed, never stored
pixel_mean     float32 [T,3]                mean of R, G, B, 0..255
pixel_std      float32 [T,3]                standard deviation of R, G, B
pixel_change   float32 [T]                  mean absolute difference from the previous frame (NaN in the first)
landmarks478   float32 [T,478,3]            MediaPipe points, pixels of the video (z in the same scale)
landmarks68    float32 [T,68,2]             the iBUG-68 subset, pixels of the video
face_box       float32 [T,4]                x0, y0, x1, y1 of the landmarks, pixels
pose           float32 [T,3]                yaw, pitch, roll of the head in degrees, by PnP
position       float32 [T,3]                head translation by PnP, in units of the reference head (about mm)
flow_mean      float32 [T]                  mean length of the optical flow from the previous frame, pixels
flow_top       float32 [T]                  mean of the largest 5 % of those lengths, pixels
audio_envelope float32 [M]                  RMS of the sound, 100 values a second, 25 ms windows
audio_onset    float32 [M]                  positive spectral flux of the sound, 100 values a second
mfcc           float32 [M,13]               python_speech_features' defaults, 100 values a second
au             dict: column -> float64 [T]  OpenFace table (column names stripped)
va             dict: column -> float64 [T]  columns `valence` and `arousal`
vertices       float32 [T,V,3]              vertex sequence
============== ============================ =====================================================================

Features of networks (unavailable without their weights) are listed in the modules `network_*` beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from vfa.errors import InputError


class Planes(NamedTuple):
    """One decoded frame as the decoder stores it: uint8 luma [H,W] and chroma [ceil(H/2),ceil(W/2)]."""

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before its frames are read."""

    name: str
    width: int
    height: int
    rate: Fraction


@dataclass
class Chunk:
    """Some consecutive frames of one video, and the features already computed for them.

    Attributes:
        index: int64 [n], frame numbers in the video.
        times: float64 [n], seconds.
        features: feature name -> array with n rows; holds `frames` and `planes` when an extractor needs them.
    """

    index: np.ndarray
    times: np.ndarray
    features: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, name: str) -> Any:
        return self.features[name]


class Extractor:
    """Turns the frames of one video (or its sound) into named features; a fresh object is made for each video.

    Class attributes:
        name: unique; with `version` and the content hash of the video it is the key of the cache.
        version: raise it whenever the numbers change.
        needs: features it reads; `frames` or `planes` make it need a decoding pass.
        provides: names of the arrays that `update` and `finish` return.
        inputs: `video` (chunks of one video) or `audio` (called once, see `AudioExtractor`).
        weights: keys of the weights manifest without which it is unavailable.
        transient: its features are handed on within a pass and never stored.
        pixel_xy: those of `provides` whose last axis starts with pixel coordinates x, y; they are scaled to the size
            of the ground truth when a pair differs in size.
        cost: rough milliseconds per frame of 256 x 256, for the plan.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("frames",)
    provides: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[str] = "video"
    weights: ClassVar[tuple[str, ...]] = ()
    transient: ClassVar[bool] = False
    pixel_xy: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[float] = 1.0

    def start(self, info: VideoInfo) -> None:
        """Prepares for one video; called once, before the first chunk."""

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        """Returns the per-frame features of a chunk, each with one row per frame.

        The result may not depend on where the chunks are cut: what reaches over a border is kept on the object.
        """
        return {}

    def finish(self) -> Mapping[str, np.ndarray]:
        """Returns features of the whole video; called once, after the last chunk."""
        return {}

    def close(self) -> None:
        """Frees what `start` took; called also when the video failed."""


class AudioExtractor(Extractor):
    """Turns the sound of a clip into features: `extract` is called once with mono samples at 16 kHz."""

    inputs = "audio"
    needs = ()

    def extract(self, samples: np.ndarray) -> Mapping[str, np.ndarray]:
        """Args: samples: float32 [n] in -1..1, mono, 16 kHz. Returns the features by name."""
        raise TypeError(f"extractor {self.name} lacks extract()")


@dataclass
class VideoFeatures:
    """All features of one video on its own time line.

    Attributes:
        times: float64 [T] seconds of its frames (empty for a vertex sequence without times).
        arrays: feature name -> array; `features["landmarks68"]` is the short form.
    """

    name: str
    width: int = 0
    height: int = 0
    rate: Fraction = Fraction(25)
    times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    arrays: dict[str, Any] = field(default_factory=dict)
    pixel_xy: frozenset[str] = frozenset()

    @property
    def n_frames(self) -> int:
        return len(self.times)

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def __getitem__(self, name: str) -> Any:
        if name not in self.arrays:
            raise InputError(
                f"the feature {name!r} is not there",
                path=self.name,
                expected=f"{name} among the features of this video",
                found=", ".join(sorted(self.arrays)) or "none",
            )
        return self.arrays[name]


@dataclass
class SampleFeatures:
    """What a metric sees of one sample: the features of the prediction, those of the truth, and how they pair.

    Attributes:
        id: name of the sample.
        prediction: features of the generated video.
        truth: features of the ground truth, None when the sample has none.
        pairs: int64 [N,2], rows (frame of the prediction, frame of the truth), both columns non-decreasing. Under
            `trim` and `resample` each frame of the truth appears at most once; under `dtw` N may exceed both lengths.
        pair: per-pair features [N,...] (values of streamed paired metrics).
        audio: features of the sound that belongs to the prediction; empty when there is none.
        source: picture from which the prediction was made, where the layout names one.
    """

    id: str
    prediction: VideoFeatures
    truth: VideoFeatures | None = None
    pairs: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    pair: dict[str, np.ndarray] = field(default_factory=dict)
    audio: dict[str, np.ndarray] = field(default_factory=dict)
    source: Path | None = None

    @property
    def rate(self) -> Fraction:
        """Frames a second of the time line on which pairs live: the truth's, else the prediction's."""
        return self.truth.rate if self.truth is not None else self.prediction.rate

    def aligned(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns a feature of both sides after alignment, two arrays [N,...]; pixel coordinates in truth's pixels."""
        if self.truth is None:
            raise InputError("the sample has no ground truth", path=self.id, expected=f"{name} of a ground truth")
        prediction = np.asarray(self.prediction[name])[self.pairs[:, 0]]
        truth = np.asarray(self.truth[name])[self.pairs[:, 1]]
        if name in self.prediction.pixel_xy:
            prediction = scaled_points(prediction, self.prediction, self.truth)
        return prediction, truth

    def per_reference(self, values: np.ndarray) -> np.ndarray:
        """Averages per-pair values [N] over the partners of each frame of the truth, so that a plateau of a warp does
        not count twice; NaN partners are left out; without a warp the values come back as they are."""
        values = np.asarray(values, np.float64)
        frames = self.pairs[:, 1]
        if len(values) != len(frames) or len(np.unique(frames)) == len(frames):
            return values
        _, group = np.unique(frames, return_inverse=True)
        seen = np.isfinite(values)
        count = np.bincount(group, seen)
        total = np.bincount(group, np.where(seen, values, 0.0))
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def scaled_points(points: np.ndarray, source: VideoFeatures, target: VideoFeatures) -> np.ndarray:
    """Maps pixel coordinates of one video to those of another size; x by width, y by height, a third axis by width."""
    if (source.width, source.height) == (target.width, target.height) or not source.width or not target.width:
        return points
    factor = [target.width / source.width, target.height / source.height, target.width / source.width]
    if points.shape[-1] == 4:
        factor = [factor[0], factor[1], factor[0], factor[1]]
    return (points * np.asarray(factor[: points.shape[-1]])).astype(points.dtype)
