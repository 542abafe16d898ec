"""MTM: mean temporal misalignment of lip extrema (Perceptual-3D-Talking-Head, Chae-Yeon et al., CVPR 2025)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrics.functional.checks import as_float
from bench.metrics.functional.dtw import warping_path
from bench.metrics.functional.head_motion import fill_gaps
from vfa.errors import InputError

SMOOTHING_FRAMES = 2.0


@dataclass(frozen=True)
class Misalignment:
    """What MTM finds in a clip.

    `milliseconds` is the mean |lag| of matched extrema, `signed` the mean lag (positive: the prediction is late), both
    NaN without a match; `match_rate` the share of the target's extrema with a match.
    """

    milliseconds: float
    signed: float
    match_rate: float
    n_matched: int


def temporal_misalignment(
    prediction: np.ndarray, target: np.ndarray, *, rate: float, radius: float | None = None
) -> Misalignment:
    """Lag between the extrema of two lip-opening curves, matched through dynamic time warping of their slopes.

    Both curves are smoothed (Gaussian, sigma 2 frames) and differentiated; the slopes are warped on each other. A path
    pair counts when both frames are extrema of the same kind and the prediction's lies between the neighbours of the
    target's extremum.

    Args:
        prediction: lip gap `[T]`; gaps (NaN) are interpolated.
        target: lip gap `[S]` at the same rate.
        rate: frames for each second of both.
        radius: widest warp in seconds; None for no limit, as published.

    Returns:
        Lags in milliseconds, lower is better, with the match rate: a frozen mouth has no extrema and no match.

    Raises:
        InputError: fewer than three frames, all missing, or a rate that is not positive.
    """
    from scipy.ndimage import gaussian_filter1d

    if not rate > 0:
        raise InputError("frame rate is not positive", expected="frames for each second", found=str(rate))
    curves = []
    for curve, name in ((prediction, "prediction lip gap"), (target, "target lip gap")):
        filled = fill_gaps(as_float(curve, name, (None,), minimum=3)[:, None])[:, 0]
        if np.isnan(filled).any():
            raise InputError(f"{name} has no valid frame", expected="numbers [T]", found="NaN only")
        curves.append(gaussian_filter1d(filled, SMOOTHING_FRAMES))
    moved, still = curves
    slope_moved, slope_still = (np.diff(curve, prepend=curve[0]) for curve in curves)
    frames = None if radius is None else max(1, round(radius * rate))
    path = warping_path(np.abs(slope_still[:, None] - slope_moved[None, :]), radius=frames)
    extrema_still, extrema_moved = _extrema(still), _extrema(moved)
    if not extrema_still:
        return Misalignment(float("nan"), float("nan"), float("nan"), 0)
    order = np.array(sorted(extrema_still))
    before = dict(zip(order, np.r_[0, order[:-1]], strict=True))
    after = dict(zip(order, np.r_[order[1:], len(still) - 1], strict=True))
    lags, matched = [], set()
    for i, j in path.tolist():
        if i in extrema_still and extrema_still[i] == extrema_moved.get(j) and before[i] <= j <= after[i]:
            lags.append(j - i)
            matched.add(i)
    rate_matched = len(matched) / len(order)
    if not lags:
        return Misalignment(float("nan"), float("nan"), rate_matched, 0)
    lag = np.array(lags) * 1000.0 / rate
    return Misalignment(float(np.abs(lag).mean()), float(lag.mean()), rate_matched, len(lags))


def _extrema(curve: np.ndarray) -> dict[int, int]:
    """Frame of each local extremum to its kind: 1 for a maximum, -1 for a minimum."""
    from scipy.signal import find_peaks

    kinds = dict.fromkeys(find_peaks(curve)[0].tolist(), 1)
    kinds.update(dict.fromkeys(find_peaks(-curve)[0].tolist(), -1))
    return kinds
