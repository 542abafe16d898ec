"""`--motion vfa`: the networks move the controllers.

The driver's frames become motion weights, 20 numbers each; these drive the generator and the flow generator, and the
dense flow, inverted, tells where each controller goes. Everything is measured against the animator's own picture of
the source at rest, so that a driver who does not move leaves the avatar exactly as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vfa.errors import InputError
from vfa.face.smoothing import OneEuro
from vfa.motion.motion import Motion
from vfa.motion.mouth import Mouth
from vfa.motion.network_input import SourceFrame
from vfa.motion.rigid import fit_similarity
from vfa.motion.splat import invert_flow
from vfa.render.camera import Camera

if TYPE_CHECKING:
    from vfa.models.animator import VersatileFaceAnimator

BORDER = 1.0
"""Pixels: what lands this near to the image's edge is cut off there and not tracked."""
LEAST_JUMP = 0.05
"""Share of the source's depth range that a change of depth must exceed before it can count as a jump. Where most
controllers rest, as when the jaw alone opens, mean plus 2 sigma is next to nothing and would drop all that moves."""
FOLLOWING = 0.5
"""Hz by which the filter of the motion weights opens for each unit a second that a weight moves."""
FEWEST = 4
"""Controllers needed for a rigid motion."""


@dataclass(frozen=True)
class DriverMotion:
    """A driving clip as the encoder sees it.

    Attributes:
        weights: float32 [T, motion], the motion weights ``a`` of each frame.
        times: seconds since the clip's start.
    """

    weights: np.ndarray
    times: list[Fraction]

    def check_start(self, start: int | None) -> None:
        """InputError where a start frame lies outside the clip."""
        if start is not None and not 0 <= start < len(self.weights):
            last = len(self.weights) - 1
            raise InputError("the start frame lies outside the clip", expected=f"0..{last}", found=str(start))

    def smoothed(self, cutoff: float) -> DriverMotion:
        """The same through a One-Euro filter (`vfa.face.smoothing`); `cutoff` in Hz at rest, 0 for none."""
        if cutoff <= 0:
            return self
        smooth = OneEuro(min_cutoff=cutoff, beta=FOLLOWING)
        weights = [smooth(weights, time) for weights, time in zip(self.weights, self.times, strict=True)]
        return DriverMotion(np.array(weights, np.float32), self.times)

    def nearest_to(self, source: np.ndarray) -> int:
        """The frame whose motion weights are nearest to the source's, ``animator.encode_motion(source)[0]``."""
        return int(np.square(self.weights - source).sum(axis=1).argmin())


@dataclass(frozen=True)
class NetworkFrame:
    """One animated frame.

    Attributes:
        motion: of the controllers.
        color: uint8 [S, S, 3], the generated picture.
        depth: float32 [S, S], the generated depth in world units, NaN in the background.
    """

    motion: Motion
    color: np.ndarray
    depth: np.ndarray

    @classmethod
    def of(cls, motion: Motion, rgbd: np.ndarray, source: SourceFrame, shown: np.ndarray | None = None) -> NetworkFrame:
        """A frame from its picture, float [4, S, S], normalised as the source's; `shown` bool [S, S] tells it from the
        background, None: its depth does."""
        shown = rgbd[3] > -0.99 if shown is None else shown
        color = np.clip(np.rint((rgbd[:3] + 1) * 127.5), 0, 255).astype(np.uint8).transpose(1, 2, 0)
        world = source.near + (rgbd[3] + 1) / 2 * (source.far - source.near)
        return cls(motion, color, np.where(shown, world, np.nan).astype(np.float32))


def encode_driver(
    frames: Iterable[np.ndarray],
    times: list[Fraction],
    animator: VersatileFaceAnimator,
    *,
    batch_size: int = 8,
    progress: Callable[[], None] | None = None,
) -> DriverMotion:
    """Encode a clip once; only the motion weights stay in memory.

    Args:
        frames: float32 [4, S, S] in [-1, 1] each.
        times: of the frames.
        animator: the networks; three-channel ones leave out the depth.
        batch_size: frames in memory at a time.
        progress: called after every frame.
    """
    import torch

    channels = animator.config.input_channels
    parts: list[np.ndarray] = []
    for batch in _batches(frames, batch_size):
        stacked = torch.from_numpy(np.stack(batch)[:, :channels])
        parts.append(animator.encode_motion(stacked).float().cpu().numpy())
        for _ in batch:
            if progress is not None:
                progress()
    if not parts:
        raise InputError("the driving clip has no frames", expected="at least one frame")
    return DriverMotion(np.concatenate(parts), times)


class ControllerTracker:
    """Dense flow and generated depth to controller translations.

    Args:
        camera: the view of the source's picture, of any pixel size.
        pixels: float [K, 2], controllers in that camera's pixels.
        depths: float [K], their depth in world units.
        depth_scale: world units per unit of generated depth, half the source's depth range; one for the whole clip.
        rest_flow: float [2, S, S], the flow of the source at rest.
        rest_depth: float [S, S], the generated depth of the source at rest.
        rest_mask: float [S, S] in 0..1, how far that flow is trusted; None: everywhere.
        probes: float [K, 2], where in the picture the motion of each controller is read, see `vfa.motion.mouth`; None:
            at the controller itself.
    """

    def __init__(
        self,
        camera: Camera,
        pixels: np.ndarray,
        depths: np.ndarray,
        depth_scale: float,
        rest_flow: np.ndarray,
        rest_depth: np.ndarray,
        rest_mask: np.ndarray | None = None,
        probes: np.ndarray | None = None,
    ) -> None:
        size = rest_depth.shape[-1]
        self.view = camera if camera.width == size else camera.scaled(size / camera.width)
        if (self.view.width, self.view.height) != (size, size):
            raise InputError("the source's view is not square", found=f"{camera.width}x{camera.height}")
        self.size, self.depth_scale = size, depth_scale
        self.pixels = np.asarray(pixels, np.float64) * (size / camera.width)
        self.probes = self.pixels if probes is None else np.asarray(probes, np.float64) * (size / camera.width)
        self.depths = np.asarray(depths, np.float64)
        self.rest = self.view.unproject(self.pixels[:, 0], self.pixels[:, 1], self.depths)
        place = invert_flow(rest_flow, rest_mask).at(self.probes)
        # Where nothing lands even at rest, the place itself is the best guess.
        self.rest_place = np.where(np.isfinite(place), place, self.probes)
        self.rest_depth = bilinear(rest_depth, self.rest_place)

    def track(
        self, flow: np.ndarray, depth: np.ndarray, mask: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Translations of one frame.

        Args:
            flow: float [2, S, S], backward, in [-1, 1].
            depth: float [S, S], generated, in [-1, 1].
            mask: float [S, S] in 0..1, how far the flow is trusted; None: everywhere. What the source does not show,
                as the inside of a mouth that opens, would otherwise pull at what it does.

        Returns:
            float64 [K, 3] in world units, 0 where untracked, and bool [K], tracked. Untracked is what nothing lands on,
            what lands on the border, and what changes its depth by more than the mean plus 2 sigma of all (and
            `LEAST_JUMP`).
        """
        place = invert_flow(flow, mask).at(self.probes)
        tracked = np.isfinite(place).all(axis=1)
        place = np.where(tracked[:, None], place, self.rest_place)
        tracked &= ((place > BORDER) & (place < self.size - BORDER)).all(axis=1)
        change = self.depth_scale * (bilinear(depth, place) - self.rest_depth)
        if tracked.any():
            jump = np.abs(change)
            limit = jump[tracked].mean() + 2 * jump[tracked].std()
            tracked &= jump <= max(limit * (1 + 1e-6), 2 * self.depth_scale * LEAST_JUMP)
        x, y = (self.pixels + place - self.rest_place).T
        moved = self.view.unproject(x, y, self.depths + change) - self.rest
        return np.where(tracked[:, None], moved, 0.0), tracked


class NetworkMotion:
    """Drives a source by motion weights.

    Args:
        animator: the networks.
        source: the avatar's picture.
        camera: its view.
        pixels: float [K, 2], controllers in the camera's pixels.
        depths: float [K], their depths in world units.
        driver: the encoded clip.
        start: frame of the driver that stands for the source at rest; None takes the driver's motion as it is.
        rigid: indices of controllers that move with the skull; their rigid motion becomes the pose. None: no pose, the
            translations hold all motion.
        static: bool [K], controllers that never move.
        mouth: where the motion of the lips is read, and how far they have parted; None: each controller by itself.
        strength: factor on what is left of the motion without the pose.
        eyes: the driver's lids and gaze by frame, in the motion that it gives for a frame's number; None keeps the eyes
            as they are at rest. A lid is a pixel or two in the networks' picture, and the rig closes lids as a whole.
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
        start: int | None = 0,
        rigid: np.ndarray | None = None,
        static: np.ndarray | None = None,
        mouth: Mouth | None = None,
        strength: float = 1.0,
        eyes: Callable[[int], Motion] | None = None,
    ) -> None:
        import torch

        driver.check_start(start)
        self.source, self.driver = source, driver
        channels = animator.config.input_channels
        clip = animator.prepare(torch.from_numpy(source.rgbd[None, :channels]))
        rest = clip.source.motion
        if start is not None:
            rest = torch.from_numpy(driver.weights[start : start + 1])
            clip = clip.relative_to(rest)
        self._clip = clip
        still = clip.animate_motion(rest)
        self.tracker = ControllerTracker(
            camera, pixels, depths, (source.far - source.near) / 2,
            still.flow[0].cpu().numpy(), still.rgbd[0, 3].cpu().numpy(), still.mask[0, 0].cpu().numpy(),
            None if mouth is None else mouth.probes(pixels),
        )  # fmt: skip
        self._mouth = mouth
        self._rigid = None if rigid is None else np.asarray(rigid)
        self._static = np.zeros(len(pixels), bool) if static is None else np.asarray(static, bool)
        self._eyes, self._strength = eyes, strength
        self._pose = np.eye(4)

    def frames(self, wanted: range | None = None, *, batch_size: int = 8) -> Iterator[NetworkFrame]:
        """Animate frames of the driver in order; one batch is in memory at a time.

        Args:
            wanted: which frames; None takes all, a range of one is `--target_frame`.
            batch_size: frames in memory at a time.
        """
        import torch

        for batch in _batches(wanted if wanted is not None else range(len(self.driver.weights)), batch_size):
            out = self._clip.animate_motion(torch.from_numpy(self.driver.weights[batch]))
            flow, rgbd, mask = (part.cpu().numpy() for part in (out.flow, out.rgbd, out.mask))
            for row, index in enumerate(batch):
                translation, tracked = self.tracker.track(flow[row], rgbd[row, 3], mask[row, 0])
                motion = self._motion(translation, tracked, self.driver.times[index])
                if self._eyes is not None:
                    seen = self._eyes(index)
                    motion = replace(motion, gaze=seen.gaze, lid_opening=seen.lid_opening)
                yield NetworkFrame.of(motion, np.clip(rgbd[row], -1, 1), self.source)

    def motions(self) -> Iterator[Motion]:
        """Of all frames in order."""
        return (frame.motion for frame in self.frames())

    def _motion(self, translation: np.ndarray, tracked: np.ndarray, time: Fraction) -> Motion:
        translation[self._static] = 0.0
        if self._rigid is not None:
            seen = self._rigid[tracked[self._rigid]]
            rest = self.tracker.rest
            if len(seen) >= FEWEST:
                moved = rest[seen] + translation[seen]
                rotation = fit_similarity(rest[seen], moved).rotation
                self._pose = np.eye(4)
                self._pose[:3, :3] = rotation
                self._pose[:3, 3] = moved.mean(axis=0) - rotation @ rest[seen].mean(axis=0)
            # In the head's own frame: undo the pose, which is applied after the translations.
            local = (rest + translation - self._pose[:3, 3]) @ self._pose[:3, :3] - rest
            translation = np.where((tracked & ~self._static)[:, None], local, 0.0)
        translation = self._strength * translation
        gap = None if self._mouth is None else self._mouth.gap(translation)
        return Motion(time, translation, tracked | self._static, self._pose.copy(), lip_gap=gap)


def bilinear(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values of an image [H, W] at points [K, 2] in pixels (centres at +0.5); the edge's value outside."""
    height, width = image.shape
    x = np.clip(points[:, 0] - 0.5, 0, width - 1)
    y = np.clip(points[:, 1] - 0.5, 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    a, b = x - left, y - top
    upper = image[top, left] * (1 - a) + image[top, left + 1] * a
    lower = image[top + 1, left] * (1 - a) + image[top + 1, left + 1] * a
    return upper * (1 - b) + lower * b


def _batches(items: Iterable, size: int) -> Iterator[list]:
    batch: list = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
