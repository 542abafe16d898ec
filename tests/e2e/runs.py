"""Inputs for whole runs, small enough to be quick, and a way to start `infer.py` as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DEMO_DRIVING = ROOT / "dataset" / "demo_driving" / "color" / "demo.mp4"
DEMO_SOURCE = ROOT / "dataset" / "demo_source" / "demo.npy"
SHARED = ROOT.parent / "shared"


def infer(folder: Path, *options: object, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """`python infer.py` with options, started in `folder`."""
    return subprocess.run(
        [sys.executable, str(ROOT / "infer.py"), *map(str, options)], cwd=folder, env=environment(), timeout=timeout,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip


def environment() -> dict[str, str]:
    """One thread, wide lines, no colours."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


def write_driver(path: Path, times: list[Fraction]) -> Path:
    """The first frames of the built-in performance with time stamps of our own."""
    from itertools import islice

    from vfa.export.movie import MovieWriter
    from vfa.media import open_clip

    with open_clip(DEMO_DRIVING, with_depth=False) as clip:
        frames = [frame.color for frame in islice(clip, len(times))]
        rate = clip.rate
    height, width = frames[0].shape[:2]
    with MovieWriter(path, width=width, height=height, rate=rate) as movie:
        for picture, time in zip(frames, times, strict=True):
            movie.write(picture, time)
    return path


def write_ball(path: Path) -> Path:
    """A mesh without a face."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=3)
    ball.vertices *= [1.0, 1.3, 1.0]
    ball.export(path)
    return path


def stamps(path: Path) -> list[Fraction]:
    """Time stamps of a movie's frames."""
    from vfa.media import open_clip

    with open_clip(path, with_depth=False) as clip:
        return [frame.time for frame in clip]


def pictures(path: Path) -> np.ndarray:
    """Frames uint8 `[T, H, W, 3]` of a movie."""
    from vfa.media import open_clip

    with open_clip(path, with_depth=False) as clip:
        return np.stack([frame.color for frame in clip])
