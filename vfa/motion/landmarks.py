"""`--motion landmarks`: the driver's face landmarks in 3D move the controllers; no network, any RGB video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vfa.avatar.rig import Rig
from vfa.face import topology as face
from vfa.mesh.controllers import FREE
from vfa.motion.motion import Motion
from vfa.motion.performance import Expression, Performance
from vfa.motion.response import Gains, measure_gains, mouth_size
from vfa.motion.rigid import fit_similarity, rotation_about, upright
from vfa.motion.view_bias import ViewBias, measure_view_bias

HEAD_POSES = ("full", "rotation", "none")
# What is left of the measured lid height when an eye is shut: MediaPipe never reports zero.
SHUT = 0.2
WIDEST = 1.35
EYE_WIDTH_OVER_RADIUS = 2.3
FREE_NEIGHBOURS = 6


@dataclass(frozen=True)
class LandmarkOptions:
    """How the driver's motion is carried over.

    Attributes:
        head_pose: `full`, `rotation` (the head turns in place) or `none`.
        strength: factor on the expression.
        lips: whether lips are made to meet and part as the driver's do.
        lids: whether lids are made to close as the driver's do.
        gaze: whether eyeballs turn.
    """

    head_pose: str = "full"
    strength: float = 1.0
    lips: bool = True
    lids: bool = True
    gaze: bool = True


class LandmarkMotion:
    """Carries a driver's landmarks over to a rig, relative to a start frame.

    Args:
        rig: of the avatar.
        start: landmarks `[478, 3]` of the driver's start frame, in image pixels.
        options: see `LandmarkOptions`.
        bias: of the landmark detector, taken off the driver; none when not given.
    """

    def __init__(
        self, rig: Rig, start: np.ndarray, options: LandmarkOptions | None = None, bias: ViewBias | None = None
    ) -> None:
        self.rig = rig
        self.options = options or LandmarkOptions()
        self.performance = Performance(start)
        self.neutral = self.performance.measure(start)
        self.to_world = rig.view.T
        self.scale = rig.size / self.performance.eye_distance
        self.frontal = self._frontal()
        self.bias = bias or ViewBias.none()
        self._start_bias = self.bias.at(self.frontal.T)
        self.gains = Gains()
        self._widening = _around_mouth(self.performance.start, self.performance.eye_distance)
        self._carry = _carry(rig, self.performance.start @ self.frontal.T)

    def _frontal(self) -> np.ndarray:
        """Rotation from the start frame's head to the head of the avatar in its picture."""
        if self.rig.landmarks is None:
            return self.performance.axes
        target = upright(self.rig.landmarks)
        stable = list(face.STABLE)
        return fit_similarity(self.performance.start[stable], target[stable]).rotation

    def motion(self, landmarks: np.ndarray, time: Fraction) -> Motion:
        """The avatar's motion for the driver's landmarks `[478, 3]` (image pixels) of one frame."""
        frame = self.performance.measure(landmarks, self._bias_of)
        moved = frame.shape - self.performance.start
        moved += (self.gains.mouth_width - 1.0) * self._width_change(moved)
        moved = moved @ (self.to_world @ self.frontal).T
        translation = self.options.strength * self.scale * (self._carry @ moved)
        return Motion(
            time,
            translation,
            np.ones(len(translation), bool),
            self._pose(frame),
            self._gaze(frame) if self.options.gaze else np.zeros(2),
            self._lid_opening(frame) if self.options.lids else np.ones(2),
            self._lip_gap(frame) if self.options.lips and self.rig.mouth is not None else None,
        )

    def bias_from(self, detect: Callable[[np.ndarray], np.ndarray | None]) -> None:
        """Measures the detector's bias on the avatar; `detect` gives landmarks `[478, 3]` for its vertices, or None."""
        self.bias = measure_view_bias(self.rig, detect)
        self._start_bias = self.bias.at(self.frontal.T)

    def calibrate(self, driver: np.ndarray, detect: Callable[[np.ndarray], np.ndarray | None]) -> None:
        """Sets the gains so that the mouth reads the same on the avatar as on the driver.

        Args:
            driver: landmarks `[T, 478, 3]` of the clip.
            detect: landmarks `[478, 3]` found on the picture of the avatar with given vertices `[V, 3]`, or None.
        """
        if self.rig.mouth is None:
            return

        def show(index: int) -> np.ndarray | None:
            motion = self.motion(driver[index], Fraction(0))
            return detect(self.rig.deform(motion) @ motion.pose[:3, :3].T + motion.pose[:3, 3])

        self.gains = measure_gains(np.array([mouth_size(points) for points in driver]), show)

    def _width_change(self, moved: np.ndarray) -> np.ndarray:
        """The part of a motion `[478, 3]` that widens or narrows the mouth: what both corners do against each other."""
        right = self.performance.axes[0]
        corners = moved[list(face.LIP_CORNERS)] @ right
        stretch = (corners[1] - corners[0]) / 2
        return stretch * self._widening[:, None] * right

    def _bias_of(self, rotation: np.ndarray) -> np.ndarray:
        """Bias `[478, 3]` of a frame against the start frame, in the start frame's axes and pixels."""
        change = self.bias.at(rotation @ self.frontal.T) - self._start_bias
        return self.performance.eye_distance * change @ self.frontal

    def _pose(self, frame: Expression) -> np.ndarray:
        if self.options.head_pose == "none":
            return np.eye(4)
        rotation = self.to_world @ self.bias.true_rotation(frame.head.rotation) @ self.to_world.T
        shift = np.zeros(3)
        if self.options.head_pose == "full":
            stable = list(face.STABLE)
            center = self.performance.start[stable].mean(axis=0)
            shift = self.scale * self.to_world @ (frame.head.apply(center[None])[0] - center)
        return rotation_about(rotation, self.rig.pivot, shift)

    def _gaze(self, frame: Expression) -> np.ndarray:
        open_enough = np.clip((self._lid_opening(frame) - 0.3) / 0.3, 0, 1)
        if not open_enough.any():
            return np.zeros(2)
        turned = (frame.gaze - self.neutral.gaze) * EYE_WIDTH_OVER_RADIUS
        yaw, pitch = (open_enough[:, None] * turned).sum(axis=0) / open_enough.sum()
        return open_enough.max() * np.arcsin(np.clip([yaw, pitch], -0.6, 0.6))

    def _lid_opening(self, frame: Expression) -> np.ndarray:
        share = frame.lid_height / np.maximum(self.neutral.lid_height, 1e-9)
        return np.clip((share - SHUT) / (1 - SHUT), 0.0, WIDEST)

    def _lip_gap(self, frame: Expression) -> np.ndarray:
        assert self.rig.mouth is not None
        rest = self.rig.mouth.opening @ self.rig.axes[1]
        change = self.options.strength * self.scale * self.gains.lip_gap * (frame.lip_gap - self.neutral.lip_gap)
        return np.maximum(rest + change, np.minimum(rest, 0.0))  # lips that overlap at rest may stay so


def _carry(rig: Rig, frontal: np.ndarray) -> np.ndarray:
    """Matrix `[K, 478]`: which landmarks' motion each controller takes.

    A controller that follows a landmark takes that one's. On an avatar without a face the visible part is laid over the
    driver's face, and a controller takes the mean of the landmarks nearest to it there, by inverse distance.

    Args:
        rig: with its controllers.
        frontal: `[478, 3]`, the driver's start frame seen from the front, upright.
    """
    controllers = rig.controllers
    carry = np.zeros((len(controllers), face.N_POINTS))
    follows = np.flatnonzero(controllers.landmark >= 0)
    carry[follows, controllers.landmark[follows]] = 1.0
    free = np.flatnonzero(controllers.landmark == FREE)
    if len(free):
        pixels = controllers.pixel[free] * [1.0, -1.0]
        plane = frontal[: face.N_MESH_POINTS, :2]
        low, span = pixels.min(axis=0), np.maximum(np.ptp(pixels, axis=0), 1e-9)
        places = plane.min(axis=0) + (pixels - low) / span * np.ptp(plane, axis=0)
        squared = ((places[:, None] - plane[None]) ** 2).sum(axis=2)
        nearest = np.argsort(squared, axis=1, kind="stable")[:, :FREE_NEIGHBOURS]
        reached = np.take_along_axis(squared, nearest, axis=1)
        weight = 1.0 / (reached + (0.03 * np.ptp(plane[:, 0])) ** 2)
        carry[free[:, None], nearest] = weight / weight.sum(axis=1, keepdims=True)
    return carry


def _around_mouth(start: np.ndarray, eye_distance: float) -> np.ndarray:
    """How landmarks `[478]` share in a widening of the mouth: -1 at its right corner to 1 at its left, then fading."""
    corners = start[list(face.LIP_CORNERS)]
    middle, half = corners.mean(axis=0), np.linalg.norm(corners[1] - corners[0]) / 2
    right = (corners[1] - corners[0]) / (2 * half)
    offset = start - middle
    along = offset @ right / half
    beyond = np.linalg.norm(offset - np.clip(along, -1, 1)[:, None] * half * right, axis=1) / eye_distance
    return np.clip(along, -1, 1) * np.exp(-((beyond / 0.25) ** 2))
