"""CPBD: sharpness of each frame without a reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.metrics.base import PerFrameMetric
from bench.metrics.functional.cpbd import cpbd, to_gray
from bench.metrics.registry import register_metric

Features = Mapping[str, Any]


class Cpbd(PerFrameMetric):
    """What both variants share."""

    name = "cpbd"
    higher_is_better, range = True, (0.0, 1.0)
    needs, paired = ("frames",), False
    reference = "Narvekar and Karam, IEEE TIP 20(9), 2011"

    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        gray = to_gray(prediction["frames"])
        return np.array([cpbd(image, variant=self.variant) for image in gray])

    def why_missing(self, n: int) -> str:
        return "no edge could be measured: frames are flat or smaller than 64x64" if n else super().why_missing(n)


@register_metric
class CpbdCompat(Cpbd):
    """CPBD as the published Python code computes it."""

    variant, default = "compat", True
    definition = "share of edge pixels in edge blocks whose blur probability is at most 63 %; Canny on 0 to 255"


@register_metric
class CpbdStrict(Cpbd):
    """CPBD with Canny on [0, 1] and true edge angles."""

    variant = "strict"
    comparable = False
    definition = "as cpbd_compat, with Canny on images in [0, 1] and vertical gradients left out"
