"""The metrics of 68 landmarks on those of FAN, by which papers compute them."""

from __future__ import annotations

from typing import ClassVar

from bench.metrics.landmarks import Akd, Lmd, MouthOverlap
from bench.metrics.registry import register_metric

BY_FAN = "; landmarks by FAN (face_alignment), of the largest face"
FAN = ("fan", "s3fd_fan")


class _Plain:
    """FAN without the mirrored picture, as InsTaG and FOMM run it."""

    needs: ClassVar[tuple[str, ...]] = ("landmarks68_fan",)
    weights: ClassVar[tuple[str, ...]] = FAN
    comparable: ClassVar[bool] = True


class _Flipped(_Plain):
    """FAN with the mirrored picture, as ViCo runs it."""

    needs: ClassVar[tuple[str, ...]] = ("landmarks68_fan_flip",)


@register_metric
class LmdCenteredFan(_Plain, Lmd):
    """Lip distance after each set's mean is removed."""

    variant, form = "centered_fan", "centered"
    definition = "mean over frames and the 20 lip points of the distance after each set's own mean is removed" + BY_FAN
    reference = "InsTaG, ER-NeRF, TalkingGaussian"


@register_metric
class LmdVicoFan(_Flipped, Lmd):
    """Lip coordinates compared as they are."""

    variant, form = "vico_fan", "vico"
    definition = "mean over frames and lip points of |dx| and |dy| in absolute pixels" + BY_FAN
    reference = "ViCo challenge, TalkingHeadMetrics (there the first face of an unsorted list)"


@register_metric
class FaceLmdFan(_Plain, Lmd):
    """Centred distance of all 68 points."""

    name, variant, form = "f_lmd", "fan", "centered"
    region = "face"
    definition = "mean over frames and all 68 points of the distance after each set's own mean is removed" + BY_FAN
    reference = "Chen et al., ECCV 2018 (centred as InsTaG)"


@register_metric
class MouthOuterFan(_Plain, MouthOverlap):
    """Overlap of the outer lip contours; no paper defines it, so it stays an own number."""

    variant, comparable = "outer_fan", False
    definition = "mean over frames of the intersection over union of the outer lip polygons" + BY_FAN


@register_metric
class AkdL1Fan(_Plain, Akd):
    """Mean coordinate difference of 68 points at 256x256."""

    variant = "l1_fan"
    definition = "mean over frames and 68 points of |dx| and |dy|, frames scaled to 256x256" + BY_FAN
