"""From controller translations to vertex displacements: blend, smoothing and solved controllers in one operator."""

from __future__ import annotations

import numpy as np

from vfa.mesh.weights import ControllerWeights

# Entries of the operator below this share of a vertex's motion are dropped: invisible, and a third of the work.
_NEGLIGIBLE = 1e-3


class Deformer:
    """Moves vertices by controllers.

    `displacement = G d`, where G is the blend by geodesic weights followed by the rounds of smoothing, folded into one
    sparse matrix whose rows sum to 1. Smoothing rounds a motion off, so the controllers themselves would fall short of
    their targets. With `solve`, the translations d' that G is given are those for which they arrive:

        d' = (B'B + mu I)^-1 (B' + mu I) d,     B = the rows of G at the controllers

    Args:
        weights: blend weights of the controllers.
        anchors: int `[K, 3]`, the vertices of the triangle each controller sits on.
        barycentric: float `[K, 3]`, its place in that triangle.
        smoothing: CSR `[V, V]`, one round of neighbour smoothing; None for none.
        rounds: how many rounds.
        solve: whether controllers are solved for.
        regularisation: mu, which keeps nearly coinciding controllers from fighting.
    """

    def __init__(
        self,
        weights: ControllerWeights,
        anchors: np.ndarray,
        barycentric: np.ndarray,
        *,
        smoothing=None,
        rounds: int = 5,
        solve: bool = True,
        regularisation: float = 0.01,
    ) -> None:
        operator = weights.matrix().tocsc()
        if smoothing is not None:
            for _ in range(rounds):
                operator = smoothing @ operator
        self.operator = _prune(operator.tocsr())
        self.at_controllers = _rows_at(self.operator, anchors, barycentric)
        self.n_controllers = weights.n_controllers
        identity = np.eye(self.n_controllers)
        self._solve = identity
        if solve:
            b = self.at_controllers
            self._solve = np.linalg.solve(b.T @ b + regularisation * identity, b.T + regularisation * identity)

    def displacement(self, translation: np.ndarray, tracked: np.ndarray | None = None) -> np.ndarray:
        """Vertex displacements float32 `[V, 3]`.

        Args:
            translation: `[K, 3]`, where each controller should go, relative to its place at rest.
            tracked: bool `[K]`; the others take the motion that the tracked ones around them give
                (weights renormalised). All are tracked when not given.
        """
        d = np.asarray(translation, dtype=np.float64)
        if tracked is not None and not tracked.all():
            d = self._fill(d, np.asarray(tracked, dtype=bool))
        return self.operator @ (self._solve @ d).astype(np.float32)

    def _fill(self, d: np.ndarray, tracked: np.ndarray) -> np.ndarray:
        share = self.at_controllers * tracked
        total = share.sum(axis=1)
        reached = total > 1e-6
        out = np.where(tracked[:, None], d, 0.0)
        moved = (share @ out) / np.where(reached, total, 1.0)[:, None]
        out[~tracked] = moved[~tracked]
        return out


def _prune(operator):
    """Drops negligible entries of a CSR matrix and scales its rows back to sum 1."""
    operator.data[operator.data < _NEGLIGIBLE] = 0.0
    operator.eliminate_zeros()
    total = np.asarray(operator.sum(axis=1)).ravel()
    operator.data /= np.repeat(np.where(total > 0, total, 1.0), np.diff(operator.indptr)).astype(np.float32)
    return operator.astype(np.float32)


def _rows_at(operator, anchors: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """Dense `[K, K]`: what G makes of the controllers at the controllers' own places."""
    rows = [operator[anchors[:, corner]].multiply(barycentric[:, corner, None]) for corner in range(3)]
    return np.asarray((rows[0] + rows[1] + rows[2]).todense(), dtype=np.float64)
