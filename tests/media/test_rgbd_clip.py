"""Colour mp4 with depth nut, and 8-bit depth beside colour in one video."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.media import open_clip
from vfa.media.depth import NOMINAL_FACE, DepthUnits
from vfa.media.writers import ColorWriter, DepthWriter

UNITS = DepthUnits.for_range(0.3, 0.8)


def steps_of(index: int, height: int = 24, width: int = 32) -> np.ndarray:
    rng = np.random.default_rng(index)
    steps = rng.integers(1, 65536, (height, width), dtype=np.uint16)
    steps[:, : width // 4] = 0
    return steps


def write_pair(
    folder: Path,
    *,
    colors: int = 6,
    depths: int = 6,
    color_rate: Fraction = Fraction(30),
    depth_rate: Fraction = Fraction(30),
    units: DepthUnits | None = UNITS,
    size: tuple[int, int] = (24, 32),
    depth_size: tuple[int, int] | None = None,
) -> Path:
    height, width = size
    path = folder / "color" / "take.mp4"
    with ColorWriter(path, width=width, height=height, rate=color_rate, crf=4) as writer:
        for index in range(colors):
            writer.write(np.full((height, width, 3), 10 * index + 20, np.uint8), index / color_rate)
    height, width = depth_size or size
    with DepthWriter(folder / "depth" / "take.nut", width, height, depth_rate, units=units) as depth_writer:
        for index in range(depths):
            depth_writer.write(steps_of(index, height, width), index / depth_rate)
    return path


def test_depth_returns_bit_for_bit(tmp_path: Path) -> None:
    write_pair(tmp_path)
    import av

    with av.open(str(tmp_path / "depth" / "take.nut")) as file:
        for index, frame in enumerate(file.decode(video=0)):
            np.testing.assert_array_equal(frame.to_ndarray(), steps_of(index))
            assert frame.key_frame
        assert index == 5


@pytest.mark.parametrize("given", ["color/take.mp4", "depth/take.nut", "."])
def test_the_pair_opens_by_either_file_or_the_folder(tmp_path: Path, given: str) -> None:
    write_pair(tmp_path)
    with open_clip(tmp_path / given) as clip:
        frames = list(clip)
    assert clip.has_depth
    assert clip.depth_units == UNITS
    assert clip.warnings == []
    assert len(frames) == 6
    for frame in frames:
        np.testing.assert_array_equal(frame.depth, UNITS.to_metres(steps_of(frame.index)))
        assert frame.depth.dtype == np.float32
    assert clip.invalid_depth_share == 0.25


def test_29_97_is_exact_for_both(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    clip = open_clip(write_pair(tmp_path, color_rate=rate, depth_rate=rate))
    assert [frame.time for frame in clip] == [index / rate for index in range(6)]


def test_depth_can_be_left_aside(tmp_path: Path) -> None:
    clip = open_clip(write_pair(tmp_path), with_depth=False)
    assert not clip.has_depth
    assert next(iter(clip)).depth is None


def test_unknown_units_take_the_documented_range_and_say_so(tmp_path: Path) -> None:
    clip = open_clip(write_pair(tmp_path, units=None))
    assert clip.depth_units == NOMINAL_FACE
    assert "no depth units" in clip.warnings[0]
    depth = next(iter(clip)).depth
    assert 0.40 <= np.nanmin(depth) < np.nanmax(depth) <= 0.5600001


def test_units_from_a_record_beside_the_depth(tmp_path: Path) -> None:
    path = write_pair(tmp_path, units=None)
    (tmp_path / "depth" / "take.json").write_text(json.dumps({"depth_unit": "millimetre", "depth_scale": 0.01}))
    clip = open_clip(path)
    assert clip.depth_units == DepthUnits(1e-5)
    assert clip.warnings == []


def test_shorter_depth_cuts_the_clip_and_warns(tmp_path: Path) -> None:
    clip = open_clip(write_pair(tmp_path, depths=4))
    assert len(list(clip)) == 4
    assert any("depth ends after 0.133 s" in text for text in clip.warnings)


def test_longer_depth_warns(tmp_path: Path) -> None:
    clip = open_clip(write_pair(tmp_path, depths=9))
    assert len(list(clip)) == 6
    assert any("colour ends after" in text for text in clip.warnings)


def test_half_the_depth_rate_uses_the_nearest_map(tmp_path: Path) -> None:
    """Colour at 30, depth at 15: each map serves two frames, the earlier one where two are equally near."""
    clip = open_clip(write_pair(tmp_path, depths=3, depth_rate=Fraction(15)))
    used = []
    for frame in clip:
        match = [np.array_equal(frame.depth, UNITS.to_metres(steps_of(i)), equal_nan=True) for i in range(3)]
        used.append(match.index(True))
    assert used == [0, 0, 1, 1, 2, 2]
    assert any("30 and depth at 15" in text for text in clip.warnings)


def test_depth_of_another_size_is_brought_to_the_colour(tmp_path: Path) -> None:
    clip = open_clip(write_pair(tmp_path, size=(48, 64), depth_size=(24, 32)))
    frame = next(iter(clip))
    assert frame.depth.shape == (48, 64)
    assert any("resampled" in text for text in clip.warnings)
    assert clip.invalid_depth_share == pytest.approx(0.25)


def test_eight_bit_depth_is_refused_without_leave(tmp_path: Path) -> None:
    path = write_pair(tmp_path)
    (tmp_path / "depth" / "take.nut").unlink()
    with ColorWriter(tmp_path / "depth" / "take.mp4", width=32, height=24, rate=Fraction(30)) as writer:
        ramp = np.tile(np.linspace(60, 200, 32).astype(np.uint8)[None, :, None], (24, 1, 3))
        for index in range(6):
            writer.write(ramp, Fraction(index, 30))
    with pytest.raises(InputError, match="8 bits"):
        open_clip(path)
    depth = next(iter(open_clip(path, allow_8bit_depth=True))).depth
    assert np.all(np.diff(depth[12]) > -1e-3)
    assert depth[12, -1] > depth[12, 0]


def side_by_side(path: Path) -> Path:
    """A relief (left) beside a coloured picture (right), 64x64 each."""
    y, x = np.mgrid[0:64, 0:64]
    relief = np.clip(230 - 0.12 * ((x - 32) ** 2 + (y - 32) ** 2), 0, 255).astype(np.uint8)
    color = np.stack([x * 4, y * 4, 255 - x * 4], axis=-1).astype(np.uint8)
    image = np.concatenate([np.repeat(relief[..., None], 3, axis=2), color], axis=1)
    with ColorWriter(path, width=128, height=64, rate=Fraction(30), crf=4) as writer:
        for index in range(3):
            writer.write(image, Fraction(index, 30))
    return path


def test_side_by_side_is_refused_without_leave_and_split_with_it(tmp_path: Path) -> None:
    path = side_by_side(tmp_path / "both.mp4")
    with pytest.raises(InputError, match="--allow_8bit_depth"):
        open_clip(path)
    clip = open_clip(path, allow_8bit_depth=True)
    frame = next(iter(clip))
    assert frame.color.shape == (64, 64, 3)
    assert frame.depth.shape == (64, 64)
    assert frame.depth[32, 32] > frame.depth[32, 50] > frame.depth[32, 60]
    assert np.abs(frame.color[:, 2:60, 0].astype(int) - np.arange(64)[None, 2:60] * 4).max() < 24
    with pytest.raises(InputError, match="--allow_8bit_depth"):
        open_clip(path, with_depth=False)
    alone = next(iter(open_clip(path, allow_8bit_depth=True, with_depth=False)))
    assert alone.depth is None
    np.testing.assert_array_equal(alone.color, frame.color)


def test_grey_films_and_flat_walls_are_no_side_by_side(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    grey = np.repeat(rng.integers(0, 255, (64, 128, 1), dtype=np.uint8), 3, axis=2)
    wall = np.concatenate([np.full((64, 64, 3), 128, np.uint8), rng.integers(0, 255, (64, 64, 3), np.uint8)], axis=1)
    for name, image in (("grey", grey), ("wall", wall)):
        with ColorWriter(tmp_path / f"{name}.mp4", width=128, height=64, rate=Fraction(30)) as writer:
            writer.write(image, Fraction(0))
        assert not open_clip(tmp_path / f"{name}.mp4").has_depth
