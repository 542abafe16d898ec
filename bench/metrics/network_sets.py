"""FID, KID, IS, E-FID and FVD on the networks that define them."""

from __future__ import annotations

import math

import numpy as np

from bench.features.base import VideoFeatures
from bench.metrics.functional.distribution import inception_score, kernel_distance, polynomial_mmd
from bench.metrics.functional.resampling import Statistic, kernel_draws
from bench.metrics.registry import register_metric
from bench.metrics.sets import FrechetMetric, SetMetric

HEUSEL = "Heusel et al., NeurIPS 2017"
EXPRESSION = slice(80, 144)
EXACT_ROWS = 1000
MAX_SCORED_ROWS = 5000


@register_metric
class FidPt(FrechetMetric):
    """FID as pytorch-fid has it."""

    name, variant, default = "fid", "pt", True
    feature, needs, weights = "inception_pt", ("inception_pt",), ("fid_inception",)
    minimal_n = 2048
    definition = (
        "Frechet distance of Inception pool3 features of all frames, frames bilinear at 299 without antialiasing;"
        " exact for fewer frames than 2048, where it is biased upwards"
    )
    reference = f"{HEUSEL}; pytorch-fid"


@register_metric
class FidClean(FrechetMetric):
    """FID with clean-fid's resizing."""

    name, variant = "fid", "clean"
    feature, needs, weights = "inception_clean", ("inception_clean",), ("fid_inception",)
    minimal_n = 2048
    definition = (
        "as fid_pt, frames antialiased bicubic at 299 in floating point, on the ported Inception as pyiqa has it"
    )
    reference = "Parmar et al., CVPR 2022; pyiqa (the micro benchmark: per video, then averaged)"


@register_metric
class FidCleanScript(FrechetMetric):
    """FID as clean-fid has it, on the archive it uses."""

    name, variant = "fid", "clean_ts"
    feature, needs, weights = "inception_clean_ts", ("inception_clean_ts",), ("fid_inception_ts",)
    minimal_n = 2048
    definition = "as fid_clean, on NVIDIA's TorchScript archive of Inception"
    reference = "Parmar et al., CVPR 2022; clean-fid"


@register_metric
class FidScript(FrechetMetric):
    """FID as StyleGAN's metrics have it."""

    name, variant = "fid", "ts"
    feature, needs, weights = "inception_ts", ("inception_ts",), ("fid_inception_ts",)
    minimal_n = 2048
    definition = "as fid_pt, frames resized and scored by NVIDIA's TorchScript archive of Inception"
    reference = f"{HEUSEL}; stylegan2-ada-pytorch metrics"


@register_metric
class FidVico(FrechetMetric):
    """FID of all frames of all videos, the form of ViCo's challenge."""

    name, variant = "fid", "vico"
    feature, needs, weights = "inception_pt", ("inception_pt",), ("fid_inception",)
    minimal_n = 2048
    definition = (
        "fid_pt of the frames of all videos together; the distance is exact where the reference's iterative"
        " square root is biased or explodes"
    )
    reference = "ViCo challenge, TalkingHeadMetrics (piq)"
    pooled_only = True


@register_metric
class Kid(SetMetric):
    """Kernel distance of Inception features."""

    name = "kid"
    higher_is_better, range, paired = False, (-math.inf, math.inf), True
    feature, needs, weights = "inception_pt", ("inception_pt",), ("fid_inception",)
    minimal_n = 50
    definition = (
        "unbiased squared MMD of Inception pool3 features, kernel (x.y / 2048 + 1)^3: of all frames up to 1000 on"
        " either side, else the mean over 100 random subsets of 1000"
    )
    reference = "Binkowski et al., ICLR 2018; preprocessing of pytorch-fid"

    def value(self, sets: list[np.ndarray]) -> float:
        first, second = sets
        if max(len(first), len(second)) <= EXACT_ROWS:
            return polynomial_mmd(first, second)
        return kernel_distance(first, second, subset_size=EXACT_ROWS).mean

    def draws(self, videos: list[list[np.ndarray]]) -> Statistic | None:
        sides = [[sets[side] for sets in videos] for side in (0, 1)]
        return kernel_draws(*sides) if max(sum(map(len, side)) for side in sides) <= EXACT_ROWS else None


@register_metric
class InceptionScore(SetMetric):
    """Inception Score, which means little for faces."""

    name, aliases = "is", ("inception_score",)
    higher_is_better, range, paired = True, (1.0, 1008.0), False
    feature, needs, weights = "inception_logits", ("inception_logits",), ("fid_inception",)
    minimal_n = 50
    definition = (
        "exp of the mean divergence of a frame's class distribution from the mean one, over up to 10 splits of the"
        " shuffled frames (seed 0); 1008 classes, no bias, TensorFlow 1 resizing"
    )
    reference = "Salimans et al., NeurIPS 2016; pyiqa (there in the order of the frames)"

    def value(self, sets: list[np.ndarray]) -> float:
        splits = max(1, min(10, len(sets[0]) // 2))
        return inception_score(sets[0], splits=splits).mean

    def draws(self, videos: list[list[np.ndarray]]) -> Statistic | None:
        rows = [sets[0] for sets in videos]
        if sum(map(len, rows)) > MAX_SCORED_ROWS:
            return None
        return lambda draw: self.value([np.concatenate([rows[i] for i in draw])])


@register_metric
class EfidEdge(FrechetMetric):
    """FID of edge maps of faces."""

    name, variant = "efid", "edge"
    feature, needs, weights = "inception_edges", ("inception_edges",), ("fid_inception",)
    rows_are = "frames with a face"
    minimal_n, comparable = 2048, False
    definition = "fid_pt of Canny edges (100, 200, aperture 3) of the face crop, 0 or 255 on three channels"
    reference = "avatar benchmark's Edge-FID, whose procedure is not published: own reading"


@register_metric
class EfidExpression(FrechetMetric):
    """Frechet distance of expressions."""

    name, variant, aliases = "efid", "exp", ("expression_fid",)
    feature, needs, weights = "deep3d", ("deep3d",), ("deep3d", "deep3d_landmarks")
    rows_are = "frames with a face"
    minimal_n = 64
    definition = "Frechet distance of the 64 expression coefficients of Deep3DFaceRecon of all frames with a face"
    reference = "EMO, Tian et al., ECCV 2024; Hallo (there other face models)"

    def rows(self, video: VideoFeatures) -> np.ndarray:
        return np.asarray(video["deep3d"])[:, EXPRESSION]


@register_metric
class FvdStylegan(FrechetMetric):
    """FVD of clips of 16 frames."""

    name, variant, default = "fvd", "sv", True
    feature, needs, weights = "i3d_clips", ("i3d_clips",), ("i3d",)
    least, rows_are = 1, "clips of 16 frames"
    minimal_n, pooled_only = 400, True
    definition = (
        "Frechet distance of I3D logits (400) of consecutive clips of 16 frames at 25 fps of all videos; 0..255 to"
        " -1..1 and bilinear 224x224 by the published archive"
    )
    reference = "Unterthiner et al., 2018; StyleGAN-V, Skorokhodov et al., CVPR 2022"


@register_metric
class FvdCommon(FrechetMetric):
    """FVD with each whole video as one clip."""

    name, variant = "fvd", "common"
    feature, needs, weights = "i3d_video", ("i3d_video",), ("i3d",)
    least, rows_are = 1, "videos of at least 10 frames"
    minimal_n, pooled_only = 400, True
    definition = (
        "Frechet distance of I3D logits (400) of whole videos (at most 250 frames), shorter side bilinear to 224,"
        " centre crop"
    )
    reference = "common_metrics_on_video_quality"
