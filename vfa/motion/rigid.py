"""Rigid alignment of landmark sets: head pose and what is left of a face when it is taken away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Similarity:
    """`x -> scale * rotation @ x + translation` on row vectors `[N, 3]`."""

    scale: float
    rotation: np.ndarray
    translation: np.ndarray

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Maps points `[N, 3]`."""
        return self.scale * points @ self.rotation.T + self.translation

    def invert(self, points: np.ndarray) -> np.ndarray:
        """Maps points `[N, 3]` back."""
        return (points - self.translation) @ self.rotation / self.scale


def fit_similarity(source: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> Similarity:
    """The similarity that carries `source` to `target` `[N, 3]` with least weighted squares (Umeyama, 1991, eq. 40-42).

    Args:
        source: `[N, 3]`, at least three points not on a line.
        target: `[N, 3]`.
        weight: `[N]`, non-negative; equal when not given.
    """
    w = np.ones(len(source)) if weight is None else np.asarray(weight, dtype=np.float64)
    w = w / w.sum()
    source, target = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    mean_source, mean_target = w @ source, w @ target
    a, b = source - mean_source, target - mean_target
    u, singular, vt = np.linalg.svd(b.T @ (a * w[:, None]))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum() / (w @ (a * a).sum(axis=1)))
    return Similarity(scale, rotation, mean_target - scale * rotation @ mean_source)


def rotation_about(rotation: np.ndarray, pivot: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """`[4, 4]`: rotates about a pivot, then translates."""
    out = np.eye(4)
    out[:3, :3] = rotation
    out[:3, 3] = pivot - rotation @ pivot + translation
    return out


def upright(points: np.ndarray) -> np.ndarray:
    """Image landmarks `[..., 3]` (x right, y down, z away from the viewer) with y up and z to the viewer."""
    return points * np.array([1.0, -1.0, -1.0])
