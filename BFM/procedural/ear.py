"""The outer ear: a patch of the side of the head lifted into helix, antihelix, concha, tragus and lobe."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from BFM.procedural.skull import project, smooth_step

Array = NDArray[np.float64]

CENTRE_Y, CENTRE_Z, TILT = -1.0, -5.0, np.radians(14)
HALF_HEIGHT, HALF_WIDTH = 31.0, 17.5
# Nodes are drawn towards the rim, where the wall behind it needs them.
_GATHER = PchipInterpolator([0, 0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 2.1], [0, 0.60, 0.92, 1.04, 1.17, 1.33, 2.0, 2.1])


def ear_coordinates(p: Array) -> tuple[Array, Array, Array, Array]:
    """Forward and up in the plane of the ear (shares of its half axes), radius and angle (0 back, pi/2 top)."""
    dz, dy = p[..., 2] - CENTRE_Z, p[..., 1] - CENTRE_Y
    a = (dz * np.cos(TILT) + dy * np.sin(TILT)) / HALF_WIDTH
    b = (dy * np.cos(TILT) - dz * np.sin(TILT)) / HALF_HEIGHT
    a = a / np.where(b < 0, 1 - 0.42 * np.clip(-b, 0, 1) ** 1.5, 1.0)  # egg shape: the lobe is narrower
    return a, b, np.hypot(a, b), np.arctan2(b, -a)


def _bell(x: Array, centre: float, width: float) -> Array:
    return np.exp(-0.5 * ((x - centre) / width) ** 2)


def attach(p: Array, field: Callable[[Array], Array]) -> Array:
    """Lift the ears out of the sides of the head.

    Args:
        p: [rows, columns, 3] grid nodes on the head, mm.
        field: the head's implicit form.
    Returns:
        A changed copy.
    """
    p = p.copy()
    _, _, radius, _ = ear_coordinates(p)
    near = (np.abs(p[..., 0]) > 45) & (radius < 2.0)
    q = p[near]
    _, _, radius, _ = ear_coordinates(q)
    gather = (_GATHER(radius) / np.maximum(radius, 1e-6))[:, None]
    q[:, 1:] = [CENTRE_Y, CENTRE_Z] + (q[:, 1:] - [CENTRE_Y, CENTRE_Z]) * gather
    q = project(field, q, 3)
    a, b, radius, angle = ear_coordinates(q)
    back = smooth_step(a, 0.75, -0.6)  # 0 in front, 1 behind
    wall = smooth_step(radius, 1.30, 0.97)
    base = wall * (2.0 + 15.0 * back)
    around = smooth_step(np.cos(angle - 1.1), -0.6, 0.1) * smooth_step(b, -0.75, -0.1)  # helix fades at lobe and front
    helix = 3.4 * _bell(radius, 0.92, 0.09) * around
    scapha = -2.8 * _bell(radius, 0.74, 0.10) * around * smooth_step(b, -0.6, -0.1)
    antihelix = 3.6 * _bell(radius, 0.55, 0.11) * smooth_step(np.cos(angle - 0.2), -0.3, 0.5)
    concha = -8.5 * np.exp(-0.5 * (((a - 0.12) / 0.30) ** 2 + ((b + 0.10) / 0.24) ** 2))
    tragus = 6.5 * np.exp(-0.5 * (((a - 0.62) / 0.15) ** 2 + ((b + 0.13) / 0.14) ** 2))
    antitragus = 2.0 * np.exp(-0.5 * (((a - 0.05) / 0.2) ** 2 + ((b + 0.46) / 0.09) ** 2))
    root = 2.0 * np.exp(-0.5 * (((a - 0.45) / 0.22) ** 2 + ((b - 0.1) / 0.05) ** 2))
    lobe = -2.0 * smooth_step(b, -0.5, -0.95) * wall
    out = (
        base
        + (helix + scapha + antihelix + concha + tragus + antitragus + root) * smooth_step(radius, 1.25, 1.0)
        + lobe
    )
    shift = wall * back * smooth_step(radius, 0.2, 1.0)  # the rim reaches back over its own wall
    q[:, 0] += np.sign(q[:, 0]) * out
    q[:, 2] -= 7.0 * shift * np.clip(np.cos(angle), 0, 1)
    q[:, 1] += 3.0 * shift * np.sin(angle)
    p[near] = q
    return p


def flipped_cells(p: Array) -> NDArray[np.bool_]:
    """Cells of the grid whose diagonal should follow the curves of the ear. Args: p [rows, columns, 3]."""
    a, b, radius, _ = ear_coordinates(p)
    return (np.abs(p[..., 0]) > 55) & (radius < 1.5) & (a * b > 0)
