"""Topology of the skin: a dense grid of nodes thinned by a balanced quadtree, with slits for eyes and mouth.

The skin is three panels stacked from the crown to the base of the neck: crown to eye line, eye line to mouth line,
mouth line to base. Neighbouring panels share their border nodes except inside the slits, where each side keeps its own.
Columns run around the head and close at the back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 4  # nodes per quadtree block and direction; levels 0, 1, 2 have cells of 1, 2, 4 nodes

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Skin:
    """Which dense grid nodes are vertices, and how they are joined.

    Attributes:
        index: [rows, columns] vertex of each dense node, -1 where the node was thinned out. Panel borders appear twice.
        node: [V, 2] row and column of each vertex (one of them where several nodes are one vertex).
        triangles: [F, 3] counter-clockwise seen from outside.
    """

    index: Ints
    node: Ints
    triangles: Ints


def balance_levels(level: Ints, seams: tuple[int, ...]) -> Ints:
    """Lower block levels until neighbours differ by at most one and both sides of every seam agree.

    Args:
        level: [blocks down, blocks around] wanted level per block, 0 is the finest.
        seams: first block row below each panel border.
    """
    level = level.copy()
    while True:
        before = level.copy()
        for shifted in (np.roll(level, 1, 1), np.roll(level, -1, 1)):
            level = np.minimum(level, shifted + 1)
        for a, b in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            level[a] = np.minimum(level[a], level[b] + 1)
        for seam in seams:
            level[seam - 1] = level[seam] = np.minimum(level[seam - 1], level[seam])
        if np.array_equal(before, level):
            return level


def _panel_triangles(level: Ints, weld: Ints, flip: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.bool_]]:
    """Triangulate one panel; returns triangles of flat node numbers and the mask of nodes used."""
    rows, columns = level.shape[0] * BLOCK + 1, level.shape[1] * BLOCK
    used = np.zeros((rows, columns), bool)
    cells = []
    for power in (0, 1, 2):
        size = 1 << power
        block_row, block_column = np.nonzero(level == power)
        offset = np.arange(0, BLOCK, size)
        top = (block_row[:, None, None] * BLOCK + offset[None, :, None] + 0 * offset[None, None, :]).ravel()
        left = (block_column[:, None, None] * BLOCK + 0 * offset[None, :, None] + offset[None, None, :]).ravel()
        for down, right in ((0, 0), (0, size), (size, 0), (size, size)):
            used[top + down, (left + right) % columns] = True
        cells.append((size, top, left))
    centres = used.copy()
    triangles = []

    def node(row: Ints, column: Ints) -> Ints:
        return row * columns + column % columns

    for size, top, left in cells:
        bottom, right, half = top + size, left + size, size // 2
        corner = [node(top, left), node(bottom, left), node(bottom, right), node(top, right)]
        middle = [(top + half, left), (bottom, left + half), (top + half, right), (top, left + half)]
        split = [used[r, c % columns] if size > 1 else np.zeros(len(top), bool) for r, c in middle]
        plain = ~np.logical_or.reduce(split)
        # The diagonal is mirrored between the two halves of the head so that the mesh is symmetric.
        mirrored = (left < columns // 2) ^ flip[top, left]
        for keep, (a, b, c, d) in ((plain & mirrored, (0, 1, 2, 3)), (plain & ~mirrored, (1, 2, 3, 0))):
            q = [corner[k][keep] for k in (a, b, c, d)]
            triangles += [np.stack([q[0], q[1], q[2]], 1), np.stack([q[0], q[2], q[3]], 1)]
        fan = ~plain
        if fan.any():
            centre = node(top + half, left + half)
            centres[(top + half)[fan], ((left + half) % columns)[fan]] = True
            for side in range(4):
                start, end = corner[side], corner[(side + 1) % 4]
                whole, parts = fan & ~split[side], fan & split[side]
                triangles.append(np.stack([start[whole], end[whole], centre[whole]], 1))
                halfway = node(*middle[side])
                triangles.append(np.stack([start[parts], halfway[parts], centre[parts]], 1))
                triangles.append(np.stack([halfway[parts], end[parts], centre[parts]], 1))
    return weld.ravel()[np.concatenate(triangles)], centres


def build_skin(
    level: Ints, seams: tuple[int, ...], open_columns: tuple[NDArray[np.bool_], ...], flip: NDArray[np.bool_]
) -> Skin:
    """Triangulate the skin.

    Args:
        level: [blocks down, blocks around] balanced levels of all panels stacked.
        seams: first block row below each panel border.
        open_columns: per seam, [columns] mask of the nodes strictly inside a slit, which are not shared.
        flip: [rows, columns] cells (by their upper left node) that take the other diagonal.
    """
    columns = level.shape[1] * BLOCK
    bounds = [0, *seams, level.shape[0]]
    rows_of = [(b - a) * BLOCK + 1 for a, b in zip(bounds, bounds[1:], strict=False)]
    first = np.concatenate([[0], np.cumsum(rows_of)])
    weld = np.arange(first[-1] * columns).reshape(-1, columns)
    for k, is_open in enumerate(open_columns, 1):
        weld[first[k], ~is_open] = weld[first[k] - 1, ~is_open]
    weld[0] = weld[0, 0]  # the crown and the base are poles
    weld[-1] = weld[-1, 0]
    triangles, used = [], np.zeros(weld.shape, bool)
    for k in range(len(rows_of)):
        rows = slice(first[k], first[k + 1])
        part, nodes = _panel_triangles(level[bounds[k] : bounds[k + 1]], weld[rows], flip[rows])
        triangles.append(part)
        used[rows] = nodes
    faces = np.concatenate(triangles)
    distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    faces = faces[distinct]
    flat = np.unique(weld[used])
    compact = np.full(weld.size, -1)
    compact[flat] = np.arange(len(flat))
    index = np.where(used, compact[weld], -1)
    node = np.stack(np.divmod(flat, columns), 1)
    return Skin(index, node, compact[faces])
