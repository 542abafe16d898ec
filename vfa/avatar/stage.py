"""The avatar in front of a camera: framing, its picture, its face, its rig."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vfa.avatar.avatar import Avatar
from vfa.avatar.rig import Rig
from vfa.avatar.rigging import VIEW, build_rig, find_face
from vfa.render.camera import Camera, frame_mesh
from vfa.render.light import Light
from vfa.render.scene import MeshRenderer, Renderer, create_renderer

BACKGROUND = ((58, 62, 70), (24, 26, 30))
FILL = 0.78  # room for the head to move
HEAD_OVER_FACE = 1.05  # half the framed region over the face's longer side


@dataclass(frozen=True)
class Stage:
    """An avatar ready to be driven.

    Attributes:
        avatar: who.
        camera: the view of `avatar.mp4`, `VIEW` pixels wide; scale it to the size wanted.
        rig: how it moves.
    """

    avatar: Avatar
    camera: Camera
    rig: Rig

    def renderer(
        self, size: int, *, yaw: float = 0.0, supersample: int = 2, backend: str = "cpu", plain: bool = False
    ) -> Renderer:
        """A renderer of the avatar, `size` pixels wide.

        Args:
            size: width in pixels.
            yaw: degrees to the side, for a second view.
            supersample: samples per pixel and direction.
            backend: `cpu` or `pyrender`.
            plain: an even background, for the detector.
        """
        view = self.camera.scaled(size / self.camera.width)
        return create_renderer(
            self.avatar.triangles,
            self.avatar.appearance,
            view.orbited(yaw) if yaw else view,
            light=light_for(self.avatar),
            supersample=supersample,
            background=(70, 70, 70) if plain else BACKGROUND,
            renderer=backend,
        )


def choose_camera(
    avatar: Avatar,
    eye: tuple[float, float, float] | None = None,
    translation: tuple[float, float, float] | None = None,
    centered: bool = True,
) -> Camera:
    """The camera of `--eye` and `--translation`, or, when neither is given, one that frames the head.

    Args:
        avatar: what is looked at.
        eye, translation: as the original has them, in mesh units; the defaults are 0 0 8 and 0 0 0.
        centered: the original centres meshes but not the morphable model.
    """
    if eye is not None or translation is not None:
        low, high = avatar.vertices.min(axis=0), avatar.vertices.max(axis=0)
        center = (low + high).astype(np.float64) / 2 if centered else np.zeros(3)
        return Camera.from_options(
            eye=eye or (0.0, 0.0, 8.0), translation=translation or (0.0, 0.0, 0.0), center=center, size=VIEW
        )
    return frame_mesh(avatar.vertices, width=VIEW, height=VIEW, fill=FILL, region=_head(avatar))


def _head(avatar: Avatar) -> np.ndarray | None:
    """bool `[V]`: what lies around the face, so that a whole body is framed on its head; None for everything."""
    if avatar.face_box is None:
        return None
    low, high = avatar.face_box.astype(np.float64)
    middle, reach = (low + high) / 2, HEAD_OVER_FACE * (high - low)[:2].max()
    inside = (np.abs(avatar.vertices[:, :2] - middle[:2]) < reach).all(axis=1)
    return inside if inside.any() else None


def light_for(avatar: Avatar) -> Light | None:
    """A photo brings its light along; everything else takes the renderer's own."""
    return Light.flat() if avatar.baked_light else None


def picture_of(avatar: Avatar, camera: Camera) -> np.ndarray:
    """The avatar at rest, uint8 `[H, W, 3]`."""
    renderer = MeshRenderer(avatar.triangles, avatar.appearance, camera, light=light_for(avatar), background=BACKGROUND)
    return renderer.render_color(avatar.vertices)


def set_stage(avatar: Avatar, camera: Camera, *, weights_folder: Path | None = None, **rig_options) -> Stage:
    """Finds the face on the avatar's picture and builds its rig (options: `vfa.avatar.rigging.build_rig`)."""
    landmarks = find_face(picture_of(avatar, camera))
    if landmarks is None and avatar.face_places is not None:
        landmarks = _seen_at(avatar.face_places.astype(np.float64), camera)
    rig = build_rig(avatar, camera, landmarks=landmarks, weights_folder=weights_folder, **rig_options)
    return Stage(avatar, camera, rig)


def _seen_at(places: np.ndarray, camera: Camera) -> np.ndarray:
    """Places `[478, 3]` on the mesh as the detector would give them: pixels, and depth in pixels from their mean."""
    screen = camera.project(places)
    middle = screen[:, 2].mean()
    return np.column_stack([screen[:, :2], (screen[:, 2] - middle) * camera.focal / middle])


def preview(stage: Stage) -> np.ndarray:
    """The picture of `--adjust_camera`: the avatar with its controllers, uint8 `[H, W, 3]`."""
    import cv2

    image = np.ascontiguousarray(picture_of(stage.avatar, stage.camera))
    for (x, y), landmark in zip(stage.rig.controllers.pixel, stage.rig.controllers.landmark, strict=True):
        color = (90, 220, 120) if landmark != -1 else (230, 130, 70)
        cv2.circle(image, (round(x * 8), round(y * 8)), 14, color, -1, cv2.LINE_AA, shift=3)
    return image
