"""Random people and random expressions of the built-in head, drawn the way people vary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BFM.coefficients import N_EXPRESSION, N_IDENTITY, N_TEXTURE
from BFM.expressions import EXPRESSION_NAMES
from BFM.model import MorphableModel

_SPEECH_AND_MIMICS = tuple(
    k for k, name in enumerate(EXPRESSION_NAMES) if not name.startswith(("eyeLook", "tongue", "mouthClose"))
)


@dataclass(frozen=True)
class Person:
    """Identity [80] and texture [80] coefficients of one person, float32."""

    identity: NDArray[np.float32]
    texture: NDArray[np.float32]


def sample_person(
    model: MorphableModel, rng: np.random.Generator, *, spread: float = 0.8, sex: float | None = None
) -> Person:
    """Draw a person; sex, hair length, stubble, skin, hair and iris go together.

    Args:
        model: the built-in model; for another one plain normal draws are returned.
        rng: source of randomness.
        spread: standard deviations of the shape coefficients.
        sex: -1 feminine to 1 masculine; drawn from both when None.
    """
    identity = (spread * rng.standard_normal(N_IDENTITY)).clip(-2.2, 2.2)
    texture = (0.8 * rng.standard_normal(N_TEXTURE)).clip(-2, 2)
    if model.source == "procedural":
        if sex is None:
            sex = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.0))
        shape = {name: k for k, name in enumerate(model.identity_names)}
        color = {name: k for k, name in enumerate(model.texture_names)}
        identity[shape["masculine"]] = 1.6 * sex + 0.3 * rng.standard_normal()
        long = rng.uniform(1.6, 2.9) if sex < 0 and rng.uniform() < 0.8 else rng.uniform(0.0, 0.3)
        identity[shape["hair_length"]] = long
        identity[shape["hair_volume"]] = rng.uniform(-0.4, 1.6)
        dark = rng.normal(0, 1.0) if rng.uniform() < 0.75 else rng.uniform(1.2, 2.6)
        dark = float(np.clip(dark, -0.9, 2.6))
        texture[color["skin_dark"]] = dark
        texture[color["hair_light"]] = rng.uniform(-1.6, -0.9) if dark > 0.9 else rng.uniform(-1.4, 2.6)
        texture[color["hair_red"]] = 0.0 if dark > 0.9 else abs(rng.normal(0, 0.8))
        texture[color["iris_light"]] = rng.uniform(-1.5, -0.7) if dark > 0.9 else rng.uniform(-1.2, 1.8)
        texture[color["iris_blue"]] = 0.0 if dark > 0.9 else rng.uniform(-0.6, 1.8)
        texture[color["stubble"]] = rng.uniform(-0.8, 4.0) if sex > 0 else -0.9
        texture[color["freckles"]] = max(0.0, rng.normal(-0.6, 1.1)) if dark < 0.5 else 0.0
        texture[color["gray"]] = max(0.0, rng.normal(-1.0, 2.0))
        texture[color["lip_red"]] = rng.normal(0.8 if sex < 0 else -0.3, 0.7)
    return Person(identity.astype(np.float32), texture.astype(np.float32))


def sample_expression(rng: np.random.Generator, *, strength: float = 0.6) -> NDArray[np.float32]:
    """A sparse one-sided mix of expressions [64]: a few units between 0 and `strength`, sides mostly together."""
    out = np.zeros(N_EXPRESSION, np.float32)
    for k in rng.choice(_SPEECH_AND_MIMICS, rng.integers(2, 6), replace=False):
        name, value = EXPRESSION_NAMES[k], rng.uniform(0, strength)
        out[k] = value
        for side, other in (("Left", "Right"), ("Right", "Left")):
            if name.endswith(side) and name.removesuffix(side) + other in EXPRESSION_NAMES and rng.uniform() < 0.8:
                if name.startswith(("jaw", "mouthLeft", "mouthRight")):
                    continue
                out[EXPRESSION_NAMES.index(name.removesuffix(side) + other)] = value * rng.uniform(0.8, 1.0)
    return out
