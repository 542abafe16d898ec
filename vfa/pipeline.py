"""The whole of `infer.py`: an avatar and a driving clip in, movies and an animated model out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vfa.avatar.avatar import load_avatar
from vfa.avatar.detector import AvatarDetector
from vfa.avatar.stage import Stage, choose_camera, preview, set_stage
from vfa.errors import InputError
from vfa.export.animation import AnimationFrame
from vfa.export.movie import MovieWriter
from vfa.export.panels import depth_picture, side_by_side
from vfa.export.paths import output_folder, save_picture
from vfa.export.record import RunRecord, file_hash
from vfa.export.recorder import AnimationRecorder
from vfa.face.tracking import Missing
from vfa.media import Clip, Frame, open_clip
from vfa.models.device import choose_device
from vfa.motion.driver import Driver, cut, watch
from vfa.motion.landmarks import LandmarkMotion, LandmarkOptions
from vfa.motion.motion import Motion

if TYPE_CHECKING:
    from vfa.models import VersatileFaceAnimator

MAX_TARGETS = 128  # of the exported animation; about 0.3 MB each on a head of 35,000 vertices
SECOND_VIEW = 35.0  # degrees to the side
TOLERANCE = 2e-3  # of the outer eye distance: error of the exported animation, about a fifth of a millimetre


@dataclass(frozen=True)
class Options:
    """Everything a run depends on; `infer.py --help` explains each."""

    source_path: Path
    driving_path: Path
    save_folder: Path = Path("results")
    motion: str = "landmarks"
    checkpoint: Path | None = None
    backend: str = "torch"
    device: str = "auto"
    length: int | None = None
    offset: int = 0
    adjust_camera: bool = False
    eye: tuple[float, float, float] | None = None
    translation: tuple[float, float, float] | None = None
    calc_weights: bool = False
    weights_k: int = 10
    weights_folder: Path = Path("weights")
    lambda_lap: float = 0.6
    lap_times: int = 5
    plain_blend: bool = False
    find_best: bool = True
    best_frame: int | None = None
    target_frame: int | None = None
    missing: Missing = "interpolate"
    smoothing: float = 5.0
    strength: float = 1.0
    head_pose: str = "full"
    render_size: int = 512
    renderer: str = "cpu"
    allow_8bit_depth: bool = False


@dataclass
class Result:
    """Where a run's results are, and the figures worth telling."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    frames: int = 0
    detection_rate: float = 0.0
    max_error: float = 0.0
    notes: list[str] = field(default_factory=list)


class Progress(Protocol):
    """Told what is going on."""

    def stage(self, name: str, total: int | None) -> None:
        """A new stage begins; `total` steps if that is known."""

    def step(self) -> None:
        """One step of the stage is done."""


def run(options: Options, progress: Progress) -> Result:
    """Animates an avatar; see the README for what is written.

    Raises:
        VFAError: bad input, missing assets; nothing half-written stays behind.
    """
    record = RunRecord({key: str(v) if isinstance(v, Path) else v for key, v in asdict(options).items()})
    clip = open_clip(
        options.driving_path, allow_8bit_depth=options.allow_8bit_depth, with_depth=options.motion == "vfa"
    )
    animator = _open_animator(options) if options.motion == "vfa" else None
    with clip, record.stage("avatar"):
        progress.stage("Preparing the avatar", None)
        avatar = load_avatar(options.source_path)
        folder = output_folder(options.save_folder, options.motion, f"{avatar.name}_{clip.name}_{options.offset}")
        camera = choose_camera(avatar, options.eye, options.translation, options.source_path.suffix != ".npy")
        stage = set_stage(
            avatar, camera, weights_folder=options.weights_folder, recompute=options.calc_weights, k=options.weights_k,
            strength=options.lambda_lap, rounds=options.lap_times, solve=not options.plain_blend,
        )  # fmt: skip
        result = Result(folder, notes=[*avatar.report, *stage.rig.notes])
        result.files.append(save_picture(folder / "preview.png", preview(stage)))
    if options.adjust_camera:
        result.notes.append(f"camera: {camera.to_dict()}")
        return result

    with clip, record.stage("driver"):
        progress.stage("Watching the driver", _expected(clip, options))
        driver = watch(
            clip, folder, offset=options.offset, length=options.length, missing=options.missing,
            smoothing=options.smoothing, find_best=options.find_best, best_frame=options.best_frame,
            progress=progress.step,
        )  # fmt: skip
        result.detection_rate = driver.detection_rate
        frames = _wanted(driver, options)

    with clip, record.stage("animation"):
        progress.stage("Animating", len(frames))
        if animator is None:
            source = _landmark_motion(stage, driver, clip, options, frames)
        else:
            result.notes.append(f"networks run on {animator.engine.description}")
            source = _network_motion(animator, stage, driver, clip, options, frames)
        recorder = AnimationRecorder(
            avatar, glb=folder / "animation.glb", npz=folder / "animation.npz",
            tolerance=TOLERANCE * stage.rig.size, max_targets=MAX_TARGETS,
        )  # fmt: skip
        _animate(options, stage, clip, source, folder, recorder, progress, result)

    with record.stage("export"):
        progress.stage("Writing the model", None)
        exported = recorder.close()
        result.max_error = exported.max_error
        result.files += exported.files
    result.notes += clip.warnings
    record.data |= {
        "source": {"path": str(options.source_path), "sha256": file_hash(options.source_path)},
        "driving": {"path": str(clip.path), "sha256": file_hash(clip.path)},
        "avatar": {"name": avatar.name, "content_hash": avatar.content_hash, "vertices": len(avatar.vertices)},
        "camera": camera.to_dict(),
        "frames": result.frames,
        "start_frame": options.offset + driver.start,
        "detection_rate": round(driver.detection_rate, 4),
        "max_error": result.max_error,
        "notes": result.notes,
    }
    record.write(folder / "run.json")
    result.files.append(folder / "run.json")
    return result


def _expected(clip: Clip, options: Options) -> int | None:
    """How many frames will be watched, as far as the file says."""
    known = None if clip.n_frames is None else max(0, clip.n_frames - options.offset)
    return known if options.length is None else min(options.length, known or options.length)


def _wanted(driver: Driver, options: Options) -> range:
    """The frames to animate, counted within the cut clip: all, or the one of `--target_frame`."""
    count = len(driver.times)
    if options.target_frame is None:
        return range(count)
    target = options.target_frame - options.offset
    if not 0 <= target < count:
        raise InputError(
            "--target_frame lies outside the clip",
            path=options.driving_path,
            expected=f"{options.offset}..{options.offset + count - 1}",
            found=str(options.target_frame),
        )
    return range(target, target + 1)


def _landmark_motion(
    stage: Stage, driver: Driver, clip: Clip, options: Options, frames: range
) -> Iterator[tuple[Motion, list[np.ndarray]]]:
    """Motion of each frame with the pictures that belong beside it: here the driving frame."""
    carried = LandmarkOptions(head_pose=options.head_pose, strength=options.strength)
    retarget = LandmarkMotion(stage.rig, driver.landmarks[driver.start], carried)
    with AvatarDetector(stage) as detect:
        retarget.bias_from(detect)
        retarget.calibrate(driver.landmarks, detect)
    for index, frame in enumerate(cut(clip, options.offset, frames.stop)):
        if index in frames:
            yield retarget.motion(driver.landmarks[index], driver.times[index]), [frame.color]


def _open_animator(options: Options) -> VersatileFaceAnimator:
    """The networks of `--checkpoint`, or those exported to its folder with `--backend onnx`."""
    from vfa.models import VersatileFaceAnimator

    if options.backend == "onnx":
        if options.checkpoint is None:
            raise InputError(
                "--backend onnx needs the folder of exported networks",
                hint="python -m vfa.models.export writes one; name it with --checkpoint",
            )
        return VersatileFaceAnimator.from_onnx(options.checkpoint)
    return VersatileFaceAnimator.from_checkpoint(options.checkpoint, device=choose_device(options.device))


def _network_motion(
    animator: VersatileFaceAnimator, stage: Stage, driver: Driver, clip: Clip, options: Options, frames: range
) -> Iterator[tuple[Motion, list[np.ndarray]]]:
    """Motion of each frame by the networks; beside it the driving frame, the generated picture and its depth."""
    from vfa.motion.network_drive import encode_clip, network_motion, view_for

    def watched() -> Iterator[Frame]:
        return cut(clip, options.offset, len(driver.times))

    view = stage.camera if options.eye else view_for(animator, stage, driver, clip.width, clip.height)
    encoded = encode_clip(animator, driver, watched, smoothing=options.smoothing)
    network = network_motion(
        animator, stage, driver, encoded, view=view, pose=options.head_pose != "none", strength=options.strength
    )
    shown = (frame for index, frame in enumerate(watched()) if index in frames)
    for frame, made in zip(shown, network.frames(frames), strict=False):
        yield made.motion, [frame.color, made.color, depth_picture(made.depth)]


def _animate(
    options: Options, stage: Stage, clip: Clip, source: Iterator[tuple[Motion, list[np.ndarray]]], folder: Path,
    recorder: AnimationRecorder, progress: Progress, result: Result,
) -> None:  # fmt: skip
    """Renders every frame into both movies and gathers the animation."""
    size, avatar = options.render_size, stage.avatar
    # The second view is from the side that the face looks to, where a turned portrait shows more of it.
    side = -SECOND_VIEW if avatar.face_axes[2, 0] < -0.15 else SECOND_VIEW
    renderers = [stage.renderer(size, yaw=yaw, backend=options.renderer) for yaw in (0.0, side)]
    still = options.target_frame is not None
    with ExitStack() as open_files:

        def movie(name: str, panels: int) -> MovieWriter:
            result.files.append(folder / name)
            audio = None if still else clip.audio_path
            writer = MovieWriter(folder / name, width=panels * size, height=size, rate=clip.rate, audio_from=audio)
            return open_files.enter_context(writer)

        alone, together = movie("avatar.mp4", 1), None
        for motion, beside in source:
            frame = AnimationFrame(motion.time, stage.rig.deform(motion), motion.pose)
            recorder.add(frame)
            images = [renderer.render_color(frame.posed()) for renderer in renderers]
            together = together or movie("inference.mp4", len(beside) + len(images))
            alone.write(images[0], motion.time)
            together.write(side_by_side([*beside, *images], size), motion.time)
            result.frames += 1
            if still:
                result.files.append(save_picture(folder / "target.png", images[0]))
            progress.step()
