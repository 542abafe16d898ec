"""The person in a depth map: near, connected, with small sensor holes closed."""

from __future__ import annotations

import numpy as np


def foreground(depth: np.ndarray, *, far: float, seed: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """Pixels of the connected surface that fills `seed`, nearer than `far`.

    Args:
        depth: float32 `[H, W]` metres, NaN for none.
        far: depth limit, metres.
        seed: box (left, top, right, bottom) in pixels where the person is; None takes the largest surface.

    Returns:
        bool `[H, W]`; holes of missing depth inside it are not part of it (see `close_holes`).
    """
    from scipy import ndimage

    near = np.isfinite(depth) & (depth > 0) & (depth <= far)
    labels, count = ndimage.label(near, structure=np.ones((3, 3), bool))
    if count <= 1:
        return near
    inside = labels
    if seed is not None:
        left, top, right, bottom = (max(0, value) for value in seed)
        inside = labels[top:bottom, left:right]
    sizes = np.bincount(inside.ravel(), minlength=count + 1)
    sizes[0] = 0
    if not sizes.any():
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
    return labels == int(sizes.argmax())


def close_holes(depth: np.ndarray, mask: np.ndarray, *, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Fills holes of missing depth that the foreground surrounds, up to `largest` pixels each.

    A hole is bridged smoothly from its rim (Laplace's equation), so no value leaves the rim's range.

    Args:
        depth: float32 `[H, W]` metres.
        mask: bool `[H, W]`, the foreground.
        largest: area of the largest hole that is filled, pixels.

    Returns:
        depth float32 `[H, W]` (NaN outside) and the mask with the filled pixels.
    """
    from scipy import ndimage

    filled = np.where(mask, depth, np.nan).astype(np.float32)
    holes = ndimage.binary_fill_holes(mask) & ~mask
    labels, count = ndimage.label(holes)
    if count == 0:
        return filled, mask
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = largest + 1
    todo = (sizes <= largest)[labels]
    if not todo.any():
        return filled, mask
    filled[todo] = _harmonic(filled, mask, todo)
    return filled, mask | todo


def _harmonic(values: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Values `[n]` for the wanted pixels, each the mean of its four neighbours (those known or wanted)."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import spsolve

    rows, columns = np.nonzero(wanted)
    number = np.full(values.shape, -1, np.int64)
    number[rows, columns] = np.arange(len(rows))
    degree, right = np.zeros(len(rows)), np.zeros(len(rows))
    entries: list[tuple[np.ndarray, np.ndarray]] = []
    for step_row, step_column in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        row, column = rows + step_row, columns + step_column
        inside = (row >= 0) & (row < values.shape[0]) & (column >= 0) & (column < values.shape[1])
        row, column = np.where(inside, row, 0), np.where(inside, column, 0)
        solid, open_ = inside & known[row, column], inside & wanted[row, column]
        right[solid] += values[row[solid], column[solid]]
        degree += solid + 0.0 + open_
        entries.append((np.flatnonzero(open_), number[row[open_], column[open_]]))
    i = np.concatenate([np.arange(len(rows))] + [pair[0] for pair in entries])
    j = np.concatenate([np.arange(len(rows))] + [pair[1] for pair in entries])
    weights = np.concatenate([degree, np.full(len(i) - len(rows), -1.0)])
    return spsolve(csr_matrix((weights, (i, j))), right)


def shrink_depth(depth: np.ndarray, size: int) -> np.ndarray:
    """Area average of a square map over its valid pixels; NaN where less than half of the area is valid.

    Args:
        depth: float32 `[S, S]` metres, NaN for none, S >= size.
        size: side wanted, pixels.
    """
    import cv2

    seen = np.isfinite(depth)
    weight = cv2.resize(seen.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    total = cv2.resize(np.where(seen, depth, 0).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return np.where(weight >= 0.5, total / np.maximum(weight, 1e-6), np.nan).astype(np.float32)
