"""Cuts the face out of one video: finds the box in a first pass, writes the crops in a second."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.features.reader import VideoReader
from bench.process.boxes import FacePoints, Square, square_of
from bench.store import write_arrays
from vfa.errors import DecodeError, InputError

Detect = Callable[[np.ndarray], "FacePoints | None"]
CRF = 8


@dataclass(frozen=True)
class Processed:
    """What was cut out of a video: its box, frames, and how many of them showed a face."""

    square: Square
    n_frames: int
    n_faces: int


def extract_face(path: Path, out: Path, detect: Detect, method: str, *, size: int, images: bool) -> Processed:
    """Writes face_videos/<stem>.mp4, face_images/<stem>/00000.png ... and face_landmarks/<stem>.npz.

    Args:
        path: the video. out: the folder. detect: face points of an image. method: recorded beside the points.
        size: side of the crops in pixels. images: whether to write single images.

    Raises:
        DecodeError: it cannot be decoded. InputError: too few faces, or the folder cannot be written.
    """
    faces: list[FacePoints | None] = []
    for frame in VideoReader(path, {"frames"}):
        faces.append(detect(frame.features["frames"]))
    if not faces:
        raise DecodeError("the video has no frames", path=path)
    boxes = [None if face is None else face.box() for face in faces]
    try:
        square = square_of(boxes)
    except InputError as error:
        raise InputError(error.what, path=path, expected=error.expected, found=error.found) from error
    _write_crops(path, out, square, size, images)
    points = np.full((len(faces), 68, 2), np.nan, np.float32)
    score = np.zeros((len(faces), 68), np.float32)
    for i, face in enumerate(faces):
        if face is not None:
            points[i], score[i] = face.points, face.score
    where = np.array([square.x, square.y, square.side, size], np.int64)
    write_arrays(
        out / "face_landmarks" / f"{path.stem}.npz",
        {"points": points, "score": score, "box": where, "method": np.array(method)},
    )
    return Processed(square, len(faces), sum(box is not None for box in boxes))


def _write_crops(path: Path, out: Path, square: Square, size: int, images: bool) -> None:
    """The second pass: the video, and the images under a temporary name until they are all there."""
    import cv2

    from vfa.export.movie import MovieWriter
    from vfa.face.crop import SquareCrop, resize

    window = SquareCrop(square.x, square.y, square.side)
    reader = VideoReader(path, {"frames"})
    target = out / "face_videos" / f"{path.stem}.mp4"
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = out / "face_images" / path.stem
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".tmp-"))
    sound = path if reader.has_sound else None
    try:
        with MovieWriter(target, width=size, height=size, rate=reader.info.rate, audio_from=sound, crf=CRF) as movie:
            for frame in reader:
                crop = resize(window.cut(frame.features["frames"]), size)
                movie.write(crop, frame.time)
                if images:
                    done = cv2.imwrite(str(draft / f"{frame.index:05d}.png"), crop[..., ::-1])
                    if not done:
                        raise InputError("an image cannot be written", path=draft, hint="free some space")
        if images:
            shutil.rmtree(folder, ignore_errors=True)
            os.chmod(draft, 0o755)
            os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
