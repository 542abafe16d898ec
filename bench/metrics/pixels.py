"""PSNR, MSE and MAE of paired frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.metrics.base import PerFrameMetric
from bench.metrics.functional.ffmpeg import psnr_ffmpeg
from bench.metrics.functional.image import mean_absolute_error, mean_squared_error, peak_signal_noise_ratio
from bench.metrics.registry import register_metric
from vfa.errors import InputError

Features = Mapping[str, Any]


def stack_planes(rows: list[Any]) -> list[np.ndarray]:
    """Planes of n frames as three arrays `[n, h, w]`.

    Raises:
        InputError: no frames.
    """
    if len(rows) == 0:
        raise InputError("planes are empty", expected="at least one frame of planes Y, U, V", found="no frames")
    return [np.stack([row[p] for row in rows]) for p in range(3)]


class PairedFrames(PerFrameMetric):
    """What metrics on pairs of RGB frames share."""

    needs = ("frames",)
    paired = True
    warpable = True


@register_metric
class Psnr(PairedFrames):
    """PSNR over all channels of RGB, capped at 100 dB."""

    name, variant, default = "psnr", "rgb", True
    higher_is_better, range, unit = True, (0.0, 100.0), "dB"
    definition = "mean over frames of 10 log10(255^2 / MSE), MSE over R, G and B; 100 for identical frames"
    reference = "mmagic (there infinite for identical frames)"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return peak_signal_noise_ratio(prediction["frames"], truth["frames"])


@register_metric
class PsnrVico(PairedFrames):
    """PSNR as piq computes it, at most 80 dB."""

    name, variant = "psnr", "vico"
    aliases = ("psnr_piq",)
    higher_is_better, range, unit = True, (0.0, 80.0), "dB"
    definition = "mean over frames of -10 log10(MSE + 1e-8), images in [0, 1]"
    reference = "ViCo challenge, TalkingHeadMetrics (piq.psnr)"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return peak_signal_noise_ratio(prediction["frames"], truth["frames"], variant="vico")


@register_metric
class PsnrFfmpeg(PerFrameMetric):
    """PSNR of ffmpeg's psnr filter, on YUV planes as decoded."""

    name, variant = "psnr", "ffmpeg"
    higher_is_better, range, unit = True, (0.0, 100.0), "dB"
    needs, paired, warpable = ("planes",), True, True
    definition = (
        "mean over frames of ffmpeg's psnr_avg: PSNR of the plane MSEs weighted by plane area; 100 for identical"
    )
    reference = "ffmpeg psnr filter; ffmpeg-quality-metrics"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return psnr_ffmpeg(stack_planes(prediction["planes"]), stack_planes(truth["planes"]))


@register_metric
class Mse(PairedFrames):
    """Mean squared error of images in [0, 1]."""

    name = "mse"
    higher_is_better, range = False, (0.0, 1.0)
    definition = "mean over frames, pixels and channels of the squared difference, images in [0, 1]"
    reference = "mmagic MSE"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return mean_squared_error(prediction["frames"], truth["frames"])


@register_metric
class Mae(PairedFrames):
    """Mean absolute error of images in [0, 1]."""

    name = "mae"
    aliases = ("l1",)
    higher_is_better, range = False, (0.0, 1.0)
    definition = "mean over frames, pixels and channels of the absolute difference, images in [0, 1]"
    reference = "mmagic MAE"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        assert truth is not None
        return mean_absolute_error(prediction["frames"], truth["frames"])
