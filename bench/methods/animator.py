"""This project's animator as a method: moved by the networks, or by the driver's landmarks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from bench.methods.base import Method, Result, Task
from bench.methods.staging import filming, staged
from bench.store import file_hash
from vfa.errors import AssetError

if TYPE_CHECKING:
    from vfa.avatar.stage import Stage
    from vfa.media import Clip
    from vfa.models import VersatileFaceAnimator
    from vfa.motion.driver import Driver
    from vfa.motion.motion import Motion

SMOOTHING = 5.0
"""Cut-off of the landmark filter in Hz, as `infer.py` has it."""


class Animator(Method):
    """What both ways of moving an avatar share."""

    needs, gives = (("mesh", "view", "video"), ("image", "video")), ("video", "motion")
    with_depth: ClassVar[bool] = False

    def generate(self, task: Task) -> Result:
        from vfa.export.animation import AnimationFrame
        from vfa.media import open_clip
        from vfa.motion.driver import watch

        result = Result()
        assert task.sample.driving is not None
        with open_clip(task.sample.driving, with_depth=self.with_depth) as clip:
            with result.stage("avatar"):
                stage, view = staged(task)
            with result.stage("driver"):
                driver = watch(clip, task.scratch, smoothing=SMOOTHING)
            with result.stage("preparation"):
                motions = self.motions(stage, driver, clip)
            with filming(task, stage.avatar, view) as film, result.stage("animation"):
                for motion in motions:
                    frame = AnimationFrame(motion.time, stage.rig.deform(motion), motion.pose)
                    film.add(frame.posed(), motion.time)
        result.notes.append(f"the driver's face was seen in {driver.detection_rate:.0%} of the frames")
        return result

    def motions(self, stage: Stage, driver: Driver, clip: Clip) -> Iterator[Motion]:
        """The avatar's motion in every frame of the driver."""
        raise TypeError(f"method {self.name} lacks motions()")


class Landmarks(Animator):
    """The animator without networks."""

    name, title, cost = "vfa-landmarks", "this project's animator, moved by the driver's landmarks", 0.3

    def motions(self, stage: Stage, driver: Driver, clip: Clip) -> Iterator[Motion]:
        from vfa.avatar.detector import AvatarDetector
        from vfa.motion.landmarks import LandmarkMotion

        retarget = LandmarkMotion(stage.rig, driver.landmarks[driver.start])
        with AvatarDetector(stage) as detect:
            retarget.bias_from(detect)
            retarget.calibrate(driver.landmarks, detect)
        return (retarget.motion(driver.landmarks[i], time) for i, time in enumerate(driver.times))


class Networks(Animator):
    """The animator with its networks: flow and depth move the controllers."""

    name, title, cost = "vfa", "this project's animator, moved by its networks", 0.6
    with_depth = True

    def __init__(self) -> None:
        self.animator: VersatileFaceAnimator | None = None

    def missing(self) -> str:
        from vfa.models.checkpoint import find_checkpoint

        try:
            find_checkpoint()
        except AssetError as error:
            return f"{error.what}; {error.hint}"
        return ""

    def fingerprint(self) -> str:
        from vfa.models.checkpoint import find_checkpoint

        return f"{super().fingerprint()}-{'' if self.missing() else file_hash(find_checkpoint())}"

    def open(self) -> None:
        from vfa.models import VersatileFaceAnimator
        from vfa.models.device import choose_device

        device = choose_device(os.environ.get("BENCH_DEVICE", "cpu"))
        self.animator = VersatileFaceAnimator.from_checkpoint(device=device)

    def close(self) -> None:
        self.animator = None

    def motions(self, stage: Stage, driver: Driver, clip: Clip) -> Iterator[Motion]:
        from vfa.motion.driver import cut
        from vfa.motion.network_drive import encode_clip, network_motion, view_for

        assert self.animator is not None
        view = view_for(self.animator, stage, driver, clip.width, clip.height)
        encoded = encode_clip(self.animator, driver, lambda: cut(clip, 0, len(driver.times)), smoothing=SMOOTHING)
        network = network_motion(self.animator, stage, driver, encoded, view=view)
        return network.motions()
