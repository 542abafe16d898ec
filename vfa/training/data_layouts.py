"""Where training clips lie on disk, and which person is for training and which for testing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vfa.errors import InputError
from vfa.media.folder import COLOR_FOLDERS, picture_folders

Layout = Literal["MMFace4D", "kinect", "synthetic"]
LAYOUTS: tuple[Layout, ...] = ("MMFace4D", "kinect", "synthetic")
SPLITS = ("train", "test")

EXPECTED = {
    "MMFace4D": "[train|test/]<person>/color/<clip>.mp4 with <person>/depth/<clip>.nut",
    "kinect": "[train|test/]<person>/<clip>/ with color_<i>.png and depth_<i>.png (or color/ and depth/)",
    "synthetic": "[train|test/]<person>/color/<clip>.mp4 with depth/<clip>.nut and truth/<clip>.npz",
}


@dataclass(frozen=True, order=True)
class ClipFile:
    """One clip on disk.

    Attributes:
        split: "train" or "test".
        person: name of the person's folder.
        name: of the clip.
        path: for `vfa.media.open_clip`.
        truth: `.npz` with exact labels per frame (synthetic data), or None.
    """

    split: str
    person: str
    name: str
    path: Path
    truth: Path | None = None


def find_clips(root: Path, layout: Layout, *, test_share: float = 0.1) -> list[ClipFile]:
    """All clips of a data set, sorted.

    A data set with `train/` and `test/` folders is split as it is. Otherwise about `test_share` of the people are for
    testing, chosen by the hash of their names: adding people never moves one from one side to the other.

    Raises:
        InputError: unknown layout, no clips, or a person on both sides.
    """
    if layout not in LAYOUTS:
        raise InputError("unknown data set layout", expected=", ".join(LAYOUTS), found=str(layout))
    if not root.is_dir():
        raise InputError("there is no such data set", path=root, expected=EXPECTED[layout])
    sides = {split: root / split for split in SPLITS if (root / split).is_dir()}
    found: list[ClipFile] = []
    for split, folder in sides.items() or [("", root)]:
        for person in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
            side = split or ("test" if _unit(person.name) < test_share else "train")
            found += [ClipFile(side, person.name, *clip) for clip in _clips(person, layout)]
    if not found:
        raise InputError("the data set holds no clips", path=root, expected=EXPECTED[layout])
    both = {clip.person for clip in found if clip.split == "train"} & {c.person for c in found if c.split == "test"}
    if both:
        raise InputError(
            "people are in both train/ and test/, so a test would measure memory",
            path=root,
            found=", ".join(sorted(both)[:5]),
        )
    return sorted(found)


def _clips(person: Path, layout: Layout) -> Iterator[tuple[str, Path, Path | None]]:
    if layout == "kinect":
        for folder in sorted(path for path in person.iterdir() if path.is_dir()):
            colors, depths = picture_folders(folder)
            if colors and depths:
                yield folder.name, folder, None
        return
    for name in COLOR_FOLDERS:
        folder = person / name
        for color in sorted(folder.glob("*.mp4")) if folder.is_dir() else ():
            if (person / "depth" / f"{color.stem}.nut").is_file() and not color.name.startswith("."):
                truth = person / "truth" / f"{color.stem}.npz"
                yield color.stem, color, truth if truth.is_file() else None


def _unit(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:6], "big") / 2**48
