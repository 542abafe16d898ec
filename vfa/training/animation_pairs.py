"""Training pairs with exact truth for the generator: a face at rest, the same face moved, where every pixel went."""

from __future__ import annotations

import numpy as np
from numba import njit

HEAD, EYE, MOUTH, LIPS, LIDS = 2, 3, 4, 5, 6
"""Kinds of pixels, see `dataset.stream`."""
DETAIL = 4.0
"""How much more eyes and mouth count than the rest of the face."""
MOVING, FASTEST = 64.0, 4.0
"""Weight that a pixel's flow gains by moving, per picture width, and the most it can gain: a face that speaks keeps
still almost everywhere."""
HIDDEN, INSIDE, OUTSIDE = 0.4, 0.1, 0.03
"""Weights of the flow where the source hides the point: on skin, inside the mouth, and beside the head."""


def animation_pair(
    color: np.ndarray,
    depth: np.ndarray,
    kind: np.ndarray,
    flow: np.ndarray,
    visible: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """A source, its target and the truth between them, as arrays of the network's kind.

    Args:
        color: uint8 [2, S, S, 3], source and target, black background.
        depth: float [2, S, S], any unit, NaN in the background.
        kind: uint8 [2, S, S].
        flow: float [S, S, 2], where in the source each target pixel comes from, -1..1; anything in the background.
        visible: bool [S, S].
        rng: source of the avatar's look: tint, brightness, saturation, and now and then a face without hair and neck.

    Returns:
        float32: `source`, `target` [4, S, S]; `flow` [2, S, S], continued smoothly into the background; `flow_weight`,
        `visible`, `detail` [1, S, S].
    """
    pictures, seen = avatar_pictures(color, depth, kind, rng)
    target = seen[1]
    visible = visible & target
    of_opening = (kind[1] == MOUTH) | (kind[1] == EYE)
    weight = np.where(visible, 1.0, np.where(of_opening, INSIDE, HIDDEN))
    detail = np.where(np.isin(kind[1], (EYE, LIPS, LIDS, MOUTH)), DETAIL, 1.0)
    weight = np.where(target, weight * np.where(kind[1] == MOUTH, 1.0, detail), OUTSIDE)
    middle = (np.arange(len(flow), dtype=np.float32) + 0.5) * (2 / len(flow)) - 1
    length = np.hypot(flow[..., 0] - middle, flow[..., 1] - middle[:, None]) / 2
    weight = weight * np.where(target, 1 + np.minimum(MOVING * np.where(target, length, 0), FASTEST), 1)
    continued = continue_outside(np.ascontiguousarray(flow, np.float32), target)
    return {
        "source": pictures[0],
        "target": pictures[1],
        "flow": continued.transpose(2, 0, 1),
        "flow_weight": weight[None].astype(np.float32),
        "visible": visible[None].astype(np.float32),
        "detail": detail[None].astype(np.float32),
    }


def portrait(
    color: np.ndarray, depth: np.ndarray, kind: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture of an avatar, float32 [4, S, S], how much each pixel's motion counts, float32 [1, S, S], and what is
    seen, bool [S, S]; of one picture's arrays, as `avatar_pictures` takes them."""
    pictures, seen = avatar_pictures(color[None], depth[None], kind[None], rng)
    weight = np.where(np.isin(kind, (LIPS, LIDS)), DETAIL, 1.0)
    return pictures[0], np.where(seen[0], weight, OUTSIDE).astype(np.float32)[None], seen[0]


def avatar_pictures(
    color: np.ndarray, depth: np.ndarray, kind: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of an avatar as the networks get them, float32 [F, 4, S, S], and what they show, bool [F, S, S].

    Args:
        color: uint8 [F, S, S, 3], black background. depth: float [F, S, S], NaN in the background; the first picture's
            range is mapped to [-1, 1].
        kind: uint8 [F, S, S]. rng: see `animation_pair`.
    """
    seen = np.isfinite(depth)
    if rng.uniform() < 0.2:
        seen &= kind != HEAD
    levels = np.maximum(np.arange(256) / 255, 1e-3) ** np.exp(rng.uniform(-0.3, 0.3))
    gain = np.exp(rng.uniform(-0.3, 0.3) + rng.uniform(-0.15, 0.15, 3))
    table = (np.clip(gain[:, None] * levels, 0, 1) * 2 - 1).astype(np.float32)
    values = depth[0][seen[0]]
    near, far = float(values.min()), float(values.max())
    pictures = np.empty((len(color), 4, *color.shape[1:3]), np.float32)
    gray = rng.uniform() < 0.15
    for row in range(len(color)):
        for channel in range(3):
            shown = color[row].max(axis=2) if gray else color[row, ..., channel]
            pictures[row, channel] = table[0 if gray else channel][shown]
        scaled = (depth[row].astype(np.float32) - near) * np.float32(2 / max(far - near, 1e-3)) - 1
        pictures[row, 3] = np.clip(scaled, -1, 1)
        pictures[row][:, ~seen[row]] = -1
    return pictures, seen


def continue_outside(flow: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Flow [S, S, 2] in -1..1 with the displacement of the nearest inside pixel wherever `inside` [S, S] is false."""
    return _continued(flow, inside) if inside.any() else flow


@njit(cache=True, nogil=True)
def _continued(flow, inside):  # type: ignore[no-untyped-def]
    """Nearest inside pixels by passing them on row by row, down and up: exact but for a pixel here and there."""
    height, width = inside.shape
    nearest = np.full((height, width, 2), -1, np.int32)
    far = height * height + width * width
    distance = np.full((height, width), far, np.int32)
    for row in range(height):
        for column in range(width):
            if inside[row, column]:
                nearest[row, column, 0], nearest[row, column, 1] = row, column
                distance[row, column] = 0
    for turn in range(2):
        step = 1 if turn == 0 else -1
        for i in range(height):
            row = i if turn == 0 else height - 1 - i
            for sweep in range(2):
                for j in range(width):
                    column = j if sweep == 0 else width - 1 - j
                    side = column - 1 if sweep == 0 else column + 1
                    for other in range(4):
                        r = row if other == 0 else row - step
                        c = side if other == 0 else column + other - 2
                        if 0 <= r < height and 0 <= c < width and nearest[r, c, 0] >= 0:
                            y, x = nearest[r, c, 0], nearest[r, c, 1]
                            away = (y - row) * (y - row) + (x - column) * (x - column)
                            if away < distance[row, column]:
                                distance[row, column] = away
                                nearest[row, column, 0], nearest[row, column, 1] = y, x
    out = flow.copy()
    for row in range(height):
        for column in range(width):
            y, x = nearest[row, column]
            if not inside[row, column] and y >= 0:
                out[row, column, 0] = flow[y, x, 0] + np.float32(2 * (column - x) / width)
                out[row, column, 1] = flow[y, x, 1] + np.float32(2 * (row - y) / height)
    return out
