"""Speed, size and exactness of synthetic clips.

    python -m tests.performance.synthesis

One process; processor time, so that other work on the machine does not count.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from dataset.scenes import draw_scene, head
from dataset.synthesis import Clip, Options, make_clip
from dataset.truth import Truth

FRAMES = 90


def measure(folder: Path) -> dict[str, float]:
    """Frames a second and core, bytes of 1,000 frames, milliseconds of a flow map, median photometric error."""
    head()
    make_clip(Clip(1, 0), folder / "warm", Options(people=2, clips=1, frames=2))
    started = time.process_time()
    make_clip(Clip(0, 0), folder / "clip", Options(people=2, clips=1, frames=FRAMES))
    spent = time.process_time() - started
    size = sum(path.stat().st_size for path in (folder / "clip").rglob("*") if path.is_file())

    errors, flow_time = [], 0.0
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    for person in range(4):
        scene = draw_scene(0, person, 0, frames=FRAMES).flat()
        truth, renderer = Truth(scene), scene.renderer(supersample=1)
        for source, driving in ((0, 80), (20, 60), (70, 35)):
            started = time.process_time()
            flow, visible = truth.flow(source, driving)
            flow_time += time.process_time() - started
            pictures = [scene.render(frame, renderer).color.astype(np.float32) for frame in (source, driving)]
            moved = np.nan_to_num(flow)
            warped = cv2.remap(pictures[0], x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR)
            errors.append(np.median(np.abs(warped - pictures[1]).mean(axis=2)[visible]))
    return {
        "frames_per_second_and_core": FRAMES / spent,
        "megabytes_per_1000_frames": size / FRAMES * 1000 / 1e6,
        "flow_milliseconds": flow_time / len(errors) * 1000,
        "photometric_error_of_255": float(np.median(errors)),
    }


def rows() -> list[tuple[str, float, float | None, str]]:
    """What is measured, our value, the reference's (None: there is none), the unit."""
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(Path(scratch))
    return [
        ("synthetic frames", figures["frames_per_second_and_core"], None, "frames/s per core"),
        ("synthetic frames on disk", figures["megabytes_per_1000_frames"], None, "MB per 1000"),
        ("exact flow map", figures["flow_milliseconds"], None, "ms"),
        ("warping by the exact flow", figures["photometric_error_of_255"], None, "of 255, median"),
    ]


if __name__ == "__main__":
    for name, ours, _, unit in rows():
        print(f"{name:32} {ours:10.2f} {unit}")
