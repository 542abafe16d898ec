"""`bench process`: cuts the face region out of all videos of a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.process.boxes import FacePoints
from bench.process.extract import Detect, extract_face
from bench.store import write_text
from bench.suites.sample import VIDEO_SUFFIXES, contents, files_by_stem
from vfa.errors import EXIT_INPUT, EXIT_OK, EXIT_PARTIAL, InputError, VFAError

DETECTORS = ("mediapipe", "dwpose")


def run_process(
    source: Path, out: Path, detector: str, size: int, bgr_compat: bool, images: bool, overwrite: bool
) -> int:
    """Runs the command; 0 when all went well, 5 when some videos failed or show too few faces, 3 when all did."""
    if detector not in DETECTORS:
        raise InputError(f"unknown detector {detector!r}", expected=", ".join(DETECTORS))
    videos = _videos(source)
    factory = _mediapipe if detector == "mediapipe" else _dwpose(bgr_compat)
    unmatched: list[str] = []
    for number, path in enumerate(videos, 1):
        if not overwrite and (out / "face_landmarks" / f"{path.stem}.npz").is_file():
            print(f"[{number}/{len(videos)}] {path.name}: there already")
            continue
        try:
            with factory() as detect:
                done = extract_face(path, out, detect, detector, size=size, images=images)
        except VFAError as error:
            unmatched.append(f"{path.name}: {error.what}" + (f" ({error.found})" if error.found else ""))
            print(f"[{number}/{len(videos)}] {error}", file=sys.stderr)
            continue
        box = done.square
        print(
            f"[{number}/{len(videos)}] {path.name}: {done.n_faces} of {done.n_frames} frames with a face, "
            f"box {box.side} x {box.side} at ({box.x}, {box.y})"
        )
    write_text(out / "unmatched.txt", "".join(line + "\n" for line in unmatched))
    if unmatched:
        print(f"{len(unmatched)} of {len(videos)} videos are left out: {out}/unmatched.txt")
        return EXIT_PARTIAL if len(unmatched) < len(videos) else EXIT_INPUT
    return EXIT_OK


def _videos(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    videos = list(files_by_stem(source, VIDEO_SUFFIXES).values())
    if not videos:
        raise InputError("no videos here", path=source, expected=", ".join(VIDEO_SUFFIXES), found=contents(source))
    return videos


@contextmanager
def _mediapipe() -> Iterator[Detect]:
    """A detector that follows the face through one video."""
    from vfa.face.landmarks import FaceLandmarker
    from vfa.face.topology import IBUG68

    with FaceLandmarker(static=False) as landmarker:

        def detect(image: np.ndarray) -> FacePoints | None:
            face = landmarker.detect(image)
            if face is None:
                return None
            return FacePoints(face.points[list(IBUG68), :2], np.ones(68, np.float32))

        yield detect


def _dwpose(bgr_compat: bool) -> Any:
    """Loads the networks once and says what they run on."""
    from bench.process.dwpose import DWPose
    from bench.weights import require

    network = DWPose(require("dwpose_detector"), require("dwpose"), bgr_compat=bgr_compat)
    print(f"DWPose on {network.provider}")

    @contextmanager
    def factory() -> Iterator[Detect]:
        yield network.detect

    return factory
