"""Decoding of one video stream with exact time stamps, upright, whatever the container and pixel format."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vfa.errors import DecodeError, InputError
from vfa.media.frame import Frame
from vfa.media.reader import ClipReader

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,nut,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,h264,hevc,m4v,ivf,mxf,gif,apng"
)
"""Demuxers that may open a clip. Play lists, text and device formats are left out: a clip is one local file."""


@dataclass(frozen=True)
class VideoInfo:
    """What the first decoded frame and the header say about a video.

    Attributes:
        width, height: pixels after rotation and with square pixels.
        rate: average frames per second.
        n_frames: by the header, None when it does not say.
        has_audio: whether there is a sound stream.
        start: time of the first frame in the container's own clock, seconds.
        aspect: width over height of a stored pixel.
        pixel_format: FFmpeg's name.
        bits: bits of the first component.
        metadata: of container and stream, stream last.
    """

    width: int
    height: int
    rate: Fraction
    n_frames: int | None
    has_audio: bool
    start: Fraction
    aspect: Fraction
    pixel_format: str
    bits: int
    metadata: dict[str, str]


@dataclass(frozen=True)
class Orientation:
    """How stored pixels become upright: transpose first, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Reads the display matrix (16.16 fixed point, row vectors) that phones write instead of turning pixels."""
        entries: Iterable[Any] = frame.side_data
        for data in entries:
            if data.type.name == "DISPLAYMATRIX":
                a, b, _, c, d = struct.unpack("=9i", bytes(data)[:36])[:5]
                if abs(a) + abs(d) >= abs(b) + abs(c):
                    return cls(False, a < 0, d < 0)
                return cls(True, c < 0, b < 0)
        return cls()

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Turns `[H, W]` or `[H, W, C]` upright; the result is contiguous."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        image = image[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1]
        return np.ascontiguousarray(image)


def open_container(path: Path, *, sound: bool = False) -> InputContainer:
    """Opens a local video file and nothing else: no network, no play lists.

    Args:
        path: the file.
        sound: a file with sound and no picture will do as well.

    Raises:
        DecodeError: the file holds no readable video.
    """
    import av

    size = path.stat().st_size
    if size == 0:
        raise DecodeError("the video is empty", path=path, expected="a video file", found="0 bytes")
    try:
        formats = CONTAINERS + (",wav,mp3,aac,flac" if sound else "")
        options = {"format_whitelist": formats, "protocol_whitelist": "file"}
        container = av.open(f"file:{path.resolve()}", options=options, metadata_errors="replace")
    except PermissionError as error:
        raise InputError("the video may not be read", path=path, hint="check its permissions") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DecodeError("this is no video that can be opened", path=path, **_what_is_there(path)) from error
    if not container.streams.video and not (sound and container.streams.audio):
        container.close()
        raise DecodeError("the file has no video stream", path=path, **_what_is_there(path))
    return container


def _what_is_there(path: Path) -> dict[str, str]:
    """`expected`, `found` and `hint` for a file that does not open."""
    with path.open("rb") as file:
        head = file.read(4096)
    size = path.stat().st_size
    found, hint = f"{size} bytes of an unknown format", "play it in another program; convert it to H.264 in .mp4"
    if head.startswith(b"version https://git-lfs"):
        found, hint = "a Git-LFS pointer", "run `git lfs pull` in its repository"
    elif head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        found, hint = "a web page", "download the file itself"
    elif head[4:8] in (b"ftyp", b"mdat", b"moov", b"free", b"wide"):
        found = f"{size} bytes of an MP4 without its index (moov); the recording or the copy was cut short"
        hint = "copy it again from its origin"
    elif head and not head.strip(bytes(range(32, 127)) + b"\r\n\t"):
        found = "plain text"
    return {"expected": "a video (mp4, mov, mkv, webm, avi, nut ...)", "found": found, "hint": hint}


def decode(path: Path, *, warn: Callable[[str], None]) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Yields (exact seconds since the first frame, decoded frame) one by one.

    Damaged packets are skipped, what can be decoded is given, and `warn` is told; frames without a time stamp follow
    the previous one at the average rate, frames that do not advance in time are dropped.

    Raises:
        DecodeError: not a single frame can be decoded.
    """
    import av

    with open_container(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        step = 1 / _rate(stream)
        declared = stream.frames
        start: Fraction | None = None
        last: Fraction | None = None
        given = dropped = damaged = 0

        def decoded() -> Iterator[av.VideoFrame]:
            nonlocal damaged
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets)
                except StopIteration:
                    return
                except (av.FFmpegError, OSError):
                    damaged += 1
                    with suppress(av.FFmpegError, EOFError):
                        yield from stream.decode(None)
                    return
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    damaged += 1
                    continue
                yield from frames

        for frame in decoded():
            damaged += bool(frame.is_corrupt)
            if frame.pts is not None and frame.time_base is not None:
                time = frame.pts * Fraction(frame.time_base)
            else:
                time = Fraction(0) if last is None else last + step
            start = time if start is None else start
            if last is not None and time <= last:
                dropped += 1
                continue
            last = time
            given += 1
            yield time - start, frame
        if not given:
            raise DecodeError("no frame of the video can be decoded", path=path, **_what_is_there(path))
        if damaged:
            warn(f"{path.name}: {damaged} damaged packets or frames; what could be decoded is used")
        if dropped:
            warn(f"{path.name}: {dropped} frames without a time of their own were dropped")
        if declared and given + dropped < declared:
            warn(f"{path.name}: the header promises {declared} frames, {given + dropped} could be decoded")


def _rate(stream: av.VideoStream) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate:
            return Fraction(rate)
    return Fraction(25)


def describe(path: Path) -> VideoInfo:
    """Header and first frame of a video.

    Raises:
        DecodeError: it cannot be opened or has no decodable frame.
    """
    with open_container(path) as container:
        stream = container.streams.video[0]
        metadata = {**container.metadata, **stream.metadata}
        audio = bool(container.streams.audio)
        rate, n_frames = _rate(stream), stream.frames or None
        clock = stream.time_base
        aspect = Fraction(stream.sample_aspect_ratio or 1)
    for _, frame in decode(path, warn=lambda text: None):
        converter = Upright(frame, aspect)
        start = frame.pts * Fraction(frame.time_base or clock) if frame.pts is not None else Fraction(0)
        component = frame.format.components[0]
        return VideoInfo(
            converter.width,
            converter.height,
            rate,
            n_frames,
            audio,
            start,
            aspect,
            frame.format.name,
            component.bits,
            metadata,
        )
    raise DecodeError("no frame of the video can be decoded", path=path)


class Upright:
    """Turns the decoded frames of one stream into upright RGB arrays of one size with square pixels."""

    def __init__(self, first: av.VideoFrame, aspect: Fraction) -> None:
        from av.video.reformatter import VideoReformatter

        self.orientation = Orientation.of(first)
        self._stored = (max(1, round(first.width * aspect)), first.height)
        self.width, self.height = self._stored[::-1] if self.orientation.transpose else self._stored
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Uint8 `[height, width, 3]`, RGB; 10-bit, grey and full-range sources are converted."""
        width, height = self._stored
        converted = self._reformatter.reformat(frame, width, height, "rgb24")
        return self.orientation.apply(converted.to_ndarray())


class VideoClip(ClipReader):
    """A colour video in any container FFmpeg reads."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        info = describe(path)
        self.width, self.height, self.rate, self.n_frames = info.width, info.height, info.rate, info.n_frames
        self.audio_path = path if info.has_audio else None
        self._aspect = info.aspect

    def _frames(self) -> Iterator[Frame]:
        upright: Upright | None = None
        for index, (time, frame) in enumerate(decode(self.path, warn=self.warn)):
            upright = upright or Upright(frame, self._aspect)
            yield Frame(index, time, upright(frame))
