"""A tiny avatar benchmark: videos of noise that are their own truth, and programs that act as methods."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = 6


def movie(path: Path, seed: int = 0, frames: int = FRAMES, size: tuple[int, int] = (48, 32), rate: int = 25) -> Path:
    """A small H.264 movie of a drifting pattern."""
    from vfa.export.movie import MovieWriter

    rng = np.random.default_rng(seed)
    pattern = rng.integers(0, 255, (size[1] // 4, size[0] // 4, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    with MovieWriter(path, width=size[0], height=size[1], rate=Fraction(rate)) as writer:
        for frame in range(frames):
            writer.write(np.roll(pattern, frame, axis=1), Fraction(frame, rate))
    return path


def suite(folder: Path, count: int = 3) -> Path:
    """The folder of an avatar benchmark with so many videos."""
    for number in range(count):
        movie(folder / "gt_test" / f"v{number:03d}.mp4", seed=number)
    return folder


def program_method(folder: Path, name: str, program: str, extra: str = "") -> Path:
    """A TOML file of a method whose program gets the output's path, the driving clip and the scratch folder."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{name}.py"
    source.write_text("import os, shutil, signal, sys, time\noutput, clip, scratch = sys.argv[1:]\n" + program)
    command = [sys.executable, str(source), "{output}", "{video}", "{scratch}"]
    path = folder / f"{name}.toml"
    path.write_text(f'command = {command!r}\nneeds = ["video"]\n{extra}\n')
    return path


def record(out: Path, method: str, sample: str) -> dict[str, Any]:
    """The record of a sample."""
    return json.loads((out / method / "samples" / f"{sample}.json").read_text())
