"""The sound that belongs to a sample, found before anything is seen: silent samples cost no face detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.extraction import Extraction
from bench.inputs import is_sound
from bench.metrics.base import Metric
from bench.suites.sample import Sample
from vfa.errors import VFAError


@dataclass(frozen=True)
class SoundOf:
    """The sound of a sample: its features, and why those that miss are not there."""

    arrays: dict[str, np.ndarray]
    silent: str

    def serves(self, metric: Metric) -> bool:
        """Whether all is there that a metric wants of the sound."""
        return all(need in self.arrays for need in metric.needs if is_sound(need))


def sound_of(sample: Sample, metrics: Sequence[Metric], extraction: Extraction) -> SoundOf:
    """Features of the driving sound: of the layout's file, else the prediction's own, else the truth's."""
    wanted = {need for metric in metrics for need in metric.needs if is_sound(need)}
    why = ""
    if wanted:
        for path in filter(None, (sample.audio, sample.prediction, sample.truth)):
            try:
                arrays, why = extraction.sound(path, wanted)
            except VFAError as error:
                arrays, why = {}, str(error)
            if arrays:
                return SoundOf(arrays, why)
    return SoundOf({}, f"no sound: {why}")
