"""Emotion, expression and pose by the networks that define them, and the head's motion by Hopenet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.affect import AffectRmse, AffectSagr
from bench.metrics.base import Metric, PerFrameMetric, VideoScore
from bench.metrics.head_motion import BeatAlignLite, DiversityLite
from bench.metrics.identity import NO_FACE, FeatureCosine
from bench.metrics.registry import register_metric
from bench.metrics.scores import clip_score, frames_with

Features = Mapping[str, Any]
DEEP3D = ("deep3d", "deep3d_landmarks")


class NetworkAffect:
    """Valence and arousal by EmoNet in place of a table."""

    series: ClassVar[int]
    needs: ClassVar[tuple[str, ...]]

    def pair(self, sample: SampleFeatures) -> tuple[np.ndarray, np.ndarray]:
        """Both series `[N]`, aligned; NaN where a frame has no face."""
        prediction, truth = sample.aligned(self.needs[0])
        return prediction[:, self.series].astype(np.float64), truth[:, self.series].astype(np.float64)


class _Emonet(NetworkAffect):
    variant: ClassVar[str] = "emonet"
    needs: ClassVar[tuple[str, ...]] = ("emotion",)
    weights: ClassVar[tuple[str, ...]] = ("emonet_8",)
    minimal_n: ClassVar[int] = 25


@register_metric
class ValenceRmseEmonet(_Emonet, AffectRmse):
    """RMSE of EmoNet's valence."""

    name, column, series = "v_rmse", "valence", 0


@register_metric
class ArousalRmseEmonet(_Emonet, AffectRmse):
    """RMSE of EmoNet's arousal."""

    name, column, series = "a_rmse", "arousal", 1


@register_metric
class ValenceSagrEmonet(_Emonet, AffectSagr):
    """Sign agreement of EmoNet's valence."""

    name, column, series = "v_sagr", "valence", 0


@register_metric
class ArousalSagrEmonet(_Emonet, AffectSagr):
    """Sign agreement of EmoNet's arousal."""

    name, column, series = "a_sagr", "arousal", 1


class _EmonetFive(_Emonet):
    variant: ClassVar[str] = "emonet5"
    needs: ClassVar[tuple[str, ...]] = ("emotion_5",)
    weights: ClassVar[tuple[str, ...]] = ("emonet_5",)


@register_metric
class ValenceRmseEmonetFive(_EmonetFive, AffectRmse):
    """RMSE of EmoNet-5's valence."""

    name, column, series = "v_rmse", "valence", 0


@register_metric
class ArousalRmseEmonetFive(_EmonetFive, AffectRmse):
    """RMSE of EmoNet-5's arousal."""

    name, column, series = "a_rmse", "arousal", 1


@register_metric
class ValenceSagrEmonetFive(_EmonetFive, AffectSagr):
    """Sign agreement of EmoNet-5's valence."""

    name, column, series = "v_sagr", "valence", 0


@register_metric
class ArousalSagrEmonetFive(_EmonetFive, AffectSagr):
    """Sign agreement of EmoNet-5's arousal."""

    name, column, series = "a_sagr", "arousal", 1


@register_metric
class Esd(FeatureCosine):
    """Likeness of the emotion."""

    name, aliases = "esd", ("emotion_similarity",)
    needs, weights, comparable = ("emotion_feature",), ("emonet_8",), False
    definition = "mean over frames of the cosine of EmoNet's 128 numbers before the last layer"
    reference = "after Chen et al., arXiv 2005.03201, which published neither code nor weights: own definition"


class CoefficientError(PerFrameMetric):
    """Mean absolute difference of some of Deep3DFaceRecon's coefficients."""

    higher_is_better, range = False, (0.0, math.inf)
    needs, weights, paired, warpable = ("deep3d",), DEEP3D, True, True
    columns: ClassVar[tuple[int, ...]] = ()

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        columns = list(self.columns)
        first, second = (np.asarray(side["deep3d"], np.float64)[:, columns] for side in (prediction, truth))
        return np.abs(first - second).mean(axis=1)

    def why_missing(self, n: int) -> str:
        return NO_FACE if n else super().why_missing(n)


@register_metric
class Aed(CoefficientError):
    """Average expression distance."""

    name = "aed"
    columns = tuple(range(80, 144))
    definition = "mean over frames and 64 expression coefficients of the absolute difference (Deep3DFaceRecon)"
    reference = "ViCo challenge (ExpL1); not FOMM's AED, which is of identity"


@register_metric
class ApdAngles(CoefficientError):
    """Average pose distance of the three angles."""

    name, variant, default, unit = "apd", "3", True, "rad"
    columns = (224, 225, 226)
    definition = "mean over frames and three angles of the absolute difference (Deep3DFaceRecon)"
    reference = "LAM, GAGAvatar: angles alone"


@register_metric
class ApdSix(CoefficientError):
    """Average pose distance of angles and translation."""

    name, variant = "apd", "6"
    columns = (224, 225, 226, 254, 255, 256)
    definition = "mean over frames and three angles and three translations of the absolute difference"
    reference = "ViCo challenge (PoseL1), OTAvatar"


@register_metric
class Diversity(DiversityLite):
    """How much the head turns, by Hopenet."""

    name, aliases = "diversity", ("head_motion_diversity", "head_diversity")
    pose = "hopenet_pose"
    needs, weights = ("hopenet_pose",), ("hopenet",)
    definition = "standard deviation over time of Hopenet's yaw, pitch and roll, mean over the three"
    reference = "SadTalker, Zhang et al., CVPR 2023, which published no code for it: own definition"


@register_metric
class DiversityFeature(Metric):
    """How much Hopenet's features vary."""

    name, variant = "diversity", "feat"
    higher_is_better, range = True, (0.0, math.inf)
    needs, weights, paired, comparable, minimal_n = ("hopenet_feature",), ("hopenet",), False, False, 25
    definition = "standard deviation over time of Hopenet's 2048 pooled features, mean over the features"
    reference = "SadTalker's scale; own definition"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        rows = np.asarray(sample.prediction["hopenet_feature"], np.float64)
        seen = frames_with(rows)
        value = float(rows[seen].std(axis=0).mean()) if seen.sum() > 1 else math.nan
        return clip_score(value, int(seen.sum()), int((~seen).sum()), reason="fewer than two frames with a face")


@register_metric
class BeatAlign(BeatAlignLite):
    """How well the head's motion by Hopenet keeps to the beats of the speech."""

    name, aliases = "beat_align", ("ba",)
    pose = "hopenet_pose"
    needs, weights = ("hopenet_pose", "audio_onset"), ("hopenet",)
    reference = "Bailando, Siyao et al., CVPR 2022 (beat_align_score), on Hopenet's angles and spectral-flux onsets"
