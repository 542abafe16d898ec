"""Finds the recordings in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vfa.errors import InputError
from vfa.media.folder import COLOR_FOLDERS, picture_folders

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".avi")


@dataclass(frozen=True, order=True)
class Capture:
    """One recording.

    Attributes:
        path: what `vfa.media.open_clip` is given.
        group: folder of the recording relative to where the search began ("" at the top), such as `train/person_7`.
        name: of the recording inside its group.
    """

    path: Path
    group: str
    name: str

    @property
    def label(self) -> str:
        """Group and name, for messages."""
        return f"{self.group}/{self.name}" if self.group else self.name


def find_captures(root: Path) -> list[Capture]:
    """All recordings at or below `root`, in sorted order.

    Raises:
        InputError: there is none, or two would get the same output name.
    """
    if root.is_file():
        return [Capture(root, "", root.stem)]
    if not root.is_dir():
        raise InputError("there is no such folder or recording", path=root)
    found = sorted(_search(root, root))
    if not found:
        raise InputError(
            "no recording was found",
            path=root,
            expected="a folder with depth/ and rgb/ (or color/), a .r3d file or a video, here or in folders below",
            found=f"{sum(1 for _ in root.iterdir())} entries",
        )
    labels = [capture.label for capture in found]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise InputError("two recordings have the same name", path=root, found=", ".join(twice))
    return found


def _search(folder: Path, root: Path) -> Iterator[Capture]:
    relative = folder.relative_to(root)
    for child in COLOR_FOLDERS:
        videos = [video for video in _files(folder / child) if video.suffix.lower() in VIDEO_SUFFIXES]
        if videos and (folder / "depth").is_dir():
            yield from (Capture(video, _text(relative), video.stem) for video in videos)
            return
    colors, depths = picture_folders(folder)
    if colors and depths:
        yield Capture(folder, _text(relative.parent) if folder != root else "", folder.resolve().name)
        return
    for file in _files(folder):
        if file.suffix.lower() in (".r3d", *VIDEO_SUFFIXES):
            yield Capture(file, _text(relative), file.stem)
    for child_folder in sorted(path for path in folder.iterdir() if path.is_dir()):
        if not child_folder.name.startswith("."):
            yield from _search(child_folder, root)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _text(relative: Path) -> str:
    return "" if relative == Path(".") else relative.as_posix()


def fingerprint(path: Path) -> str:
    """Sha256 of the names and sizes of a recording's files: changes when a file is added, lost or cut."""
    import hashlib

    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        name = file.name if file == path else file.relative_to(path).as_posix()
        digest.update(f"{name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
