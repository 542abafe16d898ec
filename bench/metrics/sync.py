"""Weight-free lip synchronisation; LSE-C and LSE-D themselves need SyncNet."""

from __future__ import annotations

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.landmarks import lip_opening
from bench.metrics.functional.sync import MIN_OVERLAP, sync_lite
from bench.metrics.registry import register_metric
from bench.metrics.scores import frames_with

RATE = 25.0
ENVELOPE_STEP = 0.01
ENVELOPE_CENTRE = 0.0125


@register_metric
class SyncLite(Metric):
    """How clearly one lag stands out between the mouth's opening and the loudness.

    Loudness is a weak proxy of the mouth: on real speech several lags may correlate about equally, so compare methods
    on many clips and do not read the offset of a single one.
    """

    name = "sync_lite"
    higher_is_better, range = True, (-1.0, 2.0)
    needs, paired, comparable, minimal_n = ("landmarks68", "audio_envelope"), False, False, 75
    definition = (
        "peak minus median over lags of +-15 frames (25 fps) of the correlation of inner-lip gap and loudness;"
        " offset > 0 where the audio leads"
    )
    reference = "own stand-in for SyncNet's confidence"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        points, times = sample.prediction["landmarks68"], sample.prediction.times
        seen = frames_with(points)
        missing = int((~seen).sum())
        if len(points) < 2 or not seen.any():
            return VideoScore.missing("no face in any frame", missing)
        grid = np.arange(times[0], times[-1] + 1e-9, 1 / RATE)
        envelope = sample.audio["audio_envelope"]
        sound = ENVELOPE_CENTRE + ENVELOPE_STEP * np.arange(len(envelope))
        grid = grid[grid <= sound[-1]] if len(sound) else grid[:0]
        # Interpolation hands on the NaN of a missing neighbour, so gaps stay gaps.
        opening = np.interp(grid, times, lip_opening(points)) if len(grid) else grid
        loudness = np.interp(grid, sound, envelope) if len(grid) else grid
        found = sync_lite(opening, loudness) if len(grid) else None
        if found is None:
            return VideoScore.missing(f"fewer than {MIN_OVERLAP} frames with face and sound at some lag", missing)
        return VideoScore(
            found.confidence,
            int(seen.sum()),
            missing,
            details={"offset_frames": float(found.offset), "peak_correlation": 1.0 - found.distance},
        )
