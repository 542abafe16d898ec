"""Record an animation while it is made, and write it as GLB and NPZ at the end: one pass, flat memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from vfa.export.animation import Animation, AnimationFrame
from vfa.export.basis import MotionReducer
from vfa.export.cache import write_cache
from vfa.export.glb import write_glb

if TYPE_CHECKING:
    from vfa.avatar.avatar import Avatar

RELATIVE_TOLERANCE = 1e-3  # of the face's size: a fifth of a millimetre on a person


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        n_frames, n_targets: length of the animation and number of morph targets.
        tolerance: the error that was aimed at, in mesh units.
        max_error: upper bound on the distance of any vertex in any frame from its true place, in mesh units.
        files: the files with their sizes in bytes.
    """

    n_frames: int
    n_targets: int
    tolerance: float
    max_error: float
    files: dict[Path, int]

    @property
    def within_tolerance(self) -> bool:
        """False where the limits on size or number of targets cost accuracy."""
        return self.max_error <= self.tolerance


class AnimationRecorder:
    """Takes frames one by one; as a context manager it writes the files on a normal exit and nothing on an error.

    Args:
        avatar: the mesh at rest with its appearance.
        glb, npz: files to write; None leaves one out.
        tolerance: largest error in mesh units; None takes 1/1000 of the face's size.
        max_targets: largest number of morph targets.
        max_bytes: largest size of the morph targets in the GLB.
    """

    def __init__(
        self,
        avatar: Avatar,
        *,
        glb: str | Path | None = None,
        npz: str | Path | None = None,
        tolerance: float | None = None,
        max_targets: int = 64,
        max_bytes: int = 48 * 2**20,
    ) -> None:
        self.avatar = avatar
        self.tolerance = RELATIVE_TOLERANCE * face_size(avatar) if tolerance is None else float(tolerance)
        self.report: ExportReport | None = None
        self._glb, self._npz = (None if path is None else Path(path) for path in (glb, npz))
        self._reducer = MotionReducer(
            avatar.vertices, tolerance=self.tolerance, max_targets=max_targets, max_bytes=max_bytes
        )

    def add(self, frame: AnimationFrame) -> None:
        """Take one frame."""
        self._reducer.add(frame.time, frame.vertices, frame.pose)

    def close(self) -> ExportReport:
        """Reduce, write the files, report; may be called once."""
        motion = self._reducer.finish()
        errors, files = [motion.max_error], {}
        if self._npz is not None:
            errors.append(write_cache(self._npz, self.avatar.triangles, motion))
            files[self._npz] = self._npz.stat().st_size
        if self._glb is not None:
            errors.append(write_glb(self._glb, self.avatar, motion))
            files[self._glb] = self._glb.stat().st_size
        self.report = ExportReport(len(motion.times), len(motion.targets), self.tolerance, max(errors), files)
        return self.report

    def __enter__(self) -> AnimationRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def export_animation(
    animation: Animation, *, glb: str | Path | None = None, npz: str | Path | None = None, **options: float | int
) -> ExportReport:
    """Write a whole animation; options as for `AnimationRecorder`."""
    recorder = AnimationRecorder(animation.avatar, glb=glb, npz=npz, **options)  # type: ignore[arg-type]
    for frame in animation:
        recorder.add(frame)
    return recorder.close()


def face_size(avatar: Avatar) -> float:
    """The size that errors are compared with, in mesh units: that of the face where it is known, else of the mesh."""
    points = avatar.vertices
    if avatar.landmark_vertices is not None:
        points = points[avatar.landmark_vertices]
    elif avatar.face_box is not None:
        points = avatar.face_box
    size = float(np.linalg.norm(np.ptp(points.astype(np.float64), axis=0)))
    return size if size > 0 else float(np.linalg.norm(np.ptp(avatar.vertices.astype(np.float64), axis=0))) or 1.0
