"""Metrics on the 68 landmarks: LMD, mouth overlap, AKD, jitter, lip timing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, PerFrameMetric, VideoScore
from bench.metrics.functional.landmarks import (
    average_keypoint_distance,
    landmark_distance,
    landmark_jitter,
    lip_opening,
    mouth_overlap,
)
from bench.metrics.functional.timing import temporal_misalignment
from bench.metrics.registry import register_metric
from bench.metrics.scores import clip_score, frame_score, frames_with
from vfa.errors import InputError

Features = Mapping[str, Any]
NO_FACE = "no face in any frame"
SOURCE = "; landmarks by MediaPipe where papers use FAN"


class LandmarkPair(PerFrameMetric):
    """What metrics on paired landmarks share; not comparable, since papers use another landmark detector."""

    needs: ClassVar[tuple[str, ...]] = ("landmarks68",)
    paired, warpable, comparable = True, True, False


class Lmd(LandmarkPair):
    """What the variants of LMD share."""

    name = "lmd"
    higher_is_better, range, unit = False, (0.0, math.inf), "px"
    region: ClassVar[str] = "mouth"
    form: ClassVar[str] = ""

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        form = self.form or self.variant or "centered"
        points = self.needs[0]
        return landmark_distance(prediction[points], truth[points], variant=form, region=self.region)


@register_metric
class LmdCentered(Lmd):
    """Lip distance after each set's mean is removed."""

    variant, default, aliases = "centered", True, ("m_lmd",)
    definition = "mean over frames and the 20 lip points of the distance after each set's own mean is removed" + SOURCE
    reference = "InsTaG, ER-NeRF, TalkingGaussian"


@register_metric
class LmdNorm(Lmd):
    """Centred lip distance in units of the eye distance."""

    variant, unit = "norm", "eye distances"
    definition = "lmd_centered divided by the ground truth's inter-ocular distance" + SOURCE
    reference = "own definition after InsTaG"


@register_metric
class LmdVico(Lmd):
    """Lip coordinates compared as they are."""

    variant = "vico"
    definition = "mean over frames and lip points of |dx| and |dy| in absolute pixels" + SOURCE
    reference = "ViCo challenge, TalkingHeadMetrics"


@register_metric
class FaceLmd(Lmd):
    """Centred distance of all 68 points."""

    name, variant = "f_lmd", ""
    region = "face"
    definition = "mean over frames and all 68 points of the distance after each set's own mean is removed" + SOURCE
    reference = "Chen et al., ECCV 2018 (centred as InsTaG)"


class MouthOverlap(LandmarkPair):
    """What the variants of mouth overlap share."""

    name = "ma"
    higher_is_better, range = True, (0.0, 1.0)
    reference = "none published; own definition"
    region: ClassVar[str] = "outer"
    center: ClassVar[bool] = False

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        points = self.needs[0]
        return mouth_overlap(prediction[points], truth[points], region=self.region, center=self.center)


@register_metric
class MouthOuter(MouthOverlap):
    """Overlap of the outer lip contours."""

    variant, default, aliases = "outer", True, ("mouth_area", "mouth_iou")
    definition = "mean over frames of the intersection over union of the outer lip polygons" + SOURCE


@register_metric
class MouthCentered(MouthOverlap):
    """Overlap of the outer lip contours after centring."""

    variant, center = "centered", True
    definition = "as ma_outer after the polygons are moved to a common centre" + SOURCE


@register_metric
class MouthInner(MouthOverlap):
    """Overlap of the inner lip contours."""

    variant, region = "inner", "inner"
    definition = "as ma_outer for the inner lips; both closed gives 1, one closed gives 0" + SOURCE


class Akd(Metric):
    """What both forms of AKD share.

    Args:
        size: width and height of the frames the landmarks were found in; needed where no video tells it.
    """

    name = "akd"
    higher_is_better, range, unit = False, (0.0, math.inf), "px at 256x256"
    needs: ClassVar[tuple[str, ...]] = ("landmarks68",)
    paired, warpable, comparable = True, True, False
    reference = "First Order Motion Model, Siarohin et al., NeurIPS 2019 (pose-evaluation)"
    euclidean: ClassVar[bool] = False

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = size

    def measure(self, sample: SampleFeatures) -> VideoScore:
        assert sample.truth is not None
        size = self.size or (sample.truth.width, sample.truth.height)
        if min(size) <= 0:
            raise InputError(
                "akd needs the size of the frames",
                path=sample.id,
                expected="a video, or the option size=(width, height)",
                found="landmarks alone",
            )
        prediction, truth = sample.aligned(self.needs[0])
        if len(truth) == 0:
            return VideoScore.missing("no frames to compare")
        values = average_keypoint_distance(prediction, truth, size=size, euclidean=self.euclidean)
        return frame_score(sample.per_reference(values), reason=NO_FACE)


@register_metric
class AkdL1(Akd):
    """Mean coordinate difference of 68 points at 256x256."""

    variant, default = "l1", True
    definition = "mean over frames and 68 points of |dx| and |dy|, frames scaled to 256x256" + SOURCE


@register_metric
class AkdL2(Akd):
    """Mean distance of 68 points at 256x256."""

    variant, euclidean = "l2", True
    definition = "mean over frames and 68 points of the Euclidean distance, frames scaled to 256x256" + SOURCE


@register_metric
class LandmarkJitter(Metric):
    """High-frequency motion of the landmarks of the generated video."""

    name = "landmark_jitter"
    aliases = ("jitter",)
    higher_is_better, range, unit = False, (0.0, math.inf), "eye distances"
    needs, paired, comparable, minimal_n = ("landmarks68",), False, False, 25
    definition = "mean over frames and 68 points of |x[t-1] - 2 x[t] + x[t+1]| over the inter-ocular distance"
    reference = "own definition"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        points = sample.prediction["landmarks68"]
        if len(points) < 3:
            return VideoScore.missing("fewer than three frames", len(points))
        values = np.concatenate([[np.nan], landmark_jitter(points), [np.nan]])
        inner = values[1:-1]
        score = frame_score(inner, reason="no three frames in a row with a face")
        score.frames = values
        return score


@register_metric
class Mtm2d(Metric):
    """Timing error of the mouth's opening and closing.

    Args:
        radius: widest warp in seconds; None for no limit.
    """

    name = "mtm_2d"
    higher_is_better, range, unit = False, (0.0, math.inf), "ms"
    needs, paired, comparable, minimal_n = ("landmarks68",), True, False, 25
    definition = "mean |lag| of matched extrema of the inner-lip gap under time warping; see match_rate beside it"
    reference = "MTM of Chae-Yeon et al., CVPR 2025, on 2D lips instead of a mesh"

    def __init__(self, radius: float | None = None) -> None:
        self.radius = radius

    def measure(self, sample: SampleFeatures) -> VideoScore:
        prediction, truth = (lip_opening(x) if len(x) else np.empty(0) for x in sample.aligned("landmarks68"))
        seen = frames_with(prediction) & frames_with(truth)
        if seen.sum() < 3:
            return VideoScore.missing("fewer than three frames with a face in both", len(seen))
        found = temporal_misalignment(prediction, truth, rate=float(sample.rate), radius=self.radius)
        return clip_score(
            found.milliseconds,
            int(seen.sum()),
            int((~seen).sum()),
            reason="no extremum of the mouth opening has a match",
            details={"signed_lag_ms": found.signed, "match_rate": found.match_rate},
        )
