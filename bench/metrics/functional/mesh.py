"""Distances between vertex sequences in correspondence: LVE, MVE, FDD and mouth opening.

Sequences are `[T, V, 3]` in one unit (say which); remove rigid head motion first, or it is what is measured.
"""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_float, as_float_pair, choose
from vfa.errors import InputError

LVE_VARIANTS = ("sq-max", "l2-max", "l2-mean")
FDD_VARIANTS = ("signed", "abs", "l2")


def check_region(region: object, n_vertices: int, name: str) -> np.ndarray:
    """Check vertex indices; int64 `[R]`.

    Raises:
        InputError: empty, not whole numbers, or out of range.
    """
    index = np.asarray(region)
    if index.ndim != 1 or index.size == 0 or not np.issubdtype(index.dtype, np.integer):
        raise InputError(
            f"{name} region cannot be used",
            expected="vertex indices [R]",
            found=str(index.dtype) + str(list(index.shape)),
        )
    if index.min() < 0 or index.max() >= n_vertices:
        raise InputError(
            f"{name} region does not fit the mesh",
            expected=f"indices 0 to {n_vertices - 1}",
            found=f"{index.min()} to {index.max()}",
        )
    return index.astype(np.int64)


def vertex_distance(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Euclidean distance of each vertex in each frame, `[T, V]`."""
    first, second = as_float_pair(prediction, target, "vertices", (None, None, 3))
    return np.linalg.norm(first - second, axis=-1)


def lip_vertex_error(
    prediction: np.ndarray, target: np.ndarray, lips: np.ndarray, *, variant: str = "sq-max"
) -> np.ndarray:
    """Lip vertex error (LVE) of each frame.

    `sq-max`: the largest squared distance of a lip vertex (MeshTalk, Richard et al. 2021, as CodeTalker, FaceDiffuser
    and torchmetrics compute it). `l2-max`: its root. `l2-mean`: the mean distance.

    Args:
        prediction: `[T, V, 3]`.
        target: same shape.
        lips: vertex indices `[R]`.
        variant: `sq-max`, `l2-max` or `l2-mean`.

    Returns:
        float64 `[T]`; length squared for `sq-max`, else length.

    Raises:
        InputError: shapes differ, empty, lips out of range, or an unknown variant.

    Example:
        >>> still = np.zeros((1, 3, 3)); moved = still.copy(); moved[0, 1] = [0.0, 3.0, 4.0]
        >>> lip_vertex_error(moved, still, np.array([0, 1])).tolist()
        [25.0]
        >>> lip_vertex_error(moved, still, np.array([0, 1]), variant="l2-mean").tolist()
        [2.5]
    """
    choose(variant, LVE_VARIANTS, "LVE variant")
    first, second = as_float_pair(prediction, target, "vertices", (None, None, 3))
    index = check_region(lips, first.shape[1], "lip")
    distance = vertex_distance(first[:, index], second[:, index])
    if variant == "l2-mean":
        return distance.mean(axis=1)
    return distance.max(axis=1) ** (2 if variant == "sq-max" else 1)


def mean_vertex_error(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Mean vertex error (MVE) of each frame: mean distance over all vertices, `[T]`, in the unit of the vertices."""
    return vertex_distance(prediction, target).mean(axis=1)


def face_dynamics(vertices: np.ndarray, region: np.ndarray, neutral: np.ndarray | None, *, variant: str) -> float:
    """How much a region moves: mean over its vertices of the deviation over time of the distance from rest.

    `signed` and `abs`: squared distance from the neutral face, population standard deviation. `l2`: distance from the
    sequence's mean, sample standard deviation.

    Raises:
        InputError: fewer than two frames, or the neutral face is missing or does not fit.
    """
    choose(variant, FDD_VARIANTS, "FDD variant")
    points = as_float(vertices, "vertices", (None, None, 3), minimum=2)
    index = check_region(region, points.shape[1], "upper-face")
    points = points[:, index]
    if variant == "l2":
        return float(np.linalg.norm(points - points.mean(0), axis=-1).std(axis=0, ddof=1).mean())
    rest = as_float(neutral, "neutral vertices", (vertices.shape[1], 3))[index]
    return float(((points - rest) ** 2).sum(-1).std(axis=0).mean())


def face_dynamics_deviation(
    prediction: np.ndarray,
    target: np.ndarray,
    region: np.ndarray,
    neutral: np.ndarray | None = None,
    *,
    variant: str = "abs",
) -> float:
    """Upper-face dynamics deviation (FDD) of one clip: the target's dynamics minus the prediction's.

    `signed` as CodeTalker computes it (0 is best, errors of opposite sign cancel over clips); `abs` its magnitude for
    each clip, as FaceDiffuser also prints; `l2` on distances from the sequence's mean (absolute value).

    Args:
        prediction: `[T, V, 3]`.
        target: `[S, V, 3]`; lengths may differ.
        region: upper-face vertex indices.
        neutral: `[V, 3]` neutral face; needed by `signed` and `abs`.
        variant: `signed`, `abs` or `l2`.

    Returns:
        Length squared (`l2`: length).

    Raises:
        InputError: see `face_dynamics`.
    """
    moved = [face_dynamics(v, region, neutral, variant=variant) for v in (target, prediction)]
    difference = moved[0] - moved[1]
    return difference if variant == "signed" else abs(difference)


def mouth_opening(vertices: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """Vertical extent of the lip region in each frame, `[T]`; y is up."""
    points = as_float(vertices, "vertices", (None, None, 3))
    heights = points[:, check_region(lips, points.shape[1], "lip"), 1]
    return heights.max(axis=1) - heights.min(axis=1)


def mouth_opening_difference(prediction: np.ndarray, target: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """Mouth opening difference (MOD) of each frame, `[T]` (after DiffPoseTalk, Sun et al. 2024).

    Example:
        >>> shut = np.zeros((2, 4, 3)); open_ = shut.copy(); open_[:, 3, 1] = 7.0
        >>> mouth_opening_difference(open_, shut, np.array([2, 3])).tolist()
        [7.0, 7.0]
    """
    first, second = as_float_pair(prediction, target, "vertices", (None, None, 3))
    return np.abs(mouth_opening(first, lips) - mouth_opening(second, lips))
