"""Makes the built-in demo again: `python -m dataset.demo` writes `demo_source/` and `demo_driving/` beside this file.

The driver and the avatar are two people drawn by `dataset.scenes`; the files change when the built-in head changes.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from dataset.scenes import draw_scene
from dataset.synthesis import Clip, Options, make_single
from dataset.truth import write_truth
from vfa.media.atomic import write_bytes

FOLDER = Path(__file__).parent
DRIVER = Options(people=1, clips=1, seed=2, frames=150, sigma=0, depth_step=1e-4, crf=16)
SOURCE_SEED = 17


def make_driving(folder: Path) -> None:
    """Writes `color/demo.mp4` and `depth/demo.nut` (steps of 0.1 mm, so that it fits into a repository)."""
    with tempfile.TemporaryDirectory() as scratch:
        make_single(Clip(0, 0), Path(scratch), DRIVER, "demo")
        for part in ("color/demo.mp4", "depth/demo.nut"):
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(scratch) / part, folder / f"{part}.part")
            os.replace(folder / f"{part}.part", folder / part)


def make_source(folder: Path) -> None:
    """Writes `demo.npy`, the 257 coefficients of a neutral face under even light."""
    scene = draw_scene(SOURCE_SEED, 0, 0, frames=1)
    with tempfile.TemporaryDirectory() as scratch:
        write_truth(Path(scratch) / "a.npz", scene)
        with np.load(Path(scratch) / "a.npz", allow_pickle=False) as truth:
            coefficients = truth["coefficients"][0]
    coefficients[80:144] = 0  # expression
    coefficients[224:] = 0  # pose, light, translation
    buffer = io.BytesIO()
    np.save(buffer, coefficients, allow_pickle=False)
    write_bytes(folder / "demo.npy", buffer.getvalue())


if __name__ == "__main__":
    make_driving(FOLDER / "demo_driving")
    make_source(FOLDER / "demo_source")
