"""Rendered faces made to look like recordings: backgrounds, light, colour, noise, and depth as drivers have it.

A driver's depth is one of four: none; a sensor's; a sensor's with the openings of lids and lips cut out; or a smooth
map of the face alone, as landmarks give it for a video without depth, again with the openings cut out.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FACE, HEAD, EYE, MOUTH = 1, 2, 3, 4
"""Kinds of pixels, see `dataset.stream`; 0 is the background, 5 and 6 are skin of the face."""
NO_DEPTH, SENSOR, CUT, LANDMARKS = range(4)
SHARES = (0.15, 0.1, 0.25, 0.5)
"""How often each kind of depth is drawn."""
EDGED = 0.3
"""How often the frame ends close to the face."""
CELLS = 9
"""Cells of the uneven light and of a busy background, per side."""


def driving_picture(
    color: np.ndarray, depth: np.ndarray, kind: np.ndarray, rng: np.random.Generator, recorded: int | None = None
) -> np.ndarray:
    """A random recording of a rendered face.

    Args:
        color: uint8 [S, S, 3], black background.
        depth: float [S, S], any unit, NaN in the background.
        kind: uint8 [S, S].
        rng: source of all randomness.
        recorded: the kind of depth; None draws one.

    Returns:
        float32 [4, S, S] in [-1, 1]; the depth is -1 where there is none.
    """
    size = len(color)
    levels = np.maximum(np.arange(256) / 255, 1e-3) ** np.exp(rng.uniform(-0.45, 0.45))
    gain = np.exp(rng.uniform(-0.5, 0.45) + rng.uniform(-0.18, 0.18, 3))
    table = (gain[:, None] * levels).astype(np.float32)
    broad = rng.uniform(-0.6, 0.6, 2)[:, None, None] * np.linspace(-1, 1, CELLS)[None, :, None]
    uneven = 1 + rng.uniform() * (broad[0] + broad[1].T)[..., None]
    uneven = uneven + rng.uniform(0, 0.35) * rng.uniform(-0.5, 0.5, (CELLS, CELLS, 3))
    style = rng.uniform()
    flat = rng.uniform(0, 1, 3) * (style > 0.25)
    busy = rng.uniform(0.2, 1.2) * (style > 0.45)
    behind = flat + busy * rng.uniform(-0.5, 0.5, (2 * CELLS, 2 * CELLS, 3))
    body = (rng.uniform(0.75, 1.3), rng.uniform(0, 0.8), rng.uniform(0.35, 0.65))
    out = np.empty((4, size, size), np.float32)
    _paint(
        np.ascontiguousarray(color), kind, table, uneven.astype(np.float32), np.float32(rng.uniform(0.1, 1.4)),
        behind.astype(np.float32), body, rng.uniform(0, 1, 3).astype(np.float32), out,
    )  # fmt: skip
    if rng.uniform() < 0.15:
        left, top, width, height = (size * rng.uniform(0, [0.9, 0.9, 0.35, 0.35])).astype(int)
        out[:3, top : top + height + 2, left : left + width + 2] = rng.uniform(0, 1, (3, 1, 1))
    blur = rng.uniform()
    if blur > 0.3:
        out[:3] = _blurred(out[:3], np.float32(min(1.0, 1.6 * (blur - 0.3))), 1 if blur < 0.75 else 2)
    _expose(out, np.float32(rng.uniform(0, 0.22) ** 2), int(rng.integers(1, 2**31)))
    recorded = int(rng.choice(4, p=SHARES)) if recorded is None else recorded
    out[3] = recorded_depth(depth, kind, rng, recorded)
    if rng.uniform() < EDGED:
        _edge(out, recorded == LANDMARKS, kind, rng)
    return out


def _edge(picture: np.ndarray, depth_stays: bool, kind: np.ndarray, rng: np.random.Generator) -> None:
    """Black beyond the edges of a frame that ends close to the face, in place; landmarks know the face beyond it."""
    face = (kind != 0) & (kind != HEAD)
    face_rows, face_columns = (np.flatnonzero(face.any(axis=axis)) for axis in (1, 0))
    if not face_rows.size:
        return
    size = picture.shape[1]
    slack = rng.uniform(-0.06, 0.3, 4) * size  # how much of the picture is left beyond each side of the face
    top, bottom = int(max(face_rows[0] - slack[0], 0)), int(min(face_rows[-1] + slack[1], size - 1))
    left, right = int(max(face_columns[0] - slack[2], 0)), int(min(face_columns[-1] + slack[3], size - 1))
    inside = np.zeros((size, size), bool)
    inside[top : bottom + 1, left : right + 1] = True
    picture[: 3 if depth_stays else 4, ~inside] = -1


def recorded_depth(depth: np.ndarray, kind: np.ndarray, rng: np.random.Generator, recorded: int) -> np.ndarray:
    """The depth channel float32 [S, S] in [-1, 1], -1 where there is none; arguments as for `driving_picture`."""
    out = np.full(depth.shape, -1, np.float32)
    if recorded == NO_DEPTH:
        return out
    kept = np.isfinite(depth)
    opened = (kind == EYE) | (kind == MOUTH)
    filled = depth.astype(np.float32)
    if recorded == LANDMARKS:
        kept &= _oval(kept & (kind != HEAD))
        filled = _smoothed(filled, kept)
    if recorded != SENSOR:
        sloppy = rng.uniform()
        if sloppy < 0.25:
            opened = _grown(opened) if sloppy < 0.1 else ~_grown(~opened)
        kept &= ~opened
    if recorded != LANDMARKS and rng.uniform() < 0.4:
        kept &= rng.random(depth.shape, np.float32) > rng.uniform(0, 0.04)
    values = filled[kept]
    if not values.size:
        return out
    low, high = float(values.min()), float(values.max())
    span = max(high - low, 1e-3)
    # One mapping serves a whole recording, in which the face comes nearer and goes farther than in this frame.
    low, high = low - span * rng.uniform(0, 0.35), high + span * rng.uniform(0, 0.35)
    grain = 0.01 * rng.standard_normal(values.shape, np.float32)
    out[kept] = np.clip((values - np.float32(low)) * np.float32(2 / (high - low)) - 1 + grain, -1, 1)
    return out


def _oval(face: np.ndarray) -> np.ndarray:
    """A face's pixels without the corners of its box, as the outermost landmarks run."""
    rows, columns = np.flatnonzero(face.any(axis=1)), np.flatnonzero(face.any(axis=0))
    if not rows.size:
        return face
    y = (np.arange(face.shape[0]) - (rows[0] + rows[-1]) / 2) / max((rows[-1] - rows[0] + 1) / 2, 1)
    x = (np.arange(face.shape[1]) - (columns[0] + columns[-1]) / 2) / max((columns[-1] - columns[0] + 1) / 2, 1)
    return face & (np.abs(y)[:, None] ** 2.6 + np.abs(x)[None] ** 2.6 <= 1)


def _grown(mask: np.ndarray) -> np.ndarray:
    """A mask grown by one pixel up, down and sideways."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    return out


@njit(cache=True, nogil=True)
def _at(grid: np.ndarray, y: float, x: float, channel: int) -> float:  # pragma: no cover
    """Bilinear value of a grid [n, n, c] at y, x in 0..1."""
    last = len(grid) - 1
    row, column = y * last, x * last
    top, left = min(int(row), last - 1), min(int(column), last - 1)
    a, b = row - top, column - left
    upper = grid[top, left, channel] * (1 - b) + grid[top, left + 1, channel] * b
    lower = grid[top + 1, left, channel] * (1 - b) + grid[top + 1, left + 1, channel] * b
    return upper * (1 - a) + lower * a


@njit(cache=True, nogil=True, fastmath=True)
def _paint(color, kind, table, uneven, saturation, behind, body, cloth, out):  # type: ignore[no-untyped-def]
    size = len(color)
    for row in range(size):
        y = row / (size - 1)
        for column in range(size):
            x = column / (size - 1)
            if kind[row, column] == 0:
                below = y > body[0] + body[1] * abs(x - body[2])
                for channel in range(3):
                    out[channel, row, column] = cloth[channel] if below else _at(behind, y, x, channel)
                continue
            red = table[0, color[row, column, 0]] * _at(uneven, y, x, 0)
            green = table[1, color[row, column, 1]] * _at(uneven, y, x, 1)
            blue = table[2, color[row, column, 2]] * _at(uneven, y, x, 2)
            gray = (red + green + blue) / 3
            out[0, row, column] = gray + saturation * (red - gray)
            out[1, row, column] = gray + saturation * (green - gray)
            out[2, row, column] = gray + saturation * (blue - gray)


@njit(cache=True, nogil=True, fastmath=True)
def _blurred(picture, amount, reach):  # type: ignore[no-untyped-def]
    """A mix of the picture and its average over `reach` pixels to each side."""
    channels, height, width = picture.shape
    out = np.empty_like(picture)
    across = np.empty((height, width), np.float32)
    weight = np.float32(1 / (2 * reach + 1))
    for channel in range(channels):
        for row in range(height):
            for column in range(width):
                total = np.float32(0)
                for step in range(-reach, reach + 1):
                    total += picture[channel, row, min(max(column + step, 0), width - 1)]
                across[row, column] = total * weight
        for row in range(height):
            for column in range(width):
                total = np.float32(0)
                for step in range(-reach, reach + 1):
                    total += across[min(max(row + step, 0), height - 1), column]
                sharp = picture[channel, row, column]
                out[channel, row, column] = sharp + amount * (total * weight - sharp)
    return out


@njit(cache=True, nogil=True)
def _expose(out, strength, seed):  # type: ignore[no-untyped-def]
    """Noise, clipping, and the step from 0..1 to -1..1, in place. The noise is a sum of two uniform numbers."""
    state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
    for channel in range(3):
        for row in range(out.shape[1]):
            for column in range(out.shape[2]):
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                one = np.float32((state >> np.uint64(40)) & np.uint64(0xFFFF)) / np.float32(65535)
                two = np.float32((state >> np.uint64(20)) & np.uint64(0xFFFF)) / np.float32(65535)
                value = out[channel, row, column] + strength * np.float32(2.45) * (one + two - np.float32(1))
                out[channel, row, column] = min(max(value, np.float32(0)), np.float32(1)) * 2 - 1


@njit(cache=True, nogil=True)
def _smoothed(depth, kept):  # type: ignore[no-untyped-def]
    """Depth averaged over 5x5 neighbours that are kept, as a coarse mesh of landmarks would show it."""
    height, width = depth.shape
    out = np.full((height, width), np.nan, np.float32)
    for row in range(height):
        for column in range(width):
            if kept[row, column]:
                total, count = np.float32(0), 0
                for i in range(max(row - 2, 0), min(row + 3, height)):
                    for j in range(max(column - 2, 0), min(column + 3, width)):
                        if kept[i, j]:
                            total += depth[i, j]
                            count += 1
                out[row, column] = total / count
    return out
