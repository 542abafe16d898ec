"""Distances between surfaces without correspondence: Chamfer, Hausdorff and F-score on points."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_float, choose
from vfa.errors import InputError

CHAMFER_VARIANTS = ("l2", "l2-half", "sq")


def sample_surface(vertices: np.ndarray, triangles: np.ndarray, count: int, *, seed: int = 0) -> np.ndarray:
    """Points spread evenly over a surface by area, float64 `[count, 3]`.

    Args:
        vertices: `[V, 3]`.
        triangles: int `[F, 3]`.
        count: number of points.
        seed: of the random generator.

    Raises:
        InputError: no triangles, or a surface without area.
    """
    corners = as_float(vertices, "vertices", (None, 3))[check_triangles(triangles, len(vertices))]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    if not area.sum() > 0:
        raise InputError("the surface has no area", expected="triangles with area", found=f"{len(area)} triangles")
    generator = np.random.default_rng(seed)
    chosen = corners[generator.choice(len(area), count, p=area / area.sum())]
    u, v = generator.random((2, count, 1))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    return chosen[:, 0] + u * (chosen[:, 1] - chosen[:, 0]) + v * (chosen[:, 2] - chosen[:, 0])


def check_triangles(triangles: object, n_vertices: int) -> np.ndarray:
    """Check triangle indices `[F, 3]`.

    Raises:
        InputError: empty, another shape, or out of range.
    """
    index = np.asarray(triangles)
    if index.ndim != 2 or index.shape[1] != 3 or len(index) == 0 or not np.issubdtype(index.dtype, np.integer):
        raise InputError(
            "triangles cannot be used", expected="int [F, 3], not empty", found=f"{index.dtype} {list(index.shape)}"
        )
    if index.min() < 0 or index.max() >= n_vertices:
        raise InputError(
            "triangles name vertices that are not there",
            expected=f"0 to {n_vertices - 1}",
            found=f"{index.min()} to {index.max()}",
        )
    return index


def nearest_distances(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each point of one set to the nearest of the other, both ways: `[N]` and `[M]`.

    Raises:
        InputError: a set is empty or not `[N, 3]`.
    """
    from scipy.spatial import cKDTree

    a, b = as_float(first, "first points", (None, 3)), as_float(second, "second points", (None, 3))
    return cKDTree(b).query(a)[0], cKDTree(a).query(b)[0]


def chamfer_distance(first: np.ndarray, second: np.ndarray, *, variant: str = "l2") -> float:
    """Chamfer distance of two point sets.

    `l2`: mean nearest distance one way plus the other. `l2-half`: half of it. `sq`: the same with squared distances.

    Args:
        first: `[N, 3]`.
        second: `[M, 3]`.
        variant: `l2`, `l2-half` or `sq`.

    Returns:
        Length (squared for `sq`); symmetric.

    Raises:
        InputError: an empty set or an unknown variant.

    Example:
        >>> chamfer_distance(np.zeros((1, 3)), np.array([[0.0, 3.0, 4.0]]))
        10.0
    """
    choose(variant, CHAMFER_VARIANTS, "Chamfer variant")
    there, back = nearest_distances(first, second)
    if variant == "sq":
        return float((there**2).mean() + (back**2).mean())
    return float((there.mean() + back.mean()) * (0.5 if variant == "l2-half" else 1.0))


def hausdorff_distance(first: np.ndarray, second: np.ndarray, *, percentile: float = 100.0) -> float:
    """Largest nearest distance of either direction (or a percentile of each, then the larger).

    Example:
        >>> hausdorff_distance(np.zeros((1, 3)), np.array([[0.0, 0, 0], [0, 3, 4]]))
        5.0
    """
    there, back = nearest_distances(first, second)
    return float(max(np.percentile(there, percentile), np.percentile(back, percentile)))


def surface_f_score(first: np.ndarray, second: np.ndarray, *, threshold: float) -> float:
    """Harmonic mean of the shares of points of each set within `threshold` of the other, in [0, 1]."""
    there, back = nearest_distances(first, second)
    precision, recall = (there < threshold).mean(), (back < threshold).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall > 0 else 0.0
