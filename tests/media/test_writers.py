"""Writers: key frames, metadata, atomic files; and memory that does not grow with the clip."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.media.writers import ColorWriter, DepthWriter, clock_for


@pytest.mark.parametrize(
    "time", [Fraction(1001, 30000), Fraction(1001, 24000), Fraction(1, 25), Fraction(1, 90000), Fraction(7, 15360)]
)
def test_the_clock_holds_the_usual_times(time: Fraction) -> None:
    assert (time / clock_for(Fraction(30))).denominator == 1
    assert clock_for(Fraction(1000003, 17)).denominator < 2**31


def test_key_frames_where_asked(tmp_path: Path) -> None:
    import av

    rng = np.random.default_rng(0)
    with ColorWriter(tmp_path / "a.mp4", width=32, height=32, rate=Fraction(30), keyframe_interval=4) as writer:
        for index in range(10):
            writer.write(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8), Fraction(index, 30))
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert [index for index, frame in enumerate(file.decode(video=0)) if frame.key_frame] == [0, 4, 8]


def test_metadata_is_kept(tmp_path: Path) -> None:
    import av

    with DepthWriter(tmp_path / "a.nut", 8, 8, Fraction(30), metadata={"note": "wall at 2 m"}) as writer:
        writer.write(np.arange(64, dtype=np.uint16).reshape(8, 8), Fraction(0))
    with av.open(str(tmp_path / "a.nut")) as file:
        assert file.metadata["note"] == "wall at 2 m"


def test_times_of_depth_are_exact(tmp_path: Path) -> None:
    import av

    ticks = [0, 3003, 6006, 15000, 90001]
    with DepthWriter(tmp_path / "a.nut", 8, 8, Fraction(30)) as writer:
        for tick in ticks:
            writer.write(np.full((8, 8), tick % 60000, np.uint16), Fraction(tick, 90000))
    with av.open(str(tmp_path / "a.nut")) as file:
        assert [frame.pts * frame.time_base for frame in file.decode(video=0)] == [Fraction(t, 90000) for t in ticks]


def test_nothing_is_left_of_an_aborted_depth(tmp_path: Path) -> None:
    writer = DepthWriter(tmp_path / "a.nut", 8, 8, Fraction(30))
    writer.write(np.zeros((8, 8), np.uint16), Fraction(0))
    writer.abort()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="closed"):
        writer.write(np.zeros((8, 8), np.uint16), Fraction(1))


@pytest.mark.parametrize(("width", "height", "rate"), [(0, 8, 30), (8, 8, 0), (8, 20000, 30)])
def test_impossible_videos(tmp_path: Path, width: int, height: int, rate: int) -> None:
    with pytest.raises(InputError):
        DepthWriter(tmp_path / "a.nut", width, height, Fraction(rate))


COPY = """
import resource, sys
from fractions import Fraction
from pathlib import Path
from vfa.export.movie import MovieWriter
from vfa.media import open_clip
with open_clip(sys.argv[1]) as clip:
    with MovieWriter(sys.argv[2], width=clip.width, height=clip.height, rate=clip.rate) as movie:
        for frame in clip:
            assert frame.depth is not None
            movie.write(frame.color, frame.time)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_is_flat_from_10_to_100_seconds(tmp_path: Path) -> None:
    peaks = []
    for seconds in (10, 100):
        folder = tmp_path / str(seconds)
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)
        steps = rng.integers(1, 65536, (256, 256), dtype=np.uint16)
        with (
            ColorWriter(folder / "color" / "a.mp4", width=256, height=256, rate=Fraction(30)) as color,
            DepthWriter(folder / "depth" / "a.nut", 256, 256, Fraction(30)) as depth,
        ):
            for index in range(30 * seconds):
                color.write(np.roll(noise, index, axis=1), Fraction(index, 30))
                depth.write(np.roll(steps, index, axis=1), Fraction(index, 30))
        done = subprocess.run(
            [sys.executable, "-c", COPY, str(folder / "color" / "a.mp4"), str(folder / "out.mp4")],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0], peaks
