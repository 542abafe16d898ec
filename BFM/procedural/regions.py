"""Shared vocabulary of the deformations: mirrored Gaussian pulls, the eye mask, and smoothing over the skin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from BFM.procedural.layout import EYE_CENTRE, EYE_HALF, EYE_X
from BFM.procedural.skull import smooth_step

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class Pull(NamedTuple):
    """A soft tug on the face: a Gaussian in the front view.

    Attributes:
        x, y: centre, mm, on the subject's left.
        rx, ry: standard deviations, mm.
        dx, dy, dz: displacement at the centre, mm; dx > 0 is away from the midline.
    """

    x: float
    y: float
    rx: float
    ry: float
    dx: float
    dy: float
    dz: float


def pulled(p: Array, pulls: tuple[Pull, ...], side: str = "both") -> Array:
    """Sum of pulls at points [V, 3] of the front of the head. `side`: "left", "right" or "both" (mirrored)."""
    total = np.zeros_like(p)
    gate = smooth_step(p[:, 2], 5, 45)
    signs = {"left": (1,), "right": (-1,), "both": (1, -1)}[side]
    for pull in pulls:
        for sign in signs:
            u, v = (p[:, 0] - sign * pull.x) / pull.rx, (p[:, 1] - pull.y) / pull.ry
            weight = gate * np.exp(-0.5 * (u * u + v * v))
            if pull.x == 0 and side == "both":
                weight = weight / 2
            total += weight[:, None] * [sign * pull.dx, pull.dy, pull.dz]
    return total


def eye_share(p: Array, inner: float = 1.05, outer: float = 1.7) -> Array:
    """1 on the lids and near them, 0 away from the eyes, [V]."""
    u, v = (np.abs(p[:, 0]) - EYE_X) / (EYE_HALF + 1.5), (p[:, 1] - EYE_CENTRE[1]) / 9.5
    return smooth_step(np.hypot(u, v), outer, inner) * (p[:, 2] > 40)


@dataclass(frozen=True)
class Smoother:
    """Implicit Laplacian smoothing on a mesh, factorised once: (I + strength L) d' = d."""

    solve: object

    def __call__(self, displacement: Array) -> Array:
        """Smooth [V, k]."""
        return self.solve(np.ascontiguousarray(displacement))  # type: ignore[operator]


def graph_laplacian(triangles: Ints, count: int):
    """Degree-normalised graph Laplacian of a triangle mesh, sparse [V, V]."""
    from scipy import sparse

    a = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    a = np.concatenate([a, a[:, ::-1]])
    link = sparse.coo_matrix((np.ones(len(a)), (a[:, 0], a[:, 1])), (count, count)).tocsr()
    link.data[:] = 1.0
    degree = np.maximum(np.asarray(link.sum(1)).ravel(), 1)
    return sparse.identity(count, format="csr") - sparse.diags(1 / degree) @ link


def smoother(triangles: Ints, count: int, strength: float) -> Smoother:
    """Make a `Smoother` for the mesh."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    system = (sparse.identity(count) + strength * graph_laplacian(triangles, count)).tocsc()
    return Smoother(splu(system).solve)


def harmonic_weights(triangles: Ints, count: int, fixed: Ints, values: Array) -> Array:
    """Smooth weights [V] with the given values at the fixed vertices (zero Laplacian elsewhere)."""
    from scipy.sparse.linalg import spsolve

    laplacian = graph_laplacian(triangles, count).tocsr()
    free = np.setdiff1d(np.arange(count), fixed)
    out = np.zeros(count)
    out[fixed] = values
    out[free] = spsolve(laplacian[free][:, free].tocsc(), -(laplacian[free][:, fixed] @ values))
    return out
