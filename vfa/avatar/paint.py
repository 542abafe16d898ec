"""Colours for a mesh that came without any: skin, eyes with iris and pupil, teeth and tongue, by part."""

from __future__ import annotations

import numpy as np

from vfa.avatar.parts import Eye
from vfa.render.appearance import Appearance

SKIN = (214, 172, 146, 255)
TEETH = (236, 230, 216, 255)
TONGUE = (184, 96, 92, 255)
HAIR = (70, 52, 42, 255)
_NAMED = ((("teeth", "tooth"), 1), (("tongue", "gum"), 2), (("lash", "brow", "hair", "beard"), 3))
_EYE = 4
_TEXTURE_SIZE = 512
# Angles from the middle of the pupil, of a ball 24 mm and an iris 11.7 mm across.
_PUPIL, _IRIS = np.radians(11.0), np.radians(29.0)


def paint(
    positions: np.ndarray, triangles: np.ndarray, parts: np.ndarray, names: list[str], eyes: list[Eye]
) -> Appearance:
    """An appearance by part for a face towards +Z; plain clay where the mesh is a single piece.

    Args:
        positions: float `[V, 3]`.
        triangles: int `[F, 3]`.
        parts: label per vertex.
        names: group name of each part.
        eyes: the eyeballs.
    """
    kind = np.zeros(len(names), np.int32)
    for number, name in enumerate(names):
        kind[number] = next((code for words, code in _NAMED if any(w in name.lower() for w in words)), 0)
    if not eyes and not kind.any():
        return Appearance()
    material = kind[parts[triangles[:, 0]]]
    uv = np.zeros((len(triangles), 3, 2), np.float32)
    for eye in eyes:
        own = np.zeros(len(positions), bool)
        own[eye.vertices] = True
        chosen = own[triangles].all(axis=1)
        material[chosen] = _EYE
        uv[chosen] = _look_ahead(positions[triangles[chosen]] - eye.center)
    colors = np.array([SKIN, TEETH, TONGUE, HAIR, (255, 255, 255, 255)], np.uint8)
    textures = (None, None, None, None, eye_texture())
    return Appearance(corner_uv=uv, material=material.astype(np.int32), textures=textures, base_colors=colors)


def _look_ahead(offset: np.ndarray) -> np.ndarray:
    """UV of directions from the centre of a ball that looks along +Z: angle from the axis, kept around it."""
    flat = np.linalg.norm(offset[..., :2], axis=-1)
    angle = np.arctan2(flat, offset[..., 2])
    return (0.5 + 0.5 * (angle / np.pi / np.maximum(flat, 1e-30))[..., None] * offset[..., :2]).astype(np.float32)


def eye_texture(iris: tuple[int, int, int] = (96, 72, 48)) -> np.ndarray:
    """A ball seen from the front in the equidistant projection of the whole sphere: uint8 `[512, 512, 3]`."""
    y, x = (np.mgrid[:_TEXTURE_SIZE, :_TEXTURE_SIZE] + 0.5) / _TEXTURE_SIZE - 0.5
    angle = np.hypot(x, y) * 2 * np.pi
    spoke = np.arctan2(y, x)
    fibre = 1 + 0.13 * np.sin(23 * spoke + 3 * np.sin(7 * spoke)) + 0.07 * np.sin(61 * spoke)
    depth = np.clip((angle - _PUPIL) / (_IRIS - _PUPIL), 0, 1)
    colored = np.array(iris) * (fibre * (1.15 - 0.65 * depth**3))[..., None]
    sclera = np.array([240, 236, 231]) - np.array([0, 14, 16]) * np.clip((angle - 0.9) / 0.8, 0, 1)[..., None]
    soft = 2 * np.pi / _TEXTURE_SIZE
    image = sclera + _step(_IRIS, angle, 1.5 * soft) * (colored - sclera)
    image += _step(_PUPIL, angle, soft) * (12 - image)
    shine = np.hypot(x + 0.025, y + 0.028) * 2 * np.pi
    image += _step(0.07, shine, soft) * (250 - image)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _step(edge: float, value: np.ndarray, soft: float) -> np.ndarray:
    return np.clip((edge - value) / soft + 0.5, 0, 1)[..., None]
