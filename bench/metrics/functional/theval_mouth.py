"""THEval's silent lip stability and lip-sync: how still lips are without speech, how they follow loudness in speech.

Variant `theval` repeats the public code, `fixed` removes what makes it depend on size, pose, pauses and outliers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrics.functional.checks import as_float, choose
from bench.metrics.functional.theval import LEFT_CORNERS, RIGHT_CORNERS, THEVAL_VARIANTS, check_mesh, eye_distance
from vfa.errors import InputError

INNER_UPPER = (191, 80, 81, 82, 13, 312, 311, 310)
INNER_LOWER = (95, 88, 178, 87, 14, 317, 402, 318)
OUTER_CORNERS = (33, 263)
SILENCE = 0.3
LEAST_SPEECH = 0.1
LONGEST_LAG = 0.4
_TINY = 1e-8


def silent_openness(landmarks: np.ndarray, *, variant: str = "theval") -> np.ndarray:
    """How far the inner lips are apart, in distances of the eyes, `[T]`; NaN without a face.

    `theval`: mean height of eight gaps over the distance of the eyes' outer corners, landmarks of a frame squashed to
    256x256. `fixed`: mean length of the gaps over the distance of the eyes' midpoints, native aspect.

    Args:
        landmarks: `[T, 468 or 478, 2 or 3]` pixels.
        variant: `theval` or `fixed`.

    Raises:
        InputError: wrong shape or unknown variant.
    """
    choose(variant, THEVAL_VARIANTS, "THEval variant")
    points = check_mesh(landmarks)
    gap = points[:, INNER_UPPER] - points[:, INNER_LOWER]
    if variant == "theval":
        opening = np.abs(gap[..., 1]).mean(axis=1)
        scale = np.linalg.norm(points[:, OUTER_CORNERS[0]] - points[:, OUTER_CORNERS[1]], axis=-1)
    else:
        opening, scale = np.linalg.norm(gap, axis=-1).mean(axis=1), eye_distance(points)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 1e-3, opening / scale, np.nan)


def silent_runs(speech: np.ndarray, rate: float) -> list[slice]:
    """Runs of frames without speech of at least 0.3 s.

    Example:
        >>> silent_runs(np.array([0] * 8 + [1] * 5 + [0] * 7, bool), 25.0)
        [slice(0, 8, None)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[True], np.asarray(speech, bool), [True]]).astype(int)))
    starts, ends = edges[::2], edges[1::2]
    return [slice(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if b - a >= SILENCE * rate]


def silent_lip_stability(openness: np.ndarray, speech: np.ndarray, *, rate: float, variant: str = "theval") -> float:
    """Median deviation of the lips' opening while nothing is said.

    `theval`: of all silent frames together, about their mean. `fixed`: of each silent run about its own median, mean
    over the runs.

    Args:
        openness: `[T]`, NaN without a face.
        speech: bool `[T]`.
        rate: frames for each second.
        variant: `theval` or `fixed`.

    Returns:
        Eye distances; NaN without a silent run or with fewer than two frames in it that show a face.

    Raises:
        InputError: the series differ in length, or unknown variant.

    Example:
        >>> still = np.array([0.1] * 5 + [0.3] * 5)
        >>> round(silent_lip_stability(still, np.zeros(10, bool), rate=25.0), 3)
        0.1
    """
    choose(variant, THEVAL_VARIANTS, "THEval variant")
    openness = as_float(openness, "openness", (None,))
    if len(speech) != len(openness):
        raise InputError("openness and speech differ in length", expected=str(len(openness)), found=str(len(speech)))
    runs = [openness[run] for run in silent_runs(speech, rate)]
    runs = [run[np.isfinite(run)] for run in runs]
    if variant == "theval":
        pooled = np.concatenate(runs) if runs else np.zeros(0)
        return float(np.median(np.abs(pooled - pooled.mean()))) if len(pooled) > 1 else float("nan")
    spreads = [np.median(np.abs(run - np.median(run))) for run in runs if len(run) > 1]
    return float(np.mean(spreads)) if spreads else float("nan")


def sync_openness(landmarks: np.ndarray) -> np.ndarray:
    """The opening of THEval's lip-sync, `[T]`: |mean upper y - mean lower y| over the horizontal distance of the eyes.

    Args:
        landmarks: `[T, 468 or 478, 2 or 3]`, in shares of the frame's width and height; NaN without a face.
    """
    points = check_mesh(landmarks)
    opening = np.abs(points[:, INNER_UPPER, 1].mean(axis=1) - points[:, INNER_LOWER, 1].mean(axis=1))
    scale = np.abs(points[:, RIGHT_CORNERS, 0].mean(axis=1) - points[:, LEFT_CORNERS, 0].mean(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, opening / scale, np.nan)


@dataclass(frozen=True)
class LipSync:
    """Lips against loudness.

    Attributes:
        value: mean difference of both, each scaled to 0..1 over the frames used; NaN with too little speech.
        n_frames: frames used.
        lag: seconds by which the lips would have to be late for the least difference (`fixed` only, else NaN).
        least: that difference.
    """

    value: float
    n_frames: int
    lag: float = float("nan")
    least: float = float("nan")


def lip_sync(
    openness: np.ndarray, loudness: np.ndarray, speech: np.ndarray, *, rate: float, variant: str = "theval"
) -> LipSync:
    """Mean |opening - loudness| over the frames of speech, both scaled to 0..1.

    `theval`: by their extremes. `fixed`: by their 5th and 95th percentiles, clipped; with the lag of up to 0.4 s at
    which the difference is least.

    Args:
        openness: `[T]`, NaN without a face.
        loudness: `[T]`, at the times of the frames.
        speech: bool `[T]`.
        rate: frames for each second.
        variant: `theval` or `fixed`.

    Raises:
        InputError: the series differ in length, or unknown variant.

    Example:
        >>> ramp = np.arange(10.0)
        >>> lip_sync(ramp, 3 * ramp + 2, np.ones(10, bool), rate=25.0).value.__round__(6)
        0.0
    """
    choose(variant, THEVAL_VARIANTS, "THEval variant")
    openness, loudness = as_float(openness, "openness", (None,)), as_float(loudness, "loudness", (None,))
    speech = np.asarray(speech, bool)
    if not len(openness) == len(loudness) == len(speech):
        raise InputError(
            "the series differ in length", expected=str(len(openness)), found=f"{len(loudness)} and {len(speech)}"
        )
    used = speech & np.isfinite(openness)
    if len(speech) == 0 or speech.mean() < LEAST_SPEECH or used.sum() < 2:
        return LipSync(float("nan"), int(used.sum()))
    if variant == "theval":
        difference = np.abs(_by_extremes(openness[used]) - _by_extremes(loudness[used]))
        return LipSync(float(difference.mean()), int(used.sum()))
    value = _difference(openness, loudness, used, 0)
    reach = round(LONGEST_LAG * rate)
    scan = {lag: _difference(openness, loudness, used, lag) for lag in range(-reach, reach + 1)}
    best = min((lag for lag in scan if np.isfinite(scan[lag])), key=lambda lag: (scan[lag], abs(lag)))
    return LipSync(value, int(used.sum()), best / rate, scan[best])


def _difference(openness: np.ndarray, loudness: np.ndarray, used: np.ndarray, lag: int) -> float:
    """The mean difference when the opening of frame `i + lag` is held against the loudness of frame `i`."""
    index = np.flatnonzero(used)
    index = index[(index + lag >= 0) & (index + lag < len(openness))]
    opened = openness[index + lag]
    index, opened = index[np.isfinite(opened)], opened[np.isfinite(opened)]
    if len(index) < 2:
        return float("nan")
    return float(np.abs(_by_percentiles(opened) - _by_percentiles(loudness[index])).mean())


def _by_extremes(series: np.ndarray) -> np.ndarray:
    low, high = series.min(), series.max()
    return (series - low) / (high - low + _TINY)


def _by_percentiles(series: np.ndarray) -> np.ndarray:
    low, high = np.percentile(series, [5, 95])
    return np.clip((series - low) / (high - low + _TINY), 0.0, 1.0)
