"""The one decoding pass over a video: frames with upright RGB and the decoder's own planes; and its sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.features.base import Planes, VideoInfo
from vfa.errors import DecodeError

if TYPE_CHECKING:
    import av

AUDIO_RATE = 16000


@dataclass
class StreamFrame:
    """A decoded frame on its way through the extractors.

    Attributes:
        index, time: position in the video; seconds since its first frame, in whole microseconds.
        features: `frames` (uint8 [H,W,3]) and `planes` as far as asked for, then what extractors add for this frame.
    """

    index: int
    time: Fraction
    features: dict[str, Any] = field(default_factory=dict)


def stamp(seconds: float) -> Fraction:
    """A time in whole microseconds: the form in which streamed and stored time lines pair alike."""
    return Fraction(round(seconds * 1_000_000), 1_000_000)


class VideoReader:
    """Reads a video once, frame by frame.

    Args:
        path: the file.
        wanted: which of `frames` and `planes` a frame shall hold.

    Raises:
        DecodeError, InputError: the file is no video that can be decoded.
    """

    passes = 0
    """Decoding passes begun in this process; the run record adds them up."""

    def __init__(self, path: Path, wanted: frozenset[str] | set[str]) -> None:
        from vfa.media.video import describe

        self.path, self.wanted = path, frozenset(wanted)
        about = describe(path)
        self.info = VideoInfo(path.name, about.width, about.height, about.rate)
        self.n_frames_hint = about.n_frames
        self._aspect = about.aspect
        self.has_sound = about.has_audio
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[StreamFrame]:
        from vfa.media.video import Upright, decode

        VideoReader.passes += 1
        upright: Upright | None = None
        for index, (time, decoded) in enumerate(decode(self.path, warn=self.warnings.append)):
            upright = upright or Upright(decoded, self._aspect)
            frame = StreamFrame(index, stamp(float(time)))
            if "frames" in self.wanted:
                frame.features["frames"] = upright(decoded)
            if "planes" in self.wanted:
                frame.features["planes"] = planes_of(decoded, upright)
            yield frame


def planes_of(frame: av.VideoFrame, upright: Any = None) -> Planes:
    """The 8-bit 4:2:0 planes of a decoded frame; other pixel formats are converted as FFmpeg's scaler does."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    planes = []
    for plane, (height, width) in zip(frame.planes, _sizes(frame.height, frame.width), strict=True):
        stored = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:height, :width]
        planes.append(stored.copy() if upright is None else upright.orientation.apply(stored).copy())
    return Planes(*planes)


def _sizes(height: int, width: int) -> tuple[tuple[int, int], ...]:
    half = ((height + 1) // 2, (width + 1) // 2)
    return (height, width), half, half


def planes_from_rgb(image: np.ndarray) -> Planes:
    """4:2:0 planes of an RGB image uint8 [H,W,3], by FFmpeg's scaler (BT.601, limited range)."""
    import av

    return planes_of(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"))


def resized_planes(planes: Planes, width: int, height: int) -> Planes:
    """Planes at another size by FFmpeg's bicubic scaler, as ffmpeg-quality-metrics scales."""
    import av

    if planes.y.shape == (height, width):
        return planes
    even = (planes.y.shape[0] // 2 * 2, planes.y.shape[1] // 2 * 2)
    y = planes.y[: even[0], : even[1]]
    u, v = (plane[: even[0] // 2, : even[1] // 2] for plane in planes[1:])
    packed = np.concatenate([y.reshape(-1), u.reshape(-1), v.reshape(-1)]).reshape(-1, even[1])
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(packed), format="yuv420p")
    return planes_of(frame.reformat(width=width, height=height, interpolation="BICUBIC"))


def resized_frame(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """A uint8 image [H,W,3] at another size, bicubic."""
    import cv2

    if image.shape[:2] == (height, width):
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)


def read_audio(path: Path) -> np.ndarray | None:
    """The sound of a file as float32 [n] in -1..1, mono, 16 kHz; None when it has none.

    Raises:
        DecodeError: the file cannot be opened or its sound cannot be decoded.
    """
    import av

    try:
        with av.open(f"file:{path.resolve()}", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.audio:
                return None
            resampler = av.AudioResampler(format="s16", layout="mono", rate=AUDIO_RATE)
            parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DecodeError("the sound cannot be decoded", path=path, found=str(error)) from error
    if not parts:
        return None
    return np.concatenate(parts).astype(np.float32) / 32768
