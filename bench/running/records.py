"""Records of generated samples, and where everything of a run lies."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.store import SCHEMA, dumps, slug, write_text


@dataclass
class SampleRecord:
    """What became of one sample of one method; README of `bench` explains the keys."""

    method: str
    sample: str
    status: str = "ok"
    cause: str = ""
    reason: str = ""
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    peak_bytes: int | None = None
    video: str | None = None
    video_bytes: int | None = None
    sha256: str | None = None
    frames: int | None = None
    rate: str | None = None
    width: int | None = None
    height: int | None = None
    motion: str | None = None
    log: str | None = None
    exit_code: int | None = None
    notes: list[str] = field(default_factory=list)
    fingerprint: str = ""

    def data(self) -> dict[str, Any]:
        """As it is written."""
        return {"schema": SCHEMA, **asdict(self)}


@dataclass(frozen=True)
class MethodFolder:
    """Where the files of one method lie, below the run's folder."""

    root: Path

    @staticmethod
    def of(out: Path, method: str) -> MethodFolder:
        """The folder of a method of a run."""
        return MethodFolder(out / slug(method))

    def video(self, sample: str) -> Path:
        """The result."""
        return self.root / "videos" / f"{slug(sample)}.mp4"

    def motion(self, sample: str) -> Path:
        """Its vertex motion."""
        return self.root / "motion" / f"{slug(sample)}.npz"

    def log(self, sample: str) -> Path:
        """What a program printed."""
        return self.root / "logs" / f"{slug(sample)}.log"

    def record(self, sample: str) -> Path:
        """The record, written last."""
        return self.root / "samples" / f"{slug(sample)}.json"

    def scratch(self, sample: str) -> Path:
        """A folder that exists while the method works on the sample."""
        return self.root / "scratch" / slug(sample)

    def about(self) -> Path:
        """What the method is."""
        return self.root / "method.json"

    def inside(self, path: Path) -> str:
        """A path below the folder, as the record names it."""
        return path.relative_to(self.root).as_posix()

    def write(self, record: SampleRecord) -> None:
        """Writes a record, complete or not at all."""
        write_text(self.record(record.sample), dumps(record.data(), indent=1) + "\n")

    def read(self, sample: str) -> dict[str, Any] | None:
        """The record of a sample; None where there is none of this schema."""
        return read_json(self.record(sample))

    def kept(self, sample: str, fingerprint: str) -> bool:
        """Whether the sample is done: its record is ok and fits, and its files are there as they were written."""
        record = self.read(sample)
        if record is None or record.get("status") != "ok" or record.get("fingerprint") != fingerprint:
            return False
        video = self.video(sample)
        if not video.is_file() or video.stat().st_size != record.get("video_bytes"):
            return False
        return record.get("motion") is None or self.motion(sample).is_file()


def read_json(path: Path) -> dict[str, Any] | None:
    """A record of this schema, None where there is none or it is damaged."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("schema") == SCHEMA else None


def relative(path: Path | None, root: Path) -> str | None:
    """A path as `run.json` names it: relative to the run where it lies below, else absolute."""
    if path is None:
        return None
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
