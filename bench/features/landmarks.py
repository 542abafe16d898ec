"""MediaPipe landmarks of the largest face of each frame: all 478, the iBUG-68 subset, and their box."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.registry import register_extractor


@register_extractor
class FaceLandmarks(Extractor):
    """Landmarks by `vfa.face.landmarks` following the face from frame to frame; NaN in frames without a face."""

    name = "landmarks"
    provides = ("landmarks478", "landmarks68", "face_box")
    pixel_xy = ("landmarks478", "landmarks68", "face_box")
    cost = 8.0

    _landmarker: Any = None

    def start(self, info: VideoInfo) -> None:
        from vfa.face.landmarks import FaceLandmarker

        self._landmarker = FaceLandmarker(static=False)

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        from vfa.face.topology import IBUG68

        points = np.full((len(chunk), 478, 3), np.nan, np.float32)
        for row, frame in zip(points, chunk["frames"], strict=True):
            face = self._landmarker.detect(frame)
            if face is not None:
                row[:] = face.points
        plane = points[..., :2]
        return {
            "landmarks478": points,
            "landmarks68": plane[:, list(IBUG68)],
            "face_box": np.concatenate([plane.min(1), plane.max(1)], 1),
        }

    def close(self) -> None:
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None
