"""Everything between a stage, a watched driver and the networks: one call that makes `--motion vfa` ready to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vfa.face.crop import SquareCrop
from vfa.face.topology import LIP_CORNERS, STABLE
from vfa.media.normalize import CONVENTIONS, Convention
from vfa.mesh.controllers import STATIC
from vfa.motion.driver import Driver
from vfa.motion.head_pose import HeadFrame, head_poses
from vfa.motion.landmarks import LandmarkMotion
from vfa.motion.motion import Motion
from vfa.motion.mouth import Mouth
from vfa.motion.network import DriverMotion, NetworkMotion, encode_driver
from vfa.motion.network_input import DriverFrames, SourceFrame, face_size, followed_crop, raised, source_frame
from vfa.motion.portrait_motion import PortraitMotion
from vfa.motion.response import mouth_size
from vfa.render.camera import Camera
from vfa.render.scene import MeshRenderer

if TYPE_CHECKING:
    from vfa.avatar.rig import Rig
    from vfa.avatar.stage import Stage
    from vfa.media.frame import Frame
    from vfa.models.animator import VersatileFaceAnimator

FEWEST_LANDMARKS = 20
BASIS_REACH = 1.0
"""Where the motion of the lips is read off a motion basis, in heights of the lip from the slit: it is sharper than a
flow, and the border of the red has pixels of its own."""
PORTRAIT_SHARE = 0.82
"""Longer side of the avatar's face in picture heights where its head keeps still and needs no room to move."""


def view_for(animator: VersatileFaceAnimator, stage: Stage, driver: Driver, width: int, height: int) -> Camera:
    """A view of the avatar in which its face is as large in the picture as the driver's is.

    The networks were trained on pairs of frames of one recording, framed alike; the stage's own camera leaves room
    around the head. Networks that hold the head still see the face alone. An avatar without a face is seen by the
    stage's camera.

    Args:
        animator: the networks.
        stage: the avatar, its camera and its rig.
        driver: the watched clip.
        width, height: of the driver's frames in pixels.
    """
    size, camera = animator.config.size, stage.camera
    controllers = stage.rig.controllers
    follows = controllers.landmark >= 0
    if follows.sum() < FEWEST_LANDMARKS:
        return camera.scaled(size / camera.width)
    points = camera.project(controllers.positions(stage.rig.rest)[follows])[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    longer, lift = float((high - low).max()), 0.0
    if animator.config.basis_channels:
        side = longer / PORTRAIT_SHARE
    else:
        # Both faces are measured over the landmarks that the avatar has.
        convention = _convention(animator)
        window = followed_crop(driver.landmarks, width, height, convention) or SquareCrop(0, 0, width)
        side = longer * window.side / face_size(np.asarray(driver.landmarks)[:, controllers.landmark[follows]])
        lift = raised(convention) * side
    left, top = (low + high) / 2 - side / 2 - (0, lift)
    scale = size / side
    principal = ((camera.principal[0] - left) * scale, (camera.principal[1] - top) * scale)
    return replace(camera, focal=camera.focal * scale, principal=principal, width=size, height=size)


def encode_clip(
    animator: VersatileFaceAnimator,
    driver: Driver,
    frames: Callable[[], Iterable[Frame]],
    progress: Callable[[], None] | None = None,
    *,
    smoothing: float = 0.0,
) -> DriverMotion:
    """The driver's motion weights.

    Args:
        animator: the networks.
        driver: the watched clip; its landmarks say where the face is, and how deep where the clip has no depth.
        frames: gives the watched frames from the first on; called more than once.
        progress: called after every encoded frame.
        smoothing: cut-off of the One-Euro filter in Hz; 0 for none. Only weights of a known meaning, those of networks
            with a motion basis, are filtered.
    """
    height, width = next(iter(frames())).color.shape[:2]
    prepared = DriverFrames(
        animator.config.size,
        landmarks=driver.landmarks,
        crop=followed_crop(driver.landmarks, width, height, _convention(animator)),
        convention=_convention(animator),
    )
    prepared.measure(frames())
    encoded = encode_driver(prepared.normalized(frames()), driver.times, animator, progress=progress)
    return encoded.smoothed(smoothing) if animator.config.basis_channels else encoded


def network_motion(
    animator: VersatileFaceAnimator,
    stage: Stage,
    driver: Driver,
    encoded: DriverMotion,
    *,
    view: Camera,
    start: int | None = None,
    pose: bool = True,
    strength: float = 1.0,
) -> NetworkMotion | PortraitMotion:
    """The networks, ready to move a stage's controllers; lids and gaze follow the driver's landmarks, and with a
    motion basis lips part no wider than a quarter more than those.

    Args:
        animator: the networks.
        stage: the avatar, its camera and its rig.
        driver: the watched clip.
        encoded: from `encode_clip`.
        view: of the source's picture, square: `view_for`, or the camera of `--eye`.
        start: frame of the driver that stands for the avatar at rest; None takes the driver's.
        strength: factor on the expression.
        pose: whether the rigid motion of the skull becomes the head's pose instead of a part of the translations.
    """
    avatar, rig, size = stage.avatar, stage.rig, animator.config.size
    view = view.scaled(size / view.width)
    picture = MeshRenderer(avatar.triangles, avatar.appearance, view).render(avatar.vertices)
    controllers = rig.controllers
    placed = view.project(controllers.positions(rig.rest))
    stable = controllers.rows(STABLE)
    start = driver.start if start is None else start
    eyes: Callable[[int], Motion] | None = None
    if rig.eyes and len(driver.landmarks):
        seen = LandmarkMotion(rig, driver.landmarks[start])

        def eyes(index: int) -> Motion:
            return seen.motion(driver.landmarks[index], driver.times[index])

    source = source_frame(picture.color, picture.depth, _convention(animator))
    given = animator, source, view, placed[:, :2], placed[:, 2], encoded
    static = controllers.landmark == STATIC
    if animator.config.basis_channels:
        poses = head_poses(encoded.weights, encoded.weights[start], HeadFrame.of(rig, view.eye)) if pose else None
        mouth = None if rig.mouth is None else Mouth(rig.mouth, rig.axes[1], BASIS_REACH)
        portrait = PortraitMotion(
            *given, start=start, poses=poses, static=static, mouth=mouth, strength=strength, seen=eyes
        )
        corners = controllers.rows(LIP_CORNERS)
        if mouth is not None and len(driver.landmarks) and (corners >= 0).all():
            _calibrate(portrait, stage, driver, mouth, corners)
        return portrait
    mouth = None if rig.mouth is None else Mouth(rig.mouth, rig.axes[1])
    rigid = np.unique(stable[stable >= 0]) if pose else None
    return NetworkMotion(*given, start=start, rigid=rigid, static=static, mouth=mouth, strength=strength, eyes=eyes)


def dense_motion(
    animator: VersatileFaceAnimator, rig: Rig, source: SourceFrame, view: Camera, encoded: DriverMotion, start: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Backward flow float [2, S, S] and depth [S, S] of every frame, in [-1, 1], head motion included.

    Args:
        animator: the networks. rig: of the avatar. source: its picture. view: of that picture.
        encoded: from `encode_clip`. start: frame of the driver that stands for the avatar at rest.
    """
    import torch

    if animator.config.basis_channels:
        poses = head_poses(encoded.weights, encoded.weights[start], HeadFrame.of(rig, view.eye))
        nowhere = np.zeros((1, 2)), np.ones(1)
        portrait = PortraitMotion(animator, source, view, *nowhere, encoded, poses=poses, start=start)
        for index in range(len(encoded.times)):
            picture = portrait.picture(index)
            yield picture.flow, picture.rgbd[3]
        return
    clip = animator.prepare(torch.from_numpy(source.rgbd[None, : animator.config.input_channels]))
    clip = clip.relative_to(torch.from_numpy(encoded.weights[start : start + 1]))
    for index in range(len(encoded.times)):
        out = clip.animate_motion(torch.from_numpy(encoded.weights[index : index + 1]))
        yield out.flow[0].cpu().numpy(), out.rgbd[0, 3].cpu().numpy()


def _calibrate(portrait: PortraitMotion, stage: Stage, driver: Driver, mouth: Mouth, corners: np.ndarray) -> None:
    """Makes the avatar's mouth read as the driver's; see `PortraitMotion.calibrate`."""
    from vfa.avatar.detector import AvatarDetector

    rig, lines = stage.rig, portrait.lines
    apart = lines[:, mouth.slit.upper[0]] - lines[:, mouth.slit.lower[0]]
    opens = (apart @ rig.axes[1])[:, mouth.slit.paired].mean(axis=1)
    widens = (lines[:, corners[1]] - lines[:, corners[0]]) @ rig.axes[0]
    sizes = np.array([mouth_size(points) for points in driver.landmarks])
    with AvatarDetector(stage) as detect:

        def show(motion: Motion) -> np.ndarray | None:
            pose = motion.pose
            return detect(rig.deform(motion) @ pose[:3, :3].T + pose[:3, 3])

        portrait.calibrate(sizes, np.stack([opens, widens], axis=1), show)


def _convention(animator: VersatileFaceAnimator) -> Convention:
    return next(name for name in CONVENTIONS if name == animator.normalization)
