"""Metrics of feature sets: a number for each video, and the pooled one of the sets of all videos together.

The features are too wide for sufficient statistics in the journal (2048 numbers a frame), so the engine keeps each
sample's sets in a file beside its per-frame values, and the pooled value reads those files in the order of the samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.features.base import SampleFeatures, VideoFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.frechet import Moments, frechet_distance, frechet_from_moments
from bench.metrics.functional.resampling import Statistic, frechet_draws
from bench.store import StoreError, read_arrays

MAX_ROWS = 8192
"""Rows of a side above which the Frechet distance is made of moments, whose size does not grow."""


class SetMetric(Metric):
    """A metric of one set of features, or of two.

    Class attributes:
        feature: the feature whose rows are the set; rows with NaN are left out.
        least: rows without which a video gives no number.
        rows_are: what a row is, for messages.
    """

    feature: ClassVar[str]
    least: ClassVar[int] = 2
    rows_are: ClassVar[str] = "frames"

    def rows(self, video: VideoFeatures) -> np.ndarray:
        """The set of one video, `[N, D]`."""
        return np.asarray(video[self.feature])

    def value(self, sets: list[np.ndarray]) -> float:
        """The number of the set(s), float64: prediction, and truth where `paired`."""
        raise TypeError(f"metric {self.id()} lacks value()")

    def measure(self, sample: SampleFeatures) -> VideoScore:
        sides = {"prediction": sample.prediction}
        if self.paired:
            assert sample.truth is not None
            sides["truth"] = sample.truth
        sets, missing = {}, 0
        for side, video in sides.items():
            rows = self.rows(video)
            good = np.isfinite(rows).all(axis=1)
            missing += int((~good).sum())
            sets[f"{self.feature}.{side}"] = rows[good].astype(np.float32)
        fewest = min(len(rows) for rows in sets.values())
        if fewest < self.least:
            return VideoScore.missing(f"{fewest} {self.rows_are}, and {self.least} are needed", missing)
        arrays = [rows.astype(np.float64) for rows in sets.values()]
        score = VideoScore(self.value(arrays), len(arrays[0]), missing, sets=sets)
        if self.paired:
            score.details = {"n_prediction": float(len(arrays[0])), "n_truth": float(len(arrays[1]))}
        return score

    def pool(self, statistics: np.ndarray) -> float:
        """Sets cannot be pooled from statistics: see `pool_files`. Gives the value of a single video."""
        return float(statistics[0, 0] / statistics[0, 1]) if len(statistics) == 1 else math.nan

    def pool_files(self, paths: Iterable[Path]) -> float:
        """The value of the sets of all these samples together, in their order.

        Raises:
            StoreError: a file of sets is missing or damaged.
        """
        return self.pool_sets(self._read(path) for path in paths)

    def pool_sets(self, videos: Iterable[list[np.ndarray]]) -> float:
        """The value of the sets of all videos together."""
        sides = zip(*videos, strict=True)
        return self.value([np.concatenate(parts) for parts in sides])

    def draws_of_files(self, paths: Iterable[Path]) -> Statistic | None:
        """The value of draws of these samples, for the bootstrap; None where that would cost too much.

        Raises:
            StoreError: a file of sets is missing or damaged.
        """
        return self.draws([self._read(path) for path in paths])

    def _read(self, path: Path) -> list[np.ndarray]:
        sides = ("prediction", "truth") if self.paired else ("prediction",)
        return _read_sets(path, [f"{self.feature}.{side}" for side in sides])

    def draws(self, videos: list[list[np.ndarray]]) -> Statistic | None:
        """The value of draws of videos, each given by its set(s); None where that would cost too much."""
        return None


def _read_sets(path: Path, names: list[str]) -> list[np.ndarray]:
    arrays = read_arrays(path)
    if arrays is None or any(name not in arrays for name in names):
        raise StoreError(
            "the feature sets of a sample are missing or damaged",
            path=path,
            expected=", ".join(names),
            hint="score again with --overwrite always",
        )
    return [arrays[name].astype(np.float64) for name in names]


class FrechetMetric(SetMetric):
    """A Frechet distance between the prediction's and the truth's features."""

    higher_is_better, range = False, (0.0, math.inf)
    paired = True

    def value(self, sets: list[np.ndarray]) -> float:
        return frechet_distance(sets[0], sets[1])

    def draws(self, videos: list[list[np.ndarray]]) -> Statistic | None:
        return frechet_draws([sets[0] for sets in videos], [sets[1] for sets in videos])

    def pool_sets(self, videos: Iterable[list[np.ndarray]]) -> float:
        """As `frechet_distance` of all rows; from moments, which merge exactly, once there are many."""
        kept: list[list[np.ndarray]] = [[], []]
        moments: list[Moments | None] = [None, None]
        for sets in videos:
            for side in (0, 1):
                kept[side].append(sets[side])
            if max(sum(len(rows) for rows in side) for side in kept) > MAX_ROWS:
                moments = [_joined(moments[side], kept[side]) for side in (0, 1)]
                kept = [[], []]
        if moments[0] is None:
            return frechet_distance(np.concatenate(kept[0]), np.concatenate(kept[1]))
        first, second = (_joined(moments[side], kept[side]) for side in (0, 1))
        return frechet_from_moments(first, second)


def _joined(moments: Moments | None, parts: list[np.ndarray]) -> Moments:
    """Moments of all rows so far."""
    for rows in parts:
        own = Moments.of(rows)
        moments = own if moments is None else moments + own
    assert moments is not None
    return moments
