"""Hair as one closed shell: it grows from a whorl at the crown and ends exactly on a smooth hairline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from BFM.procedural import skull
from BFM.procedural.eyes import closed_rings
from BFM.procedural.layout import EYE_CENTRE, EYE_RADIUS, LID
from BFM.procedural.skull import smooth_step

Array = NDArray[np.float64]

STRANDS, OUTER, INNER = 168, 24, 9
SWIRL = 13  # strands by which the locks have turned from the whorl to the hairline
CENTRE = np.array([0.0, 38.0, -8.0])
WHORL = np.array([0.16, 0.90, -0.40])  # a little to the left, as whorls are
# Hairline of one half from the forehead to the nape: azimuth (degrees), height (mm).
HAIRLINE = np.array(
    [
        (0, 71), (10, 71), (20, 69.5), (29, 68), (37, 63), (44, 54), (51, 43), (58, 33), (64, 23), (69, 13), (72.5, 7),
        (76, 6.5), (80, 12), (85, 21), (90, 28), (96, 32), (102, 32), (108, 27), (113, 16), (118, -2), (124, -22),
        (132, -40), (143, -51), (160, -56), (180, -57),
    ],
    dtype=float,
)  # fmt: skip


def scalp_field(p: Array) -> Array:
    """The form under the hair: head and neck without nose and ears."""
    head = skull.smooth_min(skull.skull_field(p), skull.lid_field(p, EYE_CENTRE, EYE_RADIUS + LID), 5.0)
    return skull.smooth_min(head, skull.neck_field(p), 12.0)


@dataclass(frozen=True)
class Hair:
    """The shell and what painting needs to know of it.

    Attributes:
        vertices: [V, 3] mm.
        triangles: [F, 3].
        long: [V, 3] displacement that turns the short cut into hair of chin length.
        volume: [V, 3] displacement that adds 10 mm of volume on top.
        strand: [V] number of the strand.
        reach: [V] 0 at the whorl, 1 at the hairline.
        roots: [N, 3] points of the scalp under the hair.
        border: [N] their rough distance to the hairline, mm.
    """

    vertices: Array
    triangles: NDArray[np.int64]
    long: Array
    volume: Array
    strand: Array
    reach: Array
    roots: Array
    border: Array


def hairline() -> tuple[Array, Array]:
    """Points [STRANDS, 3] of the hairline on the scalp, evenly along its length, and their azimuth [STRANDS]."""
    fine = np.linspace(0, 1, 2000)
    knots = np.linspace(0, 1, len(HAIRLINE))
    azimuth = np.radians(PchipInterpolator(knots, HAIRLINE[:, 0])(fine))
    height = gaussian_filter1d(PchipInterpolator(knots, HAIRLINE[:, 1])(fine), 25, mode="nearest")
    step = np.hypot(80 * np.diff(azimuth), np.diff(height) * 0.6)
    arc = np.concatenate([[0], np.cumsum(step)])
    place = np.linspace(0, arc[-1], STRANDS // 2 + 1)
    azimuth, height = np.interp(place, arc, azimuth), np.interp(place, arc, height)
    azimuth = np.concatenate([azimuth, 2 * np.pi - azimuth[-2:0:-1]])
    height = np.concatenate([height, height[-2:0:-1]])
    direction = np.stack([np.sin(azimuth), 0 * azimuth, np.cos(azimuth)], -1)
    origin = np.stack([0 * height, height, 0 * height], -1)
    return skull.cast(scalp_field, origin, direction), azimuth


def _frayed(edge: Array, relief: Array) -> Array:
    """The hairline with locks that end a little before or beyond it. Args: edge [STRANDS, 3], relief [STRANDS]."""
    start = WHORL / np.linalg.norm(WHORL)
    way = edge - CENTRE
    length = np.linalg.norm(way, axis=1, keepdims=True)
    way = way / length
    along = way * (way @ start)[:, None] - start  # away from the whorl, tangential
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    amount = 1.7 * np.clip(relief, -1.2, 2.0) * smooth_step(edge[:, 1], 30, 55)
    aim = way + along * (amount / length[:, 0])[:, None]
    aim /= np.linalg.norm(aim, axis=1, keepdims=True)
    return skull.cast(scalp_field, np.broadcast_to(CENTRE, aim.shape), aim)


def _scalp_rows(reach: Array, edge: Array) -> Array:
    """Scalp points along spirals from the whorl to the hairline. Returns [rows, STRANDS, 3]."""
    start = WHORL / np.linalg.norm(WHORL)
    w = reach[:, None, None]
    place = np.arange(STRANDS) - SWIRL * (1 - reach[:, None] ** 1.5)  # the strands turn on their way
    low = np.floor(place).astype(int)
    part = (place - low)[..., None]
    aim = edge[low % STRANDS] * (1 - part) + edge[(low + 1) % STRANDS] * part - CENTRE
    end = aim / np.linalg.norm(aim, axis=-1, keepdims=True)
    full = np.arccos(np.clip(end @ start, -1, 1))[..., None]
    direction = (np.sin((1 - w) * full) * start + np.sin(w * full) * end) / np.sin(full)
    flat = direction.reshape(-1, 3)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    origin = np.broadcast_to(CENTRE, flat.shape)
    points = skull.cast(scalp_field, origin, flat)
    return points.reshape(direction.shape)


def _normals(p: Array) -> Array:
    gradient = np.stack([scalp_field(p + h) - scalp_field(p - h) for h in 1.5 * np.eye(3)], -1)
    return gradient / np.linalg.norm(gradient, axis=-1, keepdims=True)


def _hanging(azimuth: Array, height: Array) -> Array:
    """Points of hair that hangs freely: an oval that narrows towards the tips."""
    low = smooth_step(height, 20, -100)
    rx = 96 - 15 * low
    rz = np.where(np.cos(azimuth) < 0, 108 - 16 * low, 86)
    return np.stack([rx * np.sin(azimuth), height, rz * np.cos(azimuth) - 6], -1)


def build() -> Hair:
    """Make the hair on the mean head."""
    rng = np.random.default_rng(20)
    edge, azimuth = hairline()
    fine = gaussian_filter1d(rng.standard_normal(STRANDS), 0.8, mode="wrap")
    locks = gaussian_filter1d(rng.standard_normal(STRANDS), 2.4, mode="wrap")
    relief = 0.6 * fine / fine.std() + 0.9 * locks / locks.std()
    edge = _frayed(edge, relief)
    reach = np.concatenate([np.linspace(0.04, 0.86, OUTER - 7), [0.905, 0.94, 0.962, 0.98, 0.991, 0.998, 1.0]])
    scalp = _scalp_rows(reach, edge)
    normal = _normals(scalp)
    y, z = scalp[..., 1], scalp[..., 2]
    length = np.linalg.norm(edge - scalp[0], axis=1) * 1.25
    border = (1 - reach[:, None]) * length  # rough distance to the hairline, mm
    thick = 4.2 + 9.5 * smooth_step(y, 25, 105) + 3.0 * smooth_step(z, 40, 90) * smooth_step(y, 60, 95)
    ramp = 9 + 6 * smooth_step(y[-1], 50, 68)  # combed back at the front, close-cut at the sides
    thick = thick * np.sqrt(np.clip(1 - (1 - np.clip(border / ramp, 0, 1)) ** 2, 0, 1))
    thick = thick + relief * smooth_step(border, 0, 9) * smooth_step(reach, 0.02, 0.25)[:, None]
    thick[-1] = -1.2
    rising = smooth_step(z, 25, 75) * smooth_step(y, 35, 65)  # at the front the hair stands up and leans back
    way = normal * (1 - 0.7 * rising)[..., None] + 0.7 * rising[..., None] * [0, 0.96, -0.28]
    way /= np.linalg.norm(way, axis=-1, keepdims=True)
    outer = scalp + thick[..., None] * way
    inner_reach = np.linspace(0.97, 0.1, INNER)
    inner_scalp = _scalp_rows(inner_reach, edge)
    inner = inner_scalp - 2.5 * _normals(inner_scalp)

    rows = np.concatenate([outer, inner])
    all_reach = np.concatenate([reach, inner_reach])
    long = _lengthened(rows, all_reach, azimuth, len(reach), relief, edge) - rows
    top = smooth_step(np.concatenate([y, inner_scalp[..., 1]]), 30, 100)[..., None]
    lift = np.concatenate([normal * smooth_step(border, 0, 25)[..., None], np.zeros_like(inner)])
    volume = 10.0 * top * lift

    def with_poles(a: Array) -> Array:
        shape = (1, a.shape[-1])
        return np.concatenate([a[0].mean(0).reshape(shape), a.reshape(-1, a.shape[-1]), a[-1].mean(0).reshape(shape)])

    strand = np.broadcast_to(np.arange(STRANDS).astype(float), rows.shape[:2])
    painted = with_poles(np.stack([strand, np.broadcast_to(all_reach[:, None], rows.shape[:2])], -1))
    vertices = with_poles(rows)
    vertices[0] += 1.0 * WHORL
    faces = closed_rings(len(rows), STRANDS)
    return Hair(
        vertices,
        faces,
        with_poles(long),
        with_poles(volume),
        painted[:, 0],
        painted[:, 1],
        scalp.reshape(-1, 3),
        border.ravel(),
    )


def _lengthened(rows: Array, reach: Array, azimuth: Array, outer: int, relief: Array, edge: Array) -> Array:
    """The shell with the sides and the back grown to chin length; the fringe stays. The first `outer` rows are seen."""
    turned = np.minimum(azimuth, 2 * np.pi - azimuth)
    grown = smooth_step(turned, np.radians(50), np.radians(68))
    share = smooth_step(reach, 0.30, 0.62)[:, None] * grown
    tip = -88.0 + 10 * smooth_step(turned, np.radians(95), np.radians(60))
    start = rows[:, :, 1]
    height = start + (tip - edge[:, 1]) * np.clip((reach[:, None] - 0.35) / 0.65, 0, 1) ** 1.3
    out = np.empty_like(rows)
    flat = np.stack([np.sin(azimuth), 0 * azimuth, np.cos(azimuth)], -1)
    for k in range(len(rows)):
        curl = 6.0 * smooth_step(height[k], -70, -90)
        swell = (relief if k < outer else -9.0) - curl
        out[k] = _hanging(azimuth, height[k]) + swell[:, None] * flat
    mix: Array = rows + (out - rows) * share[..., None]
    return mix
