"""Optical flow between consecutive frames, reduced to two numbers a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.registry import register_extractor

LONG_SIDE = 256
"""Flow is computed at this length of the longer side and scaled back to pixels of the video."""


@register_extractor
class OpticalFlow(Extractor):
    """Dense inverse search flow (Kroeger et al. 2016): mean length, and mean of the largest 5 %, in pixels a frame."""

    name = "flow"
    provides = ("flow_mean", "flow_top")
    cost = 4.0

    def start(self, info: VideoInfo) -> None:
        import cv2

        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._scale = min(1.0, LONG_SIDE / max(info.width, info.height))
        self._previous: np.ndarray | None = None

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        import cv2

        mean, top = [], []
        for frame in chunk["frames"]:
            gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            if self._scale < 1:
                gray = cv2.resize(gray, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA)
            if self._previous is None or min(gray.shape) < 16:
                mean.append(np.nan)
                top.append(np.nan)
            else:
                lengths = np.linalg.norm(self._flow.calc(self._previous, gray, None), axis=-1).ravel() / self._scale
                few = max(1, len(lengths) // 20)
                mean.append(float(lengths.mean()))
                top.append(float(np.partition(lengths, -few)[-few:].mean()))
            self._previous = gray
        return {"flow_mean": np.array(mean, np.float32), "flow_top": np.array(top, np.float32)}
