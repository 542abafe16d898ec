"""Head-motion diversity and Beat Align from the PnP pose; the references use Hopenet, hence `_lite`."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.head_motion import (
    BEAT_SIGMA_FRAMES,
    audio_beats,
    beat_align,
    fill_gaps,
    head_motion_diversity,
    motion_beats,
)
from bench.metrics.registry import register_metric
from bench.metrics.scores import clip_score, frames_with

RATE = 25.0
ENVELOPE_RATE = 100.0


@register_metric
class DiversityLite(Metric):
    """How much the head turns in the generated video."""

    name = "diversity_lite"
    aliases = ("head_motion_diversity_lite", "head_diversity_lite")
    higher_is_better, range, unit = True, (0.0, math.inf), "deg"
    needs, paired, comparable, minimal_n = ("pose",), False, False, 25
    definition = "standard deviation over time of yaw, pitch and roll by PnP, mean over the three"
    reference = "after SadTalker, Zhang et al., CVPR 2023 (there Hopenet)"
    pose: ClassVar[str] = "pose"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        pose = sample.prediction[self.pose]
        if len(pose) == 0:
            return VideoScore.missing("no frames")
        seen = frames_with(pose)
        spread = np.nanstd(pose, axis=0) if seen.any() else np.full(3, np.nan)
        return clip_score(
            head_motion_diversity(pose),
            int(seen.sum()),
            int((~seen).sum()),
            reason="fewer than two frames with a face",
            details=dict(zip(("yaw", "pitch", "roll"), spread, strict=True)),
        )


@register_metric
class BeatAlignLite(Metric):
    """How well the head's motion keeps to the beats of the speech.

    Args:
        sigma_sec: tolerance in seconds; 3 frames at 25 fps by default.
    """

    name = "beat_align_lite"
    aliases = ("ba_lite",)
    higher_is_better, range = True, (0.0, 1.0)
    needs, paired, comparable, minimal_n = ("pose", "audio_onset"), False, False, 50
    definition = (
        "mean over audio onsets of exp(-d^2 / (2 sigma^2)), d to the nearest minimum of the head's angular speed"
        " at 25 fps, sigma 3 frames"
    )
    reference = "Bailando, Siyao et al., CVPR 2022 (beat_align_score), on PnP head angles and spectral-flux onsets"
    pose: ClassVar[str] = "pose"

    def __init__(self, sigma_sec: float = BEAT_SIGMA_FRAMES / RATE) -> None:
        self.sigma_sec = sigma_sec

    def measure(self, sample: SampleFeatures) -> VideoScore:
        pose, times = sample.prediction[self.pose], sample.prediction.times
        seen = frames_with(pose)
        missing = int((~seen).sum())
        if seen.sum() < 3:
            return VideoScore.missing("fewer than three frames with a face", missing)
        grid = np.arange(times[0], times[-1] + 1e-9, 1 / RATE)
        unwrapped = np.unwrap(fill_gaps(pose.astype(np.float64)), period=360.0, axis=0)
        angles = np.stack([np.interp(grid, times, column) for column in unwrapped.T], axis=1)
        if len(angles) < 3:
            return VideoScore.missing("shorter than three frames at 25 fps", missing)
        beats = (audio_beats(sample.audio["audio_onset"], ENVELOPE_RATE) - times[0]) * RATE
        beats = beats[(beats >= 0) & (beats <= len(angles) - 1)]
        moves = motion_beats(angles)
        return clip_score(
            beat_align(beats, moves, sigma=self.sigma_sec * RATE),
            int(seen.sum()),
            missing,
            reason="no audio onset" if len(beats) == 0 else "no minimum of the head's speed",
            details={"audio_beats": len(beats), "motion_beats": len(moves)},
        )
