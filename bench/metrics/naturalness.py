"""NIQE with the published pristine parameters, and a stand-in fitted on the ground truth."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bench.features.base import Chunk, Extractor, SampleFeatures
from bench.features.registry import register_extractor
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.niqe import (
    N_FEATURES,
    PristineModel,
    block_features,
    fit_pristine,
    load_pristine,
    luma,
    niqe_distance,
)
from bench.metrics.registry import register_metric
from bench.metrics.scores import frame_score
from vfa.errors import InputError

EVERY = 5
TOO_SMALL = "frames hold fewer than two textured blocks of 96x96 pixels"


@register_extractor
class NaturalSceneStatistics(Extractor):
    """The 36 statistics of each 96x96 block of every fifth frame, `[n, B, 36]`."""

    name = "niqe_statistics"
    provides = ("niqe_blocks",)
    cost = 4.0

    def __init__(self) -> None:
        self._blocks: list[np.ndarray] = []

    def update(self, chunk: Chunk) -> Mapping[str, np.ndarray]:
        for index, frame in zip(chunk.index, chunk["frames"], strict=True):
            if index % EVERY == 0:
                self._blocks.append(block_features(luma(frame[None])[0]))
        return {}

    def finish(self) -> Mapping[str, np.ndarray]:
        return {"niqe_blocks": np.stack(self._blocks) if self._blocks else np.empty((0, 0, N_FEATURES))}


def distances(blocks: np.ndarray, pristine: PristineModel) -> np.ndarray:
    """NIQE of each sampled frame, `[n]`."""
    return np.array([niqe_distance(frame, pristine) for frame in blocks])


@register_metric
class Niqe(Metric):
    """NIQE with the published parameters; unavailable without their file."""

    name = "niqe"
    higher_is_better, range = False, (0.0, math.inf)
    needs, paired, weights = ("niqe_blocks",), False, ("niqe",)
    definition = "mean over every fifth frame of the distance of block statistics from pristine ones; full-range luma"
    reference = "Mittal, Soundararajan and Bovik, IEEE SPL 20(3), 2013; pyiqa"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        pristine = load_pristine(self.weight("niqe"))
        return frame_score(distances(sample.prediction["niqe_blocks"], pristine), reason=TOO_SMALL)


@register_metric
class NiqeGtLite(Metric):
    """NIQE whose pristine model is fitted on the ground truth's own frames."""

    name = "niqe_gt_lite"
    higher_is_better, range = False, (0.0, math.inf)
    needs, paired, comparable = ("niqe_blocks",), True, False
    definition = "NIQE with the Gaussian fitted on every fifth frame of the ground truth in place of pristine images"
    reference = "own definition after NIQE"
    minimal_n = 2

    def measure(self, sample: SampleFeatures) -> VideoScore:
        assert sample.truth is not None
        truth = sample.truth["niqe_blocks"]
        try:
            pristine = fit_pristine(truth.reshape(-1, N_FEATURES))
        except InputError as error:
            return VideoScore.missing(f"ground truth: {error.what}", len(truth))
        return frame_score(distances(sample.prediction["niqe_blocks"], pristine), reason=TOO_SMALL)
