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

    A hole is bridged smoothly from its rim (Laplace's equation by relaxation), so no value leaves the rim's range.

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
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    values = depth[tuple(nearest)].astype(np.float32)
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    known = np.where(mask, values, 0)
    for _ in range(int(np.sqrt(largest)) * 2):
        known = np.where(mask, values, np.where(todo, values, 0))
        weight = ndimage.convolve((mask | todo).astype(np.float32), kernel, mode="nearest")
        smooth = ndimage.convolve(known, kernel, mode="nearest") / np.maximum(weight, 0.25)
        values = np.where(todo, smooth, values)
    filled[todo] = values[todo]
    return filled, mask | todo


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
