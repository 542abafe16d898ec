"""LPIPS of paired frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bench.features.network_base import device, open_on_device, single_threaded
from bench.metrics.pixels import PairedFrames
from bench.metrics.registry import register_metric

Features = Mapping[str, Any]


class Lpips(PairedFrames):
    """What both trunks share: full resolution, one pair at a time, so that no number depends on its neighbours."""

    name = "lpips"
    higher_is_better, range = False, (0.0, math.inf)
    reference = "Zhang et al., CVPR 2018 (v0.1); InsTaG and TalkingHeadMetrics use alex"
    network: ClassVar[str]

    @single_threaded
    def values(self, prediction: Features, truth: Features | None) -> np.ndarray:
        from bench.features.network_images import unit_tensor

        assert truth is not None
        network, where = open_on_device(self.network), device()
        pairs = zip(prediction["frames"], truth["frames"], strict=True)
        return np.array(
            [float(network(unit_tensor(a).to(where), unit_tensor(b).to(where))["distance"][0]) for a, b in pairs]
        )


@register_metric
class LpipsAlex(Lpips):
    """LPIPS on AlexNet."""

    variant, default = "alex", True
    weights, network = ("alexnet",), "lpips_alex"
    definition = "mean over frames of the LPIPS distance v0.1 on AlexNet, full resolution"


@register_metric
class LpipsVgg(Lpips):
    """LPIPS on VGG-16."""

    variant = "vgg"
    weights, network = ("vgg16",), "lpips_vgg"
    definition = "mean over frames of the LPIPS distance v0.1 on VGG-16, full resolution"
