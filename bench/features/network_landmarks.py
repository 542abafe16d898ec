"""68 landmarks by FAN, for the metrics that papers define on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.network_base import device, open_on_device, single_threaded
from bench.features.registry import register_extractor

CONFIDENCE = 0.5
OVERLAP = 0.3


@register_extractor
class FanLandmarks(Extractor):
    """FAN 2D-68 of the largest face that face_alignment's S3FD finds: `landmarks68_fan` `[T, 68, 2]` in pixels, cut to
    whole ones as face_alignment does, and `landmarks68_fan_flip`, with the mirrored picture added (`flip_input=True`);
    NaN in frames without a face."""

    name = "fan"
    provides = pixel_xy = ("landmarks68_fan", "landmarks68_fan_flip")
    weights = ("fan", "s3fd_fan")
    cost = 1200.0

    def start(self, info: VideoInfo) -> None:
        self._network, self._detector = open_on_device("fan_68"), open_on_device("s3fd_fan")

    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Faces of a frame, float [M,5]."""
        from bench.networks.s3fd import detect_faces

        return detect_faces(self._detector, frame, scale=1.0, confidence=CONFIDENCE, overlap=OVERLAP)

    @single_threaded
    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        from bench.networks.fan import FanFrame, fan_crop, fan_points

        found = {name: np.full((len(chunk), 68, 2), np.nan, np.float32) for name in self.provides}
        for row, frame in enumerate(chunk["frames"]):
            faces = self.detect(frame)
            if len(faces) == 0:
                continue
            sides = faces[:, 2:4] - faces[:, :2]
            place = FanFrame.of_box(faces[int(sides.prod(axis=1).argmax())])
            plain, flipped = self._network.both(fan_crop(frame, place).to(device()))
            for name, heatmap in zip(self.provides, (plain, flipped), strict=True):
                found[name][row] = fan_points(np.asarray(heatmap[0].cpu()), place)
        return found

    def close(self) -> None:
        self._network = self._detector = None
