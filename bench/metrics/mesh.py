"""Metrics of vertex sequences: LVE, MVE, FDD, MOD, MTM and Chamfer distance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.mesh import (
    check_region,
    face_dynamics_deviation,
    lip_vertex_error,
    mean_vertex_error,
    mouth_opening_difference,
)
from bench.metrics.functional.surface import chamfer_distance
from bench.metrics.functional.timing import temporal_misalignment
from bench.metrics.registry import register_metric
from bench.metrics.scores import clip_score, frame_score
from vfa.errors import InputError

Region = Sequence[int] | np.ndarray | str | Path | None


def read_array(given: Region, sample: SampleFeatures, name: str) -> np.ndarray:
    """An array that a metric needs beside the vertices.

    Args:
        given: the metric's option: values, a `.npy` file, or a text file of whole numbers (as BIWI's `lve.txt`);
            None takes the array of this name that lies beside the truth's (or prediction's) vertices in their `.npz`.
        sample: where it is looked for.
        name: of the option and of the array.

    Raises:
        InputError: it is nowhere, or the file cannot be read.
    """
    if given is None:
        for video in (sample.truth, sample.prediction):
            if video is not None and name in video:
                return np.asarray(video[name])
        raise InputError(
            f"the mesh metric needs `{name}`",
            path=sample.id,
            expected=f"an array `{name}` beside `vertices` in the .npz of the truth, or the option {name}=FILE",
        )
    if not isinstance(given, str | Path):
        return np.asarray(given)
    path = Path(given)
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        return np.array(path.read_text().replace(",", " ").split(), dtype=np.int64)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read `{name}`", path=path, expected="whole numbers", found=str(error)) from error


class MeshMetric(Metric):
    """What metrics of vertex sequences share. The unit is that of the vertices; lengths are cut to the shorter one."""

    needs, paired, warpable = ("vertices",), True, True
    higher_is_better: ClassVar[bool | None] = False
    range, unit = (0.0, math.inf), "length"

    def per_frame(self, prediction: np.ndarray, truth: np.ndarray, sample: SampleFeatures) -> np.ndarray:
        """One value for each pair of frames, `[N]`."""
        raise TypeError(f"metric {self.id()} lacks per_frame()")

    def measure(self, sample: SampleFeatures) -> VideoScore:
        prediction, truth = sample.aligned("vertices")
        if len(truth) == 0:
            return VideoScore.missing("no frames to compare")
        values = self.per_frame(prediction, truth, sample)
        return frame_score(sample.per_reference(values), reason="no finite vertex in any frame")


class LipMetric(MeshMetric):
    """A mesh metric of the lip region.

    Args:
        lips: lip vertex indices, or a file of them; see `read_array`.
    """

    def __init__(self, lips: Region = None) -> None:
        self.lips = lips


class Lve(LipMetric):
    """What the variants of LVE share."""

    name = "lve"
    form: ClassVar[str]

    def per_frame(self, prediction: np.ndarray, truth: np.ndarray, sample: SampleFeatures) -> np.ndarray:
        return lip_vertex_error(prediction, truth, read_array(self.lips, sample, "lips"), variant=self.form)


@register_metric
class LveSquaredMax(Lve):
    """Largest squared lip error."""

    variant, default, form, unit = "sq_max", True, "sq-max", "length^2"
    definition = "mean over frames of the largest squared distance of a lip vertex"
    reference = "MeshTalk, Richard et al., ICCV 2021; CodeTalker; torchmetrics lip_vertex_error"


@register_metric
class LveMax(Lve):
    """Largest lip error."""

    variant, form = "l2_max", "l2-max"
    definition = "mean over frames of the largest distance of a lip vertex"
    reference = "the wording of papers that print a length"


@register_metric
class LveMean(Lve):
    """Mean lip error."""

    variant, form = "l2_mean", "l2-mean"
    definition = "mean over frames and lip vertices of the distance"
    reference = "variant of LVE"


@register_metric
class Mve(MeshMetric):
    """Mean error of all vertices."""

    name, aliases = "mve", ("fve",)
    definition = "mean over frames and vertices of the distance"
    reference = "FaceDiffuser, Stan et al., MIG 2023; ProbTalk3D"

    def per_frame(self, prediction: np.ndarray, truth: np.ndarray, sample: SampleFeatures) -> np.ndarray:
        return mean_vertex_error(prediction, truth)


@register_metric
class Mod(LipMetric):
    """Difference of the mouth's opening."""

    name = "mod"
    definition = "mean over frames of |opening - opening of the truth|, opening being the lip region's vertical extent"
    reference = "DiffPoseTalk, Sun et al., SIGGRAPH 2024"

    def per_frame(self, prediction: np.ndarray, truth: np.ndarray, sample: SampleFeatures) -> np.ndarray:
        return mouth_opening_difference(prediction, truth, read_array(self.lips, sample, "lips"))


class Fdd(MeshMetric):
    """What the variants of FDD share.

    Args:
        upper: upper-face vertex indices, or a file of them; see `read_array`.
        neutral: neutral face `[V, 3]`, or a `.npy` file; see `read_array`. Not used by the variant `l2`.
    """

    name = "fdd"
    warpable = False
    reference = "CodeTalker, Xing et al., CVPR 2023; FaceDiffuser"
    form: ClassVar[str]

    def __init__(self, upper: Region = None, neutral: np.ndarray | str | Path | None = None) -> None:
        self.upper, self.neutral = upper, neutral

    def measure(self, sample: SampleFeatures) -> VideoScore:
        prediction, truth = sample.aligned("vertices")
        if len(truth) < 2:
            return VideoScore.missing("fewer than two frames", len(truth))
        upper = read_array(self.upper, sample, "upper")
        neutral = None if self.form == "l2" else read_array(self.neutral, sample, "neutral")
        value = face_dynamics_deviation(prediction, truth, upper, neutral, variant=self.form)
        return clip_score(value, len(truth), 0, reason="a vertex is not finite")


@register_metric
class FddAbs(Fdd):
    """Magnitude of the difference of upper-face dynamics."""

    variant, default, form, unit = "abs", True, "abs", "length^2"
    definition = (
        "mean over clips of |difference of the upper face's dynamics| (deviation of squared distance from neutral)"
    )


@register_metric
class FddSigned(Fdd):
    """Difference of upper-face dynamics with its sign."""

    variant, form, unit = "signed", "signed", "length^2"
    higher_is_better, range = None, (-math.inf, math.inf)
    definition = "as fdd_abs with sign: truth minus prediction; 0 is best, errors of opposite sign cancel"


@register_metric
class FddL2(Fdd):
    """Difference of upper-face dynamics, not squared."""

    variant, form = "l2", "l2"
    definition = "as fdd_abs with distances from the sequence's mean, not squared, sample deviation"


@register_metric
class Mtm(MeshMetric):
    """Timing error of the mouth's opening and closing on a mesh.

    Args:
        lip_gap: the two vertices whose distance is the lip gap (3531 and 3504 on FLAME); see `read_array`.
        radius: widest warp in seconds; None for no limit.
    """

    name = "mtm"
    unit, warpable, minimal_n = "ms", False, 25
    definition = "mean |lag| of matched extrema of the lip gap under time warping; see match_rate beside it"
    reference = "Perceptually accurate 3D talking heads, Chae-Yeon et al., CVPR 2025"

    def __init__(self, lip_gap: Region = None, radius: float | None = None) -> None:
        self.lip_gap, self.radius = lip_gap, radius

    def measure(self, sample: SampleFeatures) -> VideoScore:
        pair = read_array(self.lip_gap, sample, "lip_gap")
        curves = []
        for points in sample.aligned("vertices"):
            upper, lower = check_region(pair, points.shape[1], "lip gap")
            curves.append(np.linalg.norm(points[:, upper] - points[:, lower], axis=-1))
        if len(curves[0]) < 3:
            return VideoScore.missing("fewer than three frames", len(curves[0]))
        found = temporal_misalignment(curves[0], curves[1], rate=float(sample.rate), radius=self.radius)
        return clip_score(
            found.milliseconds,
            len(curves[0]),
            0,
            reason="no extremum of the lip gap has a match",
            details={"signed_lag_ms": found.signed, "match_rate": found.match_rate},
        )


class Chamfer(MeshMetric):
    """What the variants of the Chamfer distance share; the vertices themselves are the points."""

    name = "chamfer"
    form: ClassVar[str]

    def per_frame(self, prediction: np.ndarray, truth: np.ndarray, sample: SampleFeatures) -> np.ndarray:
        pairs = zip(prediction, truth, strict=True)
        return np.array([chamfer_distance(p, t, variant=self.form) for p, t in pairs])


@register_metric
class ChamferL2(Chamfer):
    """Chamfer distance of lengths, both directions added."""

    variant, default, form = "l2", True, "l2"
    definition = "mean over frames of the mean nearest-vertex distance one way plus the other; no correspondence needed"
    reference = "Fan et al., CVPR 2017"


@register_metric
class ChamferSquared(Chamfer):
    """Chamfer distance of squared lengths, both directions added."""

    variant, form, unit = "sq", "sq", "length^2"
    definition = "as chamfer_l2 with squared distances"
    reference = "pytorch3d chamfer_distance"
