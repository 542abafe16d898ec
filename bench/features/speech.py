"""Where speech is and how loud it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.features.base import AudioExtractor
from bench.features.registry import register_extractor


@register_extractor
class Speech(AudioExtractor):
    """Segments of speech by Silero VAD: `audio_speech` `[K, 2]` in seconds, and `audio_speech_tenths`, rounded as its
    library returns them."""

    name = "speech"
    provides = ("audio_speech", "audio_speech_tenths")
    weights = ("silero_vad",)
    cost = 1.0

    def extract(self, samples: np.ndarray) -> Mapping[str, np.ndarray]:
        from bench.features.network_base import open_on_device
        from bench.metrics.functional.speech import rounded_segments, speech_segments

        segments = speech_segments(open_on_device("silero_vad")(samples)["speech"], len(samples))
        return {"audio_speech": segments, "audio_speech_tenths": rounded_segments(segments, len(samples))}


@register_extractor
class Loudness(AudioExtractor):
    """`audio_volume` `[M]`: RMS of 50 ms about each multiple of 50 ms; `audio_loud` `[K, 2]`: seconds in which it is
    loud, in place of a voice detector."""

    name = "loudness"
    provides = ("audio_volume", "audio_loud")
    cost = 0.1

    def extract(self, samples: np.ndarray) -> Mapping[str, np.ndarray]:
        from bench.metrics.functional.speech import loud_probabilities, speech_segments, volume

        return {
            "audio_volume": volume(samples),
            "audio_loud": speech_segments(loud_probabilities(samples), len(samples)),
        }
