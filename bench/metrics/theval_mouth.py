"""THEval's silent lip stability and lip-sync, and their stand-ins by loudness alone."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.speech import speech_frames
from bench.metrics.functional.theval_mouth import (
    lip_sync,
    silent_lip_stability,
    silent_openness,
    silent_runs,
    sync_openness,
)
from bench.metrics.registry import register_metric
from bench.metrics.scores import clip_score

REFERENCE = "THEval, arXiv 2511.04520"
VOLUME_STEP = 0.05
FIXED = ("landmarks478", "audio_speech")


class MouthInSound(Metric):
    """What both share: the lips' opening of each frame, and which frames speak.

    `needs` names the landmarks first, then the segments of speech.
    """

    paired, range, minimal_n = False, (0.0, math.inf), 25
    reference = REFERENCE
    form: ClassVar[str]

    def speaking(self, sample: SampleFeatures) -> np.ndarray:
        """Frames of speech, bool [T]; the public code takes the frame number over the rate for a frame's time."""
        video = sample.prediction
        segments = np.asarray(sample.audio[self.needs[1]])
        if self.form == "theval":
            return speech_frames(segments, video.n_frames, float(video.rate))
        mask = np.zeros(video.n_frames, bool)
        for start, end in segments:
            mask |= (video.times >= start) & (video.times <= end)
        return mask


class SilentLips(MouthInSound):
    """How much the lips move while nothing is said."""

    name, higher_is_better, unit = "theval_silent", False, "eye distances"

    def measure(self, sample: SampleFeatures) -> VideoScore:
        points = sample.prediction[self.needs[0]]
        if len(points) == 0:
            return VideoScore.missing("no frames")
        openness, speech = silent_openness(points, variant=self.form), self.speaking(sample)
        rate = float(sample.prediction.rate)
        runs = silent_runs(speech, rate)
        frames = np.concatenate([openness[run] for run in runs]) if runs else np.zeros(0)
        seen = int(np.isfinite(frames).sum())
        return clip_score(
            silent_lip_stability(openness, speech, rate=rate, variant=self.form),
            seen,
            len(frames) - seen,
            reason="no silence of 0.3 s" if not runs else "fewer than two silent frames with a face",
            details={"silent_share": len(frames) / len(openness), "silent_runs": len(runs)},
        )


class LipSyncMetric(MouthInSound):
    """How the lips' opening follows the loudness of speech."""

    name, higher_is_better, range = "theval_sync", False, (0.0, 1.0)

    def measure(self, sample: SampleFeatures) -> VideoScore:
        video = sample.prediction
        points = np.asarray(video[self.needs[0]])
        if len(points) == 0:
            return VideoScore.missing("no frames")
        theval = self.form == "theval"
        openness = sync_openness(points) if theval else silent_openness(points, variant="fixed")
        times = np.arange(len(points)) / float(video.rate) if theval else video.times
        volume = np.asarray(sample.audio["audio_volume"], np.float64)
        loudness = np.interp(times, VOLUME_STEP * np.arange(len(volume)), volume)
        speech = self.speaking(sample)
        found = lip_sync(openness, loudness, speech, rate=float(video.rate), variant=self.form)
        return clip_score(
            found.value,
            found.n_frames,
            int(speech.sum()) - found.n_frames,
            reason="fewer than a tenth of the frames speak" if speech.mean() < 0.1 else "too few frames with a face",
            details={"speech_share": float(speech.mean()), "lag_ms": 1000 * found.lag, "least": found.least},
        )


@register_metric
class SilentTheval(SilentLips):
    """As the public code defines it."""

    variant, default, form = "theval", True, "theval"
    needs, weights = ("mesh_squashed", "audio_speech_tenths"), ("silero_vad",)
    definition = (
        "median |o - mean(o)| of the lips' opening o over all frames in silences of at least 0.3 s (Silero VAD), frame"
        " squashed to 256x256; o is the mean height of 8 inner-lip gaps over the distance of the outer eye corners"
    )


@register_metric
class SilentFixed(SilentLips):
    """Each silence about its own median."""

    variant, form, comparable = "fixed", "fixed", False
    needs, weights = FIXED, ("silero_vad",)
    definition = "mean over silences of at least 0.3 s of the median |o - median(o)|, native aspect, exact VAD borders"


@register_metric
class SilentLite(SilentLips):
    """The same with loudness in place of the voice detector."""

    name, form, comparable = "theval_silent_lite", "fixed", False
    needs = ("landmarks478", "audio_loud")
    definition = "theval_silent_fixed, silence being what is quiet (more than 20 dB below the loud)"
    reference = "own stand-in; after " + REFERENCE


@register_metric
class SyncTheval(LipSyncMetric):
    """As the public code defines it."""

    variant, default, form = "theval", True, "theval"
    needs, weights = ("mesh_swapped", "audio_speech_tenths", "audio_volume"), ("silero_vad",)
    definition = (
        "mean over frames of speech (Silero VAD) with a face of |opening - volume|, both scaled to 0..1 by their"
        " extremes; FaceMesh of frames with red and blue exchanged, RMS of 50 ms of the sound at 16 kHz"
    )


@register_metric
class SyncFixed(LipSyncMetric):
    """Scaled by percentiles, in two dimensions, with the best lag beside it."""

    variant, form, comparable = "fixed", "fixed", False
    needs, weights = (*FIXED, "audio_volume"), ("silero_vad",)
    definition = "as theval_sync_theval on RGB, 2D eye distance, scaled by the 5th and 95th percentile and clipped"


@register_metric
class SyncLite(LipSyncMetric):
    """The same with loudness in place of the voice detector."""

    name, form, comparable = "theval_sync_lite", "fixed", False
    needs = ("landmarks478", "audio_loud", "audio_volume")
    definition = "theval_sync_fixed, speech being what is loud (at most 20 dB below the loudest)"
    reference = "own stand-in; after " + REFERENCE
