"""Vertex motion beside a result: where a method moved the surface points that the suite watches.

A motion file (.npz) holds `vertices` float32 [T,S,3], the points in the head's own frame in millimetres; `rotation`
[T,3,3] and `shift` [T,3], which carry them into the world; `points` [T,S,2] and `landmarks` [T,68,2], where they and
the 68 landmarks show in the picture, in pixels; and `rate`. The head's frame is that in which the points of the skull,
which no expression moves, lie nearest to where they lie at rest.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.store import read_arrays, write_arrays
from vfa.errors import InputError

if TYPE_CHECKING:
    from vfa.render.camera import Camera


def rigid(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation [3,3] and shift [3] with the least squares of `source @ rotation.T + shift - target`, both [N,3]
    (Kabsch, 1976)."""
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    a, b = source - source.mean(0), target - target.mean(0)
    u, _, vt = np.linalg.svd(b.T @ a)
    rotation = (u * [1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    return rotation, target.mean(0) - rotation @ source.mean(0)


class MotionRecorder:
    """Gathers the motion of a mesh that has the built-in head's topology.

    Args:
        points: file of the suite with the watched points of the source.
        camera: of the picture; lengths in model units.

    Raises:
        InputError: the file is damaged.
    """

    def __init__(self, points: Path, camera: Camera) -> None:
        about = read_arrays(points)
        if about is None:
            raise InputError("the file of watched points cannot be read", path=points)
        self.about, self.camera = about, camera
        self.unit = float(about["mm_per_unit"])
        self._rows: dict[str, list[np.ndarray]] = {"vertices": [], "rotation": [], "shift": []}
        self._rows |= {"points": [], "landmarks": []}

    def fits(self, n_vertices: int) -> bool:
        """Whether a mesh has the topology of the points."""
        return n_vertices == int(self.about["n_vertices"])

    def add(self, vertices: np.ndarray) -> None:
        """Adds a frame: vertices [V,3] in the world, model units."""
        world = np.asarray(vertices, np.float64)[self.about["index"]]
        stable = self.about["stable"]
        rotation, shift = rigid(self.about["neutral"][stable], world[stable] * self.unit)
        rows = self._rows
        rows["vertices"].append(((world * self.unit - shift) @ rotation).astype(np.float32))
        rows["rotation"].append(rotation.astype(np.float32))
        rows["shift"].append(shift.astype(np.float32))
        rows["points"].append(self.camera.project(world)[:, :2].astype(np.float32))
        marks = np.asarray(vertices, np.float64)[self.about["keypoints"]]
        rows["landmarks"].append(self.camera.project(marks)[:, :2].astype(np.float32))

    def write(self, path: Path, rate: Fraction, **more: np.ndarray) -> None:
        """Writes the file."""
        arrays = {name: np.stack(rows) for name, rows in self._rows.items()}
        write_arrays(path, {**arrays, "rate": np.array(float(rate)), **more})


def still_motion(path: Path, points: Path, frames: int, rate: Fraction) -> None:
    """The motion of a source that keeps still."""
    about = read_arrays(points)
    if about is None:
        raise InputError("the file of watched points cannot be read", path=points)
    still = {
        "vertices": about["neutral"],
        "rotation": np.eye(3),
        "shift": np.zeros(3),
        "points": about["at_rest"],
        "landmarks": about["landmarks_at_rest"],
    }
    arrays = {name: np.repeat(np.asarray(value, np.float32)[None], frames, 0) for name, value in still.items()}
    write_arrays(path, {**arrays, "rate": np.array(float(rate))})


def copy_motion(path: Path, truth: Path) -> None:
    """The motion arrays of the truth's file."""
    arrays = read_arrays(truth)
    if arrays is None:
        raise InputError("the truth's motion cannot be read", path=truth)
    kept = ("vertices", "rotation", "shift", "points", "landmarks", "rate")
    write_arrays(path, {name: arrays[name] for name in kept})
