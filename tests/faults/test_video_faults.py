"""Bad recordings end in one clear error or in what could be saved with a warning; never in a traceback."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vfa.errors import DecodeError, InputError
from vfa.media import open_clip
from vfa.media.pictures import write_depth_exr, write_picture
from vfa.media.writers import ColorWriter, DepthWriter


def write_clip(path: Path, count: int = 60) -> Path:
    """Noise (so that packets are large) with a key frame every 10 frames, index in front."""
    rng = np.random.default_rng(0)
    with ColorWriter(path, width=64, height=64, rate=Fraction(30), keyframe_interval=10) as writer:
        for index in range(count):
            writer.write(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8), Fraction(index, 30))
    return path


def index_last(path: Path, target: Path) -> Path:
    """The same packets in a file whose index comes at the end, as cameras write it."""
    import av

    with av.open(str(path)) as source, av.open(str(target), "w") as file:
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    return target


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "0 bytes"),
        (b"this is no film\n" * 50, "plain text"),
        (np.random.default_rng(0).bytes(20_000), "unknown format"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git-LFS pointer"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n", "plain text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "plain text"),
        (b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64, "without its index"),
    ],
)
def test_what_is_no_video(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=found) as caught:
        open_clip(path)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 3


def test_cut_before_the_index(tmp_path: Path) -> None:
    whole = index_last(write_clip(tmp_path / "a.mp4"), tmp_path / "b.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DecodeError, match="moov"):
        open_clip(tmp_path / "cut.mp4")


@pytest.mark.parametrize("share", [0.35, 0.62, 0.9])
def test_cut_inside_a_group_of_pictures_gives_what_is_there(tmp_path: Path, share: float) -> None:
    whole = write_clip(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * share)])
    clip = open_clip(tmp_path / "cut.mp4")
    times = [frame.time for frame in clip]
    assert abs(len(times) - 60 * share) <= 4  # all packets are of about the same size
    assert times == [Fraction(index, 30) for index in range(len(times))]
    assert any("60 frames" in text for text in clip.warnings)


def test_damage_in_the_middle_does_not_end_the_clip(tmp_path: Path) -> None:
    data = bytearray(write_clip(tmp_path / "a.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 6000] = np.random.default_rng(1).bytes(6000)
    (tmp_path / "bad.mp4").write_bytes(data)
    clip = open_clip(tmp_path / "bad.mp4")
    assert len(list(clip)) >= 50
    assert clip.warnings


def test_sound_alone_is_no_clip(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "sound.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        stream.codec_context.layout = "mono"
        for piece in (frame, None):
            for packet in stream.encode(piece):
                file.mux(packet)
    with pytest.raises(DecodeError, match="no video stream"):
        open_clip(tmp_path / "sound.mp4")


@pytest.mark.parametrize("name", ["none.mp4", "x" * 300 + ".mp4", "nul\0byte.mp4", "line\nbreak.mp4", "../../etc/none"])
def test_names_of_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        open_clip(tmp_path / name)


def test_a_folder_without_frames(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="no frames"):
        open_clip(tmp_path)


def test_a_folder_of_several_clips_lists_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_clip(tmp_path / "color" / f"{name}.mp4", 2)
    with pytest.raises(InputError, match="2 videos"):
        open_clip(tmp_path)


def test_the_depth_half_without_its_colour(tmp_path: Path) -> None:
    with DepthWriter(tmp_path / "depth" / "a.nut", 8, 8, Fraction(30)) as writer:
        writer.write(np.ones((8, 8), np.uint16), Fraction(0))
    with pytest.raises(InputError, match="colour is missing"):
        open_clip(tmp_path / "depth" / "a.nut")


BAD_DEPTH = {
    "zero": np.zeros((16, 16), np.float32),
    "nan": np.full((16, 16), np.nan, np.float32),
    "infinite": np.full((16, 16), np.inf, np.float32),
    "constant": np.full((16, 16), 0.5, np.float32),
    "one pixel": np.where(np.arange(256).reshape(16, 16) == 77, 0.5, 0.0).astype(np.float32),
}


@pytest.mark.parametrize("name", list(BAD_DEPTH))
def test_depth_without_shape_is_refused_but_the_colour_can_be_used(tmp_path: Path, name: str) -> None:
    for number in range(3):
        write_depth_exr(tmp_path / "depth" / f"{number}.exr", BAD_DEPTH[name])
        write_picture(tmp_path / "rgb" / f"{number}.png", np.full((16, 16, 3), 99, np.uint8))
    with pytest.raises(InputError, match="carries no shape"):
        open_clip(tmp_path)
    assert len(list(open_clip(tmp_path, with_depth=False))) == 3


@pytest.mark.parametrize("value", [0, 1234])
def test_depth_video_without_shape_is_refused(tmp_path: Path, value: int) -> None:
    path = tmp_path / "color" / "a.mp4"
    with ColorWriter(path, width=16, height=16, rate=Fraction(30)) as writer:
        writer.write(np.zeros((16, 16, 3), np.uint8), Fraction(0))
    with DepthWriter(tmp_path / "depth" / "a.nut", 16, 16, Fraction(30)) as depth_writer:
        depth_writer.write(np.full((16, 16), value, np.uint16), Fraction(0))
    with pytest.raises(InputError, match="carries no shape"):
        open_clip(path)


@pytest.mark.parametrize("content", [b"", b"\x76\x2f\x31\x01 cut", b"not an exr"])
def test_a_damaged_exr(tmp_path: Path, content: bytes) -> None:
    for number in range(2):
        (tmp_path / "depth").mkdir(exist_ok=True)
        (tmp_path / "depth" / f"{number}.exr").write_bytes(content)
        write_picture(tmp_path / "rgb" / f"{number}.png", np.full((16, 16, 3), 99, np.uint8))
    with pytest.raises(DecodeError, match=r"0\.exr"):
        open_clip(tmp_path)


def test_damaged_pictures_and_sizes_that_change(tmp_path: Path) -> None:
    write_picture(tmp_path / "0.png", np.zeros((16, 16, 3), np.uint8))
    write_picture(tmp_path / "1.png", np.zeros((16, 18, 3), np.uint8))
    with pytest.raises(InputError, match="differ in size"):
        list(open_clip(tmp_path))
    (tmp_path / "1.png").write_bytes(b"\x89PNG cut")
    with pytest.raises(DecodeError, match=r"1\.png"):
        list(open_clip(tmp_path))


def test_a_picture_that_claims_to_be_enormous(tmp_path: Path) -> None:
    """A PNG header of 2,000,000 x 2,000,000 pixels with a correct checksum and next to no data."""
    header = struct.pack(">IIBBBBB", 2_000_000, 2_000_000, 8, 2, 0, 0, 0)
    chunks = b""
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    (tmp_path / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    with pytest.raises(DecodeError, match=r"0\.png"):
        open_clip(tmp_path)


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut off, with single bytes changed, with a stretch of noise, or with a broken header."""
    kind, bad = int(rng.integers(4)), bytearray(data)
    if kind == 0:
        return data[: int(rng.integers(len(data)))]
    if kind == 1:
        for place in rng.integers(len(bad), size=10):
            bad[place] = int(rng.integers(256))
    elif kind == 2:
        place = int(rng.integers(len(bad)))
        bad[place : place + 200] = rng.bytes(200)
    else:
        bad[int(rng.integers(min(len(bad), 300)))] ^= 1 << int(rng.integers(8))
    return bytes(bad)


@pytest.mark.parametrize("kind", ["color/a.mp4", "depth/a.nut"])
def test_sixty_kinds_of_damage_end_in_frames_or_in_one_clear_error(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    write_clip(tmp_path / "color" / "a.mp4", 8)
    with DepthWriter(tmp_path / "depth" / "a.nut", 64, 64, Fraction(30)) as writer:
        for index in range(8):
            writer.write(rng.integers(0, 65536, (64, 64), dtype=np.uint16), Fraction(index, 30))
    whole = (tmp_path / kind).read_bytes()
    ends = {"frames": 0, "error": 0}
    for _ in range(60):
        (tmp_path / kind).write_bytes(damaged(whole, rng))
        try:
            with open_clip(tmp_path / "color" / "a.mp4") as clip:
                assert all(frame.color.shape == (clip.height, clip.width, 3) for frame in clip)
            ends["frames"] += 1
        except InputError as error:
            ends["error"] += str(tmp_path) in str(error)
    assert sum(ends.values()) == 60, ends
    assert ends["frames"] > 20
