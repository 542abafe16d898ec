"""Folders of pictures and Record3D recordings."""

from __future__ import annotations

import json
import struct
import zipfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from vfa.errors import DecodeError, InputError
from vfa.media import open_clip
from vfa.media.depth import DepthUnits
from vfa.media.pictures import write_depth_exr, write_picture
from vfa.media.writers import DepthWriter


def depth_map(index: int, height: int = 12, width: int = 16) -> np.ndarray:
    depth = np.random.default_rng(index).uniform(0.3, 0.7, (height, width)).astype(np.float32)
    depth[0] = np.nan
    return depth


def color_map(index: int, height: int = 12, width: int = 16) -> np.ndarray:
    return np.full((height, width, 3), (10 * index + 10, 100, 200), np.uint8)


def write_record3d(folder: Path, numbers: list[int], fps: float | None = 30.0) -> Path:
    for number in numbers:
        write_depth_exr(folder / "depth" / f"{number}.exr", depth_map(number))
        write_picture(folder / "rgb" / f"{number}.jpg", color_map(number))
    if fps is not None:
        (folder / "metadata.json").write_text(json.dumps({"fps": fps}))
    return folder


def test_record3d_export_in_numeric_order(tmp_path: Path) -> None:
    folder = write_record3d(tmp_path / "capture", list(range(12)))
    with open_clip(folder) as clip:
        frames = list(clip)
    assert clip.warnings == []
    assert clip.name == "capture"
    assert [frame.time for frame in frames] == [Fraction(index, 30) for index in range(12)]
    for frame in frames:  # 10.exr after 9.exr, and EXR is exact
        np.testing.assert_array_equal(frame.depth, depth_map(frame.index))
        assert np.abs(frame.color.astype(int) - color_map(frame.index)).max() <= 4
    assert clip.invalid_depth_share == pytest.approx(1 / 12)


@pytest.mark.parametrize("channel", ["Y", "R", "RGB"])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_exr_channels_and_precisions(tmp_path: Path, channel: str, kind: type) -> None:
    write_record3d(tmp_path, [0, 1])
    pixels = depth_map(0).astype(kind)
    stored = np.repeat(pixels[..., None], 3, axis=2) if channel == "RGB" else pixels
    with OpenEXR.File(
        {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, {channel: stored}
    ) as file:
        file.write(str(tmp_path / "depth" / "0.exr"))
    np.testing.assert_array_equal(next(iter(open_clip(tmp_path))).depth, pixels.astype(np.float32))


def test_exr_to_nut_and_back_is_within_half_a_step(tmp_path: Path) -> None:
    folder = write_record3d(tmp_path / "in", [0, 1, 2])
    units = DepthUnits.for_range(0.3, 0.7)
    with DepthWriter(tmp_path / "out" / "depth" / "a.nut", 16, 12, Fraction(30), units=units) as writer:
        for frame in open_clip(folder):
            writer.write(units.to_steps(frame.depth), frame.time)
    import av

    with av.open(str(tmp_path / "out" / "depth" / "a.nut")) as file:
        recorded = DepthUnits.from_metadata(file.metadata)
        for index, frame in enumerate(file.decode(video=0)):
            back = recorded.to_metres(frame.to_ndarray()).astype(float)
            error = np.abs(back - depth_map(index))
            assert np.isnan(back[0]).all()
            assert error[1:].max() <= 0.4 / 65534 / 2 + 6e-8


def test_frame_rate_29_97_is_the_rational_one_and_missing_rates_warn(tmp_path: Path) -> None:
    clip = open_clip(write_record3d(tmp_path / "a", [0, 1, 2], fps=29.97))
    assert [frame.time for frame in clip] == [Fraction(1001 * index, 30000) for index in range(3)]
    clip = open_clip(write_record3d(tmp_path / "b", [0, 1], fps=None))
    assert clip.rate == 30
    assert any("30 per second assumed" in text for text in clip.warnings)


def test_recorded_time_stamps_win(tmp_path: Path) -> None:
    folder = write_record3d(tmp_path, [0, 1, 2])
    (folder / "metadata.json").write_text(json.dumps({"fps": 30, "frameTimestamps": [5.5, 5.6, 5.75]}))
    assert [frame.time for frame in open_clip(folder)] == [Fraction(0), Fraction(1, 10), Fraction(1, 4)]


def test_missing_numbers_stay_gaps_in_time(tmp_path: Path) -> None:
    clip = open_clip(write_record3d(tmp_path, [0, 1, 2, 4, 5]))
    assert [frame.time * 30 for frame in clip] == [0, 1, 2, 4, 5]
    assert any("1 frame numbers are missing" in text for text in clip.warnings)


def test_pictures_without_partner_are_left_out_with_a_warning(tmp_path: Path) -> None:
    folder = write_record3d(tmp_path, [0, 1, 2])
    write_picture(folder / "rgb" / "3.jpg", color_map(3))
    clip = open_clip(folder)
    assert len(list(clip)) == 3
    assert any("4 colour and 3 depth pictures" in text for text in clip.warnings)


def test_azure_kinect_pairs_are_millimetres(tmp_path: Path) -> None:
    millimetres = np.random.default_rng(0).integers(400, 900, (12, 16), dtype=np.uint16)
    millimetres[:3] = 0
    for number in (8, 9, 10):
        write_picture(tmp_path / f"color_{number}.png", color_map(number))
        write_picture(tmp_path / f"depth_{number}.png", millimetres)
    clip = open_clip(tmp_path)
    frames = list(clip)
    expected = np.where(millimetres == 0, np.nan, millimetres / 1000)
    np.testing.assert_allclose(frames[0].depth, expected, atol=1e-7)
    assert [int(frame.color[0, 0, 0]) for frame in frames] == [90, 100, 110]  # PNG keeps colours


def test_depth_pictures_smaller_than_colour_are_resampled(tmp_path: Path) -> None:
    for number in range(2):
        write_picture(tmp_path / "color" / f"{number}.png", color_map(number, 24, 32))
        write_picture(tmp_path / "depth" / f"{number}.png", np.nan_to_num(depth_map(number) * 1000).astype(np.uint16))
    clip = open_clip(tmp_path)
    assert next(iter(clip)).depth.shape == (24, 32)
    assert any("resampled" in text for text in clip.warnings)


def test_millimetres_in_exr_are_recognised(tmp_path: Path) -> None:
    for number in range(2):
        write_depth_exr(tmp_path / "depth" / f"{number}.exr", depth_map(number) * 1000)
        write_picture(tmp_path / "rgb" / f"{number}.jpg", color_map(number))
    clip = open_clip(tmp_path)
    np.testing.assert_allclose(next(iter(clip)).depth, depth_map(0), rtol=1e-6)
    assert any("millimetres" in text for text in clip.warnings)


def test_colour_alone_is_a_clip_without_depth(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number:04d}.png", color_map(number))
    clip = open_clip(tmp_path)
    assert not clip.has_depth
    assert len(list(clip)) == 3


def test_eight_bit_pictures_need_leave(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(16, dtype=np.uint8) * 10 + 5, (12, 1))
    for number in range(2):
        write_picture(tmp_path / "rgb" / f"{number}.png", color_map(number))
        write_picture(tmp_path / "depth" / f"{number}.png", ramp)
    with pytest.raises(InputError, match="8 bits"):
        open_clip(tmp_path)
    assert np.all(np.diff(next(iter(open_clip(tmp_path, allow_8bit_depth=True))).depth[0]) > 0)


def write_r3d(path: Path, *, compress: bool, count: int = 3) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata", json.dumps({"w": 16, "h": 12, "dw": 16, "dh": 12, "fps": 60, "K": [1] * 9}))
        for index in range(count):
            done, data = cv2.imencode(".jpg", color_map(index)[:, :, ::-1])
            assert done
            archive.writestr(f"rgbd/{index}.jpg", data.tobytes())
            raw = np.nan_to_num(depth_map(index)).astype("<f4").tobytes()
            if compress:
                import lzfse

                raw = lzfse.compress(raw)
            archive.writestr(f"rgbd/{index}.depth", raw)
    return path


def test_r3d_with_plain_depth(tmp_path: Path) -> None:
    clip = open_clip(write_r3d(tmp_path / "take.r3d", compress=False))
    frames = list(clip)
    assert clip.rate == 60
    assert [frame.time for frame in frames] == [Fraction(index, 60) for index in range(3)]
    for frame in frames:
        np.testing.assert_array_equal(frame.depth, depth_map(frame.index))


def test_r3d_with_lzfse_depth(tmp_path: Path) -> None:
    pytest.importorskip("lzfse")
    for frame in open_clip(write_r3d(tmp_path / "take.r3d", compress=True)):
        np.testing.assert_array_equal(frame.depth, depth_map(frame.index))


def test_r3d_without_the_decompressor_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`bvx-` is LZFSE's stored block: magic, length, bytes, end mark."""
    import sys

    from vfa.errors import AssetError

    raw = np.ones((12, 16), "<f4").tobytes()
    path = write_r3d(tmp_path / "take.r3d", compress=False, count=1)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata", json.dumps({"dw": 16, "dh": 12}))
        archive.writestr("rgbd/0.jpg", cv2.imencode(".jpg", color_map(0))[1].tobytes())
        archive.writestr("rgbd/0.depth", b"bvx-" + struct.pack("<I", len(raw)) + raw + b"bvx$")
    monkeypatch.setitem(sys.modules, "lzfse", None)
    with pytest.raises(AssetError, match="record3d"):
        open_clip(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut short", b"text"])
def test_a_damaged_r3d_is_a_decode_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.r3d").write_bytes(data)
    with pytest.raises(DecodeError):
        open_clip(tmp_path / "bad.r3d")


def test_r3d_depth_of_a_wrong_length(tmp_path: Path) -> None:
    path = write_r3d(tmp_path / "take.r3d", compress=False, count=1)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata", json.dumps({"dw": 16, "dh": 12}))
        archive.writestr("rgbd/0.jpg", cv2.imencode(".jpg", color_map(0))[1].tobytes())
        archive.writestr("rgbd/0.depth", b"1234567")
    with pytest.raises(DecodeError, match="7 bytes"):
        open_clip(path)
