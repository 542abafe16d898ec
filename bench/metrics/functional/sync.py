"""Lip synchronisation: LSE-C, LSE-D and offset from SyncNet distances, and a weight-free stand-in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrics.functional.checks import as_float, as_float_pair
from vfa.errors import InputError

MAX_SHIFT = 15
MIN_OVERLAP = 10


@dataclass(frozen=True)
class SyncScore:
    """Scores of one face track.

    `distance` is LSE-D (lower is better), `confidence` LSE-C (higher is better), `offset` is in 25-fps frames,
    positive when the matching audio sits earlier in the stream (audio leads).
    """

    distance: float
    confidence: float
    offset: int


def sync_distances(lips: np.ndarray, audio: np.ndarray, *, max_shift: int = MAX_SHIFT) -> np.ndarray:
    """Distances of each lip window to the audio windows around it, as SyncNet's evaluation takes them.

    The audio side is padded with zeros at both ends; the distance is `||lip - audio + 1e-6||`.

    Args:
        lips: embeddings `[T, D]`, not normalised.
        audio: embeddings `[T, D]`.
        max_shift: frames to each side.

    Returns:
        float64 `[T, 2 * max_shift + 1]`; column k compares frame v with audio frame `v - max_shift + k`.

    Raises:
        InputError: shapes differ or no windows.
    """
    first, second = as_float_pair(lips, audio, "SyncNet embeddings", (None, None))
    padded = np.pad(second, ((max_shift, max_shift), (0, 0)))
    columns = [padded[k : k + len(first)] for k in range(2 * max_shift + 1)]
    return np.stack([np.linalg.norm(first - other + 1e-6, axis=1) for other in columns], axis=1)


def sync_score(distances: np.ndarray) -> SyncScore:
    """LSE-D, LSE-C and offset from a distance table (Chung and Zisserman 2016; Prajwal et al., ACM MM 2020).

    With `m` the mean over frames for each shift: LSE-D is `min m`, LSE-C is `median m - min m`, the offset is
    `max_shift - argmin m`.

    Args:
        distances: `[T, 2 * max_shift + 1]` from `sync_distances`.

    Returns:
        The scores of one track.

    Raises:
        InputError: no rows, or an even number of columns.

    Example:
        >>> table = np.full((5, 31), 10.0); table[:, 12] = 6.5
        >>> sync_score(table)
        SyncScore(distance=6.5, confidence=3.5, offset=3)
    """
    table = as_float(distances, "sync distances", (None, None))
    if table.shape[1] % 2 == 0:
        raise InputError(
            "sync distances need an odd number of shifts", expected="2 * max_shift + 1", found=str(table.shape[1])
        )
    mean = table.mean(axis=0)
    best = int(mean.argmin())
    return SyncScore(float(mean[best]), float(np.median(mean) - mean[best]), table.shape[1] // 2 - best)


def lagged_correlation(opening: np.ndarray, loudness: np.ndarray, *, max_shift: int = MAX_SHIFT) -> np.ndarray:
    """Pearson correlation of two series at each lag.

    Args:
        opening: lip opening `[T]`; NaN without a face.
        loudness: audio envelope at the frames' times, `[T]`.
        max_shift: frames to each side.

    Returns:
        float64 `[2 * max_shift + 1]`; entry k pairs frame t with loudness at `t - max_shift + k`. NaN where fewer
        than 10 frames overlap; 0 where a side is constant.

    Raises:
        InputError: lengths differ or empty.
    """
    first, second = as_float_pair(opening, loudness, "series", (None,))
    out = np.full(2 * max_shift + 1, np.nan)
    for k in range(len(out)):
        lag = k - max_shift
        x = first[max(0, -lag) : len(first) - max(0, lag)]
        y = second[max(0, lag) : len(second) - max(0, -lag)]
        good = np.isfinite(x) & np.isfinite(y)
        if good.sum() < MIN_OVERLAP:
            continue
        x, y = x[good], y[good]
        if any(np.ptp(side) <= 1e-9 * np.abs(side).max() for side in (x, y)):
            out[k] = 0.0
            continue
        x, y = x - x.mean(), y - y.mean()
        out[k] = x @ y / np.sqrt((x @ x) * (y @ y))
    return out


def sync_lite(opening: np.ndarray, loudness: np.ndarray, *, max_shift: int = MAX_SHIFT) -> SyncScore | None:
    """Stand-in for SyncNet without weights: how much one lag stands out in the lip-loudness correlation.

    Not comparable with LSE-C or LSE-D: `distance` is 1 minus the peak correlation, `confidence` the peak minus the
    median over lags, `offset` has SyncNet's sign.

    Args:
        opening: lip opening `[T]` at 25 fps; NaN without a face.
        loudness: audio RMS at the frames' times, `[T]`.
        max_shift: frames to each side.

    Returns:
        The scores, or None when fewer than 10 frames overlap at some lag.

    Raises:
        InputError: lengths differ or empty.

    Example:
        >>> wave = np.sin(np.arange(100) ** 1.5)
        >>> sync_lite(wave[3:], wave[:-3]).offset
        -3
    """
    correlation = lagged_correlation(opening, loudness, max_shift=max_shift)
    if np.isnan(correlation).any():
        return None
    best = int(correlation.argmax())
    peak = float(correlation[best])
    return SyncScore(1.0 - peak, peak - float(np.median(correlation)), max_shift - best)
