"""Where speech is: segments from the probabilities of a voice detector, or from loudness alone."""

from __future__ import annotations

import numpy as np

RATE = 16000
WINDOW = 512
START, END = 0.5, 0.35
MIN_SPEECH, MIN_SILENCE, PAD = 4000, 1600, 480
"""Samples at 16 kHz: 250, 100 and 30 ms."""


def speech_segments(probabilities: np.ndarray, n_samples: int) -> np.ndarray:
    """Segments of speech by the rule of `get_speech_timestamps` of silero-vad with its defaults.

    Speech begins where the probability reaches 0.5 and ends where it fell below 0.35 and stayed under 0.5 for 100 ms;
    what is not longer than 250 ms is dropped; each end is moved outwards by 30 ms, or half of the gap.

    Args:
        probabilities: `[n]`, one per 512 samples at 16 kHz.
        n_samples: length of the sound.

    Returns:
        float64 `[K, 2]`, first and last second of each segment.

    Example:
        >>> speech_segments(np.array([0, 0.9] + [0.9] * 20 + [0] * 10), 32 * 512).tolist()
        [[0.002, 0.734]]
    """
    return _padded(_raw_segments(np.asarray(probabilities, np.float64), n_samples), n_samples) / RATE


def _raw_segments(probabilities: np.ndarray, n_samples: int) -> list[list[int]]:
    found: list[list[int]] = []
    start, quiet = -1, -1
    for i, probability in enumerate(probabilities):
        here = i * WINDOW
        if probability >= START:
            start, quiet = (here if start < 0 else start), -1
        elif probability < END and start >= 0:
            # The original takes a pause that begins at sample 0 for none; it cannot: speech came before it.
            quiet = here if quiet < 0 else quiet
            if here - quiet >= MIN_SILENCE:
                if quiet - start > MIN_SPEECH:
                    found.append([start, quiet])
                start, quiet = -1, -1
    if start >= 0 and n_samples - start > MIN_SPEECH:
        found.append([start, n_samples])
    return found


def _padded(found: list[list[int]], n_samples: int) -> np.ndarray:
    for i, segment in enumerate(found):
        if i == 0:
            segment[0] = max(0, segment[0] - PAD)
        if i == len(found) - 1:
            segment[1] = min(n_samples, segment[1] + PAD)
            continue
        gap = found[i + 1][0] - segment[1]
        widening = gap // 2 if gap < 2 * PAD else PAD
        segment[1] = min(n_samples, segment[1] + widening)
        found[i + 1][0] = max(0, found[i + 1][0] - widening)
    return np.array(found, np.float64).reshape(-1, 2)


def rounded_segments(segments: np.ndarray, n_samples: int) -> np.ndarray:
    """Segments `[K, 2]` as the library gives them in seconds: rounded to a tenth, ends not after the sound's."""
    rounded = np.array([[round(float(a), 1), round(float(b), 1)] for a, b in segments], np.float64).reshape(-1, 2)
    return np.column_stack([np.maximum(rounded[:, 0], 0.0), np.minimum(rounded[:, 1], n_samples / RATE)])


def loud_probabilities(samples: np.ndarray) -> np.ndarray:
    """A stand-in for a voice detector: 1 for windows within 20 dB of the loud ones (95th percentile) that are also
    10 dB above the quiet ones (5th) or above -60 dB full scale where nothing is quiet; else 0.

    Args:
        samples: float `[n]` in -1..1 at 16 kHz.

    Returns:
        float64 `[ceil(n / 512)]`.
    """
    samples = np.asarray(samples, np.float64)
    count = -(-len(samples) // WINDOW)
    padded = np.zeros(count * WINDOW)
    padded[: len(samples)] = samples
    if count == 0:
        return np.zeros(0)
    level = 10 * np.log10((padded.reshape(count, WINDOW) ** 2).mean(axis=1) + 1e-12)
    quiet, loud = np.percentile(level, [5, 95])
    floor = max(loud - 20.0, -60.0)
    if loud - quiet > 20.0:
        floor = max(floor, quiet + 10.0)
    return (level >= floor).astype(np.float64)


def speech_frames(segments: np.ndarray, n_frames: int, rate: float) -> np.ndarray:
    """Which frames THEval counts as speech, bool `[n_frames]`: floor(start * rate) to floor(end * rate), both ends in.

    Example:
        >>> speech_frames(np.array([[0.1, 0.2]]), 8, 25.0).astype(int).tolist()
        [0, 0, 1, 1, 1, 1, 0, 0]
    """
    mask = np.zeros(n_frames, bool)
    for start, end in segments:
        mask[int(start * rate) : int(end * rate) + 1] = True
    return mask


def volume(samples: np.ndarray, rate: int = RATE, seconds: float = 0.05) -> np.ndarray:
    """RMS of windows of `seconds` whose centres lie at multiples of `seconds`, silence outside, `[1 + n // window]`
    (librosa.feature.rms with equal window and hop)."""
    window = int(rate * seconds)
    padded = np.pad(np.asarray(samples, np.float64), window // 2)
    count = 1 + (len(padded) - window) // window
    return np.sqrt((padded[: count * window].reshape(count, window) ** 2).mean(axis=1))
