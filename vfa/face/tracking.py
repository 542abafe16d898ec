"""One face followed along a clip, streamed, with a stated behaviour for frames without a face."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vfa.errors import InputError
from vfa.face.crop import SquareCrop
from vfa.face.landmarks import SMALL_FACE, FaceLandmarker, FaceLandmarks
from vfa.face.smoothing import OneEuro

if TYPE_CHECKING:
    from vfa.media.frame import Frame

Missing = Literal["hold", "interpolate", "fail"]
MISSING = ("hold", "interpolate", "fail")

LOOK_AHEAD = 30
"""Longest gap, in frames, that is bridged by interpolation; the most frames ever kept in memory."""

_REACH = 1.0  # a face may move by its own size from one frame to the next
_FORGET = 15  # after so many frames without it, any other face may take its place
_VISIBLE = 0.5  # share of the points that must lie inside the image


@dataclass(frozen=True)
class TrackedFace:
    """A frame with its landmarks (pixels of the whole frame).

    ``detected`` is False where the landmarks were held or interpolated, or where there are none (``landmarks`` is None
    before the first face).
    """

    frame: Frame
    landmarks: FaceLandmarks | None
    detected: bool


@dataclass
class DetectionStatistics:
    """Counts over a clip; complete once the tracker is exhausted."""

    frames: int = 0
    detected: int = 0

    @property
    def rate(self) -> float:
        """Share of frames with a face; 0 for an empty clip."""
        return self.detected / self.frames if self.frames else 0.0


def track(
    frames: Iterable[Frame],
    landmarker: FaceLandmarker,
    *,
    missing: Missing = "hold",
    smooth: OneEuro | None = None,
    look_ahead: int = LOOK_AHEAD,
    statistics: DetectionStatistics | None = None,
) -> Iterator[TrackedFace]:
    """Follow the largest face of the first frame that shows one; later the face nearest to the last place.

    Args:
        frames: the clip, read once, in order.
        landmarker: made with ``static=False``; with ``max_faces`` > 1 it can tell several people apart.
        missing: frames without the face keep its last landmarks ("hold"), are bridged linearly in time where the gap
            is at most ``look_ahead`` frames, else held ("interpolate"), or raise InputError ("fail").
        smooth: applied to the points in units of the first face's size, so that its ``beta`` means the same at any
            resolution.
        look_ahead: the bound for interpolation, in frames.
        statistics: filled while frames pass.

    Raises:
        InputError: for "fail", at the first frame without a face; always, at the end, when no frame shows a face.
    """
    if missing not in MISSING:
        raise InputError("unknown choice for frames without a face", expected=" | ".join(MISSING), found=str(missing))
    statistics = DetectionStatistics() if statistics is None else statistics
    tracked: Iterator[TrackedFace] = _detect(frames, landmarker, missing, statistics)
    tracked = _interpolate(tracked, look_ahead) if missing == "interpolate" else _hold(tracked)
    yield from tracked if smooth is None else _smooth(tracked, smooth)
    if not statistics.detected:
        raise InputError(
            "no face found in the driving clip",
            expected="a face, larger than about 5 % of the picture, in at least one frame",
            found=f"{statistics.frames} frames without a face",
            hint="look at the clip: is the face turned away, covered, upside down or very dark?",
        )


def _detect(
    frames: Iterable[Frame], landmarker: FaceLandmarker, missing: Missing, statistics: DetectionStatistics
) -> Iterator[TrackedFace]:
    last: FaceLandmarks | None = None
    window: SquareCrop | None = None
    gap = 0
    for frame in frames:
        face = None
        if window is not None and last is not None:
            face = _choose(_in_window(landmarker, frame.color, window), last, gap, frame.color)
        if face is None:
            if window is not None:
                landmarker.reset()
            window = None
            face = _choose(landmarker.detect_all(frame.color), last, gap, frame.color)
        statistics.frames += 1
        gap += 1
        if face is not None:
            statistics.detected += 1
            last, gap = face, 0
            moved = _window_for(face, frame.color, window)
            if moved != window:
                landmarker.reset()
            window = moved
        elif missing == "fail":
            raise InputError(
                f"no face in frame {frame.index} ({float(frame.time):.3f} s)",
                expected="a face in every frame",
                found="none",
                hint="choose hold or interpolate for frames without a face, or cut the clip",
            )
        yield TrackedFace(frame, face, face is not None)


def _in_window(landmarker: FaceLandmarker, image: np.ndarray, window: SquareCrop) -> list[FaceLandmarks]:
    faces = landmarker.detect_all(window.cut(image))
    return [replace(face, points=window.to_image(face.points)) for face in faces]


def _window_for(face: FaceLandmarks, image: np.ndarray, window: SquareCrop | None) -> SquareCrop | None:
    """Small faces are tracked in a window of constant size that moves only when the face nears its edge."""
    if window is None:
        if face.size >= SMALL_FACE * max(image.shape[:2]):
            return None
        return SquareCrop.centered(face.center, 2.5 * face.size)
    if not SMALL_FACE * window.side <= face.size <= 0.6 * window.side:
        return SquareCrop.centered(face.center, 2.5 * face.size)
    drift = np.abs(face.center - (window.x + window.side / 2, window.y + window.side / 2)).max()
    return window.moved_to(face.center) if drift > 0.2 * window.side else window


def _choose(
    faces: list[FaceLandmarks], last: FaceLandmarks | None, gap: int, image: np.ndarray
) -> FaceLandmarks | None:
    height, width = image.shape[:2]
    faces = [face for face in faces if _share_inside(face, width, height) >= _VISIBLE]
    if not faces:
        return None
    if last is None or gap >= _FORGET:
        return max(faces, key=lambda face: face.size)
    nearest = min(faces, key=lambda face: float(np.linalg.norm(face.center - last.center)))
    reach = _REACH * last.size * (1 + gap)
    return nearest if float(np.linalg.norm(nearest.center - last.center)) <= reach else None


def _share_inside(face: FaceLandmarks, width: int, height: int) -> float:
    xy = face.points[:, :2]
    return float(((xy >= 0) & (xy < (width, height))).all(axis=1).mean())


def _hold(tracked: Iterator[TrackedFace]) -> Iterator[TrackedFace]:
    last: FaceLandmarks | None = None
    for item in tracked:
        last = item.landmarks or last
        yield replace(item, landmarks=last)


def _interpolate(tracked: Iterator[TrackedFace], look_ahead: int) -> Iterator[TrackedFace]:
    before: TrackedFace | None = None
    waiting: deque[TrackedFace] = deque()
    for item in tracked:
        if item.landmarks is None:
            waiting.append(item)
            if len(waiting) > look_ahead:  # too long a gap: hold instead
                yield replace(waiting.popleft(), landmarks=before.landmarks if before else None)
            continue
        for between in waiting:
            yield replace(between, landmarks=_between(before, between, item))
        waiting.clear()
        before = item
        yield item
    for item in waiting:
        yield replace(item, landmarks=before.landmarks if before else None)


def _between(before: TrackedFace | None, item: TrackedFace, after: TrackedFace) -> FaceLandmarks:
    assert after.landmarks is not None
    if before is None or before.landmarks is None:
        return replace(after.landmarks, score=0.0)
    share = float((item.frame.time - before.frame.time) / (after.frame.time - before.frame.time))
    points = before.landmarks.points * np.float32(1 - share) + after.landmarks.points * np.float32(share)
    return FaceLandmarks(points, 0.0)


def _smooth(tracked: Iterator[TrackedFace], smooth: OneEuro) -> Iterator[TrackedFace]:
    smooth.reset()
    size = 0.0
    for item in tracked:
        if item.landmarks is None:
            yield item
            continue
        size = size or item.landmarks.size
        points = smooth(item.landmarks.points / size, item.frame.time) * size
        yield replace(item, landmarks=replace(item.landmarks, points=points.astype(np.float32)))
