"""A sample's source as an avatar in front of the camera of its picture, whatever it came as."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.methods.motion import MotionRecorder
from vfa.errors import InputError

if TYPE_CHECKING:
    from bench.methods.base import Task
    from vfa.avatar.avatar import Avatar
    from vfa.avatar.stage import Stage
    from vfa.render.camera import Camera
    from vfa.render.light import Light

FAR = 400.0
"""Mesh units between a photo's camera and its avatar: so far that the view is nearly parallel."""


@dataclass(frozen=True)
class View:
    """How a source was seen.

    Attributes:
        camera: of its picture. light: None for the renderer's own. background: uint8 [H,W,3], or one colour.
    """

    camera: Camera
    light: Light | None
    background: np.ndarray | tuple[int, int, int]


def read_view(path: Path) -> View:
    """Camera and light as a suite stores them.

    Raises:
        InputError: the file is damaged.
    """
    from vfa.render import Camera, Light

    try:
        data = json.loads(path.read_text())
        camera = Camera(**data["camera"])
        return View(camera, Light.from_bfm(np.array(data["light"])), tuple(data["background"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("the view of the source cannot be read", path=path, found=str(error)) from error


def staged(task: Task) -> tuple[Stage, View]:
    """The avatar of a sample, ready to be driven, and how its results are rendered.

    A mesh with a known view is taken before a photo; its rig is built from the front, where the face is found best.

    Raises:
        InputError: there is neither, or no face in the photo.
    """
    from vfa.avatar.avatar import load_avatar
    from vfa.avatar.stage import choose_camera, set_stage

    sample = task.sample
    if sample.mesh is not None and sample.view is not None:
        avatar, view = load_avatar(sample.mesh), read_view(sample.view)
    elif sample.image is not None:
        avatar = load_avatar(sample.image)
        view = photo_view(avatar, sample.image, sample.width, sample.height)
    else:
        raise InputError("the sample has no source", path=sample.id, expected="a picture, or a mesh with its view")
    stage = set_stage(avatar, choose_camera(avatar), weights_folder=task.cache / "weights")
    return stage, view


def photo_view(avatar: Avatar, photo: Path, width: int, height: int) -> View:
    """The view in which a portrait's avatar at rest is the photo, cut to a size as results are.

    Raises:
        InputError: no face is found in the photo.
    """
    from bench.methods.pictures import fitted
    from vfa.avatar.photo import read_photo
    from vfa.face.landmarks import FaceLandmarker
    from vfa.render import Camera, Light

    picture = fitted(read_photo(photo), width, height)
    with FaceLandmarker(static=True) as landmarker:
        found = landmarker.detect(picture)
    if found is None or avatar.face_places is None:
        raise InputError("no face found in the portrait", path=photo)
    places = avatar.face_places[:468, :2].astype(np.float64) * (1, -1)
    pixels = found.points[:468, :2].astype(np.float64)
    center = places.mean(axis=0)
    spread = places - center
    scale = float((spread * (pixels - pixels.mean(axis=0))).sum() / (spread * spread).sum())
    middle = pixels.mean(axis=0) - scale * center  # where the mesh's origin shows
    camera = Camera(
        np.array([0.0, 0.0, FAR]), np.zeros(3), focal=scale * FAR, principal=(float(middle[0]), float(middle[1])),
        width=width, height=height,
    )  # fmt: skip
    return View(camera, Light.flat(), _without_person(picture))


def _without_person(picture: np.ndarray) -> np.ndarray:
    """The picture with the person painted over from around, uint8 [H,W,3]; worked out at a quarter of the size."""
    import cv2

    from vfa.face.landmarks import person_mask

    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(width // 4, 16), max(height // 4, 16)), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(person_mask(picture).astype(np.float32), small.shape[1::-1]) > 0.2
    hole = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    if hole.all():
        return np.full_like(picture, picture.mean(axis=(0, 1)).astype(np.uint8))
    filled = cv2.resize(cv2.inpaint(small, hole, 3, cv2.INPAINT_TELEA), (width, height), interpolation=cv2.INTER_CUBIC)
    share = cv2.GaussianBlur(cv2.resize(hole.astype(np.float32), (width, height)), (0, 0), 3)[..., None]
    return np.clip(share * filled + (1 - share) * picture, 0, 255).astype(np.uint8)


class Filming:
    """Renders the frames of a result and, where the topology is the suite's, records their motion.

    Args:
        task: where to. avatar: what is rendered. view: how.
    """

    def __init__(self, task: Task, avatar: Avatar, view: View) -> None:
        from vfa.export.movie import MovieWriter
        from vfa.render.scene import MeshRenderer

        sample = task.sample
        self.task = task
        camera = view.camera
        if (camera.width, camera.height) != (sample.width, sample.height):
            camera = replace(camera.scaled(sample.width / camera.width), width=sample.width, height=sample.height)
        self._renderer = MeshRenderer(
            avatar.triangles, avatar.appearance, camera, light=view.light, background=view.background
        )
        self._movie = MovieWriter(
            task.output, width=sample.width, height=sample.height, rate=sample.rate, audio_from=sample.audio
        )
        self._motion: MotionRecorder | None = None
        if task.motion is not None and sample.points is not None:
            recorder = MotionRecorder(sample.points, camera)
            self._motion = recorder if recorder.fits(len(avatar.vertices)) else None

    def add(self, vertices: np.ndarray, time: Fraction) -> None:
        """Adds a frame: vertices float32 [V,3] in the world, at `time` seconds."""
        self._movie.write(self._renderer.render_color(vertices), time)
        if self._motion is not None:
            self._motion.add(vertices)

    def close(self) -> None:
        """Completes the video and the motion file."""
        self._movie.close()
        if self._motion is not None and self.task.motion is not None:
            self._motion.write(self.task.motion, self.task.sample.rate)

    def abort(self) -> None:
        """Throws away what was written."""
        self._movie.abort()


@contextmanager
def filming(task: Task, avatar: Avatar, view: View) -> Iterator[Filming]:
    """A `Filming` that is closed at the end, or thrown away after an error."""
    film = Filming(task, avatar, view)
    try:
        yield film
    except BaseException:
        film.abort()
        raise
    film.close()
