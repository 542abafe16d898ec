"""What opens and closes on a portrait: the mouth with its lining and teeth, eyeballs, and what is behind the lids."""

from __future__ import annotations

import numpy as np

from vfa.avatar.parts import Eye
from vfa.avatar.surface import Builder
from vfa.face import topology as face

PHOTO = 0
"""The material of the photo; linings take their colour from it, darkened."""

# Rings of the mouth's lining: towards the gums, backwards, share of the width, brightness. The first ring hides well
# behind the lips, so that from the front nothing of the lining shows beside the lips' margin.
_MOUTH_RINGS = (
    (0.04, 0.02, 0.99, 0.62),
    (0.08, 0.05, 0.98, 0.36),
    (0.11, 0.08, 0.95, 0.18),
    (0.12, 0.22, 0.90, 0.09),
    (0.09, 0.42, 0.70, 0.05),
)
_LID_RINGS = ((0.03, 1.14, 0.72), (0.12, 1.25, 0.45))
_SKIN_THICKNESS = 0.045


def mouth_lining(build: Builder, vertices: np.ndarray, loop: np.ndarray, axes: np.ndarray) -> None:
    """The lining behind the lips: up and down behind them, then back; as dark as a mouth is.

    Args:
        build: holds the face already, its vertices first.
        vertices: float64 `[V, 3]` of the face.
        loop: int `[N]`, the margin of the lips as :func:`vfa.avatar.surface.border_loops` gives it.
        axes: float64 `[3, 3]`, rows are the head's right, up and front.
    """
    from scipy.spatial import cKDTree

    right, up, front = axes
    rim = vertices[loop]
    ends = vertices[[face.INNER_LIPS_UPPER[0], face.INNER_LIPS_UPPER[-1]]]
    middle = ends.mean(axis=0)
    across = (rim - ends[0]) @ right / max((ends[1] - ends[0]) @ right, 1e-9)
    taper = np.sqrt(np.clip(4 * across * (1 - across), 0, 1))
    start, stop = (int(np.flatnonzero(loop == i)[0]) for i in (face.INNER_LIPS_UPPER[0], face.INNER_LIPS_UPPER[-1]))
    order = (np.arange(len(loop)) - start) % len(loop)
    first = order < (stop - start) % len(loop)
    top = int(np.flatnonzero(loop == face.INNER_LIPS_UPPER[5])[0])
    sign = np.where(first == first[top], 1.0, -1.0) * taper
    uv = build.vertex_uv()[loop]
    skin = cKDTree(vertices @ axes[:2].T)
    inner = loop
    for number, (rise, back, width, shade) in enumerate(_MOUTH_RINGS):
        sideways = ((rim - middle) @ right)[:, None] * (width - 1) * right
        moved = rim + sideways + (sign * rise)[:, None] * up - back * front
        if number:  # the first ring starts at the margin itself; the others stay under the skin
            over = vertices[skin.query(moved @ axes[:2].T)[1]]
            moved -= np.maximum((moved - over) @ front + _SKIN_THICKNESS, 0)[:, None] * front
        ring = build.add(moved, uv, np.array([1.0, 0.75, 0.72]) * shade)
        build.bridge(inner, ring, PHOTO)
        inner = ring
    hub = build.add((middle - 0.5 * front)[None], uv.mean(axis=0)[None], 0.02)
    build.fan(inner, int(hub[0]), PHOTO)


def lid_lining(build: Builder, vertices: np.ndarray, loop: np.ndarray) -> None:
    """Strips behind the lids, so that no gap shows between them and the ball."""
    rim = vertices[loop]
    center = rim.mean(axis=0)
    uv = build.vertex_uv()[loop]
    inner = loop
    for back, wider, shade in _LID_RINGS:
        moved = center + (rim - center) * (wider, wider, 1) - (0, 0, back)
        ring = build.add(moved, uv, shade)
        build.bridge(inner, ring, PHOTO)
        inner = ring
    hub = build.add((center - (0, 0, 0.3))[None], uv.mean(axis=0)[None], 0.3)
    build.fan(inner, int(hub[0]), PHOTO)


def eyeball(build: Builder, lids: np.ndarray, material: int) -> Eye:
    """The front of an eyeball just behind the lids.

    Args:
        build: takes its vertices, with UVs that look at it from the front.
        lids: float64 `[N, 3]`, the margin of the opening; it stays outside the ball.
        material: of the ball.
    """
    width = float(np.ptp(lids[:, 0]))
    radius = max(0.55 * width, 0.05)
    xy = (lids[:, :2].min(axis=0) + lids[:, :2].max(axis=0)) / 2
    beside = np.linalg.norm(lids[:, :2] - xy, axis=1)
    clear = 1.03 * radius
    depth = np.sqrt(np.maximum(clear**2 - beside**2, 0))
    center = np.array([*xy, float((lids[:, 2] - depth)[beside < clear].min())])
    angle = 2 * np.pi * np.arange(40) / 40
    tilt = np.radians(np.linspace(0, 86, 16))[1:]
    directions = [np.array([[0.0, 0.0, 1.0]])]
    directions += [np.column_stack([np.sin(t) * np.cos(angle), np.sin(t) * np.sin(angle), np.full(40, np.cos(t))])
                   for t in tilt]  # fmt: skip
    numbers = [build.add(center + radius * d, 0.5 + d[:, :2] / 2) for d in directions]
    build.connect(np.stack([np.full(40, numbers[0][0]), numbers[1], np.roll(numbers[1], -1)], axis=1), material)
    for inner, outer in zip(numbers[1:-1], numbers[2:], strict=True):
        build.bridge(inner, outer, material)
    return Eye(center, radius, np.concatenate(numbers))


def teeth(build: Builder, points: np.ndarray, axes: np.ndarray, material: int, upper: bool) -> None:
    """A row of teeth on an arch behind the lips, hidden where the mouth is shut.

    Args:
        build: takes it as a part of its own.
        points: float64 `[478, 3]`, the landmarks.
        axes: rows are the head's right, up and front.
        material: of this row.
        upper: which row.
    """
    right, up, front = axes
    ends = points[[face.INNER_LIPS_UPPER[0], face.INNER_LIPS_UPPER[-1]]]
    width = float(np.linalg.norm(ends[1] - ends[0]))
    lip = points[13 if upper else 14]
    middle = lip + ((ends.mean(axis=0) - lip) @ right) * right
    half = min(0.46 * width, 0.25) * (1.0 if upper else 0.92)
    edge, root = (-0.015, 0.095) if upper else (-0.025, -0.105)
    back = 0.085 if upper else 0.095
    x = np.linspace(-half, half, 33)
    depth = -back - 1.6 * x**2 / max(half, 1e-9) * 0.55
    rows = []
    for share in np.linspace(0, 1, 5):
        height = edge + (root - edge) * share
        place = middle + x[:, None] * right + height * up + (depth - 0.02 * share)[:, None] * front
        v = share if upper else 1 - share
        rows.append(build.add(place, np.column_stack([np.linspace(0, 1, 33), np.full(33, v)])))
    for low, high in zip(rows[:-1], rows[1:], strict=True):
        a, b, c, d = low[:-1], low[1:], high[1:], high[:-1]
        triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        build.connect(triangles if upper else triangles[:, ::-1], material)
