"""THEval's three qualities: of the whole frame, of the mouth, of the face."""

from __future__ import annotations

import math

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.registry import register_metric
from bench.metrics.scores import frame_score

REFERENCE = "THEval, arXiv 2511.04520"


class Quality(Metric):
    """A mean over the frames that a network scored; `needs` names its feature `[T, 1]`."""

    paired, higher_is_better, range = False, True, (-math.inf, math.inf)
    reference = REFERENCE
    nothing = "no face in any frame"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        values = np.asarray(sample.prediction[self.needs[0]], np.float64).reshape(-1)
        return frame_score(values, reason=self.nothing if len(values) else "no frames")


@register_metric
class AestheticsTheval(Quality):
    """How pleasing the frames are; there is nothing to fix but the squashing that TOPIQ was trained with."""

    name, variant, default = "theval_aesthetics", "theval", True
    aliases = ("theval_aesthetics_fixed",)
    range = (1.0, 10.0)
    needs, weights = ("topiq_aesthetics",), ("topiq_iaa",)
    definition = "mean over frames of TOPIQ trained on AVA (topiq_iaa, Swin-B), frames squashed to 384x384"
    nothing = "no frame could be scored"


@register_metric
class MouthTheval(Quality):
    """As the public code batches the crops."""

    name, variant, default = "theval_mouth", "theval", True
    needs, weights = ("mouth_theval",), ("musiq_koniq",)
    definition = (
        "mean over frames with a face of MUSIQ (KonIQ) of the lips' box plus 10 pixels, 64 crops filled up with black"
        " to the largest among them"
    )


@register_metric
class MouthFixed(Quality):
    """Each crop alone."""

    name, variant, comparable = "theval_mouth", "fixed", False
    needs, weights = ("mouth_fixed",), ("musiq_koniq",)
    definition = (
        "mean over frames with a face of MUSIQ (KonIQ) of the lips' box plus 15 % of the eye distance, no filling"
    )


@register_metric
class FaceTheval(Quality):
    """As the public code has it: one frame without a face discards the clip."""

    name, variant, default = "theval_face", "theval", True
    needs, weights = ("topiq_face_central",), ("topiq_face", "retinaface")
    definition = (
        "mean over frames of TOPIQ trained on faces (topiq_nr-face) of the central face by RetinaFace, aligned at"
        " 512x512; no value for a clip with a frame without a face"
    )

    def measure(self, sample: SampleFeatures) -> VideoScore:
        score = super().measure(sample)
        if score.n_missing and math.isfinite(score.value):
            return VideoScore.missing(f"{score.n_missing} frames show no face", score.n_frames + score.n_missing)
        return score


@register_metric
class FaceFixed(Quality):
    """The largest face; frames without one are left out and counted."""

    name, variant, comparable = "theval_face", "fixed", False
    needs, weights = ("topiq_face_largest",), ("topiq_face", "retinaface")
    definition = "as theval_face_theval of the largest face, over the frames that show one"
