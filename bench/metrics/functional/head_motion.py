"""Head motion from pose angles: diversity and Beat Align."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_float

SMOOTHING_FRAMES = 5.0
BEAT_SIGMA_FRAMES = 3.0


def fill_gaps(series: np.ndarray) -> np.ndarray:
    """Linear interpolation over NaN rows of `[T, D]`; the ends are held. All NaN stays NaN."""
    out = series.copy()
    good = np.isfinite(series).all(axis=1)
    if good.any() and not good.all():
        at = np.arange(len(series))
        for d in range(series.shape[1]):
            out[:, d] = np.interp(at, at[good], series[good, d])
    return out


def head_motion_diversity(angles: np.ndarray) -> float:
    """Standard deviation over time of yaw, pitch and roll, averaged over the three.

    After SadTalker (Zhang et al., CVPR 2023), which names the metric but publishes no code.
    Angles are unwrapped first, so that a turn through 180 degrees is not a jump.

    Args:
        angles: `[T, 3]` degrees; NaN in frames without a face.

    Returns:
        Degrees, population standard deviation; NaN with fewer than two valid frames.

    Raises:
        InputError: not `[T, 3]` or no frames.

    Example:
        >>> head_motion_diversity(np.array([[0.0, 0, 0], [6, 0, 0]]))
        1.0
    """
    values = as_float(angles, "head angles", (None, 3))
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < 2:
        return float("nan")
    return float(np.unwrap(values, period=360.0, axis=0).std(axis=0).mean())


def motion_beats(angles: np.ndarray, *, smoothing: float = SMOOTHING_FRAMES) -> np.ndarray:
    """Frames at which the head's angular speed has a strict local minimum.

    Args:
        angles: `[T, 3]` degrees; gaps are interpolated.
        smoothing: sigma in frames of the Gaussian over the speed.

    Returns:
        int `[N]`, indices into the T - 1 speeds.

    Raises:
        InputError: not `[T, 3]` or fewer than two frames.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import argrelextrema

    values = fill_gaps(as_float(angles, "head angles", (None, 3), minimum=2))
    if np.isnan(values).any():
        return np.empty(0, int)
    speed = np.linalg.norm(np.diff(np.unwrap(values, period=360.0, axis=0), axis=0), axis=1)
    return argrelextrema(gaussian_filter1d(speed, smoothing), np.less)[0]


def beat_align(audio_beats: np.ndarray, motion: np.ndarray, *, sigma: float = BEAT_SIGMA_FRAMES) -> float:
    """Beat Align score: how near a motion beat each audio beat is (Bailando, Siyao et al., CVPR 2022).

    Args:
        audio_beats: frame positions of audio beats, `[A]`.
        motion: frame positions of motion beats, `[M]`.
        sigma: tolerance in frames.

    Returns:
        Mean over audio beats of `exp(-d^2 / (2 sigma^2))` in (0, 1], d the distance to the nearest motion beat;
        NaN when either set is empty.

    Example:
        >>> round(beat_align(np.array([10.0, 40.0]), np.array([13.0, 43.0])), 4)
        0.6065
    """
    audio, motion = np.asarray(audio_beats, np.float64), np.asarray(motion, np.float64)
    if audio.size == 0 or motion.size == 0:
        return float("nan")
    nearest = np.abs(audio[:, None] - motion[None, :]).min(axis=1)
    return float(np.exp(-(nearest**2) / (2.0 * sigma**2)).mean())


def audio_beats(onset: np.ndarray, rate: float, *, min_interval: float = 0.2) -> np.ndarray:
    """Beats of speech: peaks of an onset curve that stand out by its standard deviation.

    (The dance benchmark reads beats from stored music features; for speech there is no reference.)

    Args:
        onset: onset strength `[N]`, such as the spectral flux.
        rate: samples of the curve for each second.
        min_interval: least time between beats in seconds.

    Returns:
        float64 `[B]` seconds.

    Raises:
        InputError: an empty curve.
    """
    from scipy.signal import find_peaks

    values = as_float(onset, "onset curve", (None,))
    peaks, _ = find_peaks(values, prominence=max(values.std(), 1e-12), distance=max(1, round(min_interval * rate)))
    return peaks / rate
