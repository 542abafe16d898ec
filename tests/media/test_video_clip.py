"""Colour videos: exact times, uprightness, pixel formats. The files are made with PyAV alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vfa.media import Clip, Frame, open_clip


def write_video(
    path: Path,
    pictures: Sequence[np.ndarray],
    ticks: Sequence[int] | None = None,
    *,
    rate: Fraction = Fraction(30),
    clock: Fraction | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rotation: int | None = None,
    container_options: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    import av

    clock = clock or 1 / rate
    with av.open(str(path), "w", container_options=container_options or {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {"crf": "4"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = clock
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index if ticks is None else ticks[index]
            frame.time_base = clock
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    return path


def greys(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    """Frame i has the grey level 20 + 10 i."""
    return [np.full((height, width, 3), 20 + 10 * index, np.uint8) for index in range(count)]


def levels(clip: Clip) -> list[int]:
    """Grey level of each frame to the nearest 10 (H.264 moves it by 1)."""
    return [round(float(frame.color.mean()) / 10) * 10 for frame in clip]


@pytest.mark.parametrize(
    ("rate", "suffix"),
    [
        (Fraction(30000, 1001), ".mp4"),
        (Fraction(24000, 1001), ".mp4"),
        (Fraction(25), ".mov"),
        (Fraction(30000, 1001), ".nut"),
        (Fraction(60), ".mp4"),
    ],
)
def test_constant_rates_are_exact(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    clip = open_clip(write_video(tmp_path / f"clip{suffix}", greys(9), rate=rate))
    assert [frame.time for frame in clip] == [index / rate for index in range(9)]
    assert clip.rate == rate
    assert clip.n_frames == 9


def test_variable_rate_is_read_by_time_stamps(tmp_path: Path) -> None:
    ticks = [0, 3003, 6006, 15000, 15500, 99999]
    clip = open_clip(write_video(tmp_path / "vfr.mp4", greys(6), ticks, clock=Fraction(1, 90000)))
    assert [frame.time for frame in clip] == [Fraction(tick, 90000) for tick in ticks]
    assert levels(clip) == [20 + 10 * index for index in range(6)]


def test_negative_first_time_stamp_becomes_zero_and_keeps_every_frame(tmp_path: Path) -> None:
    ticks = [(index - 3) * 3003 for index in range(8)]
    path = write_video(
        tmp_path / "negative.ts",
        greys(8),
        ticks,
        clock=Fraction(1, 90000),
        container_options={"avoid_negative_ts": "disabled", "muxdelay": "0", "copyts": "1"},
        options={"bf": "0", "crf": "4"},
    )
    import av

    with av.open(str(path)) as file:  # the file is what the test says it is
        assert next(file.decode(video=0)).pts == -9009
    clip = open_clip(path)
    assert [frame.time for frame in clip] == [Fraction(index * 3003, 90000) for index in range(8)]


@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (270, (0, 1))])
def test_rotation_is_counter_clockwise_as_in_the_display_matrix(
    tmp_path: Path, rotation: int, corner: tuple[int, int]
) -> None:
    """A mark in the stored top-left corner turns counter-clockwise: 90 degrees puts it at the bottom left."""
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:8, :16] = 255
    clip = open_clip(write_video(tmp_path / "turned.mp4", [picture] * 2, rotation=rotation))
    frame = next(iter(clip))
    assert frame.color.shape == ((64, 32, 3) if rotation % 180 else (32, 64, 3))
    assert (clip.height, clip.width) == frame.color.shape[:2]
    bright = [frame.color[y, x, 0] > 128 for y in (0, -1) for x in (0, -1)]
    assert bright.index(True) == corner[0] * 2 + corner[1]
    assert sum(bright) == 1


@pytest.mark.parametrize(
    ("pixel_format", "codec"),
    [("yuv420p", "libx264"), ("yuv420p10le", "libx264"), ("gray", "ffv1"), ("yuv444p", "libx264"), ("bgr0", "ffv1")],
)
def test_pixel_formats_become_rgb(tmp_path: Path, pixel_format: str, codec: str) -> None:
    options = {"crf": "4"} if codec == "libx264" else {}
    path = write_video(tmp_path / "clip.mkv", greys(4), codec=codec, pixel_format=pixel_format, options=options)
    for index, frame in enumerate(open_clip(path)):
        assert frame.color.dtype == np.uint8
        assert frame.color.flags["C_CONTIGUOUS"]
        assert np.abs(frame.color.astype(int) - (20 + 10 * index)).max() <= 2


def test_odd_sizes(tmp_path: Path) -> None:
    clip = open_clip(write_video(tmp_path / "odd.mkv", greys(2, 31, 47), pixel_format="yuv444p"))
    assert (clip.width, clip.height) == (47, 31)
    assert next(iter(clip)).color.shape == (31, 47, 3)


def test_one_frame(tmp_path: Path) -> None:
    clip = open_clip(write_video(tmp_path / "one.mp4", greys(1)))
    frames = list(clip)
    assert len(frames) == 1
    assert frames[0].time == 0
    assert frames[0].depth is None
    assert not clip.has_depth


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "wide.mp4", greys(2, 32, 32), options={"x264-params": "sar=2/1"})
    clip = open_clip(path)
    assert (clip.width, clip.height) == (64, 32)


def test_a_clip_can_be_read_again_and_left_early(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", greys(6))
    with open_clip(path) as clip:
        first = next(iter(clip))
        assert isinstance(first, Frame)
        assert first.index == 0
        assert levels(clip) == levels(clip) == [20 + 10 * index for index in range(6)]
        running = iter(clip)
        next(running)
    assert list(running) == []  # leaving the clip ends the passes under way


def test_no_warning_for_a_clean_clip(tmp_path: Path) -> None:
    clip = open_clip(write_video(tmp_path / "clip.mp4", greys(6)))
    list(clip)
    assert clip.warnings == []
    assert isinstance(clip, Clip)
    assert clip.audio_path is None
    assert clip.name == "clip"


def test_names_with_blanks_quotes_and_percent_signs(tmp_path: Path) -> None:
    path = write_video(tmp_path / "plain.mp4", greys(2))
    for name in ("-rf.mp4", "a b.mp4", "it's $(x) `y`.mp4", "100%d.mp4", "concat:x|y.mp4", "ünï.mp4"):
        renamed = tmp_path / name
        renamed.write_bytes(path.read_bytes())
        assert len(list(open_clip(renamed))) == 2
