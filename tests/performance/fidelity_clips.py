"""Real recordings: the built-in avatar animated by the whole program, its movie measured by the same detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.performance.fidelity_methods import NetworkSource, Row, watch_take
from tests.performance.fidelity_shapes import FEATURES, Agreement, agreement
from tests.performance.retargeting import features
from vfa.pipeline import Progress

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT.parent / "shared" / "real"
AVATAR = ROOT / "dataset" / "demo_source" / "demo.npy"
CLIPS = ("expressive_a.mp4", "performance_rgb_256.mp4", "talking_with_audio.mp4", "head_turn_256.mp4")
BROWS = ((105, (33, 133)), (334, (263, 362)))
"""The middle of a brow and the corners of the eye below it."""


@dataclass(frozen=True)
class Followed:
    """How a movie follows its driver: share of frames with a face in the movie, agreement of each feature."""

    detected: float
    features: dict[str, Agreement]


def found_clips() -> list[Path]:
    """The recordings that are on this machine."""
    return [FOLDER / name for name in CLIPS if (FOLDER / name).is_file()]


def curves(points: np.ndarray) -> dict[str, np.ndarray]:
    """`FEATURES` `[T]` of landmarks `[T, 478, 3]`; lengths over the distance of the outer eye corners, yaw in degrees.

    The height of a brow is that above the line through its eye's corners.
    """
    flat = points[..., :2]
    eyes = np.linalg.norm(flat[:, 33] - flat[:, 263], axis=1)
    heights = []
    for brow, (outer, inner) in BROWS:
        line, up = flat[:, inner] - flat[:, outer], flat[:, brow] - flat[:, outer]
        cross = line[:, 0] * up[:, 1] - line[:, 1] * up[:, 0]
        heights.append(np.abs(cross) / np.linalg.norm(line, axis=1) / eyes)
    return {**features(points), "brow height": np.mean(heights, axis=0)}


def compare(driver: np.ndarray, result: np.ndarray) -> Followed:
    """Agreement of landmarks `[T, 478, 3]` of a driver and of the movie made from it; cut to the shorter one."""
    count = min(len(driver), len(result))
    a, b = curves(driver[:count]), curves(result[:count])
    seen = float(np.isfinite(result[:count, 0, 0]).mean())
    return Followed(seen, {name: agreement(a[name], b[name]) for name in FEATURES})


def animated(row: Row, clip: Path, work: Path, *, length: int | None, size: int, progress: Progress) -> Path:
    """Animates the built-in avatar by a method; the path of its movie.

    Args:
        row: the method. clip: the recording. work: folder for results. length: of the cut; None takes all.
        size: of the movie in pixels. progress: told what is going on.
    """
    if row.motion is None:
        return _filmed(row, clip, work / row.key / clip.stem, length=length, size=size, progress=progress)
    from vfa.pipeline import Options, run

    options = Options(
        AVATAR, clip, save_folder=work / row.key, motion=row.motion, checkpoint=row.checkpoint, length=length,
        weights_folder=work / "weights", render_size=size,
    )  # fmt: skip
    return run(options, progress).folder / "avatar.mp4"


def _filmed(row: Row, path: Path, folder: Path, *, length: int | None, size: int, progress: Progress) -> Path:
    """The same for a method that `infer.py` does not have."""
    from itertools import islice

    from vfa.avatar.avatar import load_avatar
    from vfa.avatar.stage import choose_camera, set_stage
    from vfa.export.movie import MovieWriter
    from vfa.media import open_clip

    folder.mkdir(parents=True, exist_ok=True)
    progress.stage("Preparing the avatar", None)
    avatar = load_avatar(AVATAR)
    stage = set_stage(avatar, choose_camera(avatar, centered=False), weights_folder=folder.parents[1] / "weights")
    renderer = stage.renderer(size)
    with open_clip(path, with_depth=isinstance(row.source, NetworkSource)) as clip:
        progress.stage("Watching the driver", None)
        take = watch_take(stage, clip, folder, find_best=True, length=length)
        progress.stage("Animating", len(take.driver.times))
        movie = folder / "avatar.mp4"
        with MovieWriter(movie, width=size, height=size, rate=clip.rate) as writer:
            frames = islice(row.frames(take), len(take.driver.times))
            for vertices, time in zip(frames, take.driver.times, strict=True):
                writer.write(renderer.render_color(vertices), time)
                progress.step()
    return movie
