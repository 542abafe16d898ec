"""Action units from OpenFace tables, and valence and arousal from given series."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.affect import (
    LOWER_UNITS,
    UNITS,
    UPPER_UNITS,
    action_unit_errors,
    sign_agreement,
    squared_error,
)
from bench.metrics.registry import register_metric
from bench.metrics.scores import column_pair, frame_score


class ActionUnitError(Metric):
    """What AUE-U and AUE-L share."""

    higher_is_better = False
    needs, paired = ("au",), True
    reference = "TalkingGaussian, Li et al., ECCV 2024; TalkingHeadMetrics"
    units: ClassVar[tuple[str, ...]] = UNITS

    def measure(self, sample: SampleFeatures) -> VideoScore:
        assert sample.truth is not None
        errors = action_unit_errors(sample.prediction["au"], sample.truth["au"])
        errors = errors[:, [UNITS.index(unit) for unit in self.units]]
        counted = errors[np.isfinite(errors).all(axis=1)]
        details = dict(zip(self.units, counted.mean(axis=0), strict=True)) if len(counted) else {}
        return frame_score(errors.sum(axis=1), reason="OpenFace found no face in any shared frame", details=details)


@register_metric
class AueUpper(ActionUnitError):
    """Error of the upper face's action units."""

    name, aliases = "aue_u", ("aue_upper",)
    range = (0.0, 25.0 * len(UPPER_UNITS))
    units = UPPER_UNITS
    definition = "sum over 8 upper-face units of the mean squared intensity difference; rows without a face left out"


@register_metric
class AueLower(ActionUnitError):
    """Error of the lower face's action units."""

    name, aliases = "aue_l", ("aue_lower",)
    range = (0.0, 25.0 * len(LOWER_UNITS))
    units = LOWER_UNITS
    definition = "sum over 9 lower-face units of the mean squared intensity difference; rows without a face left out"


class AffectMetric(Metric):
    """What the four valence and arousal metrics share."""

    needs: ClassVar[tuple[str, ...]] = ("va",)
    paired = True
    reference = "EmoNet, Toisoul et al., Nature Machine Intelligence 3, 2021; TalkingHeadMetrics"
    column: ClassVar[str]

    def pair(self, sample: SampleFeatures) -> tuple[np.ndarray, np.ndarray]:
        """Both series `[N]`, NaN where one side has no row."""
        prediction, truth, alone = column_pair(sample, "va", self.column)
        gap = np.full(alone, np.nan)
        return np.concatenate([prediction, gap]), np.concatenate([truth, gap])


class AffectRmse(AffectMetric):
    """Root mean squared error of a series."""

    higher_is_better, range = False, (0.0, 2.0)
    definition = "root of the mean over frames of the squared difference; the pooled value is the root over all frames"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        return frame_score(
            squared_error(*self.pair(sample)), reason="no frame has a value on both sides", finish=math.sqrt
        )

    def pool(self, statistics: np.ndarray) -> float:
        return math.sqrt(super().pool(statistics))


class AffectSagr(AffectMetric):
    """Share of frames whose sign agrees."""

    higher_is_better, range = True, (0.0, 1.0)
    definition = "share of frames in which prediction and ground truth have the same sign"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        return frame_score(sign_agreement(*self.pair(sample)), reason="no frame has a value on both sides")


@register_metric
class ValenceRmse(AffectRmse):
    """RMSE of valence."""

    name, column = "v_rmse", "valence"


@register_metric
class ArousalRmse(AffectRmse):
    """RMSE of arousal."""

    name, column = "a_rmse", "arousal"


@register_metric
class ValenceSagr(AffectSagr):
    """Sign agreement of valence."""

    name, column = "v_sagr", "valence"


@register_metric
class ArousalSagr(AffectSagr):
    """Sign agreement of arousal."""

    name, column = "a_sagr", "arousal"
