"""Square face crops, handed to the metrics that look at the face alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.features.base import Chunk, Extractor
from bench.features.registry import register_extractor

SIZE = 256
MARGIN = 1.3


@register_extractor
class FaceCrop(Extractor):
    """A square around the landmarks, 1.3 times their longer side, at 256 x 256; black in frames without a face."""

    name = "face_crop"
    needs = ("frames", "face_box")
    provides = ("face_frames",)
    transient = True
    cost = 0.5

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        from vfa.face.crop import SquareCrop, resize

        crops = np.zeros((len(chunk), SIZE, SIZE, 3), np.uint8)
        for crop, frame, box in zip(crops, chunk["frames"], chunk["face_box"], strict=True):
            if np.isfinite(box).all():
                side = MARGIN * float(max(box[2] - box[0], box[3] - box[1]))
                window = SquareCrop.centered((box[:2] + box[2:]) / 2, side)
                crop[:] = resize(window.cut(frame), SIZE)
        return {"face_frames": crops}
