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
ZOOM = (0.75, 1.1)
"""Size of the head in a network's picture, relative to one that fills it, as in training."""


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

    recipe = Recipe(people=2 * number + 2, seed=seed, frames=frames, rate=str(rate), size=RECORDED)
    rng = np.random.default_rng([seed, 21, number])
    distance, zoom = rng.uniform(4.5, 8.0), rng.uniform(0.75, 1.0)
    middle = np.array([*rng.uniform(-0.1, 0.1, 2), 0.0])
    driver = driving_scene(recipe, 2 * number + 1, 0)
    driver = replace(driver, camera=_camera(middle + [0, 0, distance], middle, [0, 1, 0], zoom, RECORDED))
    person = source_scene(recipe, 2 * number).person
    return Pair(number, person, driver, replace(driver, person=person))


def seen_alike(pair: Pair, size: int, seed: int) -> tuple[Scene, Scene]:
    """Performer and avatar in the same place before the same camera, somewhat from the side, as training has it.

    Args:
        pair: the people. size: of the pictures in pixels. seed: of the view and the avatar's light.
    """
    from dataset.scenes import draw_backdrop, draw_camera, draw_light

    rng = np.random.default_rng([seed, 22, pair.number])
    drawn = draw_camera(rng, size)
    camera = _camera(drawn.eye, drawn.target, drawn.up, rng.uniform(*ZOOM), size)
    driver = replace(pair.driver, camera=camera, backdrop=draw_backdrop(rng, size))
    return driver, replace(pair.truth, camera=camera, gamma=draw_light(rng))


def _camera(eye: np.ndarray, target: np.ndarray, up: np.ndarray | list, zoom: float, size: int) -> Camera:
    """A square view in which a head that is `zoom` times as large would fill the picture."""
    from dataset.scenes import PIXELS_PER_UNIT

    distance = float(np.linalg.norm(np.asarray(eye) - target))
    middle = (size / 2, size / 2)
    focal = PIXELS_PER_UNIT * zoom * distance * size
    return Camera(eye, target, np.asarray(up, float), focal=focal, principal=middle, width=size, height=size)


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
