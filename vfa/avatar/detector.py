"""The landmark detector looking at an avatar."""

from __future__ import annotations

from types import TracebackType

import numpy as np

from vfa.avatar.stage import Stage
from vfa.face.landmarks import FaceLandmarker

SIZE = 448


class AvatarDetector:
    """Finds landmarks on pictures of a staged avatar; a context manager.

    Args:
        stage: the avatar and its camera.
    """

    def __init__(self, stage: Stage) -> None:
        self._renderer = stage.renderer(SIZE, supersample=1, plain=True)
        self._landmarker = FaceLandmarker(static=True, tiles=False)

    def __call__(self, vertices: np.ndarray) -> np.ndarray | None:
        """Landmarks float64 `[478, 3]` in pixels for vertices `[V, 3]`, or None where no face is found."""
        found = self._landmarker.detect(self._renderer.render_color(vertices.astype(np.float32)))
        return None if found is None else found.points.astype(np.float64)

    def __enter__(self) -> AvatarDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._landmarker.close()
