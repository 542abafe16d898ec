"""The similarity (rotation, one scale, shift) that best maps points onto points, and five points of a face."""

from __future__ import annotations

import numpy as np


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares similarity without reflection (Umeyama, PAMI 1991).

    Args:
        source: [K,2], K >= 2, not all equal.
        target: [K,2].
    Returns:
        float64 [2,3]: `target ~ matrix[:, :2] @ source + matrix[:, 2]`.
    Raises:
        ValueError: shapes differ, fewer than two points, or all source points coincide.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(f"expected two arrays [K,2], K >= 2, got {source.shape} and {target.shape}")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    variance = float((centred**2).sum())
    if not variance > 0:
        raise ValueError("the source points coincide: no similarity is determined")
    left, singular, right = np.linalg.svd((target - target_mean).T @ centred)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right))])
    linear = (left * signs) @ right * (singular @ signs / variance)
    return np.column_stack((linear, target_mean - linear @ source_mean))


def five_points(points: np.ndarray) -> np.ndarray:
    """Eye centres, nose tip and mouth corners from 68 landmarks in the iBUG order.

    Args:
        points: [...,68,D].
    Returns:
        [...,5,D]: the eye at the left of the image, the other eye, nose, left and right mouth corner.
    """
    points = np.asarray(points)
    if points.shape[-2] != 68:
        raise ValueError(f"expected 68 landmarks, got {points.shape[-2]}")
    left, right = points[..., 36:42, :].mean(axis=-2), points[..., 42:48, :].mean(axis=-2)
    return np.stack((left, right, points[..., 30, :], points[..., 48, :], points[..., 54, :]), axis=-2)
