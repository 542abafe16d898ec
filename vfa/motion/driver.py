"""The driving face, watched once: landmarks of every frame on disk, and a neutral frame to start from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import numpy as np

from vfa.errors import InputError
from vfa.face.tracking import DetectionStatistics, Missing, track
from vfa.media.clip import Clip
from vfa.media.frame import Frame
from vfa.motion.performance import neutrality


def cut(frames: Iterable[Frame], offset: int, length: int | None) -> Iterator[Frame]:
    """The frames from `offset` on, at most `length` of them (`--offset`, `--length`)."""
    return islice(iter(frames), offset, None if length is None else offset + length)


@dataclass(frozen=True)
class Driver:
    """A driving face.

    Attributes:
        landmarks: float32 `[T, 478, 3]` in pixels, memory-mapped: a long clip does not fill the memory.
        times: exact seconds since the clip's start.
        start: index of the start frame, within the cut clip.
        detection_rate: share of frames in which the face was seen.
    """

    landmarks: np.ndarray
    times: list[Fraction]
    start: int
    detection_rate: float


def watch(
    clip: Clip,
    folder: Path,
    *,
    offset: int = 0,
    length: int | None = None,
    missing: Missing = "interpolate",
    smoothing: float = 0.0,
    find_best: bool = True,
    best_frame: int | None = None,
    progress: Callable[[], None] | None = None,
) -> Driver:
    """Finds the face in every frame of a clip.

    Args:
        clip: the driving clip.
        folder: where the landmarks are kept while they are needed.
        offset, length: which frames (`--offset`, `--length`).
        missing: what happens in frames without a face.
        smoothing: cut-off of the One-Euro filter in Hz; 0 for none.
        find_best: start from the most neutral frame; otherwise from the first.
        best_frame: start from this frame, counted from the clip's beginning.
        progress: called after every frame.

    Raises:
        InputError: no frame, no face, or a start frame outside the cut.
    """
    from vfa.face.landmarks import FaceLandmarker
    from vfa.face.smoothing import OneEuro

    frames = cut(clip, offset, length)
    first = next(frames, None)
    if first is None:
        raise InputError(
            "no frames to animate",
            path=clip.path,
            expected=f"more than {offset} frames (--offset)",
            found="an unknown number of frames" if clip.n_frames is None else f"{clip.n_frames} frames",
        )
    statistics = DetectionStatistics()
    smooth = OneEuro(min_cutoff=smoothing, beta=20.0) if smoothing > 0 else None
    times: list[Fraction] = []
    best, best_score, lead = 0, np.inf, 0
    handle, name = tempfile.mkstemp(dir=folder, prefix=".tmp-landmarks-")
    path = Path(name)
    try:
        with open(handle, "wb") as file, FaceLandmarker() as landmarker:
            for seen in track(
                chain([first], frames), landmarker, missing=missing, smooth=smooth, statistics=statistics
            ):
                times.append(seen.frame.time)
                if progress is not None:
                    progress()
                if seen.landmarks is None:
                    lead += 1
                    continue
                points = np.ascontiguousarray(seen.landmarks.points, np.float32)
                for _ in range(lead):  # frames before the face first shows take the first one
                    file.write(points.tobytes())
                lead = 0
                file.write(points.tobytes())
                if seen.detected and (score := neutrality(points)) < best_score:
                    best, best_score = len(times) - 1, score
        landmarks = np.memmap(path, np.float32, "r", shape=(len(times), 478, 3))
    finally:
        path.unlink(missing_ok=True)  # the mapping keeps the data until it is closed
    if best_frame is not None:
        best = best_frame - offset
        if not 0 <= best < len(times):
            raise InputError(
                "--best_frame lies outside the clip",
                path=clip.path,
                expected=f"{offset}..{offset + len(times) - 1}",
                found=str(best_frame),
            )
    elif not find_best:
        best = 0
    return Driver(landmarks, times, best, statistics.rate)
