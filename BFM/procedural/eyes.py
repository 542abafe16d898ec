"""The eyeballs: closed spheres with a slight cornea, dense at iris and pupil."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from BFM.procedural.layout import EYE_CENTRE, EYE_RADIUS

Array = NDArray[np.float64]

PUPIL, IRIS = 2.1, 5.9  # radii in mm, seen from the front
SEGMENTS = 36
_MARKS = np.array(
    [0.9, PUPIL - 0.15, PUPIL + 0.15, 2.8, 3.6, 4.4, 5.1, IRIS - 0.35, IRIS, IRIS + 0.35, 6.8, 7.8, 9.0, 10.5, 12.0]
)
POLAR = np.concatenate([np.arcsin(_MARKS / EYE_RADIUS), [1.4, 1.75, 2.1, 2.5, 2.85]])  # rings from the front pole


def eyeball() -> tuple[Array, NDArray[np.int64]]:
    """One ball round the origin looking along +z. Returns vertices [V, 3] mm and triangles [F, 3]."""
    turn = np.arange(SEGMENTS) * 2 * np.pi / SEGMENTS
    cornea = 0.45 * np.clip(1 - (np.sin(POLAR) * EYE_RADIUS / IRIS) ** 2, 0, 1) * (POLAR < 1.5)
    radius = EYE_RADIUS + cornea
    rings = np.stack(
        [
            np.sin(POLAR)[:, None] * np.cos(turn) * radius[:, None],
            np.sin(POLAR)[:, None] * np.sin(turn) * radius[:, None],
            np.cos(POLAR)[:, None] * radius[:, None] + 0 * turn,
        ],
        -1,
    )
    vertices = np.concatenate([[[0, 0, EYE_RADIUS + 0.45]], rings.reshape(-1, 3), [[0, 0, -EYE_RADIUS]]])
    return vertices, closed_rings(len(POLAR), SEGMENTS)


def closed_rings(rings: int, segments: int) -> NDArray[np.int64]:
    """Triangles of a first pole, `rings` rings turning counter-clockwise seen from that pole, and a last pole."""
    k = np.arange(segments)
    after = (k + 1) % segments
    faces = [np.stack([0 * k, 1 + k, 1 + after], 1)]
    for ring in range(rings - 1):
        a, b = 1 + ring * segments, 1 + (ring + 1) * segments
        faces += [np.stack([a + k, b + k, b + after], 1), np.stack([a + k, b + after, a + after], 1)]
    last = 1 + (rings - 1) * segments
    faces.append(np.stack([last + k, 0 * k + 1 + rings * segments, last + after], 1))
    return np.concatenate(faces)


def eye_centre(sign: int) -> Array:
    """Centre of the left (+1) or right (-1) ball, mm."""
    return np.array([sign * EYE_CENTRE[0], EYE_CENTRE[1], EYE_CENTRE[2]])
