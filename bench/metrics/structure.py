"""SSIM of paired frames in the three forms the field reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.metrics.base import PerFrameMetric
from bench.metrics.functional.ffmpeg import ssim_ffmpeg
from bench.metrics.functional.ssim import structural_similarity
from bench.metrics.pixels import PairedFrames, stack_planes
from bench.metrics.registry import register_metric

Features = Mapping[str, Any]


@register_metric
class Ssim(PairedFrames):
    """SSIM as published, on RGB at full size."""

    name, variant, default = "ssim", "wang", True
    higher_is_better, range = True, (-1.0, 1.0)
    definition = (
        "mean SSIM map, 11x11 Gaussian of sigma 1.5, K 0.01 and 0.03, valid region; mean over R, G, B and frames"
    )
    reference = "Wang et al., IEEE TIP 13(4), 2004; mmagic"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return structural_similarity(prediction["frames"], truth["frames"])


@register_metric
class SsimPiq(PairedFrames):
    """SSIM as piq computes it: average-pooled towards 256 pixels first."""

    name, variant = "ssim", "piq"
    aliases = ("ssim_vico",)
    higher_is_better, range = True, (-1.0, 1.0)
    definition = "as ssim_wang after average pooling by round(min(H, W) / 256)"
    reference = "ViCo challenge, TalkingHeadMetrics (piq.ssim)"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return structural_similarity(prediction["frames"], truth["frames"], variant="piq")


@register_metric
class SsimFfmpeg(PerFrameMetric):
    """SSIM of ffmpeg's ssim filter, on YUV planes as decoded."""

    name, variant = "ssim", "ffmpeg"
    higher_is_better, range = True, (-1.0, 1.0)
    needs, paired, warpable = ("planes",), True, True
    definition = "mean over frames of ffmpeg's SSIM All: 8x8 blocks on a 4-pixel grid, planes weighted by area"
    reference = "ffmpeg ssim filter; ffmpeg-quality-metrics"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return ssim_ffmpeg(stack_planes(prediction["planes"]), stack_planes(truth["planes"]))
