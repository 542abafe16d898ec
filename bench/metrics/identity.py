"""Identity: cosines of ArcFace embeddings, against the ground truth or the picture a video was made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.features.base import SampleFeatures
from bench.features.network_base import device, open_on_device, single_threaded
from bench.metrics.base import Metric, PerFrameMetric, VideoScore
from bench.metrics.registry import register_metric
from bench.metrics.scores import frame_score
from vfa.errors import InputError

Features = Mapping[str, Any]
NO_FACE = "no face in any frame on both sides"


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of rows `[N, D]`, in -1..1; NaN where a row has one."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.clip((first * second).sum(axis=-1) / np.maximum(lengths, 1e-12), -1.0, 1.0)


class FeatureCosine(PerFrameMetric):
    """Mean cosine of one feature of paired frames."""

    higher_is_better, range = True, (-1.0, 1.0)
    paired, warpable = True, True

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return cosine(prediction[self.needs[0]], truth[self.needs[0]])

    def why_missing(self, n: int) -> str:
        return NO_FACE if n else super().why_missing(n)


@register_metric
class CsimAligned(FeatureCosine):
    """Identity kept against the ground truth, faces aligned."""

    name, variant, default = "csim", "aligned", True
    needs, weights = ("arcface",), ("arcface",)
    definition = "mean over frames of the cosine of ArcFace IResNet-100 embeddings of faces aligned by five points"
    reference = "Deng et al., CVPR 2019; correct practice of insightface"


@register_metric
class CsimVico(FeatureCosine):
    """The same of whole frames, as ViCo's challenge computes it."""

    name, variant = "csim", "vico"
    needs, weights = ("arcface_whole",), ("arcface",)
    definition = "mean over frames of the cosine of ArcFace embeddings of whole frames squeezed to 112x112"
    reference = "ViCo challenge, TalkingHeadMetrics: compute_csim.py (no alignment: the background counts)"

    def why_missing(self, n: int) -> str:
        return PerFrameMetric.why_missing(self, n)


@register_metric
class CsimOnnx(FeatureCosine):
    """Identity by another network, given as an ONNX file."""

    name, variant, comparable = "csim", "onnx", False
    needs, weights = ("arcface_onnx",), ("arcface_onnx",)
    definition = (
        "csim_aligned by an ArcFace network in ONNX form (w600k_r50 of insightface's buffalo_l, or another under one of"
        " the names accepted); comparable only with scores of a file with the same hash"
    )
    reference = "insightface packs"


@register_metric
class CsimSource(Metric):
    """Identity kept against the picture from which the video was made."""

    name, variant = "csim", "source"
    higher_is_better, range = True, (-1.0, 1.0)
    needs, weights, paired, sourced = ("arcface",), ("arcface",), False, True
    definition = "mean over frames of the cosine of aligned ArcFace embeddings of the frame and of the source image"
    reference = "one-shot talking-head papers"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        embeddings = sample.prediction["arcface"]
        if sample.source is None:
            return VideoScore.missing("no source image", len(embeddings))
        own = embed_picture(sample.source)
        if own is None:
            return VideoScore.missing(f"no face in the source image {sample.source.name}", len(embeddings))
        return frame_score(cosine(embeddings, own[None]), reason="no face in any frame")


@single_threaded
def embed_picture(path: Path) -> np.ndarray | None:
    """ArcFace embedding float32 [512] of the largest face of a picture; None where there is none.

    Raises:
        InputError: it is no readable picture.
    """
    import cv2

    from bench.features.network_faces import aligned_input
    from vfa.face.landmarks import FaceLandmarker
    from vfa.face.topology import IBUG68

    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("the source image cannot be read", path=path, expected="a picture")
    image = np.ascontiguousarray(image[..., ::-1])
    with FaceLandmarker(static=True) as landmarker:
        face = landmarker.detect(image)
    given = None if face is None else aligned_input(image, face.points[list(IBUG68), :2])
    if given is None:
        return None
    return np.asarray(open_on_device("arcface_iresnet100")(given.to(device()))["embedding"][0].cpu())
