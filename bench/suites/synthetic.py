"""The synthetic suite: the built-in head performs, so that cross-identity reenactment can be scored against truth.

A *source* is a person at rest under a camera and a light of its own. A *driver* is a recording of a person performing,
under another camera and light. The truth of a sample is the source's person giving the driver's performance, under the
source's camera and light; in samples of kind `self` both are the same person. Everything comes from the seed; the same
recipe gives the same files, and what is there already is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.distributed import Ranks
from bench.suites.run_sample import RunSample
from vfa.errors import InputError

if TYPE_CHECKING:
    from dataset.scenes import Scene
    from dataset.synthesis import Options

VERSION = 1
"""Raise it when other files come from the same recipe; the head's own changes count without it."""
STUDIO = 1_000_000
"""Number of the clip whose camera and light a source is seen under; no driver reaches it."""
LEAD = 2
"""Frames of the neutral face before a performance begins."""


@dataclass(frozen=True)
class Recipe:
    """What a suite is made of.

    Attributes:
        people: how many. clips: performances of each. crossed: performances of other people that each source gives.
        seed: of everything. frames, rate, size: of every clip; size in pixels, pictures are square.
    """

    people: int = 4
    clips: int = 1
    crossed: int = 1
    seed: int = 0
    frames: int = 75
    rate: str = "25"
    size: int = 256

    def options(self) -> Options:
        """The data set's options of the same meaning.

        Raises:
            InputError: one is out of range.
        """
        from dataset.synthesis import Options

        return Options(
            self.people, self.clips, self.crossed, self.seed, self.frames, self.rate, self.size, keyframe_interval=25
        )


@dataclass(frozen=True)
class Plan:
    """One sample: numbers of the source's person, of the driver's and of the clip."""

    source: int
    driver: int
    clip: int

    @property
    def kind(self) -> str:
        """`self` or `cross`."""
        return "self" if self.source == self.driver else "cross"

    @property
    def id(self) -> str:
        """Name of the sample."""
        return f"{self.kind}-p{self.source:03d}-by-{self.driving}"

    @property
    def driving(self) -> str:
        """Name of the driving clip."""
        return f"p{self.driver:03d}c{self.clip:02d}"


def plans(recipe: Recipe) -> list[Plan]:
    """The samples of a recipe: everybody driven by themselves, then by others, drawn from the seed."""
    people = range(recipe.people)
    found = [Plan(person, person, clip) for person in people for clip in range(recipe.clips)]
    for person in people:
        others = [other for other in people if other != person]
        order = np.random.default_rng([recipe.seed, 4, person]).permutation(len(others))
        picked = [others[i] for i in order[: recipe.crossed]]
        found += [Plan(person, other, clip) for other in picked for clip in range(recipe.clips)]
    return found


def source_scene(recipe: Recipe, person: int) -> Scene:
    """A person under the camera and the light of its picture, at rest for one frame."""
    from dataset.scenes import draw_scene

    return draw_scene(
        recipe.seed, person, STUDIO, frames=1, rate=Fraction(recipe.rate), size=recipe.size, background="none"
    )


def driving_scene(recipe: Recipe, person: int, clip: int) -> Scene:
    """A performance, from shortly before it begins."""
    from BFM.performances import START
    from dataset.scenes import draw_scene

    rate = Fraction(recipe.rate)
    still = max(0, int(START * rate) - LEAD)
    scene = draw_scene(recipe.seed, person, clip, frames=recipe.frames + still, rate=rate, size=recipe.size)
    play = scene.performance
    cut = {name: getattr(play, name)[still:] for name in ("expression", "euler", "translation", "gaze")}
    return replace(scene, performance=replace(play, time=np.arange(recipe.frames) / float(rate), **cut))


def truth_scene(recipe: Recipe, plan: Plan) -> Scene:
    """The source's person giving the driver's performance."""
    return driving_scene(recipe, plan.driver, plan.clip).played_by(source_scene(recipe, plan.source))


def make_suite(
    recipe: Recipe,
    folder: Path,
    *,
    workers: int = 1,
    ranks: Ranks | None = None,
    on_progress: Callable[[int, int, str], None] = lambda done, total, name: None,
) -> list[RunSample]:
    """Makes the files of a suite that are not there yet and returns its samples.

    Args:
        recipe: what to make. folder: where. workers: processes of this rank. ranks: this process among others.
        on_progress: told (files done, in all, name).

    Raises:
        InputError: the recipe is out of range, the folder holds another suite, or a file could not be made.
    """
    from bench.pool import run_jobs
    from bench.suites.synthetic_files import Job, make_files

    ranks = ranks or Ranks()
    recipe.options()
    chosen = plans(recipe)
    _claim(folder, recipe, write=ranks.leads)
    ranks.barrier()
    people = sorted({plan.source for plan in chosen})
    drivers = sorted({(plan.driver, plan.clip) for plan in chosen})
    jobs: list[Job] = [Job("source", recipe, folder, Plan(person, person, 0)) for person in people]
    jobs += [Job("driving", recipe, folder, Plan(person, person, clip)) for person, clip in drivers]
    jobs += [Job("truth", recipe, folder, plan) for plan in chosen]
    mine = ranks.share(jobs, [1.0 if job.what == "source" else float(recipe.frames) for job in jobs])
    if ranks.nodes > 1:  # unfinished files are told by process numbers, which mean nothing on another machine
        mine = jobs if ranks.leads else []
    failed = ""
    for done, event in enumerate(run_jobs(make_files, mine, workers, lambda message: None), 1):
        on_progress(done, len(mine), f"{mine[event.item].what} {mine[event.item].plan.id}")
        failed = failed or event.died
    if ranks.total(int(bool(failed))):
        raise InputError("the synthetic suite could not be made", path=folder, found=failed or "another rank failed")
    ranks.barrier()
    return [_sample(recipe, folder, plan) for plan in chosen]


def _claim(folder: Path, recipe: Recipe, *, write: bool) -> None:
    """Writes what the suite is, or checks that it is the same."""
    from bench.store import write_text
    from dataset.synthesis import generator

    path = folder / "suite.json"
    wanted: dict[str, Any] = {"suite": "synthetic", "generator": f"{VERSION}-{generator()}", **asdict(recipe)}
    if path.is_file():
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            raise InputError("the record of the suite is damaged", path=path, hint="delete the folder") from error
        if found != wanted:
            differs = [name for name in wanted if not isinstance(found, dict) or found.get(name) != wanted[name]]
            raise InputError(
                "the folder holds another synthetic suite",
                path=folder,
                expected=", ".join(f"{name} {wanted[name]}" for name in differs),
                found=", ".join(f"{name} {found.get(name)}" for name in differs) if isinstance(found, dict) else None,
                hint="choose another --out, or delete the folder",
            )
    elif write:
        write_text(path, json.dumps(wanted, indent=1) + "\n")


def _sample(recipe: Recipe, folder: Path, plan: Plan) -> RunSample:
    source, driving, truth = f"p{plan.source:03d}", plan.driving, folder / "truth"
    return RunSample(
        plan.id,
        recipe.frames,
        Fraction(recipe.rate),
        recipe.size,
        recipe.size,
        plan.kind,
        image=folder / "sources" / f"{source}.png",
        mesh=folder / "sources" / f"{source}.npy",
        view=folder / "sources" / f"{source}.view.json",
        driving=folder / "driving" / "color" / f"{driving}.mp4",
        audio=folder / "driving" / "sound" / f"{driving}.wav",
        points=folder / "sources" / f"{source}.points.npz",
        truth=truth / "color" / f"{plan.id}.mp4",
        scene=truth / "truth" / f"{plan.id}.npz",
        tables={"vertices_truth": truth / "motion" / f"{plan.id}.npz", **_driver_tables(folder, plan)},
    )


def _driver_tables(folder: Path, plan: Plan) -> dict[str, Path]:
    """The driver's face, for both sides of a comparison; none where it is the source's own."""
    if plan.kind == "self":
        return {}
    face = folder / "driving" / "face" / f"{plan.driving}.npz"
    return {"driver_truth": face, "driver_prediction": face}
