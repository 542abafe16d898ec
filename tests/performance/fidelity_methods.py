"""The rows of the table: ways of getting from a recording to moved vertices."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vfa.errors import InputError, VFAError

if TYPE_CHECKING:
    from vfa.avatar.stage import Stage
    from vfa.media import Clip
    from vfa.motion.driver import Driver
    from vfa.motion.network import DriverMotion
    from vfa.render.camera import Camera

SMOOTHING = 5.0
"""Cut-off of the landmark filter in Hz, as `infer.py` has it."""
SHIPPED, OFFICIAL = "saved_models/VFA-small/vfa_small.safetensors", "saved_models/VFA/VFA.pt"


@dataclass
class Take:
    """An avatar and a recording, ready for every method.

    Attributes:
        stage: the avatar with its rig. clip: the recording. driver: the watched recording.
        watching: seconds that took. exact: file of the scene that should come out, where it is known.
        flows: what networks made of the recording, by their name: it is the same for both ways of retargeting.
    """

    stage: Stage
    clip: Clip
    driver: Driver
    watching: float
    exact: Path | None = None
    flows: dict[str, tuple[DriverMotion, Camera, float]] = field(default_factory=dict)


def watch_take(stage: Stage, clip: Clip, folder: Path, *, find_best: bool, length: int | None = None) -> Take:
    """Finds the face in a recording.

    Args:
        stage: of the avatar. clip: the recording. folder: for the landmarks.
        find_best: start from the most neutral frame, else from the first. length: of the cut.
    """
    from vfa.motion.driver import watch

    began = time.perf_counter()
    driver = watch(clip, folder, length=length, smoothing=SMOOTHING, find_best=find_best)
    return Take(stage, clip, driver, time.perf_counter() - began)


@dataclass(frozen=True)
class Row:
    """A method of the table.

    Attributes:
        key: its name in files. title: in the table. missing: why it cannot run; empty where it can.
        frames: moved vertices float32 `[V, 3]` in the world for every frame of a take.
        motion, checkpoint: the options of `infer.py` that do the same; None where it cannot.
        source: of its flow, where it is driven by one.
    """

    key: str
    title: str
    frames: Callable[[Take], Iterator[np.ndarray]]
    missing: str = ""
    motion: str | None = None
    checkpoint: Path | None = None
    source: Source | None = None


def still(take: Take) -> Iterator[np.ndarray]:
    """The avatar at rest in every frame."""
    return (take.stage.avatar.vertices for _ in take.driver.times)


def by_landmarks(take: Take) -> Iterator[np.ndarray]:
    """`--motion landmarks`."""
    from vfa.avatar.detector import AvatarDetector
    from vfa.export.animation import AnimationFrame
    from vfa.motion.landmarks import LandmarkMotion

    stage, driver = take.stage, take.driver
    retarget = LandmarkMotion(stage.rig, driver.landmarks[driver.start])
    with AvatarDetector(stage) as detect:
        retarget.bias_from(detect)
        retarget.calibrate(driver.landmarks, detect)
    for index, moment in enumerate(driver.times):
        motion = retarget.motion(driver.landmarks[index], moment)
        yield AnimationFrame(moment, stage.rig.deform(motion), motion.pose).posed()


class NetworkSource:
    """Flow and depth of a checkpoint, opened when first needed.

    Args:
        name: tells sources apart. path: of the checkpoint.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self._animator: Any = None

    @property
    def animator(self) -> Any:
        """The networks, on the CPU."""
        if self._animator is None:
            from vfa.models import VersatileFaceAnimator

            self._animator = VersatileFaceAnimator.from_checkpoint(self.path)
        return self._animator

    def flow(self, take: Take) -> tuple[Any, DriverMotion, Camera]:
        """The networks, the encoded recording and the view of the avatar's picture."""
        from vfa.motion.driver import cut
        from vfa.motion.network_drive import encode_clip, view_for

        if self.name not in take.flows:
            clip, driver = take.clip, take.driver
            view = view_for(self.animator, take.stage, driver, clip.width, clip.height)
            began = time.perf_counter()
            encoded = encode_clip(self.animator, driver, lambda: cut(clip, 0, len(driver.times)), smoothing=SMOOTHING)
            take.flows[self.name] = encoded, view, time.perf_counter() - began
        encoded, view, _ = take.flows[self.name]
        return self.animator, encoded, view


class ExactSource:
    """Flow and depth as they should be, from the scene that should come out."""

    name = "exact"

    def flow(self, take: Take) -> tuple[Any, DriverMotion, Camera]:
        """See `NetworkSource.flow`."""
        from bench.methods.exact_flow import ExactFlow
        from vfa.motion.network_drive import view_for

        if take.exact is None:
            raise InputError("the exact flow of a real recording is not known")
        view = view_for(ExactFlow, take.stage, take.driver, take.clip.width, take.clip.height)  # type: ignore[arg-type]
        exact = ExactFlow(take.exact, take.stage.avatar, view)
        return exact, exact.encoded(), exact.camera


Source = NetworkSource | ExactSource


def retargeted(source: Source) -> Callable[[Take], Iterator[np.ndarray]]:
    """This project's retargeting of a source's flow and depth: `--motion vfa`."""

    def frames(take: Take) -> Iterator[np.ndarray]:
        from vfa.export.animation import AnimationFrame
        from vfa.motion.network_drive import network_motion

        animator, encoded, view = source.flow(take)
        network = network_motion(animator, take.stage, take.driver, encoded, view=view)
        for motion in network.motions():
            yield AnimationFrame(motion.time, take.stage.rig.deform(motion), motion.pose).posed()

    return frames


def retargeted_as_original(source: Source) -> Callable[[Take], Iterator[np.ndarray]]:
    """The original's retargeting of a source's flow and depth (its inversion of the flow vectorised)."""

    def frames(take: Take) -> Iterator[np.ndarray]:
        from bench.methods.reference import ReferenceRetarget, place_controllers
        from vfa.face.landmarks import FaceLandmarker
        from vfa.motion.network_drive import dense_motion
        from vfa.motion.network_input import source_frame
        from vfa.render.scene import MeshRenderer

        animator, encoded, view = source.flow(take)
        avatar, size = take.stage.avatar, animator.config.size
        camera = view.scaled(size / view.width)
        seen = MeshRenderer(avatar.triangles, avatar.appearance, camera).render(avatar.vertices)
        with FaceLandmarker(static=True) as landmarker:
            found = landmarker.detect(seen.color)
        if found is None:
            raise InputError("no face is found in the avatar's picture", found=f"a picture of {size} px")
        controllers = place_controllers(found.points, seen.depth, seen.triangle, seen.barycentric, avatar.triangles)
        given = source_frame(seen.color, seen.depth, animator.normalization)
        reference = ReferenceRetarget(
            avatar.vertices, avatar.triangles, camera, controllers, given.near, given.far, by_loop=False
        )
        for made in dense_motion(animator, take.stage.rig, given, camera, encoded, take.driver.start):
            yield reference.vertices(*made)

    return frames


def checkpoint_row(key: str, title: str, path: Path, hint: str) -> tuple[Row, NetworkSource | None]:
    """The row of a checkpoint, and its source where the file is there and fits."""
    from vfa.models.checkpoint import load_checkpoint

    source = NetworkSource(key, path)
    missing = "" if path.is_file() else f"no file {path.name}; {hint}"
    try:
        if not missing:
            load_checkpoint(path)
    except VFAError as error:
        missing = f"{path.name} cannot be used: {error.what}"
    if missing:
        return Row(key, title, retargeted(source), missing=missing), None
    return Row(key, title, retargeted(source), motion="vfa", checkpoint=path, source=source), source


def rows(shipped: Path, official: Path) -> tuple[list[Row], list[NetworkSource]]:
    """All rows, and the networks that are there.

    Args:
        shipped, official: checkpoints.
    """
    first, small = checkpoint_row("network", "network (shipped)", shipped, "see saved_models/")
    second, large = checkpoint_row(
        "official", "network (official weights)", official, f"put the authors' VFA.pt at {OFFICIAL}"
    )
    there = [source for source in (small, large) if source is not None]
    exact = ExactSource()
    table = [
        Row("still", "no motion", still),
        Row("landmarks", "landmarks", by_landmarks, motion="landmarks"),
        first,
        second,
    ]
    title = "original's retargeting, the network's flow"
    if there:
        table.append(Row("reference", title, retargeted_as_original(there[0]), source=there[0]))
    else:
        table.append(Row("reference", title, still, missing="there is no network to drive it"))
    table += [
        Row("exact", "this retargeting, exact flow", retargeted(exact), source=exact),
        Row("reference_exact", "original's retargeting, exact flow", retargeted_as_original(exact), source=exact),
    ]
    return table, there


def milliseconds(row: Row, take: Take, spent: float) -> float | None:
    """From the recording to moved vertices, a frame: watching, encoding, motion and deformation.

    Args:
        row: the method; None is returned where its motion is not made from the recording.
        take: what it was given. spent: seconds that its frames took after that.
    """
    if row.source is None and row.motion is None or isinstance(row.source, ExactSource):
        return None
    encoding = take.flows[row.source.name][2] if isinstance(row.source, NetworkSource) else 0.0
    return 1e3 * (take.watching + encoding + spent) / max(len(take.driver.times), 1)
