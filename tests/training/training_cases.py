"""A tiny data set of faces-like blobs on disk, and the smallest animator, for the tests of training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from vfa.media.pictures import write_picture
from vfa.models.config import AnimatorConfig
from vfa.training.options import RunOptions

ROOT = Path(__file__).parents[2]
TINY = AnimatorConfig(
    size=16, max_channels=8, latent_dim_style=12, latent_dim_motion=4, latent_dim_depth_motion=2, flow_channels=4,
    flow_blocks=1,
)  # fmt: skip
TINY_OPTIONS = {name: value for name, value in TINY.to_dict().items() if AnimatorConfig().to_dict()[name] != value}
FRAMES = 6


def write_faces(root: Path, people: int = 3, side: int = 24, frames: int = FRAMES) -> Path:
    """A data set in the `kinect` layout: coloured balls that move; the last person is for testing."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float64)
    for person in range(people):
        split = "test" if person == people - 1 else "train"
        folder = root / split / f"p{person}" / "take"
        for frame in range(frames):
            centre = side / 2 + 4 * np.sin(frame + person)
            ball = 1 - ((x - centre) ** 2 + (y - side / 2) ** 2) / (side / 3) ** 2
            seen = ball > 0
            color = np.zeros((side, side, 3), np.uint8)
            color[seen] = (ball[seen, None] * [200, 90 + 40 * person, 60] + 30).astype(np.uint8)
            depth = np.where(seen, 600 - 100 * np.sqrt(np.maximum(ball, 0)), 0).astype(np.uint16)
            write_picture(folder / f"color_{frame}.png", color)
            write_picture(folder / f"depth_{frame}.png", depth)
    return root


def run_options(faces: Path, folder: Path, **more: Any) -> RunOptions:
    """Four steps of the tiny animator, a checkpoint after two; with noise, so that random numbers matter."""
    common: dict[str, Any] = {
        "exp_path": folder, "exp_name": "r", "dataset": (f"kinect={faces}",), "iterations": 4, "batch_size": 4,
        "warmup": 2, "lr": 1e-2, "ema": 0.9, "save_freq": 2, "display_freq": 100, "log_freq": 1, "workers": 0,
        "accelerator": "cpu", "model": TINY_OPTIONS, "data_options": {"source": "random"},
        "stage_options": {"perceptual": "gradients_lite", "noise": "true"}, "licence": "test",
    }  # fmt: skip
    return RunOptions(**{**common, **more})


def command(data: Path, exps: Path, *more: str, name: str = "r", steps: int = 6) -> list[str]:
    """`train.py` on that data set with the tiny animator."""
    model = [part for key, value in TINY_OPTIONS.items() for part in ("--model_option", f"{key}={value}")]
    options = {"exp_path": exps, "exp_name": name, "dataset": f"kinect={data}", "iter": steps, "batch_size": 4,
               "save_freq": 2, "display_freq": 100, "log_freq": 1, "workers": 0, "accelerator": "cpu",
               "perceptual": "gradients_lite", "data_option": "source=random"}  # fmt: skip
    given = [part for key, value in options.items() if f"--{key}" not in more for part in (f"--{key}", str(value))]
    return [sys.executable, "train.py", *given, *model, *more]


def run(arguments: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Runs a command in the repository with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        environment.pop(name, None)
    return subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900, **options
    )  # type: ignore[call-overload]
