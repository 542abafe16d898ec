"""A small sample and a task for methods, and programs that behave in various ways."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from bench.methods.base import Task
from bench.suites.run_sample import RunSample

FRAMES, RATE, WIDTH, HEIGHT = 6, Fraction(25), 48, 32


def movie(path: Path, frames: int = FRAMES, size: tuple[int, int] = (WIDTH, HEIGHT), rate: int = 25) -> Path:
    """A small H.264 movie of noise from the number of frames."""
    from vfa.export.movie import MovieWriter

    rng = np.random.default_rng(frames)
    with MovieWriter(path, width=size[0], height=size[1], rate=Fraction(rate)) as writer:
        for frame in range(frames):
            image = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
            writer.write(image, Fraction(frame, rate))
    return path


def sample_in(folder: Path, **changes: object) -> RunSample:
    """A sample with a picture and a driving clip that is its own truth."""
    from bench.methods.pictures import write_picture

    clip = movie(folder / "given" / "clip.mp4")
    picture = folder / "given" / "face.png"
    write_picture(picture, np.full((HEIGHT, WIDTH, 3), (200, 60, 30), np.uint8))
    values: dict[str, object] = {"image": picture, "driving": clip, "truth": clip, **changes}
    return RunSample("one", FRAMES, RATE, WIDTH, HEIGHT, **values)  # type: ignore[arg-type]


def task_in(folder: Path, sample: RunSample, seconds: float = 20.0) -> Task:
    """A task with an empty scratch folder."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    return Task(sample, scratch / "result.mp4", None, scratch, folder / "one.log", folder / "cache", seconds)


def template_file(where: Path, program: str, **keys: str) -> Path:
    """A TOML file whose command runs a Python program with the output's path, the driving clip and the scratch folder.

    Args:
        where: its folder. program: its source; `sys.argv[1:]` are those three paths. keys: further lines,
            name -> TOML value.
    """
    where.mkdir(parents=True, exist_ok=True)
    source = where / "program.py"
    source.write_text(
        "import os, shutil, signal, subprocess, sys, time\noutput, clip, scratch = sys.argv[1:]\n" + program
    )
    lines = [f"{name} = {value}" for name, value in keys.items() if name not in ("limits", "result")]
    command = [sys.executable, str(source), "{output}", "{video}", "{scratch}"]
    text = [f"command = {command!r}", 'needs = ["video"]', *lines]
    text += [f"[{name}]\n{keys[name]}" for name in ("limits", "result") if name in keys]
    path = where / "program.toml"
    path.write_text("\n".join(text) + "\n")
    return path
