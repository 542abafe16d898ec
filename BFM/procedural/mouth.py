"""Teeth and tongue: closed components that wait behind the lips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from BFM.procedural.eyes import closed_rings
from BFM.procedural.layout import MOUTH_Y

Array = NDArray[np.float64]

WIDTHS_UPPER = np.array([8.6, 6.8, 7.6, 7.0, 6.8, 9.5])  # from the midline to the first molar, mm
WIDTHS_LOWER = np.array([5.4, 5.9, 6.8, 7.0, 7.1, 9.8])
PER_TOOTH = 7
# Section of a tooth with its gum: outwards, up from the biting edge (upper teeth; the lower ones are turned over).
SECTION = np.array(
    [
        (-1.6, 14),
        (0.3, 12),
        (0.9, 9.4),
        (0.9, 6.5),
        (0.75, 3.5),
        (0.3, 1.0),
        (-0.5, 0.0),
        (-1.6, 0.6),
        (-3.0, 4.0),
        (-4.6, 8.5),
        (-5.0, 14),
    ]
)
GUM = 8.6  # height of the gum line over the biting edge
JAW_FRONT = {"upper": 91.6, "lower": 89.0}


def _arch(widths: Array, radius_x: float, radius_z: float, front: float) -> tuple[Array, Array, Array]:
    """Points and outward directions along the arch, and the phase within each tooth (0 and 1 at its sides)."""
    angle = np.linspace(0, 2.2, 4000)
    x, z = radius_x * np.sin(angle), front - radius_z * (1 - np.cos(angle))
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    phase = np.arange(PER_TOOTH) / PER_TOOTH
    start = np.concatenate([[0], np.cumsum(widths)[:-1]])
    place = np.append((start[:, None] + phase * widths[:, None]).ravel(), widths.sum())
    phases = np.append(np.tile(phase, len(widths)), 1.0)
    half = np.interp(place, arc, angle)
    angle = np.concatenate([-half[:0:-1], half])
    phases = np.concatenate([1 - phases[:0:-1], phases])
    point = np.stack([radius_x * np.sin(angle), 0 * angle, front - radius_z * (1 - np.cos(angle))], -1)
    normal = np.stack([np.sin(angle) / radius_x, 0 * angle, np.cos(angle) / radius_z], -1)
    return point, normal / np.linalg.norm(normal, axis=1, keepdims=True), phases


def teeth(which: str) -> tuple[Array, NDArray[np.int64], Array]:
    """One row of teeth.

    Returns:
        vertices [V, 3] mm, triangles [F, 3], and per vertex the height over the gum line (positive on the gum).
    """
    upper = which == "upper"
    widths = WIDTHS_UPPER if upper else WIDTHS_LOWER
    size = (25.5, 37.0) if upper else (23.8, 35.0)
    point, normal, phase = _arch(widths, *size, JAW_FRONT[which])
    gap = np.abs(2 * phase - 1)  # 1 between two teeth
    groove = gap**6
    out = SECTION[:, 0][:, None] - np.where(SECTION[:, 1] < GUM + 0.5, 0.8, 0.25)[:, None] * groove
    up = SECTION[:, 1][:, None] + np.where(SECTION[:, 1] < 1.5, 0.8, 0.0)[:, None] * gap**3
    edge = MOUTH_Y - 1.6 if upper else MOUTH_Y - 1.4
    ring = point[None] + out[..., None] * normal[None]
    ring[..., 1] = edge + up if upper else edge - 0.92 * up
    over_gum = up - (GUM + 0.9 - 1.9 * (1 - gap**2)[None])
    rings = ring.transpose(1, 0, 2)  # along the arch, round the section
    ends = rings[[0, -1]].mean(1)
    vertices = np.concatenate([ends[:1], rings.reshape(-1, 3), ends[1:]])
    faces = closed_rings(len(rings), len(SECTION))
    centre = over_gum.max()
    return vertices, faces[:, ::-1] if upper else faces, np.concatenate([[centre], over_gum.T.ravel(), [centre]])


def tongue() -> tuple[Array, NDArray[np.int64]]:
    """A flat, slightly grooved ellipsoid behind the lower teeth. Returns vertices [V, 3] mm, triangles [F, 3]."""
    rings, segments = 11, 20
    polar = np.linspace(0, np.pi, rings + 2)[1:-1]
    turn = np.arange(segments) * 2 * np.pi / segments
    x = np.sin(polar)[:, None] * np.cos(turn)
    y = np.sin(polar)[:, None] * np.sin(turn)
    z = np.cos(polar)[:, None] + 0 * turn
    unit = np.concatenate([[[0, 0, 1]], np.stack([x, y, z], -1).reshape(-1, 3), [[0, 0, -1]]])
    scaled = unit * [17.0, 7.0, 19.0]
    scaled[:, 1] -= 1.6 * np.exp(-0.5 * (scaled[:, 0] / 3.0) ** 2) * (unit[:, 1] > 0)
    return scaled + [0.0, MOUTH_Y - 9.5, 62.0], closed_rings(rings, segments)
