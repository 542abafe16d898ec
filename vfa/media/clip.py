"""`open_clip`: one door for every kind of RGB or RGBD recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

from vfa.errors import InputError
from vfa.media.frame import Frame


@runtime_checkable
class Clip(AbstractContextManager, Protocol):  # type: ignore[misc]
    """A recording as frames in time; iterating again starts again. See `vfa.media.reader.ClipReader` for the fields."""

    path: Path
    name: str
    rate: Fraction
    width: int
    height: int
    n_frames: int | None
    has_depth: bool
    audio_path: Path | None
    warnings: list[str]

    def __iter__(self) -> Iterator[Frame]: ...


def open_clip(path: str | Path, *, allow_8bit_depth: bool = False, with_depth: bool = True) -> Clip:
    """Opens a recording and checks that it has a first frame (and usable depth) before anything expensive starts.

    Understood are: any video FFmpeg reads; `color/<name>.mp4` beside `depth/<name>.nut` (give either file, or the
    folder when it holds one clip); a folder of `depth/<i>.exr|png` with `rgb/<i>.jpg|png`; a folder of aligned
    `color_<i>.png`, `depth_<i>.png`; a folder of pictures; `.r3d`; an 8-bit video with depth left and colour right.

    Args:
        path: file or folder.
        allow_8bit_depth: accept depth with 256 steps; without it such a recording is refused.
        with_depth: False gives the colour alone and does not look at the depth.

    Raises:
        InputError: nothing there, no frames, unusable depth.
        DecodeError: the file cannot be decoded.
        AssetError: a decompressor is missing.
    """
    path = Path(path)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError) as error:
        raise InputError("this is no usable path", path=ascii(str(path))[:200], found=str(error)[:200]) from error
    try:
        if is_folder:
            return _open_folder(path, allow_8bit_depth, with_depth)
        if is_file:
            return _open_file(path, allow_8bit_depth, with_depth)
    except PermissionError as error:
        raise InputError("this may not be read", path=path, hint="check its permissions") from error
    raise InputError("there is no such clip", path=path, expected="a video file or a folder of frames")


def _open_file(path: Path, allow_8bit: bool, with_depth: bool) -> Clip:
    from vfa.media.rgbd_video import RGBDVideoClip, SideBySideClip, color_beside, depth_beside, looks_side_by_side
    from vfa.media.video import VideoClip

    if path.suffix.lower() == ".r3d":
        from vfa.media.record3d import Record3DClip

        return Record3DClip(path, with_depth=with_depth)
    if path.suffix.lower() == ".nut" and path.parent.name.lower() == "depth":
        color = color_beside(path)
        if color is None:
            raise InputError(
                "this is the depth half of a clip and its colour is missing",
                path=path,
                expected=str(path.parent.parent / "color" / f"{path.stem}.mp4"),
            )
        path = color
    depth = depth_beside(path)
    if depth is not None:
        return RGBDVideoClip(path, depth, allow_8bit=allow_8bit) if with_depth else VideoClip(path)
    clip = VideoClip(path)
    if looks_side_by_side(next(iter(clip)).color):
        if allow_8bit:
            return SideBySideClip(path, with_depth=with_depth)
        raise InputError(
            "this looks like 8-bit depth (left) beside colour (right)",
            path=path,
            expected="colour alone, or 16-bit depth in a file of its own",
            hint="pass --allow_8bit_depth to use it all the same, or crop the colour half",
        )
    clip.close()
    return clip


def _open_folder(path: Path, allow_8bit: bool, with_depth: bool) -> Clip:
    from vfa.media.folder import FolderClip
    from vfa.media.rgbd_video import COLOR_FOLDERS

    for name in COLOR_FOLDERS:
        folder = path / name
        videos = sorted(folder.glob("*.mp4")) if folder.is_dir() else []
        if len(videos) == 1:
            return _open_file(videos[0], allow_8bit, with_depth)
        if videos:
            raise InputError(
                "the folder holds several clips",
                path=path,
                expected="one clip",
                found=f"{len(videos)} videos in {name}/",
                hint=f"give one of them, such as {videos[0]}",
            )
    return FolderClip(path, allow_8bit_depth=allow_8bit, with_depth=with_depth)
