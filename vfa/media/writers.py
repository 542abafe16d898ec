"""Video out: frames at exact rational times, and files that are complete or absent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from vfa.errors import InputError, VFAError
from vfa.media.atomic import discard, temporary_path
from vfa.media.depth import DepthUnits

if TYPE_CHECKING:
    import av

FINE_CLOCK = 11_520_000
"""Ticks per second that hold the usual clocks exactly: 90000, 30000, 24000, 15360, 12800, 10240, 1000, 600."""

Self = TypeVar("Self", bound="VideoWriter")


def clock_for(rate: Fraction) -> Fraction:
    """The time base that holds the frame times of `rate` and those of the usual clocks exactly.

    >>> clock_for(Fraction(30000, 1001))
    Fraction(1, 11520000)
    """
    ticks = lcm(FINE_CLOCK, rate.numerator)
    return Fraction(1, ticks if ticks < 2**31 else FINE_CLOCK)


class VideoWriter:
    """Encodes one video stream; the first frame is at time 0, the others keep their exact distance to it.

    The encoder counts frames (so its rate is the nominal one) and never reorders them; packets get their true times
    when they are stored. Use as a context manager: leaving it normally completes the file, an exception removes it.

    Args:
        path: final file; its folder is made.
        width, height: pixels of the frames to come.
        rate: average frames per second, for the header and for how long the last frame lasts.
        container: FFmpeg's name of the file format.
        codec, pixel_format: FFmpeg's names.
        options: of the encoder.
        container_options: of the file format.
        metadata: of the file.

    Raises:
        InputError: sizes or rate out of range, times that do not increase, pictures of another size.
        VFAError: the file cannot be written (disk full, read-only).
    """

    def __init__(
        self,
        path: str | Path,
        *,
        width: int,
        height: int,
        rate: Fraction,
        container: str,
        codec: str,
        pixel_format: str,
        options: Mapping[str, str],
        container_options: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        import av

        self.path = Path(path)
        rate = Fraction(rate).limit_denominator(1_000_000)
        if not (0 < width <= 16384 and 0 < height <= 16384 and 0 < rate <= 1000):
            raise InputError(
                "such a video cannot be written", path=path, found=f"{width}x{height} at {rate} per second"
            )
        self.width, self.height, self.rate = width, height, rate
        self._clock = clock_for(rate)
        self._times: dict[int, Fraction] = {}
        self._first: Fraction | None = None
        self._last: Fraction | None = None
        self._count = 0
        self._done = False
        self._temporary = temporary_path(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = av.open(
                f"file:{self._temporary.absolute()}",
                "w",
                format=container,
                container_options=dict(container_options or {}),
            )
        except (OSError, av.FFmpegError) as error:
            raise self._failed(error) from error
        self._file.metadata.update(metadata or {})
        stream: Any = self._file.add_stream(codec, rate=rate, options=dict(options))
        stream.width, stream.height = self._stored_size()
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = 1 / rate
        stream.time_base = self._clock
        self._stream = stream

    def _stored_size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def n_frames(self) -> int:
        """Frames written so far."""
        return self._count

    def _frame(self, image: np.ndarray) -> av.VideoFrame:
        raise TypeError(f"{type(self).__name__} does not say how a picture becomes a frame")

    def write(self, image: np.ndarray, time: Fraction) -> None:
        """Appends a picture shown from `time` (seconds, exact) until the next one."""
        if self._done:
            raise InputError("the video is closed already", path=self.path)
        time = Fraction(time)
        if self._last is not None and time <= self._last:
            raise InputError("the times of frames must increase", path=self.path, found=f"{time} after {self._last}")
        frame = self._frame(image)
        self._first = time if self._first is None else self._first
        self._last, previous = time, self._last
        frame.pts, frame.time_base = self._count, 1 / self.rate
        self._times[self._count] = time - self._first
        self._count += 1
        self._gap = 1 / self.rate if previous is None else time - previous
        self._guard(self._encode, frame)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            index = packet.pts
            length = self._gap if index == self._count - 1 else 1 / self.rate
            packet.time_base = self._clock
            packet.pts = packet.dts = round(self._times.pop(index) / self._clock)
            packet.duration = max(1, round(length / self._clock))
            self._file.mux(packet)

    def _finish(self) -> None:
        """Called once before the last packets are written; for streams beside the video."""

    def _complete(self) -> None:
        self._encode(None)
        self._finish()
        self._file.close()
        os.replace(self._temporary, self.path)

    def _guard(self, action, *arguments) -> None:  # type: ignore[no-untyped-def]
        import av

        try:
            action(*arguments)
        except (OSError, av.FFmpegError) as error:
            self.abort()
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> VFAError:
        reason = getattr(error, "strerror", None) or str(error)
        return VFAError("the video cannot be written", path=self.path, found=reason, hint="check free space and rights")

    def close(self) -> None:
        """Completes the file; after this it is there, or an error was raised and nothing is.

        Raises:
            InputError: no frame was written.
        """
        if self._done:
            return
        if not self._count:
            self.abort()
            raise InputError("no frame was written, so there is no video", path=self.path)
        self._guard(self._complete)
        self._done = True

    def abort(self) -> None:
        """Throws away what was written."""
        import av

        if self._done:
            return
        self._done = True
        try:
            self._file.close()
        except (OSError, av.FFmpegError):
            pass  # the file goes anyway
        finally:
            discard(self._temporary)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class ColorWriter(VideoWriter):
    """H.264 in MP4: yuv420p, BT.601 as tagged, index in front; odd sizes get one repeated row or column.

    Args:
        path: `.mp4` file.
        width, height: pixels of the pictures.
        rate: average frames per second.
        crf: quality, 0 (lossless) to 51; 18 is visually lossless.
        keyframe_interval: frames between random-access points, None for the encoder's choice.
        metadata: of the file.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        width: int,
        height: int,
        rate: Fraction,
        crf: int = 18,
        keyframe_interval: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        from av.video.reformatter import Colorspace, VideoReformatter

        if not 0 <= crf <= 51:
            raise InputError("crf is out of range", expected="0..51", found=str(crf))
        options = {"crf": str(crf), "preset": "medium", "bf": "0", "threads": "2"}
        if keyframe_interval is not None:
            options.update(g=str(keyframe_interval), sc_threshold="0")
        super().__init__(
            path,
            width=width,
            height=height,
            rate=rate,
            container="mp4",
            codec="libx264",
            pixel_format="yuv420p",
            options=options,
            container_options={"movflags": "+faststart"},
            metadata=metadata,
        )
        context = self._stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 6, 1, 1, 1
        self._reformatter, self._bt601 = VideoReformatter(), Colorspace.ITU601

    def _stored_size(self) -> tuple[int, int]:
        return self.width + self.width % 2, self.height + self.height % 2

    def _frame(self, image: np.ndarray) -> av.VideoFrame:
        import av

        if image.dtype != np.uint8 or image.shape != (self.height, self.width, 3):
            raise InputError(
                "the picture does not fit the video",
                path=self.path,
                expected=f"uint8 ({self.height}, {self.width}, 3)",
                found=f"{image.dtype} {image.shape}",
            )
        if self.width % 2 or self.height % 2:
            image = np.pad(image, ((0, self.height % 2), (0, self.width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        return self._reformatter.reformat(frame, format="yuv420p", dst_colorspace=self._bt601, dst_color_range=1)


class DepthWriter(VideoWriter):
    """16-bit depth, bit for bit: FFV1 gray16le in NUT, every frame a key frame.

    Args:
        path: `.nut` file.
        width, height: pixels of the maps.
        rate: average frames per second.
        units: recorded in the file; None records nothing.
        metadata: more entries for the file.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        rate: Fraction,
        *,
        units: DepthUnits | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            path,
            width=width,
            height=height,
            rate=rate,
            container="nut",
            codec="ffv1",
            pixel_format="gray16le",
            options={"level": "3", "g": "1", "slicecrc": "1", "threads": "1"},
            metadata={**(units.metadata() if units else {}), **(metadata or {})},
        )

    def _frame(self, image: np.ndarray) -> av.VideoFrame:
        import av

        if image.dtype != np.uint16 or image.shape != (self.height, self.width):
            raise InputError(
                "the depth map does not fit the video",
                path=self.path,
                expected=f"uint16 ({self.height}, {self.width})",
                found=f"{image.dtype} {image.shape}",
            )
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray16le")
