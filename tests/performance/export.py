"""Speed of the animation export at 35k vertices, beside the singular value decomposition of all frames at once."""

from __future__ import annotations

import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.performance.render import head
from vfa.avatar.avatar import Avatar
from vfa.export.basis import MotionReducer
from vfa.export.glb import write_glb
from vfa.render import Appearance


def performance(vertices: np.ndarray, n_frames: int = 200, n_modes: int = 40) -> list[np.ndarray]:
    """Frames with local, smooth motion of 40 dimensions whose strengths fall like those of a face."""
    rng = np.random.default_rng(0)
    centres = vertices[rng.integers(0, len(vertices), n_modes)]
    fall = np.exp(-((vertices[None] - centres[:, None]) ** 2).sum(-1) / 0.1)[..., None]
    modes = fall * rng.normal(size=(n_modes, 1, 3)) * np.geomspace(0.05, 0.002, n_modes)[:, None, None]
    weights = np.sin(rng.uniform(0, 6, n_modes) + np.arange(n_frames)[:, None] * rng.uniform(0.05, 0.5, n_modes))
    return [(vertices + np.tensordot(row, modes, 1)).astype(np.float32) for row in weights]


def rows() -> list[tuple[str, float, float | None, str]]:
    """(what, our milliseconds, the reference's milliseconds or None, goal)."""
    vertices, triangles, _ = head()
    frames = performance(vertices)
    start = time.perf_counter()
    reducer = MotionReducer(vertices, tolerance=2e-3)
    for index, frame in enumerate(frames):
        reducer.add(Fraction(index, 30), frame)
    motion = reducer.finish()
    ours = (time.perf_counter() - start) * 1e3 / len(frames)

    start = time.perf_counter()
    moved = (np.stack(frames) - vertices).reshape(len(frames), -1)
    np.linalg.svd(moved, full_matrices=False)
    reference = (time.perf_counter() - start) * 1e3 / len(frames)

    avatar = Avatar("head", vertices, triangles, Appearance(), np.zeros(len(vertices), np.int32))
    with tempfile.TemporaryDirectory() as folder:
        write_glb(Path(folder) / "animation.glb", avatar, motion)  # loads the libraries
        start = time.perf_counter()
        write_glb(Path(folder) / "animation.glb", avatar, motion)
        writing = (time.perf_counter() - start) * 1e3
    size = f"{len(vertices)} vertices"
    return [
        (f"reduce the animation, each of {len(frames)} frames, {size}", ours, reference, ""),
        (f"write the GLB with {len(motion.targets)} morph targets, {size}", writing, None, ""),
    ]


if __name__ == "__main__":
    for name, ours, reference, _ in rows():
        print(f"{name:70s} {ours:8.1f} ms  {'' if reference is None else f'{reference:8.0f} ms'}")
