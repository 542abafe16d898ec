"""Pairs of people who were never trained on: one is the avatar, the other performs, and what should come out is known.

A performance is a list of expression coefficients and head poses, so the truth of cross-identity reenactment is exact:
the avatar's person giving the same performance. It begins with the neutral face, the avatar at rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfa.render.camera import Camera

if TYPE_CHECKING:
    from BFM.sampling import Person
    from dataset.scenes import Scene
    from vfa.avatar.avatar import Avatar

RECORDED = 256
"""Side of a recording in pixels."""


@dataclass(frozen=True)
class Pair:
    """An avatar and a performer.

    Attributes:
        number: of the pair. avatar: whose face is animated.
        driver: the performer in front of a camera. truth: the avatar's person in the performer's place.
    """

    number: int
    avatar: Person
    driver: Scene
    truth: Scene


def draw_pair(number: int, *, seed: int, frames: int, rate: Fraction) -> Pair:
    """A pair of people, filmed from the front.

    Args:
        number: of the pair; each has two people of its own. seed: of the data set.
        frames, rate: of the performance.
    """
    from bench.suites.synthetic import Recipe, driving_scene, source_scene
    from dataset.scenes import PIXELS_PER_UNIT

    recipe = Recipe(people=2 * number + 2, seed=seed, frames=frames, rate=str(rate), size=RECORDED)
    rng = np.random.default_rng([seed, 21, number])
    distance, zoom = rng.uniform(4.5, 8.0), rng.uniform(0.75, 1.0)
    middle = np.array([*rng.uniform(-0.1, 0.1, 2), 0.0])
    driver = driving_scene(recipe, 2 * number + 1, 0)
    camera = Camera(middle + [0, 0, distance], middle, focal=PIXELS_PER_UNIT * zoom * distance * RECORDED,
                    principal=(RECORDED / 2, RECORDED / 2), width=RECORDED, height=RECORDED)  # fmt: skip
    driver = replace(driver, camera=camera)
    person = source_scene(recipe, 2 * number).person
    return Pair(number, person, driver, replace(driver, person=person))


def seen_alike(pair: Pair, size: int, seed: int) -> tuple[Scene, Scene]:
    """Performer and avatar in the same place before the same camera, moving as widely as in training.

    The first frame is the face at rest; the others are drawn from a performance, from random expressions and turns of
    up to 28 degrees.

    Args:
        pair: the people, and how many frames. size: of the pictures in pixels. seed: of everything else.
    """
    from dataset.scenes import draw_backdrop, draw_light
    from dataset.stream import PLAY_FRAMES, GroupStream

    rng = np.random.default_rng([seed, 22, pair.number])
    frames = min(pair.driver.n_frames, PLAY_FRAMES)
    scene = GroupStream(seed=seed, size=size, frames=frames, pairs=0).scene(pair.number, rng)
    moves = {name: getattr(scene.performance, name).copy() for name in ("expression", "euler", "translation", "gaze")}
    for values in moves.values():
        values[0] = 0
    play = replace(scene.performance, **moves)
    driver = replace(scene, person=pair.driver.person, performance=play, backdrop=draw_backdrop(rng, size))
    return driver, replace(driver, person=pair.avatar, gamma=draw_light(rng), backdrop=None)


def write_recording(pair: Pair, folder: Path, seed: int) -> Path:
    """The performer as an RGBD recording, `color/*.mp4` beside `depth/*.nut`; returns the colour's path."""
    from dataset.synthesis import Options, write_scene

    name, scene = f"pair{pair.number:02d}", pair.driver
    options = Options(1, 1, seed=seed, frames=scene.n_frames, rate=str(scene.rate), size=RECORDED, sigma=0)
    write_scene(lambda: scene, folder, name, options, {"pair": pair.number})
    return folder / "color" / f"{name}.mp4"


def avatar_of(pair: Pair) -> Avatar:
    """The avatar at rest, in the built-in head's topology and axes."""
    from BFM import Coefficients
    from dataset.scenes import head
    from vfa.avatar.coefficients import avatar_from_coefficients

    still = np.zeros(64, np.float32), np.zeros(3, np.float32), np.zeros(27, np.float32), np.zeros(3, np.float32)
    expression, angles, light, shift = still
    coefficients = Coefficients(pair.avatar.identity, expression, pair.avatar.texture, angles, light, shift)
    return avatar_from_coefficients(coefficients, head(), name=f"person{2 * pair.number:03d}")
