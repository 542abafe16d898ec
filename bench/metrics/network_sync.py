"""LSE-C, LSE-D and the offset by SyncNet, over all face tracks of a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.features.base import SampleFeatures
from bench.metrics.base import Metric, VideoScore
from bench.metrics.functional.sync import SyncScore, sync_distances, sync_score
from bench.metrics.registry import register_metric

MIN_TRACK = 100
"""Frames that a track needs in the original; where no track has them, shorter ones count and are flagged."""


@dataclass(frozen=True)
class TrackScore:
    """The score of one track and how many windows it rests on."""

    score: SyncScore
    windows: int


def score_tracks(lips: np.ndarray, tracks: np.ndarray, audio: np.ndarray) -> list[TrackScore]:
    """Scores of tracks.

    Args:
        lips: embeddings `[N, 1024]` of all tracks, one after another.
        tracks: `[K, 3]`: first frame, windows, frames.
        audio: embeddings `[M, 1024]` of the whole sound.
    """
    found, place = [], 0
    for first, windows, _ in tracks.astype(int):
        count = min(windows, max(len(audio) - first, 0))
        if count > 0:
            table = sync_distances(lips[place : place + count], audio[first : first + count])
            found.append(TrackScore(sync_score(table), count))
        place += windows
    return found


class SyncNetMetric(Metric):
    """What the numbers of SyncNet share: a mean over tracks by their length, then over videos."""

    needs, weights = ("sync_lips", "sync_tracks", "sync_audio"), ("syncnet", "s3fd")
    paired, minimal_n = False, 100
    reference = "Chung and Zisserman 2016; Prajwal et al., ACM MM 2020 (Wav2Lip): syncnet_python, in memory"

    def number(self, score: SyncScore) -> float:
        """The number of one track."""
        raise TypeError(f"metric {self.id()} lacks number()")

    def measure(self, sample: SampleFeatures) -> VideoScore:
        tracks = np.asarray(sample.prediction["sync_tracks"])
        n_frames = len(sample.prediction.times)
        if len(tracks) == 0:
            return VideoScore.missing("no face track longer than 25 frames and larger than 100 pixels", n_frames)
        long = tracks[:, 2] > MIN_TRACK
        lips = np.asarray(sample.prediction["sync_lips"])
        if long.any():
            owner = np.repeat(np.arange(len(tracks)), tracks[:, 1].astype(int))
            lips, tracks = lips[long[owner]], tracks[long]
        scores = score_tracks(lips, tracks, np.asarray(sample.audio["sync_audio"]))
        if not scores:
            return VideoScore.missing("the sound ends before the face appears", n_frames)
        weight = np.array([track.windows for track in scores], np.float64)
        offsets = np.array([track.score.offset for track in scores], np.float64)
        values = np.array([self.number(track.score) for track in scores])
        return VideoScore(
            float(values @ weight / weight.sum()),
            int(weight.sum()),
            details={
                "offset_frames": float(offsets @ weight / weight.sum()),
                "within_one_frame": float((np.abs(offsets) <= 1) @ weight / weight.sum()),
                "tracks": float(len(scores)),
                "short_tracks": float(not long.any()),
            },
        )


@register_metric
class LseC(SyncNetMetric):
    """How clearly one offset stands out."""

    name, aliases = "lse_c", ("sync", "sync_c", "avconf", "sync_confidence")
    higher_is_better, range = True, (0.0, float("inf"))
    definition = "median minus minimum over 31 offsets of the mean distance of SyncNet's lip and audio embeddings"

    def number(self, score: SyncScore) -> float:
        return score.confidence


@register_metric
class LseD(SyncNetMetric):
    """How far lips and sound are apart at the best offset."""

    name, aliases = "lse_d", ("sync_d", "min_dist")
    higher_is_better, range = False, (0.0, float("inf"))
    definition = "minimum over 31 offsets of the mean distance of SyncNet's lip and audio embeddings"

    def number(self, score: SyncScore) -> float:
        return score.distance


@register_metric
class AvOffset(SyncNetMetric):
    """How far lips and sound are out of step."""

    name, aliases = "av_offset", ("avoffset",)
    higher_is_better, range, unit = False, (0.0, 15.0), "frames at 25 fps"
    definition = (
        "|offset| at which SyncNet's distance is least; the signed one (> 0: the audio leads) is in the details"
    )

    def number(self, score: SyncScore) -> float:
        return float(abs(score.offset))
