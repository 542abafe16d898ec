"""Normals of a triangle mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def vertex_normals(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """Area-weighted unit normals, 0 where no triangle is.

    Args:
        vertices: [V, 3].
        triangles: [F, 3], counter-clockwise seen from outside.
    Returns:
        [V, 3].
    """
    v = np.asarray(vertices, np.float64)
    a, b, c = triangles.T
    face = np.cross(v[b] - v[a], v[c] - v[a])
    total = np.stack([sum(np.bincount(corner, face[:, axis], len(v)) for corner in (a, b, c)) for axis in range(3)], -1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return total / np.where(length > 0, length, 1)
