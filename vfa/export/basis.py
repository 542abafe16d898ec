"""A moving mesh in few numbers per frame: a basis of displacements found in one pass, with the error known.

Frames are projected on the basis so far, a few at a time; if some vertex is then farther off than the tolerance, the
worst remainder becomes a new basis vector. At the end a small singular value decomposition of the weights sorts the
directions by importance, and the least important are dropped while every frame stays within the tolerance. Memory grows
by a few hundred bytes per frame, not by the mesh. Errors are upper bounds on the distance of any vertex in any frame
from where it was: a frame's remainder is measured, and what is dropped later is measured again and added.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vfa.errors import InputError, MeshError

WORK_BYTES = 192 * 2**20  # the basis in memory
SPARE = 0.25  # part of the basis to make free when it is full
BLOCK = 16  # frames that are projected together: reading the basis from memory is what takes the time


@dataclass(frozen=True)
class ReducedMotion:
    """An animation as base + weights x targets, times and rigid poses.

    Attributes:
        base: float32 `[V, 3]`, the mesh at rest.
        targets: float32 `[R, V, 3]`, displacements, the most important first; exactly 0 where nothing moves.
        weights: float32 `[T, R]` in -1..1.
        times: exact seconds, increasing.
        poses: float64 `[T, 4, 4]`, the rigid head motion.
        frame_error: float64 `[T]`, upper bound on the distance of any vertex from its true place, in mesh units,
            before the pose is applied.
    """

    base: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    times: tuple[Fraction, ...]
    poses: np.ndarray
    frame_error: np.ndarray

    @property
    def max_error(self) -> float:
        """The largest `frame_error`."""
        return float(self.frame_error.max())

    def vertices(self, frame: int) -> np.ndarray:
        """Vertices float32 `[V, 3]` of a frame in head space."""
        offset = np.tensordot(self.weights[frame].astype(np.float64), self.targets, axes=1)
        return (self.base + offset).astype(np.float32)


class MotionReducer:
    """Takes the frames of an animation one by one and gives a `ReducedMotion`.

    Args:
        base: float `[V, 3]`, the mesh at rest.
        tolerance: largest distance a vertex may be off, in mesh units.
        max_targets: largest number of basis vectors in the result.
        max_bytes: largest size of the targets in a file.

    Where the limits do not suffice for the tolerance, the error is larger, and `ReducedMotion` says how large.
    """

    def __init__(
        self, base: np.ndarray, *, tolerance: float, max_targets: int = 64, max_bytes: int = 48 * 2**20
    ) -> None:
        self._base = np.array(base, np.float32)
        if self._base.ndim != 2 or self._base.shape[1] != 3 or not len(self._base):
            raise MeshError("cannot animate", expected="vertices [V, 3]", found=str(list(self._base.shape)))
        if not np.isfinite(self._base).all():
            raise MeshError("the mesh at rest has vertices that are not finite")
        if not tolerance > 0:
            raise InputError("tolerance", expected="a positive length", found=str(tolerance))
        self._size = float(np.linalg.norm(np.ptp(self._base.astype(np.float64), axis=0))) or 1.0
        self._tolerance = tolerance / self._size
        self._threshold = self._tolerance / 2  # the other half is for sorting and dropping at the end
        self._max_targets, self._max_bytes = max_targets, max_bytes
        room = WORK_BYTES // self._base.nbytes
        self._capacity = max(4, min(max(2 * max_targets, 96), room))
        self._basis = np.empty((0, self._base.size), np.float32)  # rows; the first `_rank` are in use
        self._rank = 0
        self._waiting: list[np.ndarray] = []
        self._weights: list[np.ndarray] = []
        self._error: list[float] = []
        self._times: list[Fraction] = []
        self._poses: list[np.ndarray] = []

    def add(self, time: Fraction, vertices: np.ndarray, pose: np.ndarray | None = None) -> None:
        """Take one frame.

        Raises:
            MeshError: if the number of vertices changes or one is not finite.
            InputError: if time does not increase or the pose is not a `[4, 4]` matrix of finite numbers.
        """
        frame = len(self._times)
        vertices = np.asarray(vertices)
        if vertices.shape != self._base.shape:
            raise MeshError(
                f"frame {frame} has another mesh",
                expected=f"vertices {list(self._base.shape)}",
                found=str(list(vertices.shape)),
            )
        if self._times and time <= self._times[-1]:
            raise InputError(
                f"time of frame {frame} does not increase", expected=f"> {self._times[-1]}", found=str(time)
            )
        pose = np.eye(4) if pose is None else np.array(pose, np.float64)
        if pose.shape != (4, 4) or not np.isfinite(pose).all():
            raise InputError(f"pose of frame {frame}", expected="finite [4, 4]", found=str(pose.tolist()))
        moved = ((vertices.astype(np.float64) - self._base) / self._size).astype(np.float32).ravel()
        if not np.isfinite(moved).all():
            raise MeshError(f"frame {frame} has vertices that are not finite")
        self._waiting.append(moved)
        self._times.append(Fraction(time))
        self._poses.append(pose)
        if len(self._waiting) == BLOCK:
            self._absorb()

    def _absorb(self) -> None:
        """Express the waiting frames in the basis, and extend it by the worst remainder until all are near enough."""
        if not self._waiting:
            return
        moved = np.stack(self._waiting)
        self._waiting.clear()
        weights, rest, error = self._project(moved)
        while error.max() > self._threshold:
            if self._rank == self._capacity:
                self._weights += list(weights)
                self._error += error.tolist()
                self._make_room()
                del self._weights[-len(moved) :], self._error[-len(moved) :]
                weights, rest, error = self._project(moved)
                continue
            used = self._basis[: self._rank]
            row = rest[error.argmax()]
            row = row - (used @ row) @ used  # a second projection keeps float32 rows orthogonal
            row /= np.linalg.norm(row)
            self._append(row)
            along = rest @ row
            rest -= along[:, None] * row
            weights = np.c_[weights, along]
            error = _farthest(rest)
        self._weights += list(weights)
        self._error += error.tolist()

    def _project(self, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights `[n, rank]`, remainders `[n, 3 V]` and their lengths `[n]` of displacements `[n, 3 V]`."""
        used = self._basis[: self._rank]
        weights = moved @ used.T
        rest = moved - weights @ used
        return weights, rest, _farthest(rest)

    def finish(self) -> ReducedMotion:
        """Sort and prune the basis; the reducer is used up.

        Raises:
            InputError: if no frame was taken.
        """
        self._absorb()
        if not self._times:
            raise InputError("no frames to export", hint="check --length and --offset against the clip's length")
        weights = self._sorted_weights()
        error = np.array(self._error)
        rank = self._smallest_rank(weights, error)
        basis = self._basis[: self._rank]
        peaks = np.abs(weights).max(0, initial=0)
        peaks[peaks == 0] = 1
        rank, zeroed = self._sparsify(basis, peaks, rank)
        error = error + self._dropped(weights, rank) + zeroed
        signs = np.sign(weights[np.abs(weights).argmax(0), np.arange(self._rank)]) if self._rank else np.ones(0)
        scale = (peaks * np.where(signs == 0, 1, signs))[:rank]
        targets = basis[:rank].reshape(rank, len(self._base), 3)
        targets *= (scale * self._size).astype(np.float32)[:, None, None]
        rounding = 4e-7 * (rank + 1) * self._size + 2.0**-23 * float(np.abs(self._base).max())
        return ReducedMotion(
            base=self._base,
            targets=targets,
            weights=(weights[:, :rank] / scale).astype(np.float32),
            times=tuple(self._times),
            poses=np.stack(self._poses),
            frame_error=error * self._size + (rounding if rank else 0.0),
        )

    def _append(self, row: np.ndarray) -> None:
        if self._rank == len(self._basis):
            grown = min(self._capacity, max(8, 2 * self._rank))
            basis = np.empty((grown, self._base.size), np.float32)
            basis[: self._rank] = self._basis[: self._rank]
            self._basis = basis
        self._basis[self._rank] = row
        self._rank += 1

    def _sorted_weights(self) -> np.ndarray:
        """Rotate the basis to principal directions, strongest first; returns all weights float64 `[T, rank]`."""
        weights = np.zeros((len(self._weights), self._rank))
        for row, values in zip(weights, self._weights, strict=True):
            row[: len(values)] = values
        _, _, directions = np.linalg.svd(weights.T @ weights) if self._rank else (None, None, np.zeros((0, 0)))
        self._basis[: self._rank] = directions.astype(np.float32) @ self._basis[: self._rank]
        weights = weights @ directions.T
        self._weights = list(weights.astype(np.float32))
        return weights

    def _make_room(self) -> None:
        """Drop the weakest directions of a full basis; loosen the threshold until that frees enough."""
        weights = self._sorted_weights()
        goal = self._capacity - max(1, int(SPARE * self._capacity))
        dropped = self._dropped(weights, goal)
        self._threshold = max(1.25 * self._threshold, float(dropped.max()))
        self._error = [error + more for error, more in zip(self._error, dropped, strict=True)]
        self._weights = [values[:goal] for values in self._weights]
        self._rank = goal

    def _dropped(self, weights: np.ndarray, rank: int, stride: int = 1) -> np.ndarray:
        """How far each frame's farthest vertex moves when only the first `rank` directions stay; `[T]`."""
        basis = self._basis[rank : self._rank]
        if not len(basis):
            return np.zeros(len(weights))
        basis = np.ascontiguousarray(basis.reshape(len(basis), -1, 3)[:, ::stride]).reshape(len(basis), -1)
        chunk = max(1, 2**21 // basis.shape[1])
        tail = weights[:, rank:].astype(np.float32)
        lengths = [_farthest(tail[start : start + chunk] @ basis) for start in range(0, len(tail), chunk)]
        return np.concatenate(lengths)

    def _smallest_rank(self, weights: np.ndarray, error: np.ndarray) -> int:
        """The fewest directions, up to the limit, that keep every frame within 0.9 of the tolerance.

        By bisection on a sample of the vertices, then step by step on all of them.
        """
        goal = np.maximum(0.9 * self._tolerance, error)  # frames beyond it already lose nothing more
        stride = max(1, len(self._base) // 4000)
        low, high = 0, min(self._rank, self._max_targets)
        limit = high
        while low < high:
            middle = (low + high) // 2
            if (error + self._dropped(weights, middle, stride) <= goal).all():
                high = middle
            else:
                low = middle + 1
        while high < limit and not (error + self._dropped(weights, high) <= goal).all():
            high = min(limit, high + 1 + limit // 32)
        return high

    def _sparsify(self, basis: np.ndarray, peaks: np.ndarray, rank: int) -> tuple[int, float]:
        """Zero the displacements too small to see, and keep as many directions as fit into the size limit.

        At each vertex the smallest displacements go, as long as their sum over the directions stays below a tenth of
        the tolerance; returns the number of directions and the largest such sum.
        """
        if not rank:
            return 0, 0.0
        rows = basis.reshape(self._rank, len(self._base), 3)[:rank]
        moving = np.zeros(rank, np.int64)
        lost = 0.0
        for start in range(0, len(self._base), 2**16):
            part = rows[:, start : start + 2**16]
            length = np.sqrt(_squares(part)) * peaks[:rank, None].astype(np.float32)
            order = np.argsort(length, axis=0)
            sums = np.cumsum(np.take_along_axis(length, order, 0), axis=0)
            small = sums <= 0.1 * self._tolerance
            lost = max(lost, float(np.where(small, sums, 0).max()))
            gone = np.empty_like(small)
            np.put_along_axis(gone, order, small, 0)
            part[gone] = 0
            moving += (~gone).sum(1)
        sizes = np.cumsum(np.minimum(16 * moving, 12 * len(self._base)))
        return max(1, int(np.searchsorted(sizes, self._max_bytes, side="right"))), lost


def _farthest(displacements: np.ndarray) -> np.ndarray:
    """The longest displacement of each row of `[n, 3 V]`."""
    return np.sqrt(_squares(displacements.reshape(len(displacements), -1, 3)).max(1))


def _squares(vectors: np.ndarray) -> np.ndarray:
    """Squared lengths along the last axis; einsum is several times as fast as squaring and summing three numbers."""
    return np.einsum("...c,...c->...", vectors, vectors)
