"""`--motion vfa` with a motion basis: controllers move along their own lines, and the head by the pose in the weights.

One look at the source's picture tells what each motion weight does to each of its points (`vfa.models.motion_basis`);
the driver's weights then say, frame by frame, how far. Nothing is tracked, so nothing is lost or drifts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vfa.errors import InputError
from vfa.motion.basis import BasisMotion
from vfa.motion.motion import Motion
from vfa.motion.mouth import Mouth
from vfa.motion.network import DriverMotion, NetworkFrame
from vfa.motion.network_input import SourceFrame
from vfa.motion.picture import AnimatedPicture, PictureMover
from vfa.motion.response import measure_gains
from vfa.render.camera import Camera

if TYPE_CHECKING:
    from vfa.models.animator import VersatileFaceAnimator

WIDER = 1.25
"""How much wider than landmarks see it the networks may open the lips: where those see them touch, they touch."""
LEAST_EFFECT = 0.2
"""Of the strongest weight's effect on the mouth, what a weight must have to count as one that moves it."""


class PortraitMotion:
    """Drives a source by motion weights.

    Args:
        animator: networks with a motion basis.
        source: the avatar's picture.
        camera: its view.
        pixels: float [K, 2], controllers in the camera's pixels.
        depths: float [K], their depths in world units.
        driver: the encoded clip.
        poses: float [T, 4, 4], the head's rigid motion (`vfa.motion.head_pose`); None keeps the head still.
        start: frame of the driver that stands for the source at rest; None: a neutral face does.
        static: bool [K], controllers that never move.
        mouth: where the motion of the lips is read, and how far they have parted; None: each controller by itself.
        strength: factor on the expression.
        seen: the driver's motion by frame as landmarks tell it, of which lids and gaze are taken, and the lips' gap as
            a limit; None keeps the eyes as they are at rest.
    """

    def __init__(
        self,
        animator: VersatileFaceAnimator,
        source: SourceFrame,
        camera: Camera,
        pixels: np.ndarray,
        depths: np.ndarray,
        driver: DriverMotion,
        *,
        poses: np.ndarray | None = None,
        start: int | None = 0,
        static: np.ndarray | None = None,
        mouth: Mouth | None = None,
        strength: float = 1.0,
        seen: Callable[[int], Motion] | None = None,
    ) -> None:
        import torch

        driver.check_start(start)
        self.source, self.driver, self._mouth, self._seen = source, driver, mouth, seen
        clip = animator.prepare(torch.from_numpy(source.rgbd[None, : animator.config.input_channels]))
        if clip.source.basis is None:
            raise InputError("these networks have no motion basis", expected="basis_channels > 0")
        moving = len(clip.source.basis)
        weights = np.asarray(driver.weights, np.float64)
        self.change, self.strength = (weights - (0 if start is None else weights[start]))[:, :moving], strength
        basis = BasisMotion(clip.source.basis.cpu().numpy(), camera)
        self.lines = basis.at(pixels if mouth is None else mouth.probes(pixels), depths)
        self.lines[:, np.zeros(len(pixels), bool) if static is None else np.asarray(static, bool)] = 0.0
        self.poses = np.broadcast_to(np.eye(4), (len(weights), 4, 4)) if poses is None else poses
        self._lips = None if mouth is None else mouth.region(np.asarray(pixels) * basis.scale, basis.size)
        self._mover, self._picture = PictureMover(source, camera), AnimatedPicture.of(source)
        world = source.near + (source.rgbd[3] + 1) / 2 * (source.far - source.near)
        self._everywhere = basis.everywhere(world)

    def calibrate(
        self, sizes: np.ndarray, effect: np.ndarray, show: Callable[[Motion], np.ndarray | None], rounds: int = 2
    ) -> None:
        """Sets gains so that the mouth reads the same on the avatar as on the driver (`vfa.motion.response`).

        A weight that opens the mouth takes the gain of the lip gap, one that widens it that of the width, in between
        in proportion; one that does little of both keeps its own.

        Args:
            sizes: float [T, 2], lip gap and mouth width of the driver in every frame.
            effect: float [W, 2], what a unit of each weight does to the lip gap and to the mouth's width.
            show: landmarks [478, 3] found on the picture of the avatar in a motion, or None.
            rounds: of measuring again with the gains found before.
        """
        moves = np.abs(effect) * self.change.std(axis=0)[:, None]
        moves = np.where(moves > LEAST_EFFECT * moves.max(axis=0), moves, 0.0)
        share = moves / np.maximum(moves.sum(axis=1, keepdims=True), 1e-12)
        kept, self.strength = self.strength, 1.0
        for _ in range(rounds):
            gains = measure_gains(sizes, lambda index: show(self.motion(index)))
            self.change = self.change * (1 + share @ np.array([gains.lip_gap - 1, gains.mouth_width - 1]))
        self.strength = kept

    def motion(self, index: int) -> Motion:
        """Of a frame of the driver."""
        translation = self.strength * np.einsum("w,wkc->kc", self.change[index], self.lines)
        gap = None if self._mouth is None else self._mouth.gap(translation)
        tracked = np.ones(len(translation), bool)
        motion = Motion(self.driver.times[index], translation, tracked, self.poses[index].copy(), lip_gap=gap)
        if self._seen is None:
            return motion
        seen = self._seen(index)
        if gap is not None and seen.lip_gap is not None:
            # Lips that touch on the driver touch on the avatar.
            gap = np.minimum(gap, np.maximum(WIDER * seen.lip_gap, seen.lip_gap))
        return replace(motion, gaze=seen.gaze, lid_opening=seen.lid_opening, lip_gap=gap)

    def motions(self) -> Iterator[Motion]:
        """Of all frames in order; no picture is painted."""
        return (self.motion(index) for index in range(len(self.driver.weights)))

    def picture(self, index: int) -> AnimatedPicture:
        """The source's picture, moved as in a frame of the driver."""
        shift = np.einsum("w,wpc->pc", (self.strength * self.change[index]).astype(np.float32), self._everywhere)
        return self._mover.move(self._picture, self.poses[index], shift, self._lips)

    def frames(self, wanted: range | None = None) -> Iterator[NetworkFrame]:
        """Frames of the driver in order, with pictures; `wanted`: which, None takes all, a range of one is
        `--target_frame`."""
        for index in wanted if wanted is not None else range(len(self.driver.weights)):
            picture = self.picture(index)
            shown = (picture.rgbd > -1).any(axis=0)
            yield NetworkFrame.of(self.motion(index), picture.rgbd, self.source, shown)
