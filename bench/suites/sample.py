"""One sample of a benchmark, whatever the layout it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vfa.errors import InputError

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".nut", ".gif")
MESH_SUFFIXES = (".npy", ".npz")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
AUDIO_SUFFIXES = (".wav", ".aac", ".mp3", ".m4a", ".flac", ".ogg")


@dataclass(frozen=True)
class Sample:
    """What is scored together.

    Attributes:
        id: stem of the prediction (with its folder below the prediction root, if any).
        method: what generated it; the name of its folder, or from its file name where the layout says so.
        prediction: a generated video, or a vertex sequence (.npy, .npz).
        truth, source, audio: ground-truth video, source image, driving sound; None when the layout has none.
        tables: paths by `au_prediction`, `au_truth`, `va_prediction`, `va_truth`.
    """

    id: str
    method: str
    prediction: Path
    truth: Path | None = None
    source: Path | None = None
    audio: Path | None = None
    tables: dict[str, Path] = field(default_factory=dict)

    @property
    def is_mesh(self) -> bool:
        """Whether this is a vertex sequence instead of a video."""
        return self.prediction.suffix.lower() in MESH_SUFFIXES

    def files(self) -> Iterator[Path]:
        """All files the scores depend on."""
        for path in (self.prediction, self.truth, self.source, self.audio, *self.tables.values()):
            if path is not None:
                yield path


@dataclass(frozen=True)
class SampleList:
    """The samples of a run and what did not match.

    Attributes:
        suite: name of the layout.
        samples: sorted by method and id.
        unmatched: one sentence per file without a partner.
    """

    suite: str
    samples: tuple[Sample, ...]
    unmatched: tuple[str, ...] = ()


def files_by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files of a folder by stem, hidden ones left out, sorted.

    Raises:
        InputError: the folder is missing, or two files have one stem.
    """
    if not folder.is_dir():
        raise InputError(
            "no such folder" if not folder.exists() else "this is no folder",
            path=folder,
            expected="a folder with " + ", ".join(suffixes),
        )
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in suffixes or not path.is_file():
            continue
        if path.stem in found:
            raise InputError(
                "two files have the same stem, so pairing is ambiguous",
                path=folder,
                expected="one file per stem",
                found=f"{found[path.stem].name} and {path.name}",
            )
        found[path.stem] = path
    return found


def contents(folder: Path, limit: int = 6) -> str:
    """What lies in a folder, for error messages."""
    if not folder.is_dir():
        return "no such folder"
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    shown = ", ".join(names[:limit]) or "nothing"
    return f"{shown}, ... ({len(names)} entries)" if len(names) > limit else shown
