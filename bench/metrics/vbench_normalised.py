"""VBench's six on the scale of its leaderboard: 0 at the worst and 1 at the best value it observed."""

from __future__ import annotations

import math
from typing import ClassVar

from bench.features.base import SampleFeatures
from bench.metrics.base import VideoScore
from bench.metrics.functional.vbench import normalised_score
from bench.metrics.registry import register_metric
from bench.metrics.vbench import (
    AestheticQuality,
    BackgroundConsistency,
    DynamicDegree,
    ImagingQuality,
    MotionSmoothness,
    SubjectConsistency,
    VBenchMetric,
)

NOTE = "; on the leaderboard's scale (SC from .1462, BC from .2615, MS .706 to .9975, the others 0 to 1)"


class _Normalised(VBenchMetric):
    """Put before a dimension's metric; the scale is linear, so it may follow any mean."""

    variant: ClassVar[str] = "normalised"
    aliases: ClassVar[tuple[str, ...]] = ()
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def measure(self, sample: SampleFeatures) -> VideoScore:
        score = super().measure(sample)
        if math.isfinite(score.value) and score.statistics is not None:
            total, count = score.statistics
            score.statistics = (normalised_score(total / count, self.dimension) * count, count)
            score.details = {"raw": score.value}
            score.value, score.frames = normalised_score(score.value, self.dimension), None
        return score


@register_metric
class SubjectConsistencyNormalised(_Normalised, SubjectConsistency):
    """SC."""

    definition = SubjectConsistency.definition + NOTE


@register_metric
class BackgroundConsistencyNormalised(_Normalised, BackgroundConsistency):
    """BC."""

    definition = BackgroundConsistency.definition + NOTE


@register_metric
class MotionSmoothnessNormalised(_Normalised, MotionSmoothness):
    """MS."""

    definition = MotionSmoothness.definition + NOTE


@register_metric
class DynamicDegreeNormalised(_Normalised, DynamicDegree):
    """DD."""

    definition = DynamicDegree.definition + NOTE


@register_metric
class AestheticQualityNormalised(_Normalised, AestheticQuality):
    """AQ."""

    definition = AestheticQuality.definition + NOTE


@register_metric
class ImagingQualityNormalised(_Normalised, ImagingQuality):
    """IQ."""

    definition = ImagingQuality.definition + NOTE
