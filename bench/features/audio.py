"""Features of the sound at 100 values a second: loudness, onsets, MFCC."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.features.base import AudioExtractor
from bench.features.reader import AUDIO_RATE
from bench.features.registry import register_extractor

WINDOW, STEP, N_FFT, N_MEL, N_CEPS, LIFTER, PREEMPHASIS = 400, 160, 512, 26, 13, 22, 0.97


def windows(signal: np.ndarray) -> np.ndarray:
    """Frames float64 [M,400] of a signal every 160 samples, the tail padded with zeros; M = 1 for short signals."""
    count = 1 if len(signal) <= WINDOW else 1 + int(np.ceil((len(signal) - WINDOW) / STEP))
    padded = np.zeros((count - 1) * STEP + WINDOW)
    padded[: len(signal)] = signal
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP]


def mel_filters() -> np.ndarray:
    """Triangular filters [26,257] on the mel scale from 0 to 8 kHz, as python_speech_features builds them."""
    mel = np.linspace(0, 2595 * np.log10(1 + AUDIO_RATE / 2 / 700), N_MEL + 2)
    bins = np.floor((N_FFT + 1) * 700 * (10 ** (mel / 2595) - 1) / AUDIO_RATE)
    filters = np.zeros((N_MEL, N_FFT // 2 + 1))
    for j in range(N_MEL):
        low, peak, high = (int(b) for b in bins[j : j + 3])
        filters[j, low:peak] = (np.arange(low, peak) - low) / max(peak - low, 1)
        filters[j, peak:high] = (high - np.arange(peak, high)) / max(high - peak, 1)
    return filters


def mfcc(samples: np.ndarray) -> np.ndarray:
    """MFCC float32 [M,13] with the defaults of python_speech_features 0.6.

    Args:
        samples: float [n] at 16 kHz in the units of 16-bit integers: the first coefficient is the log energy.
    """
    from scipy.fft import dct

    signal = np.asarray(samples, np.float64)
    signal = np.concatenate([signal[:1], signal[1:] - PREEMPHASIS * signal[:-1]])
    power = np.abs(np.fft.rfft(windows(signal), N_FFT)) ** 2 / N_FFT
    tiny = np.finfo(float).eps
    energy = power.sum(1)
    energy = np.where(energy == 0, tiny, energy)
    bands = power @ mel_filters().T
    ceps = dct(np.log(np.where(bands == 0, tiny, bands)), type=2, axis=1, norm="ortho")[:, :N_CEPS]
    ceps *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(N_CEPS) / LIFTER)
    ceps[:, 0] = np.log(energy)
    return ceps.astype(np.float32)


@register_extractor
class Sound(AudioExtractor):
    """RMS envelope, onset strength (positive spectral flux of log mel bands) and MFCC."""

    name = "sound"
    provides = ("audio_envelope", "audio_onset", "mfcc")
    cost = 0.1

    def extract(self, samples: np.ndarray) -> Mapping[str, np.ndarray]:
        frames = windows(np.asarray(samples, np.float64))
        bands = np.log1p(1000 * (np.abs(np.fft.rfft(frames * np.hanning(WINDOW), N_FFT)) ** 2) @ mel_filters().T)
        flux = np.maximum(np.diff(bands, axis=0, prepend=bands[:1]), 0).mean(1)
        return {
            "audio_envelope": np.sqrt((frames**2).mean(1)).astype(np.float32),
            "audio_onset": flux.astype(np.float32),
            "mfcc": mfcc(np.asarray(samples, np.float64) * 32768),
        }
