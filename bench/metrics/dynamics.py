"""THEval's lip and eyebrow dynamics, and how close they come to the ground truth's."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.features.base import SampleFeatures, VideoFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.theval import closeness, eyebrow_dynamics, lip_dynamics
from bench.metrics.registry import register_metric
from bench.metrics.scores import clip_score, frames_with

REFERENCE = "THEval, arXiv 2511.04520"
FEW = "fewer than two frames with a face"


class Dynamics(Metric):
    """What the dynamics share: a number without a direction, meant to be compared with the ground truth's."""

    needs: ClassVar[tuple[str, ...]] = ("landmarks478",)
    paired = False
    higher_is_better, range = None, (0.0, math.inf)
    reference, minimal_n = REFERENCE, 25

    def of_video(self, video: VideoFeatures) -> float:
        """The number of one video; NaN when undefined."""
        raise TypeError(f"metric {self.id()} lacks of_video()")

    def measure(self, sample: SampleFeatures) -> VideoScore:
        points = sample.prediction[self.needs[0]]
        if len(points) == 0:
            return VideoScore.missing("no frames")
        seen = frames_with(points)
        return clip_score(self.of_video(sample.prediction), int(seen.sum()), int((~seen).sum()), reason=FEW)


class LipDynamics(Dynamics):
    """Spread of the distances between lip points."""

    name = "theval_lip"

    def of_video(self, video: VideoFeatures) -> float:
        # Landmarks of the squashed frame are in pixels of 256x256 already; the other variant has no unit.
        return lip_dynamics(video[self.needs[0]], size=(256, 256), variant=self.variant)


class BrowDynamics(Dynamics):
    """Mean change of the height of the eyebrows."""

    name = "theval_brow"

    def of_video(self, video: VideoFeatures) -> float:
        return eyebrow_dynamics(video[self.needs[0]], rate=float(video.rate), variant=self.variant)


@register_metric
class LipDynamicsTheval(LipDynamics):
    """Lip dynamics as the public code defines them."""

    variant, default, unit = "theval", True, "px at 256x256"
    needs = ("mesh_squashed",)
    definition = (
        "mean over 780 pairs of lip points of the deviation over time of their distance, frame squashed to 256x256"
    )


@register_metric
class LipDynamicsFixed(LipDynamics):
    """Lip dynamics in eye distances."""

    variant, unit, comparable = "fixed", "eye distances", False
    definition = "as theval_lip_theval at native aspect, each frame divided by its inter-ocular distance"


@register_metric
class BrowDynamicsTheval(BrowDynamics):
    """Eyebrow dynamics as the public code defines them."""

    variant, default, unit = "theval", True, "eye distances a frame"
    needs = ("mesh_native",)
    definition = (
        "mean |change| between valid frames of the brow-to-eye distance over the inter-ocular distance, both sides"
    )


@register_metric
class BrowDynamicsFixed(BrowDynamics):
    """Eyebrow dynamics at 25 fps against the eyes' corners."""

    variant, unit, comparable = "fixed", "eye distances a frame", False
    definition = "as theval_brow_theval at 25 fps, the eye given by its corners, changes across gaps left out"


class Closeness(Metric):
    """How near a video's dynamics come to its ground truth's."""

    needs, paired = ("landmarks478",), True
    higher_is_better, range, comparable = True, (-math.inf, 1.0), False
    reference, minimal_n = REFERENCE + ", per clip instead of per data set", 25
    of: ClassVar[type[Dynamics]]

    def __init__(self) -> None:
        self.dynamics = self.of()

    def measure(self, sample: SampleFeatures) -> VideoScore:
        assert sample.truth is not None
        points = sample.prediction["landmarks478"]
        if min(len(points), len(sample.truth["landmarks478"])) == 0:
            return VideoScore.missing("no frames")
        seen = frames_with(points)
        n_missing = int((~seen).sum())
        value, truth = self.dynamics.of_video(sample.prediction), self.dynamics.of_video(sample.truth)
        if math.isnan(value) or math.isnan(truth):
            return VideoScore.missing(FEW, n_missing)
        if truth <= 1e-9:
            return VideoScore.missing("the ground truth does not move", n_missing)
        return clip_score(
            closeness(value, truth),
            int(seen.sum()),
            n_missing,
            reason=FEW,
            details={"prediction": value, "truth": truth, "difference": float(np.abs(value - truth))},
        )


@register_metric
class LipCloseness(Closeness):
    """Closeness of lip dynamics to the ground truth's."""

    name, of = "theval_lip_closeness", LipDynamicsFixed
    definition = "1 - |m - t| / t with m and t the prediction's and the truth's theval_lip_fixed"


@register_metric
class BrowCloseness(Closeness):
    """Closeness of eyebrow dynamics to the ground truth's."""

    name, of = "theval_brow_closeness", BrowDynamicsFixed
    definition = "1 - |m - t| / t with m and t the prediction's and the truth's theval_brow_fixed"
