"""The outer ear: a patch of the side of the head lifted into helix, antihelix, concha, tragus and lobe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from BFM.procedural.skull import smooth_step

Array = NDArray[np.float64]

CENTRE_Y, CENTRE_Z, TILT = -1.0, -5.0, np.radians(14)
HALF_HEIGHT, HALF_WIDTH = 31.0, 17.5


def ear_coordinates(p: Array) -> tuple[Array, Array, Array, Array]:
    """Coordinates in the plane of the ear: forward, up (share of the half axes), radius and angle (0 back, pi/2 top)."""
    dz, dy = p[..., 2] - CENTRE_Z, p[..., 1] - CENTRE_Y
    a = (dz * np.cos(TILT) + dy * np.sin(TILT)) / HALF_WIDTH
    b = (dy * np.cos(TILT) - dz * np.sin(TILT)) / HALF_HEIGHT
    a = a / np.where(b < 0, 1 - 0.42 * np.clip(-b, 0, 1) ** 1.5, 1.0)  # egg shape: the lobe is narrower
    return a, b, np.hypot(a, b), np.arctan2(b, -a)


def _bell(x: Array, centre: float, width: float) -> Array:
    return np.exp(-0.5 * ((x - centre) / width) ** 2)


def attach(p: Array) -> Array:
    """Lift the ears out of the sides of the head. Args: p [rows, columns, 3] mm. Returns a copy."""
    p = p.copy()
    near = (np.abs(p[..., 0]) > 45) & (p[..., 2] < 40) & (p[..., 2] > -60) & (np.abs(p[..., 1]) < 55)
    q = p[near]
    a, b, radius, angle = ear_coordinates(q)
    back = smooth_step(a, 0.75, -0.6)  # 0 in front, 1 behind
    wall = smooth_step(radius, 1.30, 0.97)
    base = wall * (2.0 + 15.0 * back)
    around = smooth_step(np.cos(angle - 1.1), -0.85, -0.1)  # helix fades at the lobe and the front
    helix = 2.6 * _bell(radius, 0.93, 0.075) * around
    scapha = -2.6 * _bell(radius, 0.76, 0.085) * around * smooth_step(b, -0.6, -0.1)
    antihelix = 2.2 * _bell(radius, 0.56, 0.10) * smooth_step(np.cos(angle - 0.2), -0.3, 0.5)
    concha = -8.5 * np.exp(-0.5 * (((a - 0.12) / 0.30) ** 2 + ((b + 0.10) / 0.24) ** 2))
    tragus = 4.6 * np.exp(-0.5 * (((a - 0.62) / 0.13) ** 2 + ((b + 0.12) / 0.13) ** 2))
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
