"""VBench's six dimensions on the networks that define them: raw values, and the leaderboard's scale in the details."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.vbench import consistency, imaging_quality, is_dynamic, normalised_score
from bench.metrics.registry import register_metric
from bench.metrics.scores import frame_score


class VBenchMetric(Metric):
    """What the six share.

    The original's means depend on the number of its workers; here each dimension has the aggregation of its one-process
    run: over all frames (SC, BC), or over videos (the others).
    """

    higher_is_better, range, paired = True, (0.0, 1.0), False
    reference = "VBench, Huang et al., CVPR 2024 (custom input)"
    dimension: ClassVar[str]
    by_frames: ClassVar[bool] = False

    def scored(self, values: np.ndarray, reason: str) -> VideoScore:
        """The mean of frame values `[T]`, with the normalised one beside it."""
        score = frame_score(values, reason=reason)
        if math.isfinite(score.value):
            score.details = {"normalised": normalised_score(score.value, self.dimension)}
            if not self.by_frames:
                score.statistics = (score.value, 1.0)
        return score


class Consistency(VBenchMetric):
    """SC and BC."""

    minimal_n, by_frames = 2, True

    def measure(self, sample: SampleFeatures) -> VideoScore:
        features = np.asarray(sample.prediction[self.needs[0]])
        if len(features) < 2:
            return VideoScore.missing("fewer than two frames", len(features))
        first = np.full(1, np.nan)
        score = self.scored(np.concatenate([first, consistency(features)]), "fewer than two frames")
        # The first frame has nothing to be compared with; it is not missing.
        score.n_missing -= 1
        return score


@register_metric
class SubjectConsistency(Consistency):
    """How much the subject stays the same."""

    name = "vbench_sc"
    aliases: ClassVar[tuple[str, ...]] = ("subject_consistency",)
    needs, weights, dimension = ("dino",), ("dino",), "subject_consistency"
    definition = "mean over frames of the cosine (not below 0) of DINO ViT-B/16 with the previous and the first frame"


@register_metric
class BackgroundConsistency(Consistency):
    """How much the background stays the same."""

    name = "vbench_bc"
    aliases: ClassVar[tuple[str, ...]] = ("background_consistency",)
    needs, weights, dimension = ("clip_b32",), ("clip_b32",), "background_consistency"
    definition = "mean over frames of the cosine (not below 0) of CLIP ViT-B/32 with the previous and the first frame"


@register_metric
class MotionSmoothness(VBenchMetric):
    """How well every second frame follows from its neighbours."""

    name = "vbench_ms"
    aliases: ClassVar[tuple[str, ...]] = ("motion_smoothness",)
    needs, weights, dimension = ("amt_error",), ("amt_s",), "motion_smoothness"
    minimal_n = 3
    definition = "1 - mean |odd frame - AMT-S between its neighbours| / 255, at full size"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        return self.scored(1.0 - np.asarray(sample.prediction["amt_error"], np.float64), "fewer than three frames")


@register_metric
class DynamicDegree(VBenchMetric):
    """Whether the video moves: 1 or 0 for each video."""

    name = "vbench_dd"
    aliases: ClassVar[tuple[str, ...]] = ("dynamic_degree",)
    needs, weights, dimension = ("raft_flow", "raft_size"), ("raft",), "dynamic_degree"
    minimal_n = 25
    definition = (
        "share of videos in which at least round(n / 4) of n frames sampled at about 8 fps have RAFT flow whose"
        " strongest 5 % exceed 6 min(H, W) / 256 pixels"
    )

    def measure(self, sample: SampleFeatures) -> VideoScore:
        flow, size = sample.prediction["raft_flow"], sample.prediction["raft_size"]
        if len(flow) == 0:
            return VideoScore.missing("fewer than two sampled frames")
        dynamic = is_dynamic(flow, n_sampled=len(flow) + 1, size=(int(size[0]), int(size[1])))
        details = {"normalised": float(dynamic), "strongest_flow_px": float(flow.mean())}
        return VideoScore(float(dynamic), len(flow) + 1, details=details)


@register_metric
class AestheticQuality(VBenchMetric):
    """How pleasing the frames are."""

    name = "vbench_aq"
    aliases: ClassVar[tuple[str, ...]] = ("aesthetic_quality",)
    needs, weights, dimension = ("aesthetic",), ("clip_l14", "laion"), "aesthetic_quality"
    range = (-math.inf, math.inf)
    definition = "mean over frames of LAION's linear head on unit CLIP ViT-L/14 embeddings, over 10"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        return self.scored(np.asarray(sample.prediction["aesthetic"], np.float64)[:, 0] / 10.0, "no frames")


@register_metric
class ImagingQuality(VBenchMetric):
    """How good the frames are technically."""

    name = "vbench_iq"
    aliases: ClassVar[tuple[str, ...]] = ("imaging_quality",)
    needs, weights, dimension = ("musiq_spaq",), ("musiq_spaq",), "imaging_quality"
    range = (-math.inf, math.inf)
    definition = "mean over frames of MUSIQ (SPAQ) over 100; longer side at most 512"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        return self.scored(imaging_quality(np.asarray(sample.prediction["musiq_spaq"])[:, 0]), "no frames")
