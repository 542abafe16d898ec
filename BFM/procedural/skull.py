"""The outer form of head, neck and bust as an implicit surface, and the rays that sample it.

Millimetres; x to the subject's left, y up from the pupil line, z forward from the ear plane. `field` is negative inside
and grows roughly like a distance. Section widths and the midline follow adult anthropometry (head 225 mm high, 190 mm
long, 138 mm between the cheekbones, 63 mm between the pupils).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float64]

CROWN_CENTRE, CROWN_RADIUS = 33.0, 88.0  # above the centre the sections shrink like an ellipse
_HEIGHTS = np.arange(-330.0, 160.0, 0.5)


def _table(points: dict[float, float]) -> Array:
    heights = np.array(sorted(points))
    return np.asarray(
        PchipInterpolator(heights, [points[h] for h in heights])(np.clip(_HEIGHTS, heights[0], heights[-1]))
    )


_HALF_WIDTH = _table(
    {
        121: 75,
        85: 77.5,
        50: 76.5,
        22: 74,
        0: 71,
        -15: 69,
        -30: 66.5,
        -45: 63.5,
        -60: 58.2,
        -75: 53,
        -90: 46.3,
        -103: 38.5,
        -125: 35,
    }
)
_FRONT = _table(
    {
        121: 98,
        80: 98.8,
        58: 98.6,
        46: 97.8,
        32: 96.6,
        18: 95,
        6: 92.5,
        -8: 91,
        -25: 94,
        -42: 97.5,
        -64: 98,
        -78: 95.8,
        -84: 95.6,
        -97: 98.2,
        -107: 95,
        -125: 88,
    }
)
_BACK = _table({121: 97, 80: 100, 45: 101.5, 15: 99, -10: 92, -35: 80, -60: 66, -90: 54})

# Soft bumps in the front view: height (mm along the sight line), x, y, radius x, radius y, tilt of the axes (degrees).
_BUMPS = np.array(
    [
        (2.8, 22, 18, 13, 5.5, 12),  # brow ridge
        (1.2, 0, 22, 9, 7, 0),  # glabella
        (-6.0, 21, 2, 10, 9, 0),  # inner orbit
        (-5.0, 36, 4, 11, 9, 0),  # outer orbit
        (-2.2, 31, -14, 13, 5, -12),  # under the eye
        (5.2, 46, -20, 15, 10, 25),  # cheekbone
        (2.2, 33, -24, 11, 9, 0),  # front of the cheek
        (-2.6, 50, -50, 12, 17, 20),  # hollow of the cheek
        (3.2, 0, -58, 22, 13, 0),  # muzzle
        (-1.8, 26, -44, 3.2, 13, -32),  # nasolabial fold
        (-1.2, 31, -64, 4, 8, 0),  # beside the mouth
        (-2.6, 0, -82, 15, 4.5, 0),  # under the lower lip
        (3.2, 0, -98, 12, 9, 0),  # chin
        (1.0, 15, -100, 9, 8, 0),  # sides of the chin
        (2.2, 26, 52, 18, 14, 0),  # frontal eminence
        (-2.6, 62, 30, 13, 22, 0),  # temple
        (2.2, 56, -62, 11, 12, 0),  # jaw angle
    ],
    dtype=float,
)


def smooth_min(a: Array, b: Array, k: float) -> Array:
    """Polynomial smooth minimum with blend width `k`."""
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return b + (a - b) * h - k * h * (1 - h)


def smooth_step(x: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, cubic between (`low` > `high` falls instead)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def round_cone(p: Array, a: tuple[float, ...], b: tuple[float, ...], radius_a: float, radius_b: float) -> Array:
    """Distance to the segment a-b with a radius that runs linearly from `radius_a` to `radius_b`."""
    start, axis = np.asarray(a, float), np.asarray(b, float) - np.asarray(a, float)
    t = np.clip((p - start) @ axis / (axis @ axis), 0, 1)
    return np.linalg.norm(p - start - t[..., None] * axis, axis=-1) - (radius_a + t * (radius_b - radius_a))


def ellipsoid(p: Array, centre: tuple[float, ...], radii: tuple[float, ...]) -> Array:
    """Approximate distance to an ellipsoid with axes along x, y, z."""
    scaled = (p - np.asarray(centre)) / np.asarray(radii)
    norm = np.maximum(np.linalg.norm(scaled, axis=-1), 1e-9)
    slope = np.maximum(np.linalg.norm(scaled / np.asarray(radii), axis=-1), 1e-9)
    return norm * (norm - 1) / slope


def _bumps(x: Array, y: Array) -> Array:
    total = np.zeros_like(x)
    for height, cx, cy, rx, ry, tilt in _BUMPS:
        c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
        dx, dy = x - cx, y - cy
        u, v = (c * dx + s * dy) / rx, (c * dy - s * dx) / ry
        total += height * np.exp(-0.5 * (u * u + v * v))
        if cx:  # the mirror image reaches across the midline, so that the sum stays smooth there
            dx = -x - cx
            u, v = (c * dx + s * dy) / rx, (c * dy - s * dx) / ry
            total += height * np.exp(-0.5 * (u * u + v * v))
    return total


def skull_field(p: Array) -> Array:
    """Head without neck, nose and ears."""
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    index = np.clip((y - _HEIGHTS[0]) * 2, 0, len(_HEIGHTS) - 1.001)
    low = index.astype(int)
    part = index - low

    def at(table: Array) -> Array:
        return table[low] * (1 - part) + table[low + 1] * part

    above = np.clip((y - CROWN_CENTRE) / CROWN_RADIUS, 0, None)
    scale = np.sqrt(np.maximum(1 - above**2, 1e-4))
    width, front, back = at(_HALF_WIDTH) * scale, at(_FRONT) * scale, at(_BACK) * scale
    depth = np.where(z > 0, front, back)
    power = np.where(z > 0, 2.2, 2.1)
    ax, az = np.abs(x) / width, np.abs(z) / depth
    rho = np.maximum((ax**power + az**power) ** (1 / power), 1e-6)
    radius = np.hypot(x, z)
    section = radius * (1 - 1 / rho)
    section = np.where(above >= 1, np.maximum(section, CROWN_RADIUS * (above - 1)), section)
    section = section - _bumps(np.abs(x), y) * smooth_step(z, 5, 40)
    # Underside of the jaw: level below the chin, rising along the mandible to the skull base.
    sine = np.clip(np.abs(x) / np.maximum(radius, 1e-6), 0, 1)
    sine = np.where(z < 0, 1.0, sine)
    under = -110 + 46 * sine**2.6 - y
    return -smooth_min(-section, -under, 14.0)


def neck_field(p: Array) -> Array:
    """Neck, larynx and the cut-off shoulders."""
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    t = np.clip((-60 - y) / 110, -0.4, 1.4)
    cz = -17 - 18 * t
    rx, rz = 47.0 + 4.5 * t**2, 54 + 4 * t
    q = np.stack([x / rx, (z - cz) / rz], -1)
    norm = np.maximum(np.linalg.norm(q, axis=-1), 1e-6)
    neck = np.hypot(x, z - cz) * (1 - 1 / norm)
    neck = np.maximum(neck, y + 20)
    mirrored = np.stack([np.abs(x), y, z], -1)
    muscle = round_cone(mirrored, (42, -62, -20), (13, -178, 15), 8.5, 7.5)  # from behind the ear to the collar bone
    neck = smooth_min(neck, muscle, 16)
    neck = smooth_min(neck, ellipsoid(p, (0, -138, 20), (10, 12, 13)), 12)
    trapezius = round_cone(mirrored, (20, -112, -52), (96, -212, -38), 17, 31)
    chest = ellipsoid(mirrored, (30, -232, -8), (62, 62, 44))
    return smooth_min(smooth_min(neck, trapezius, 22), chest, 30)


def nose_field(p: Array) -> Array:
    """Bridge, tip, wings; the nostrils are carved afterwards."""
    m = np.stack([np.abs(p[..., 0]), p[..., 1], p[..., 2]], -1)
    bridge = round_cone(p, (0, 12, 83.5), (0, -10, 89), 8.2, 8.0)
    ridge = round_cone(p, (0, -8, 89), (0, -29, 104.5), 7.2, 7.2)
    tip = ellipsoid(p, (0, -33.0, 106.6), (8.2, 7.8, 8.4))
    wing = ellipsoid(m, (11.4, -36.2, 98.6), (5.2, 5.9, 9.2))
    columella = round_cone(p, (0, -37, 106), (0, -43.5, 96), 3.9, 4.4)
    nose = smooth_min(smooth_min(bridge, ridge, 6), tip, 5.5)
    nose = smooth_min(smooth_min(nose, columella, 4), wing, 6.0)
    nostril = ellipsoid(m, (6.4, -40.6, 101.4), (2.8, 3.0, 4.6))
    return -smooth_min(-nose, nostril, 2.2)


def lid_field(p: Array, centre: tuple[float, float, float], radius: float) -> Array:
    """The two balls over which the closed lids lie."""
    m = np.stack([np.abs(p[..., 0]), p[..., 1], p[..., 2]], -1)
    return np.linalg.norm(m - np.asarray(centre), axis=-1) - radius


def head_field(p: Array, eye_centre: tuple[float, float, float], lid_radius: float, with_nose: bool = True) -> Array:
    """The whole closed form with eyes and mouth shut. Args: p [..., 3] mm. Returns [...] mm, negative inside."""
    head = skull_field(p)
    lids = lid_field(p, eye_centre, lid_radius)
    head = smooth_min(head, lids, 5.0)
    if with_nose:
        head = smooth_min(head, nose_field(p), 6.5)
    return smooth_min(head, neck_field(p), 12.0)


def cast(
    field: Callable[[Array], Array],
    origin: Array,
    direction: Array,
    first: NDArray[np.bool_] | None = None,
    reach: float = 290.0,
) -> Array:
    """Crossings of rays with the surface.

    Args:
        field: implicit function, negative inside.
        origin: [N, 3] points inside the form, or behind it.
        direction: [N, 3] unit vectors.
        first: [N] where true, the crossing nearest to the origin (which must be inside); else, and when None, the
            farthest one.
        reach: length, mm, at which all rays are outside.
    Returns:
        [N, 3] points on the surface.
    """
    steps = int(reach / 5)
    first = np.zeros(len(origin), bool) if first is None else first
    near, far = np.zeros(len(origin)), np.full(len(origin), reach)
    found = np.zeros(len(origin), bool)
    for k in range(1, steps + 1):  # march in coarse steps, outwards or inwards
        t = np.where(first, reach * k / steps, reach * (1 - k / steps))
        todo = np.flatnonzero(~found)
        if not len(todo):
            break
        inside = field(origin[todo] + t[todo, None] * direction[todo]) < 0
        near[todo[inside]] = t[todo[inside]]
        far[todo[~inside]] = t[todo[~inside]]
        found[todo[inside != first[todo]]] = True
    for _ in range(18):
        middle = 0.5 * (near + far)
        inside = field(origin + middle[:, None] * direction) < 0
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return origin + (0.5 * (near + far))[:, None] * direction


def project(field: Callable[[Array], Array], p: Array, rounds: int = 3) -> Array:
    """Move points onto the surface along the numeric gradient."""
    for _ in range(rounds):
        value = field(p)
        gradient = np.stack([(field(p + h) - field(p - h)) / 0.1 for h in 0.05 * np.eye(3)], -1)
        step = value / np.maximum((gradient**2).sum(-1), 0.05)
        p = p - np.clip(step, -3, 3)[..., None] * gradient
    return p
