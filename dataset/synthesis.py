"""Writes synthetic clips as a normal data set, with the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dataset.scenes import Background, Scene, draw_scene
from dataset.truth import write_truth
from vfa.errors import InputError
from vfa.media.atomic import remove_stale_parts, write_json
from vfa.media.depth import DepthUnits
from vfa.media.normalize import Moments
from vfa.media.writers import ColorWriter, DepthWriter

VERSION = 1
PROBED = 8
"""Frames, evenly spaced, that decide the depth range of a clip."""


@dataclass(frozen=True)
class Options:
    """What a data set is made of; two runs with the same options give the same files.

    Attributes:
        people: number of people.
        clips: clips of each.
        crossed: clips of each in which they perform somebody else's expression and pose.
        seed: of everything.
        frames: in a clip.
        rate: frames per second.
        size: side of the pictures, pixels.
        background: "none" (black) or "random".
        test_every: every so-manieth person is for testing.
        sigma: depth is clipped at the mean +- this many standard deviations, as in preparation; 0 keeps all of it.
        depth_step: metres of a step of stored depth; 0 spreads the clip's range over the 16 bits.
        keyframe_interval, crf: of the colour video.
    """

    people: int
    clips: int
    crossed: int = 0
    seed: int = 0
    frames: int = 90
    rate: str = "30"
    size: int = 256
    background: Background = "none"
    test_every: int = 10
    sigma: float = 2.0
    depth_step: float = 0.0
    keyframe_interval: int = 10
    crf: int = 12

    def __post_init__(self) -> None:
        checks = {
            "--people": (0 < self.people <= 100_000, "1 to 100000"),
            "--clips": (0 < self.clips <= 10_000, "1 to 10000"),
            "--crossed": (
                self.crossed == 0 or (self.crossed > 0 and self.people > 1),
                "0, or more with several people",
            ),
            "--seed": (self.seed >= 0, "0 or more"),
            "--frames": (0 < self.frames <= 1_000_000, "1 or more"),
            "--size": (self.size >= 32 and self.size % 2 == 0, "an even number from 32 on"),
            "--background": (self.background in ("none", "random"), "none or random"),
            "--sigma": (0 <= self.sigma < 100, "0 or more"),
            "--depth_step": (0 <= self.depth_step < 0.1, "metres, 0 or more"),
        }
        for name, (good, expected) in checks.items():
            if not good:
                raise InputError(f"{name} is out of range", expected=expected)
        try:
            fine = 0 < Fraction(self.rate) <= 1000
        except (ValueError, ZeroDivisionError):
            fine = False
        if not fine:
            raise InputError("--rate is no frame rate", expected="30, 25 or 30000/1001", found=self.rate)


@dataclass(frozen=True)
class Clip:
    """One clip to be made.

    Attributes:
        person, clip: numbers of the person seen and of the clip.
        driver: number of the person whose performance of clip `clip` is played; the person's own otherwise.
    """

    person: int
    clip: int
    driver: int | None = None

    @property
    def name(self) -> str:
        """File name without suffix."""
        return f"clip{self.clip:04d}" if self.driver is None else f"clip{self.clip:04d}_by_p{self.driver:05d}"

    @property
    def label(self) -> str:
        """For messages."""
        return f"p{self.person:05d}/{self.name}"


def plan(options: Options) -> list[Clip]:
    """All clips of a data set; crossed ones borrow from people of the same side of the split."""
    clips = [Clip(person, clip) for person in range(options.people) for clip in range(options.clips)]
    for person in range(options.people):
        others = [p for p in range(options.people) if p != person and side(p, options) == side(person, options)]
        rng = np.random.default_rng([options.seed, 3, person])
        for number in range(options.crossed if others else 0):
            clips.append(Clip(person, number % options.clips, int(rng.choice(others))))
    return list(dict.fromkeys(clips))


def side(person: int, options: Options) -> str:
    """ "train" or "test"."""
    return "test" if person % options.test_every == options.test_every - 1 else "train"


def scene_of(clip: Clip, options: Options) -> Scene:
    """The scene of a clip."""

    def draw(person: int) -> Scene:
        return draw_scene(
            options.seed,
            person,
            clip.clip,
            frames=options.frames,
            rate=Fraction(options.rate),
            size=options.size,
            background=options.background,
        )

    own = draw(clip.person)
    return own if clip.driver is None else draw(clip.driver).played_by(own)


@lru_cache(maxsize=1)
def generator() -> str:
    """Changes whenever the built-in head changes."""
    from BFM.builtin import generator_version

    return f"{VERSION}-{generator_version()}"


def make_clip(clip: Clip, out: Path, options: Options) -> bool:
    """Makes one clip of a data set unless it is there; False when there was nothing to do."""
    folder = out / side(clip.person, options) / f"p{clip.person:05d}"
    note: dict[str, Any] = {"person": clip.person, "clip": clip.clip, "driver": clip.driver}
    return write_scene(lambda: scene_of(clip, options), folder, clip.name, options, note)


def make_single(clip: Clip, out: Path, options: Options, name: str) -> bool:
    """Makes one clip right in `out` (`color/<name>.mp4` and so on); for demos.

    Raises:
        InputError: the name would lead out of the folder.
    """
    if not name or name != Path(name).name or name.startswith(".") or len(name) > 100:
        raise InputError("--single is no file name", expected="such as performance", found=ascii(name)[:80])
    return write_scene(lambda: scene_of(clip, options), out, name, options, {"person": clip.person, "clip": clip.clip})


def write_scene(draw: Callable[[], Scene], folder: Path, name: str, options: Options, note: dict[str, Any]) -> bool:
    """Renders a scene into `color/`, `depth/`, `truth/` and, when all is there, `record/`.

    Args:
        draw: called for the scene when there is something to do.
        folder: where the four folders go.
        name: of the files.
        options: those of depth and video are used here, all of them go into the record.
        note: more entries for the record.
    """
    paths = {
        "color": folder / "color" / f"{name}.mp4",
        "depth": folder / "depth" / f"{name}.nut",
        "truth": folder / "truth" / f"{name}.npz",
    }
    record_path = folder / "record" / f"{name}.json"
    about = {key: value for key, value in asdict(options).items() if key not in ("people", "clips", "crossed")}
    wanted = {"generator": generator(), "options": about, **note}
    if _is_complete(record_path, paths, wanted):
        return False
    for path in (*paths.values(), record_path):
        remove_stale_parts(path.parent)
    record_path.unlink(missing_ok=True)
    scene = draw()
    units = depth_units(scene, options)
    _render(scene, paths["color"], paths["depth"], units, options)
    write_truth(paths["truth"], scene)
    sizes = {kind: path.stat().st_size for kind, path in paths.items()}
    write_json(record_path, {**wanted, "bytes": sizes, "depth_scale": units.scale, "depth_offset": units.offset})
    return True


def _is_complete(record_path: Path, paths: dict[str, Path], wanted: dict[str, Any]) -> bool:
    try:
        record = json.loads(record_path.read_text(encoding="utf-8"))
        sizes = {kind: path.stat().st_size for kind, path in paths.items()}
    except (OSError, ValueError):
        return False
    return record.get("bytes") == sizes and all(record.get(key) == value for key, value in wanted.items())


def depth_units(scene: Scene, options: Options) -> DepthUnits:
    """Units that hold the clip's depth: the mean +- sigma deviations of some frames, or all that can occur."""
    renderer = scene.renderer(supersample=1)
    moments, near, far = Moments(), np.inf, -np.inf
    for frame in sorted({round(f) for f in np.linspace(0, scene.n_frames - 1, min(PROBED, scene.n_frames))}):
        depth = scene.maps(frame, renderer).depth
        seen = depth[np.isfinite(depth)] * scene.metres_per_unit
        if seen.size:
            moments.update(seen)
            near, far = min(near, float(seen.min())), max(far, float(seen.max()))
    if not moments.count:
        raise InputError("the head is outside the picture")
    if options.sigma:
        near, far = moments.mean - options.sigma * moments.sigma, moments.mean + options.sigma * moments.sigma
    else:
        margin = 0.5 * (far - near)  # for frames in between that reach farther
        near, far = max(near - margin, 0.01), far + margin
    if options.depth_step:
        return DepthUnits(options.depth_step, near - options.depth_step)
    return DepthUnits.for_range(near, far)


def _render(scene: Scene, color: Path, depth: Path, units: DepthUnits, options: Options) -> None:
    size, renderer = options.size, scene.renderer()
    with (
        ColorWriter(
            color,
            width=size,
            height=size,
            rate=scene.rate,
            crf=options.crf,
            keyframe_interval=options.keyframe_interval,
        ) as colors,
        DepthWriter(depth, size, size, scene.rate, units=units) as depths,
    ):
        for frame in range(scene.n_frames):
            picture = scene.render(frame, renderer)
            time = frame / scene.rate
            colors.write(picture.color, time)
            depths.write(units.to_steps(picture.depth * np.float32(scene.metres_per_unit)), time)
