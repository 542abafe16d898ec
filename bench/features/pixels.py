"""Pixel statistics of each frame: mean, spread, and change from the previous frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.registry import register_extractor


@register_extractor
class PixelStatistics(Extractor):
    """Mean and standard deviation of R, G, B (0..255), and mean absolute difference from the previous frame."""

    name = "pixels"
    provides = ("pixel_mean", "pixel_std", "pixel_change")
    cost = 0.5

    def start(self, info: VideoInfo) -> None:
        self._previous: np.ndarray | None = None

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        import cv2

        mean, std, change = [], [], []
        for frame in chunk["frames"]:
            m, s = cv2.meanStdDev(frame)
            mean.append(m[:, 0])
            std.append(s[:, 0])
            if self._previous is None:
                change.append(np.nan)
            else:
                change.append(float(np.mean(cv2.mean(cv2.absdiff(frame, self._previous))[:3])))
            self._previous = frame
        return {
            "pixel_mean": np.array(mean, np.float32),
            "pixel_std": np.array(std, np.float32),
            "pixel_change": np.array(change, np.float32),
        }
