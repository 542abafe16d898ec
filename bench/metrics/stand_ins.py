"""Stand-ins without weights for LPIPS, CSIM and APD; none is comparable with the metric it stands in for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.features.base import Chunk, Extractor
from bench.features.registry import register_extractor
from bench.metrics.base import PerFrameMetric
from bench.metrics.functional.descriptors import aligned_face, face_signature, gradient_similarity
from bench.metrics.pixels import PairedFrames
from bench.metrics.registry import register_metric

Features = Mapping[str, Any]
SIGNATURE_SIZE = 490


@register_extractor
class FaceSignature(Extractor):
    """Local binary patterns of the aligned face, `[T, 490]`; NaN in frames without a face."""

    name = "face_signature"
    needs = ("frames", "landmarks68")
    provides = ("face_signature",)
    cost = 1.0

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        out = np.full((len(chunk), SIGNATURE_SIZE), np.nan, np.float32)
        for row, frame, points in zip(out, chunk["frames"], chunk["landmarks68"], strict=True):
            face = aligned_face(frame, points)
            if face is not None:
                row[:] = face_signature(face)
        return {"face_signature": out}


@register_metric
class CsimLite(PerFrameMetric):
    """Likeness of the face without a recognition network."""

    name = "csim_lite"
    higher_is_better, range = True, (0.0, 1.0)
    needs, paired, warpable, comparable = ("face_signature",), True, True, False
    definition = "mean over frames of the cosine of local binary pattern histograms of the aligned faces"
    reference = "own stand-in for ArcFace similarity; patterns of Ahonen et al., IEEE TPAMI 28(12), 2006"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        first, second = (np.asarray(side["face_signature"], np.float64) for side in (prediction, truth))
        return np.minimum((first * second).sum(axis=1), 1.0)

    def why_missing(self, n: int) -> str:
        return "no face in any frame" if n else super().why_missing(n)


@register_metric
class LpipsLite(PairedFrames):
    """Difference of edges without a network."""

    name = "lpips_lite"
    higher_is_better, range, comparable = False, (0.0, 1.0), False
    definition = "mean over frames of 1 - gradient magnitude similarity at half size"
    reference = "own stand-in for LPIPS; similarity of Xue et al., IEEE TIP 23(2), 2014"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        pairs = zip(prediction["frames"], truth["frames"], strict=True)
        return np.array([1.0 - gradient_similarity(a, b) for a, b in pairs])


@register_metric
class ApdLite(PerFrameMetric):
    """Difference of the head's angles by PnP."""

    name = "apd_lite"
    higher_is_better, range, unit = False, (0.0, 180.0), "deg"
    needs, paired, warpable, comparable = ("pose",), True, True, False
    definition = "mean over frames and yaw, pitch, roll of the absolute difference of the angles by PnP"
    reference = "own stand-in for the average pose distance (there 3D face reconstruction, in radians)"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        difference = np.asarray(prediction["pose"], np.float64) - np.asarray(truth["pose"], np.float64)
        return np.abs((difference + 180.0) % 360.0 - 180.0).mean(axis=1)

    def why_missing(self, n: int) -> str:
        return "no face in any frame" if n else super().why_missing(n)
