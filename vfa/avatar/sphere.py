"""The sphere nearest to a set of points."""

from __future__ import annotations

import numpy as np


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Centre, radius and root-mean-square misfit of the sphere nearest to points `[N, 3]` (algebraic least squares)."""
    center = points.mean(axis=0)
    local = points - center
    system = np.column_stack([2 * local, np.ones(len(local))])
    solution, *_ = np.linalg.lstsq(system, (local**2).sum(axis=1), rcond=None)
    offset = solution[:3]
    radius = float(np.sqrt(max(solution[3] + offset @ offset, 0.0)))
    misfit = np.linalg.norm(local - offset, axis=1) - radius
    return center + offset, radius, float(np.sqrt((misfit**2).mean()))
