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
from vfa.motion.network import DriverMotion, NetworkFrame, batches
from vfa.motion.network_input import SourceFrame
from vfa.motion.picture import AnimatedPicture, PictureMover
from vfa.render.camera import Camera

if TYPE_CHECKING:
    from vfa.models.animator import VersatileFaceAnimator


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
        eyes: the driver's lids and gaze by frame, in the motion that it gives for a frame's number; None keeps the eyes
            as they are at rest. The rig closes lids as a whole.
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
        eyes: Callable[[int], Motion] | None = None,
    ) -> None:
        import torch

        if start is not None and not 0 <= start < len(driver.weights):
            last = len(driver.weights) - 1
            raise InputError("the start frame lies outside the clip", expected=f"0..{last}", found=str(start))
        self.source, self.driver, self._mouth, self._eyes = source, driver, mouth, eyes
        clip = animator.prepare(torch.from_numpy(source.rgbd[None, : animator.config.input_channels]))
        if clip.source.basis is None:
            raise InputError("these networks have no motion basis", expected="basis_channels > 0")
        moving = len(clip.source.basis)
        weights = np.asarray(driver.weights, np.float64)
        self.change = strength * (weights - (0 if start is None else weights[start]))[:, :moving]
        self._clip = clip if start is None else clip.relative_to(torch.from_numpy(driver.weights[start : start + 1]))
        basis = BasisMotion(clip.source.basis.cpu().numpy(), camera)
        self.lines = basis.at(pixels if mouth is None else mouth.probes(pixels), depths)
        self.lines[:, np.zeros(len(pixels), bool) if static is None else np.asarray(static, bool)] = 0.0
        self.poses = np.broadcast_to(np.eye(4), (len(weights), 4, 4)) if poses is None else poses
        self._mover, self._picture = PictureMover(source, camera), AnimatedPicture.of(source)
        world = source.near + (source.rgbd[3] + 1) / 2 * (source.far - source.near)
        self._everywhere = basis.everywhere(world)

    def motion(self, index: int) -> Motion:
        """Of a frame of the driver."""
        translation = np.einsum("w,wkc->kc", self.change[index], self.lines)
        gap = None if self._mouth is None else self._mouth.gap(translation)
        tracked = np.ones(len(translation), bool)
        motion = Motion(self.driver.times[index], translation, tracked, self.poses[index].copy(), lip_gap=gap)
        if self._eyes is None:
            return motion
        seen = self._eyes(index)
        return replace(motion, gaze=seen.gaze, lid_opening=seen.lid_opening)

    def motions(self) -> Iterator[Motion]:
        """Of all frames in order; no picture is painted."""
        return (self.motion(index) for index in range(len(self.driver.weights)))

    def picture(self, index: int, inside: np.ndarray | None = None) -> AnimatedPicture:
        """The source's picture, moved as in a frame of the driver; `inside` [3, S, S] is seen where lips part."""
        shift = np.einsum("w,wpc->pc", self.change[index].astype(np.float32), self._everywhere)
        return self._mover.move(self._picture, self.poses[index], shift, inside)

    def frames(self, wanted: range | None = None, *, batch_size: int = 8) -> Iterator[NetworkFrame]:
        """Animate frames of the driver in order, with pictures; one batch is in memory at a time.

        Args:
            wanted: which frames; None takes all, a range of one is `--target_frame`.
            batch_size: frames in memory at a time.
        """
        import torch

        for batch in batches(wanted if wanted is not None else range(len(self.driver.weights)), batch_size):
            painted = self._clip.animate_motion(torch.from_numpy(self.driver.weights[batch])).rgbd.cpu().numpy()
            for row, index in enumerate(batch):
                picture = self.picture(index, np.clip(painted[row, :3], -1, 1))
                shown = (picture.rgbd > -1).any(axis=0)
                yield NetworkFrame.of(self.motion(index), picture.rgbd, self.source, shown)
