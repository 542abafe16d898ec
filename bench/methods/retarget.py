"""Retargeting alone: from flow and depth to a moved mesh, by the original's algorithm and by this project's.

Both get the same flow and depth: the networks' where a checkpoint is there, else the exact ones of the synthetic suite
(`BENCH_FLOW=exact` or `network` decides otherwise). The record says which.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.methods.animator import SMOOTHING, Networks
from bench.methods.base import Method, Result, Task
from bench.methods.staging import filming, staged
from bench.store import text_hash
from vfa.errors import InputError

if TYPE_CHECKING:
    from bench.methods.staging import View
    from bench.suites.run_sample import RunSample
    from vfa.avatar.stage import Stage
    from vfa.motion.motion import Motion
    from vfa.motion.network import DriverMotion
    from vfa.render.camera import Camera

CHOICES = ("auto", "exact", "network")
TIMED = 5
"""Solves that are timed to say what one for every vertex would take."""


class Retarget(Method):
    """What both algorithms share: where flow and depth come from."""

    needs, gives = (("mesh", "view", "video", "scene"),), ("video", "motion")

    def __init__(self) -> None:
        self.networks = Networks()
        choice = os.environ.get("BENCH_FLOW", "auto")
        if choice not in CHOICES:
            raise InputError("$BENCH_FLOW is unknown", expected=" | ".join(CHOICES), found=choice)
        self.exact = choice == "exact" or (choice == "auto" and bool(self.networks.missing()))

    def missing(self) -> str:
        return "" if self.exact else self.networks.missing()

    def fingerprint(self) -> str:
        flow = "exact" if self.exact else self.networks.fingerprint()
        return text_hash(self.name, str(self.version), flow)

    def inputs(self, sample: RunSample) -> list:
        return [sample.scene] if self.exact and sample.scene is not None else []

    def open(self) -> None:
        if not self.exact:
            self.networks.open()

    def close(self) -> None:
        self.networks.close()

    def generate(self, task: Task) -> Result:
        result = Result()
        with result.stage("avatar"):
            stage, view = staged(task)
        with result.stage("driver"):
            animator, encoded, start, camera = self._flow(task, stage, view)
        with result.stage("preparation"):
            frames = self.frames(animator, stage, encoded, start, camera, result)
        with filming(task, stage.avatar, view) as film, result.stage("animation"):
            for vertices, moment in frames:
                film.add(vertices, moment)
        result.notes.append("driven by the exact flow" if self.exact else "driven by the networks' flow")
        return result

    def _flow(self, task: Task, stage: Stage, view: View) -> tuple[Any, DriverMotion, int, Camera]:
        """The animator (or its exact stand-in), the driver's motion, the start frame, and the source's view."""
        if self.exact:
            from bench.methods.exact_flow import ExactFlow

            assert task.sample.scene is not None
            exact = ExactFlow(task.sample.scene, stage.avatar, view.camera)
            return exact, exact.encoded(), 0, exact.camera
        from vfa.media import open_clip
        from vfa.motion.driver import cut, watch
        from vfa.motion.network_drive import encode_clip, view_for

        assert task.sample.driving is not None and self.networks.animator is not None
        animator = self.networks.animator
        with open_clip(task.sample.driving) as clip:
            driver = watch(clip, task.scratch, smoothing=SMOOTHING)
            camera = view_for(animator, stage, driver, clip.width, clip.height)
            encoded = encode_clip(animator, driver, lambda: cut(clip, 0, len(driver.times)), smoothing=SMOOTHING)
        return animator, encoded, driver.start, camera

    def frames(
        self, animator: Any, stage: Stage, encoded: DriverMotion, start: int, camera: Camera, result: Result
    ) -> Iterator[tuple[np.ndarray, Fraction]]:
        """Moved vertices float32 `[V, 3]` in the world and the time of every frame."""
        raise TypeError(f"method {self.name} lacks frames()")


class OwnRetarget(Retarget):
    """This project's retargeting."""

    name, title, cost = "vfa-retarget", "this project's retargeting, from the same flow as reference-retarget", 0.2

    def frames(
        self, animator: Any, stage: Stage, encoded: DriverMotion, start: int, camera: Camera, result: Result
    ) -> Iterator[tuple[np.ndarray, Fraction]]:
        from vfa.export.animation import AnimationFrame
        from vfa.motion.driver import Driver
        from vfa.motion.network_drive import network_motion

        driver = Driver(np.empty((0, 478, 3), np.float32), encoded.times, start, 1.0)
        network = network_motion(animator, stage, driver, encoded, view=camera)

        def posed(motion: Motion) -> np.ndarray:
            return AnimationFrame(motion.time, stage.rig.deform(motion), motion.pose).posed()

        return ((posed(motion), motion.time) for motion in network.motions())


class ReferenceRetarget(Retarget):
    """The original's retargeting."""

    name, title, cost = "reference-retarget", "the original's retargeting algorithm, written afresh", 0.6

    def frames(
        self, animator: Any, stage: Stage, encoded: DriverMotion, start: int, camera: Camera, result: Result
    ) -> Iterator[tuple[np.ndarray, Fraction]]:
        from bench.methods import reference
        from vfa.face.landmarks import FaceLandmarker
        from vfa.mesh.geodesics import GeodesicSolver
        from vfa.motion.network_drive import dense_motion
        from vfa.motion.network_input import source_frame
        from vfa.render.scene import MeshRenderer

        avatar = stage.avatar
        picture = MeshRenderer(avatar.triangles, avatar.appearance, camera).render(avatar.vertices)
        with FaceLandmarker(static=True) as landmarker:
            found = landmarker.detect(picture.color)
        if found is None:
            raise InputError("no face is found in the source's picture", path=avatar.name)
        controllers = reference.place_controllers(
            found.points, picture.depth, picture.triangle, picture.barycentric, avatar.triangles
        )
        source = source_frame(picture.color, picture.depth, "range")
        retarget = reference.ReferenceRetarget(
            avatar.vertices, avatar.triangles, camera, controllers, source.near, source.far
        )
        solver = GeodesicSolver(avatar.vertices, avatar.triangles)
        solver.distance(int(controllers.vertex[0]))
        began = time.perf_counter()
        for vertex in controllers.vertex[:TIMED]:
            solver.distance(int(vertex))
        each = (time.perf_counter() - began) / min(TIMED, len(controllers.vertex))
        result.notes.append(
            f"{len(controllers.pixel)} controllers; weights by one solve for each of them; one for each vertex, "
            f"as the original does, would take about {each * len(avatar.vertices):.0f} s"
        )
        flows = dense_motion(animator, stage.rig, source, camera, encoded, start)
        return ((retarget.vertices(*made), moment) for made, moment in zip(flows, encoded.times, strict=True))
