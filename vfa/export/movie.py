"""Movies with the driving's exact time stamps and its sound."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfa.errors import InputError
from vfa.media.writers import ColorWriter

if TYPE_CHECKING:
    import av
    import numpy as np

PREROLL = Fraction(1, 20)
"""Seconds of sound stored ahead of time 0 (and skipped by players), so that the decoder has settled by then."""

AAC_RATES = (16000, 22050, 24000, 32000, 44100, 48000)


class SoundTrack:
    """The sound of a recording on the clock of its pictures, as packets for another file.

    AAC is passed on as it is; anything else is decoded and encoded as AAC.

    Args:
        path: the recording: a video with sound or a sound file.

    Raises:
        InputError: there is no such file.
        DecodeError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        from vfa.media.video import describe, open_container

        if not path.is_file():
            raise InputError("the sound's file is missing", path=path)
        self.path = path
        self.source: Any = open_container(path, sound=True)
        self.stream: Any = self.source.streams.audio[0] if self.source.streams.audio else None
        self.start = describe(path).start if self.source.streams.video else Fraction(0)
        self.copied = self.stream is not None and self.stream.codec_context.name == "aac"

    def add_to(self, file: av.container.OutputContainer) -> None:
        """Adds the stream to a file whose header has not been written yet."""
        assert self.stream is not None
        if self.copied:
            self.target = file.add_stream_from_template(self.stream)
            self.clock = Fraction(self.stream.time_base)
            return
        rate = self.stream.rate if self.stream.rate in AAC_RATES else 48000
        self.target = file.add_stream("aac", rate=rate)
        self.target.codec_context.layout = "mono" if self.stream.codec_context.channels == 1 else "stereo"
        self.clock = Fraction(1, rate)

    def packets(self, first: Fraction) -> Iterator[tuple[Fraction, av.Packet]]:
        """Yields (seconds after picture time `first`, packet) from shortly before `first` on."""
        return self._passed_on(first) if self.copied else self._encoded(first)

    def _passed_on(self, first: Fraction) -> Iterator[tuple[Fraction, av.Packet]]:
        for packet in self.source.demux(self.stream):
            if packet.pts is None or packet.size == 0:
                continue
            start = packet.pts * self.clock - self.start - first
            if start + (packet.duration or 0) * self.clock <= -PREROLL:
                continue
            packet.pts = packet.dts = round(start / self.clock)
            packet.stream = self.target
            yield start, packet

    def _encoded(self, first: Fraction) -> Iterator[tuple[Fraction, av.Packet]]:
        from av import AudioResampler

        rate = int(1 / self.clock)
        resampler = AudioResampler(format="fltp", layout=self.target.codec_context.layout, rate=rate, frame_size=1024)
        position: int | None = None
        for frame in self.source.decode(self.stream):
            if position is None:
                position = round((frame.pts * Fraction(frame.time_base) - self.start - first) * rate)
            for piece in resampler.resample(frame):
                piece.pts, piece.time_base = position, self.clock
                position += piece.samples
                if position > -PREROLL * rate:
                    yield from self._through_encoder(piece)
        yield from self._through_encoder(None)

    def _through_encoder(self, piece: av.AudioFrame | None) -> Iterator[tuple[Fraction, av.Packet]]:
        packets: list[Any] = self.target.encode(piece)
        for packet in packets:
            yield packet.pts * Fraction(packet.time_base), packet

    def close(self) -> None:
        """Releases the recording."""
        self.source.close()


class MovieWriter(ColorWriter):
    """H.264 movie whose pictures keep their exact distances in time, with the matching stretch of sound.

    The first picture is at time 0 of the movie; the sound is that of the written span. Odd sizes are padded to even.

    Args:
        path: `.mp4` file, complete or absent.
        width, height: pixels of the pictures.
        rate: average frames per second.
        audio_from: recording whose sound is wanted, times of `write` being times after its first picture;
            None or a recording without sound makes a silent movie.
        crf: quality, 0 (lossless) to 51.

    Attributes:
        warnings: what went wrong with the sound without stopping the movie.

    Raises:
        InputError: as `ColorWriter`, or the sound's file is missing.
        VFAError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        width: int,
        height: int,
        rate: Fraction,
        audio_from: str | Path | None = None,
        crf: int = 18,
    ) -> None:
        sound = SoundTrack(Path(audio_from)) if audio_from is not None else None
        super().__init__(path, width=width, height=height, rate=rate, crf=crf)
        self.warnings: list[str] = []
        self._sound: SoundTrack | None = None
        self._packets: Iterator[tuple[Fraction, av.Packet]] | None = None
        self._waiting: tuple[Fraction, av.Packet] | None = None
        if sound is not None and sound.stream is not None:
            sound.add_to(self._file)
            self._sound = sound
        elif sound is not None:
            sound.close()

    def write(self, image: np.ndarray, time: Fraction) -> None:
        """Appends a picture (uint8 `[H, W, 3]`, RGB) shown from `time` (exact seconds) until the next one."""
        super().write(image, time)
        if self._sound is not None and self._packets is None:
            self._packets = self._sound.packets(Fraction(time))
        assert self._first is not None
        self._guard(self._mux_sound, Fraction(time) - self._first)

    def _mux_sound(self, until: Fraction) -> None:
        while self._packets is not None:
            if self._waiting is None:
                self._waiting = self._next_packet(self._packets)
            if self._waiting is None or self._waiting[0] >= until:
                return
            self._file.mux(self._waiting[1])
            self._waiting = None

    def _next_packet(self, packets: Iterator[tuple[Fraction, av.Packet]]) -> tuple[Fraction, av.Packet] | None:
        import av

        try:
            return next(packets, None)
        except av.FFmpegError as error:
            self.warnings.append(f"the sound of {self._sound.path.name if self._sound else ''} breaks off: {error}")
            return None

    def _finish(self) -> None:
        assert self._last is not None and self._first is not None
        self._mux_sound(self._last - self._first + self._gap)

    def close(self) -> None:
        """Completes the movie; see `VideoWriter.close`."""
        super().close()
        self._release_sound()

    def abort(self) -> None:
        """Throws away what was written."""
        super().abort()
        self._release_sound()

    def _release_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()
            self._sound = self._packets = self._waiting = None
