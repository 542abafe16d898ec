"""Where the dense grid of the skin lies: one ray per node, denser at the eyes, nose, mouth and ears.

Rows run from the crown (0) to the base of the neck; columns start at the midline of the face and turn towards the
subject's left. Row `EYE_ROW` and the row after it lie on the closed lid line; `MOUTH_ROW` likewise on the lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from BFM.procedural import grid
from BFM.procedural.skull import smooth_step

Array = NDArray[np.float64]

UPPER, MIDDLE, LOWER = 84, 64, 84  # intervals per panel
SEAMS = (UPPER // grid.BLOCK, (UPPER + MIDDLE) // grid.BLOCK)
EYE_ROW, MOUTH_ROW = UPPER, UPPER + MIDDLE + 1  # last row of the upper and of the middle panel, panels stacked
COLUMNS = 240
COLLAR_ROW = MOUTH_ROW + 1 + 68  # the edge of the cloth lies between this row and the next but three
CAP = 4  # rows that close the base

EYE_X, EYE_HALF, EYE_Z, EYE_RADIUS, LID = 31.3, 14.6, 70.4, 13.2, 1.5
EYE_CENTRE = (EYE_X, 0.3, EYE_Z)
MOUTH_Y, MOUTH_HALF = -62.5, 24.6


def lid_line(x: Array) -> Array:
    """Height of the closed lids at |x|, falling smoothly to 0 away from the eye."""
    s = (np.abs(x) - EYE_X) / EYE_HALF
    inside = -2.6 * np.clip(1 - s * s, 0, 1) + 1.1 * np.clip(s, -1, 1)
    return inside * smooth_step(np.abs(s), 1.9, 1.0)


def lip_heights(x: Array) -> tuple[Array, Array]:
    """Visible height of the upper and of the lower lip at x; 0 at the corners."""
    s = np.clip(np.abs(x) / MOUTH_HALF, 0, 1)
    taper = (1 - s * s) ** 0.62
    bow = 1.5 * np.exp(-0.5 * (x / 3.3) ** 2) - 0.5 * np.exp(-0.5 * ((np.abs(x) - 6.2) / 3.5) ** 2)
    return 7.4 * taper - bow, 9.4 * (1 - s * s) ** 0.66


def lip_line(x: Array) -> Array:
    """Height of the closed lips at x: a slight dip at the tubercle, corners a little up."""
    s = np.clip(np.abs(x) / MOUTH_HALF, 0, 1.3)
    return MOUTH_Y - 0.7 * np.exp(-0.5 * (x / 4.5) ** 2) + 0.8 * np.exp(-0.5 * ((np.abs(x) - 11) / 6) ** 2) - 0.4 * s**2


@dataclass(frozen=True)
class Rays:
    """Origins and unit directions of all nodes of the stacked panels, [rows, columns, 3].

    Where `first` [rows, columns] is true the surface is the first crossing from the origin, elsewhere the last.
    """

    origin: Array
    direction: Array
    first: NDArray[np.bool_]


def _front_rows() -> Array:
    """Nominal height at the midline of each row of the stacked panels, from the row below the crown fan on."""
    upper = np.concatenate([np.linspace(50, 28, 13)[:-1], np.linspace(28, 14, 17)[:-1], np.linspace(14, 0, 21)])
    t = np.linspace(0, 1, 21)
    lips = -44 + (MOUTH_Y + 44) * (1.3 * t - 0.3 * t * t)
    middle = np.concatenate(
        [np.linspace(0, -12, 17)[:-1], np.linspace(-12, -28, 13)[:-1], np.linspace(-28, -44, 17)[:-1], lips]
    )
    t = np.linspace(0, 1, 25)
    below = MOUTH_Y + (-82 - MOUTH_Y) * (0.7 * t + 0.3 * t * t)
    chin = np.concatenate([below[:-1], np.linspace(-82, -102, 17)[:-1], np.linspace(-102, -126, 17)[:-1]])
    neck = np.concatenate(
        [np.linspace(-126, -150, 13), np.linspace(-150, -151.5, 5)[1:], np.linspace(-151.5, -168, 9)[1:]]
    )
    lower = np.concatenate([chin, neck])
    return np.concatenate([upper, middle, lower])


def columns() -> tuple[Array, Array]:
    """Nominal points of the columns on a section of the head. Returns x and z, [COLUMNS]."""
    angle = np.linspace(0, np.pi, 4001)
    x, z = 71 * np.abs(np.sin(angle)) ** (2 / 2.2), 94 * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / 2.2)
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    knots = np.array([0, 24, 48, 60, 72, 80, 104, 112, 120])
    places = np.array([0, 25, 55, 78, 104, 117, 158, 190, arc[-1]])
    where = PchipInterpolator(knots, places)(np.arange(COLUMNS // 2 + 1))
    half_x, half_z = np.interp(where, arc, x), np.interp(where, arc, z)
    return np.concatenate([half_x, -half_x[-2:0:-1]]), np.concatenate([half_z, half_z[-2:0:-1]])


def rays() -> Rays:
    """The ray of every node of the stacked panels (the rows that close the base repeat the last cast row)."""
    cx, cz = columns()
    azimuth = np.abs(np.arctan2(cx, cz))
    side = np.where(azimuth < np.pi / 2, np.sin(azimuth) ** 2.6, 1.0)  # the rows rise with the jaw
    front_weight = smooth_step(np.cos(azimuth), 0.05, 0.8)
    heights = _front_rows()
    fan = UPPER + 1 - 49  # rows of the crown fan before the first tabulated height
    nominal = np.concatenate([np.full(fan, 50.0), heights])
    tilt_crown = np.zeros(len(nominal))
    tilt_crown[: fan + 12] = np.radians(np.interp(np.arange(fan + 12), [0, fan, fan + 12], [90, 6, 0]))
    side_height = PchipInterpolator(
        [-168, -151.5, -150, -126, -110, -102, -82, -62.5, -44, -28, -12, 60],
        [-168, -137.5, -136, -112, -81, -60, -51, -43, -35, -25, -12, 60],
    )(nominal)
    # Below the mouth the rays of the face fan out downwards from inside the jaw, then level off along the neck.
    keys = [-168, -150, -137, -126, -120, -114, -108, -102, -90, -82]
    tilt = np.radians(PchipInterpolator(keys, [0, -8, -33, -62, -60, -39, -22, -7, -1, 0])(np.clip(nominal, -168, -82)))
    low_y = PchipInterpolator(keys, [-168, -146, -117, -84, -72, -76, -82, -92, -89, -82])(np.clip(nominal, -168, -82))
    low_z = PchipInterpolator(keys, [-10, 0, 10, 20, 25, 22, 20, 15, 5, 0])(np.clip(nominal, -168, -82))
    is_low, is_fan = nominal < -82, np.arange(len(nominal)) < fan + 12
    level = smooth_step(nominal, -112, -62) * np.where(is_fan, smooth_step(nominal * 0 + tilt_crown, 0.35, 0.0), 1.0)

    row = np.arange(len(nominal))[:, None]
    x = np.broadcast_to(cx, (len(nominal), COLUMNS))
    y = nominal[:, None] * (1 - side) + side_height[:, None] * side
    y = y + lid_line(x) * smooth_step(np.abs(nominal), 13, 3)[:, None] * (np.abs(azimuth) < 1)
    y = y + _lip_shift(x, nominal)
    fan_y = np.where(is_fan, nominal - 96 * np.tan(np.minimum(tilt_crown, np.radians(6))), 0)[:, None]
    y = np.where(is_fan[:, None], fan_y, y)
    y = np.where(is_low[:, None], y + (low_y - nominal)[:, None] * front_weight, y)
    focal = -90 * smooth_step(azimuth, 1.35, 0.45) * level[:, None]
    base_z = np.where(is_low[:, None], low_z[:, None] * front_weight, 0.0)
    crown_back = np.where(is_fan, smooth_step(tilt_crown, 0.1, 1.2) * -6.0, 0.0)[:, None]
    origin = np.stack([0 * x, y, focal + base_z + crown_back], -1)
    heading = np.arctan2(x, cz - focal)
    elevation = tilt_crown[:, None] + np.where(is_low[:, None], tilt[:, None] * front_weight, 0.0) + 0 * row
    direction = np.stack(
        [np.sin(heading) * np.cos(elevation), np.sin(elevation), np.cos(heading) * np.cos(elevation)], -1
    )
    origin = origin - 0.9 * focal[..., None] * direction  # from the focal point behind the head to a point inside it
    return Rays(origin, direction, np.broadcast_to((nominal < -103)[:, None], x.shape))


def _lip_shift(x: Array, nominal: Array) -> Array:
    """Bend the rows round the mouth so that one row runs along each lip border."""
    v = nominal[:, None] - MOUTH_Y
    upper, lower = lip_heights(x)
    scale = np.where(v >= 0, np.maximum(upper, 2.6) / 7.4, np.maximum(lower, 3.0) / 9.4)
    scale = scale * smooth_step(np.abs(x), 44, 26) + smooth_step(np.abs(x), 26, 44)
    fade = smooth_step(np.abs(v), 18, 5)
    bent = v * (1 + (scale - 1) * fade)
    line = (lip_line(x) - MOUTH_Y) * smooth_step(np.abs(x), 40, 24) * smooth_step(np.abs(v), 20, 6)
    return bent - v + line


def close_base(last: Array) -> Array:
    """Rows that shrink the last cast row to a point, rounding the cut of the bust. Args: [COLUMNS, 3]."""
    centre = last.mean(0)
    shrink = np.cos(np.linspace(0, np.pi / 2, CAP + 1)[1:])
    rows = centre + (last - centre) * shrink[:, None, None]
    rows[..., 1] = last[:, 1] - 16 * (1 - shrink**2)[:, None] ** 0.5
    return rows


def levels(position: Array) -> NDArray[np.int64]:
    """Wanted quadtree level of each block from the dense node positions [rows, columns, 3] of the stacked panels."""
    first = 0
    parts = []
    for intervals in (UPPER, MIDDLE, LOWER):
        part = position[first : first + intervals + 1]
        first += intervals + 1
        rows = np.arange(2, intervals, grid.BLOCK)
        parts.append(part[rows][:, 2 :: grid.BLOCK])
    p = np.concatenate(parts)
    x, y, z = np.abs(p[..., 0]), p[..., 1], p[..., 2]
    front = z > 25
    level = np.full(p.shape[:2], 2)
    level[(front & (x < 75) & (y < 62) & (y > -112)) | ((y < -100) & (z > -10))] = 1
    level[(z < 30) & (z > -45) & (y < 45) & (y > -52) & (x > 45)] = 1
    level[front & (x < 48) & (y < 27) & (y > -86)] = 0
    level[(z < 22) & (z > -24) & (y < 34) & (y > -36) & (x > 50)] = 0
    level[-1] = 1
    return grid.balance_levels(level, SEAMS)
