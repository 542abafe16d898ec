"""Random scenes with the built-in head: who, under which light, seen from where, doing what. All from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from BFM import MorphableModel, performance
from BFM.builtin import load_builtin
from BFM.coefficients import rotation
from BFM.performances import Performance
from BFM.sampling import Person, sample_person
from vfa.render import Appearance, Camera, Light, MeshRenderer
from vfa.render.rasterizer import Raster
from vfa.render.scene import Rendered

Background = Literal["none", "random"]
PIXELS_PER_UNIT = 125 / 256
"""Of a face that fills the picture, in picture widths: the original camera's 1000 px at 8 units."""


@lru_cache(maxsize=1)
def head() -> MorphableModel:
    """The built-in head: its named expressions are what performances are made of, so a licensed model will not do."""
    return load_builtin()


def personal(model: MorphableModel, identity: np.ndarray) -> MorphableModel:
    """The model with a person's neutral face as its mean: saves the identity's share of work in every frame."""
    shape = model.vertices(identity)
    eyes = []
    for eye in model.eyes:
        ball, rest = shape[eye.vertices].astype(np.float64), model.mean_shape[eye.vertices].astype(np.float64)
        scale = float(ball.std() / rest.std())
        center = ball.mean(0) + scale * (eye.center - rest.mean(0))
        eyes.append(replace(eye, center=center.astype(np.float32), radius=eye.radius * scale))
    return replace(model, mean_shape=shape, eyes=tuple(eyes))


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything a clip is rendered from.

    Attributes:
        person: identity and texture.
        performance: expression, head pose, gaze over time.
        camera: still.
        gamma: float `[27]` spherical-harmonics light, fixed in the world.
        backdrop: uint8 `[H, W, 3]`, or None for black.
        rate: frames per second.
    """

    person: Person
    performance: Performance
    camera: Camera
    gamma: np.ndarray
    rate: Fraction
    backdrop: np.ndarray | None = None
    _light: Light | None = field(default=None, repr=False)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.performance.time)

    @property
    def metres_per_unit(self) -> float:
        """Scale of the model."""
        return head().mm_per_unit / 1000

    def pose(self, frame: int) -> np.ndarray:
        """Head to world, float64 `[4, 4]`."""
        matrix = np.eye(4)
        matrix[:3, :3] = rotation(self.performance.euler[frame])
        matrix[:3, 3] = self.performance.translation[frame]
        return matrix

    def vertices(self, frame: int) -> np.ndarray:
        """World positions float32 `[V, 3]` in model units, the head turned and moved."""
        play = self.performance
        still = self._model.vertices(None, play.expression[frame], play.gaze[frame])
        return self._model.pose(still, play.euler[frame], play.translation[frame])

    @cached_property
    def _model(self) -> MorphableModel:
        return personal(head(), self.person.identity)

    def renderer(self, *, supersample: int = 2) -> MeshRenderer:
        """A renderer for all frames of the scene."""
        return MeshRenderer(
            head().triangles,
            Appearance(vertex_colors=head().colors(self.person.texture)),
            self.camera,
            light=self._light or Light.from_bfm(self.gamma),
            supersample=supersample,
            background=(0, 0, 0) if self.backdrop is None else self.backdrop,
        )

    def render(self, frame: int, renderer: MeshRenderer) -> Rendered:
        """Picture and maps of a frame (depth in model units)."""
        return renderer.render(self.vertices(frame))

    def maps(self, frame: int, renderer: MeshRenderer) -> Raster:
        """The maps of a frame alone."""
        return renderer.render_maps(self.vertices(frame))

    def flat(self) -> Scene:
        """The same scene without shading."""
        return replace(self, _light=Light.flat())

    def played_by(self, other: Scene) -> Scene:
        """This scene's expression and pose, performed by the other scene's person under the other's light and camera.

        This is the truth of cross-identity reenactment: other is the source, this scene the driver.
        """
        return replace(other, performance=self.performance, rate=self.rate)


def draw_scene(
    seed: int,
    person: int,
    clip: int,
    *,
    frames: int,
    rate: Fraction = Fraction(30),
    size: int = 256,
    background: Background = "none",
) -> Scene:
    """The scene of one clip; a person looks alike in all clips, everything else changes.

    Args:
        seed: of the data set.
        person, clip: their numbers.
        frames: number of frames.
        rate: frames per second.
        size: side of the pictures, pixels.
        background: "random" puts a blurred random picture behind the head.
    """
    who = sample_person(head(), np.random.default_rng([seed, 1, person]), spread=0.5)
    rng = np.random.default_rng([seed, 2, person, clip])
    play = performance(frames, rate, int(rng.integers(2**31)))
    camera = draw_camera(rng, size)
    gamma = draw_light(rng)
    backdrop = draw_backdrop(rng, size) if background == "random" else None
    return Scene(who, play, camera, gamma, Fraction(rate), backdrop)


def draw_camera(rng: np.random.Generator, size: int) -> Camera:
    """A hand-held view: 0.42 to 1.1 m away, up to 14 degrees to the side, 10 up or down, 8 of roll, zoom .68 to 1."""
    distance = rng.uniform(3.2, 8.5)
    azimuth, elevation, roll = np.radians(rng.uniform([-14, -10, -8], [14, 10, 8]))
    zoom = rng.uniform(0.68, 1.0)
    direction = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    target = np.array([0, -0.1, 0]) + rng.uniform(-0.12, 0.12, 3) * [1, 1, 0]
    up = np.array([np.sin(roll), np.cos(roll), 0])
    return Camera(
        target + distance * direction,
        target,
        up,
        focal=PIXELS_PER_UNIT * zoom * distance * size,
        principal=(size / 2, size / 2),
        width=size,
        height=size,
    )


def draw_light(rng: np.random.Generator) -> np.ndarray:
    """Float `[27]`: ambient light and one soft source, azimuth +-70 and elevation -15 to 65 degrees, slightly tinted.

    The brightest normal gets .92 to 1.1 of the albedo, the darkest about a tenth to a half.
    """
    azimuth, elevation = np.radians(rng.uniform([-70, -15], [70, 65]))
    ambient, brightest = rng.uniform(0.5, 0.75), rng.uniform(0.92, 1.1)
    towards = (np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation))
    gamma = np.zeros((3, 9))
    for channel, tint in enumerate(1 + rng.uniform(-0.05, 0.05) * np.array([1, 0, -1])):
        # Band 0 contributes sqrt(pi)/2 of its coefficient, band 1 sqrt(pi) (see BFM.lighting); 0.8 is always added.
        gamma[channel, 0] = 2 * tint * ambient / np.sqrt(np.pi) - 0.8
        strength = tint * (brightest - ambient) / np.sqrt(np.pi)
        gamma[channel, 1:4] = -strength * towards[1], strength * towards[2], -strength * towards[0]
    return gamma.reshape(27)


def draw_backdrop(rng: np.random.Generator, size: int) -> np.ndarray:
    """A blurred random picture, uint8 `[size, size, 3]`."""
    import cv2

    levels = [
        cv2.resize(
            rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
        )
        for cells in (3, 6, 24)
    ]
    mixed = 0.6 * levels[0] + 0.3 * levels[1] + 0.1 * levels[2]
    return np.clip(mixed * rng.uniform(0.5, 1.0), 0, 255).astype(np.uint8)
