"""Mel-frequency cepstral coefficients with the defaults SyncNet was trained on (python_speech_features 0.6)."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_float

SAMPLE_RATE = 16000
WINDOW = 400
HOP = 160
FFT_SIZE = 512
N_FILTERS = 26
N_COEFFICIENTS = 13
LIFTER = 22
PRE_EMPHASIS = 0.97


def mel_filters() -> np.ndarray:
    """Triangular filters, equally spaced in mel from 0 to 8000 Hz, float64 `[26, 257]`, not normalised."""
    highest = 2595.0 * np.log10(1.0 + SAMPLE_RATE / 2 / 700.0)
    hertz = 700.0 * (10.0 ** (np.linspace(0.0, highest, N_FILTERS + 2) / 2595.0) - 1.0)
    edges = np.floor((FFT_SIZE + 1) * hertz / SAMPLE_RATE)
    bins = np.arange(FFT_SIZE // 2 + 1)
    filters = np.zeros((N_FILTERS, bins.size))
    for j in range(N_FILTERS):
        low, centre, high = edges[j : j + 3]
        rising, falling = (bins >= low) & (bins < centre), (bins >= centre) & (bins < high)
        filters[j, rising] = (bins[rising] - low) / (centre - low)
        filters[j, falling] = (high - bins[falling]) / (high - centre)
    return filters


def mfcc(samples: np.ndarray) -> np.ndarray:
    """13 coefficients every 10 ms of 25 ms rectangular windows; column 0 is the log energy.

    Args:
        samples: `[N]` mono at 16 kHz, in int16 units (not scaled to 1: column 0 depends on the scale).

    Returns:
        float64 `[F, 13]`; F is 1 up to 400 samples, else `1 + ceil((N - 400) / 160)`.

    Raises:
        InputError: not `[N]`, or empty.

    Example:
        >>> mfcc(np.zeros(16000)).shape
        (99, 13)
    """
    from scipy.fft import dct

    signal = as_float(samples, "audio samples", (None,))
    signal = np.append(signal[0], signal[1:] - PRE_EMPHASIS * signal[:-1])
    count = 1 + max(0, int(np.ceil((len(signal) - WINDOW) / HOP)))
    padded = np.pad(signal, (0, (count - 1) * HOP + WINDOW - len(signal)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames, FFT_SIZE)) ** 2 / FFT_SIZE
    smallest = np.finfo(np.float64).eps
    energy, bands = power.sum(1), power @ mel_filters().T
    energy, bands = np.where(energy == 0, smallest, energy), np.where(bands == 0, smallest, bands)
    cepstra = dct(np.log(bands), type=2, axis=1, norm="ortho")[:, :N_COEFFICIENTS]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(N_COEFFICIENTS) / LIFTER)
    cepstra[:, 0] = np.log(energy)
    return cepstra
