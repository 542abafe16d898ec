"""Movies: exact times, colours, sound at its place, complete or absent."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vfa.errors import InputError, VFAError
from vfa.export.movie import MovieWriter
from vfa.media import open_clip

RATE = 44100


def clicks(seconds: float) -> np.ndarray:
    """Silence with a 4 ms, 2 kHz burst at every half second, float32 `[N]`."""
    sound = np.zeros(int(seconds * RATE), np.float32)
    burst = (0.8 * np.sin(2 * np.pi * 2000 * np.arange(176) / RATE)).astype(np.float32)
    for start in range(RATE // 2, len(sound) - 200, RATE // 2):
        sound[start : start + 176] = burst
    return sound


def write_driving(
    path: Path, *, codec: str | None, pictures: int = 60, seconds: float = 2.0, late: float = 0.0
) -> Path:
    """30 frames per second with clicks, made with PyAV alone; the sound begins `late` seconds after the picture."""
    import av

    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=30)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = file.add_stream(codec, rate=RATE) if codec else None
        if audio is not None:
            audio.codec_context.layout = "mono"
        for index in range(pictures):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), index, np.uint8), format="rgb24")
            for packet in video.encode(frame):
                file.mux(packet)
        for packet in video.encode():
            file.mux(packet)
        if audio is not None:
            size = audio.codec_context.frame_size or 1024
            resampler = av.AudioResampler(audio.codec_context.format.name, "mono", RATE, frame_size=size)
            whole = av.AudioFrame.from_ndarray(clicks(seconds)[None], format="flt", layout="mono")
            whole.rate, whole.pts, whole.time_base = RATE, round(late * RATE), Fraction(1, RATE)
            for piece in [*resampler.resample(whole), *resampler.resample(None), None]:
                for packet in audio.encode(piece):
                    file.mux(packet)
    return path


def onsets(path: Path) -> list[float]:
    """Seconds at which clicks start, read from time stamps and samples (sound before time 0 is not heard)."""
    import av

    found: list[float] = []
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            samples = frame.to_ndarray().astype(np.float32)
            samples = samples[0] / (32768 if frame.format.name.startswith("s16") else 1)
            start = float(frame.pts * frame.time_base)
            for place in np.flatnonzero(np.abs(samples) > 0.3):
                time = start + place / frame.rate
                if time >= 0 and (not found or time - found[-1] > 0.1):
                    found.append(time)
    return found


def write_movie(path: Path, times: list[Fraction], rate: Fraction, audio_from: Path | None = None) -> MovieWriter:
    writer = MovieWriter(path, width=32, height=32, rate=rate, audio_from=audio_from)
    with writer:
        for index, time in enumerate(times):
            writer.write(np.full((32, 32, 3), (7 * index) % 200 + 20, np.uint8), time)
    return writer


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001)])
def test_times_are_exact_over_a_minute(tmp_path: Path, rate: Fraction) -> None:
    times = [index / rate for index in range(60 * int(rate))]
    write_movie(tmp_path / "movie.mp4", times, rate)
    clip = open_clip(tmp_path / "movie.mp4")
    assert [frame.time for frame in clip] == times
    assert clip.rate == rate


@pytest.mark.parametrize("clock", [90000, 15360, 12800, 1000, 600])
def test_irregular_times_of_the_usual_clocks_are_exact(tmp_path: Path, clock: int) -> None:
    gaps = np.random.default_rng(clock).integers(1, clock // 10, 40)
    times = [Fraction(int(tick), clock) for tick in np.cumsum(gaps) - gaps[0]]
    write_movie(tmp_path / "movie.mp4", times, Fraction(30))
    assert [frame.time for frame in open_clip(tmp_path / "movie.mp4")] == times


def test_a_span_starts_at_zero(tmp_path: Path) -> None:
    times = [2 + Fraction(index, 30) for index in range(5)]
    write_movie(tmp_path / "movie.mp4", times, Fraction(30))
    assert [frame.time for frame in open_clip(tmp_path / "movie.mp4")] == [Fraction(index, 30) for index in range(5)]


def test_colours_and_odd_sizes_survive(tmp_path: Path) -> None:
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (255, 255, 255), (0, 0, 0), (180, 140, 120)]
    with MovieWriter(tmp_path / "movie.mp4", width=33, height=17, rate=Fraction(30)) as writer:
        for index, color in enumerate(colors):
            writer.write(np.full((17, 33, 3), color, np.uint8), Fraction(index, 30))
    clip = open_clip(tmp_path / "movie.mp4")
    assert (clip.width, clip.height) == (34, 18)
    for frame, color in zip(clip, colors, strict=True):
        assert np.abs(frame.color.astype(int) - color).max() <= 4


@pytest.mark.parametrize(("codec", "suffix"), [("aac", ".mp4"), ("libmp3lame", ".mp4"), ("pcm_s16le", ".mkv")])
@pytest.mark.parametrize("first", [Fraction(0), Fraction(37, 30), Fraction(1, 7)])
def test_sound_stays_with_the_picture(tmp_path: Path, codec: str, suffix: str, first: Fraction) -> None:
    """Clicks at k/2 s of the driving are at k/2 - first of the movie, within a millisecond."""
    driving = write_driving(tmp_path / f"driving{suffix}", codec=codec, pictures=90, seconds=3.0)
    times = [first + Fraction(index, 30) for index in range(36)]
    writer = write_movie(tmp_path / "movie.mp4", times, Fraction(30), driving)
    expected = [k / 2 - float(first) for k in range(1, 6) if 0 < k / 2 - float(first) < 1.2]
    heard = [time for time in onsets(tmp_path / "movie.mp4") if time < 1.2]
    np.testing.assert_allclose(heard, expected, atol=1e-3)
    assert writer.warnings == []


@pytest.mark.parametrize(("codec", "suffix"), [("aac", ".mp4"), ("pcm_s16le", ".mkv")])
def test_sound_that_begins_late_stays_late(tmp_path: Path, codec: str, suffix: str) -> None:
    driving = write_driving(tmp_path / f"driving{suffix}", codec=codec, seconds=1.6, late=0.25)
    write_movie(tmp_path / "movie.mp4", [Fraction(index, 30) for index in range(60)], Fraction(30), driving)
    np.testing.assert_allclose(onsets(tmp_path / "movie.mp4"), [0.75, 1.25, 1.75], atol=1e-3)


def test_sound_is_cut_at_the_end_and_may_be_shorter(tmp_path: Path) -> None:
    import av

    for seconds, pictures, longest in ((5.0, 30, 1.0), (1.0, 60, 1.0)):
        driving = write_driving(tmp_path / f"d{seconds}.mp4", codec="aac", pictures=pictures, seconds=seconds)
        times = [Fraction(index, 30) for index in range(pictures)]
        write_movie(tmp_path / "movie.mp4", times, Fraction(30), driving)
        with av.open(str(tmp_path / "movie.mp4")) as file:
            audio = file.streams.audio[0]
            assert abs(float(audio.duration * audio.time_base) - longest) < 0.05
            assert file.streams.video[0].frames == pictures


def test_silent_driving_makes_a_silent_movie(tmp_path: Path) -> None:
    driving = write_driving(tmp_path / "driving.mp4", codec=None)
    write_movie(tmp_path / "movie.mp4", [Fraction(0)], Fraction(30), driving)
    assert open_clip(tmp_path / "movie.mp4").audio_path is None


def test_missing_sound_file_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.mp4"):
        MovieWriter(tmp_path / "movie.mp4", width=8, height=8, rate=Fraction(30), audio_from=tmp_path / "no.mp4")
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_nothing_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    path.write_bytes(b"old")

    def fail() -> None:
        with MovieWriter(path, width=32, height=32, rate=Fraction(30)) as writer:
            writer.write(np.zeros((32, 32, 3), np.uint8), Fraction(0))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert [child.name for child in tmp_path.iterdir()] == ["movie.mp4"]
    assert path.read_bytes() == b"old"


def test_no_frames_no_movie(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="no frame"),
        MovieWriter(tmp_path / "movie.mp4", width=32, height=32, rate=Fraction(30)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("image", "time"),
    [
        (np.zeros((32, 31, 3), np.uint8), Fraction(1)),
        (np.zeros((32, 32, 3), np.float32), Fraction(1)),
        (np.zeros((32, 32, 3), np.uint8), Fraction(0)),
    ],
)
def test_wrong_pictures_and_times_are_refused(tmp_path: Path, image: np.ndarray, time: Fraction) -> None:
    with MovieWriter(tmp_path / "movie.mp4", width=32, height=32, rate=Fraction(30)) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8), Fraction(0))
        with pytest.raises(InputError):
            writer.write(image, time)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(VFAError, match="cannot be written"):
        MovieWriter(tmp_path / "file" / "movie.mp4", width=32, height=32, rate=Fraction(30))


def test_disk_full_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on file size stands for the full disk: the write fails in the same place."""
    code = f"""
import resource, signal, sys
from fractions import Fraction
import numpy as np
from vfa.errors import VFAError
from vfa.export.movie import MovieWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
rng = np.random.default_rng(0)
try:
    with MovieWriter({str(tmp_path / "movie.mp4")!r}, width=128, height=128, rate=Fraction(30)) as writer:
        for index in range(90):
            writer.write(rng.integers(0, 255, (128, 128, 3), dtype=np.uint8), Fraction(index, 30))
except VFAError as error:
    print(error)
    sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 7, done.stderr
    assert "cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []
