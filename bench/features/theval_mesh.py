"""MediaPipe FaceMesh as THEval runs it: each of its metrics gives it another picture or another mode.

The public code keeps one tracker for a whole list of clips, so that a clip's numbers depend on the one before it; here
each clip starts anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.registry import register_extractor

SQUASHED = 256


class PlainMesh(Extractor):
    """What the four ways share; rows of frames without a face are NaN.

    Class attributes:
        static: every frame alone, or followed. refine: 478 points with irises, or 468.
    """

    static: ClassVar[bool] = False
    refine: ClassVar[bool] = True
    cost = 8.0
    _mesh: Any = None

    def start(self, info: VideoInfo) -> None:
        from vfa.face.landmarks import PlainFaceMesh

        self._mesh = PlainFaceMesh(static=self.static, refine=self.refine)

    def see(self, frame: np.ndarray) -> np.ndarray | None:
        """Points [N,2] of a frame uint8 [H,W,3]."""
        return self._mesh.detect(frame)

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        points = np.full((len(chunk), 478 if self.refine else 468, 2), np.nan, np.float32)
        for row, frame in zip(points, chunk["frames"], strict=True):
            found = self.see(frame)
            if found is not None:
                row[:] = found
        return {self.provides[0]: points}

    def close(self) -> None:
        if self._mesh is not None:
            self._mesh.close()
            self._mesh = None


@register_extractor
class MeshNative(PlainMesh):
    """Of the frame as it is, followed: eyebrow dynamics, `[T, 478, 2]` pixels."""

    name = "mesh_native"
    provides = pixel_xy = ("mesh_native",)


@register_extractor
class MeshSquashed(PlainMesh):
    """Of the frame squashed to 256x256, followed: lip dynamics and silent lips, `[T, 478, 2]` pixels there."""

    name = "mesh_squashed"
    provides = ("mesh_squashed",)

    def see(self, frame: np.ndarray) -> np.ndarray | None:
        import cv2

        return self._mesh.detect(cv2.resize(frame, (SQUASHED, SQUASHED), interpolation=cv2.INTER_LINEAR))


@register_extractor
class MeshSwapped(PlainMesh):
    """Of the frame with red and blue exchanged, followed, without refinement: lip-sync, `[T, 468, 2]` as shares of
    the frame's width and height."""

    name = "mesh_swapped"
    refine = False
    provides = ("mesh_swapped",)

    def see(self, frame: np.ndarray) -> np.ndarray | None:
        found = self._mesh.detect(np.ascontiguousarray(frame[..., ::-1]))
        return None if found is None else found / np.array(frame.shape[1::-1], np.float32)


@register_extractor
class MeshStatic(PlainMesh):
    """Of each frame alone, without refinement: mouth quality, `[T, 468, 2]` pixels."""

    name = "mesh_static"
    static, refine = True, False
    provides = pixel_xy = ("mesh_static",)
    cost = 20.0
