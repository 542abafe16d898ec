"""The scores of VBench's six video-quality dimensions, given what their networks put out (Huang et al., CVPR 2024)."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_float
from vfa.errors import InputError

SCORE_RANGES = {
    "subject_consistency": (0.1462, 1.0),
    "background_consistency": (0.2615, 1.0),
    "motion_smoothness": (0.706, 0.9975),
    "dynamic_degree": (0.0, 1.0),
    "aesthetic_quality": (0.0, 1.0),
    "imaging_quality": (0.0, 1.0),
}


def consistency(features: np.ndarray) -> np.ndarray:
    """Subject or background consistency (SC, BC) of each frame but the first.

    `(max(cos(f[t-1], f[t]), 0) + max(cos(f[0], f[t]), 0)) / 2`; the clip's score is the mean.

    Args:
        features: `[T, D]`; NaN rows are frames without a feature.

    Returns:
        float64 `[T - 1]` in [0, 1]; NaN where a frame needed has no feature.

    Raises:
        InputError: fewer than two frames.

    Example:
        >>> consistency(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])).tolist()
        [0.0, 0.5]
    """
    values = as_float(features, "features", (None, None), minimum=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-8)
    present = np.flatnonzero(np.isfinite(unit).all(axis=1))
    if len(present) == 0:
        return np.full(len(values) - 1, np.nan)
    previous = np.maximum((unit[1:] * unit[:-1]).sum(1), 0.0)
    first = np.maximum(unit[1:] @ unit[present[0]], 0.0)
    return np.minimum((previous + first) / 2, 1.0)


def motion_smoothness(original: np.ndarray, interpolated: np.ndarray) -> np.ndarray:
    """Motion smoothness (MS) of each pair: `(255 - mean |original - interpolated|) / 255`.

    Args:
        original: the odd frames, uint8 `[N, H, W, 3]`.
        interpolated: the same frames, interpolated from their neighbours.

    Returns:
        float64 `[N]` in [0, 1].

    Raises:
        InputError: not frames or shapes differ.
    """
    from bench.metrics.functional.image import mean_absolute_error

    return 1.0 - mean_absolute_error(original, interpolated)


def sampling_interval(rate: float) -> int:
    """Every how many frames the flow is taken for the dynamic degree: about 8 frames for each second."""
    return max(1, round(rate / 8))


def is_dynamic(strongest: np.ndarray, *, n_sampled: int, size: tuple[int, int]) -> bool:
    """Dynamic degree (DD) of one clip.

    A pair of sampled frames moves when the mean of its strongest 5 percent of flow exceeds `6 min(H, W) / 256`; a clip
    is dynamic when at least `round(4 n / 16)` of its pairs move. Two sampled frames are always dynamic, as published.

    Args:
        strongest: mean of the largest 5 percent of flow lengths of each pair, pixels, `[n_sampled - 1]`.
        n_sampled: number of sampled frames.
        size: width and height in pixels.

    Raises:
        InputError: lengths contradict each other.

    Example:
        >>> is_dynamic(np.array([0.0]), n_sampled=2, size=(256, 256))
        True
        >>> is_dynamic(np.array([6.5, 0, 0, 0, 0]), n_sampled=6, size=(256, 256))
        False
    """
    values = np.asarray(strongest, np.float64)
    if values.ndim != 1 or len(values) != max(n_sampled - 1, 0):
        raise InputError(
            "flow does not fit the sampled frames", expected=f"[{n_sampled - 1}]", found=str(list(values.shape))
        )
    moving = int((values > 6.0 * min(size) / 256.0).sum())
    return n_sampled > 1 and moving >= round(4 * n_sampled / 16)


def strongest_flow(flow: np.ndarray) -> float:
    """Mean length of the strongest 5 percent of flow vectors `[H, W, 2]`, pixels."""
    length = np.sort(np.linalg.norm(flow, axis=-1).ravel())[::-1]
    return float(length[: max(1, int(length.size * 0.05))].mean())


def aesthetic_quality(features: np.ndarray, weight: np.ndarray, bias: float) -> np.ndarray:
    """Aesthetic quality (AQ) of each frame: the LAION linear head on unit CLIP features, over 10.

    Args:
        features: CLIP ViT-L/14 image features `[T, 768]`.
        weight: `[768]`.
        bias: one number.

    Returns:
        float64 `[T]`, about 0 to 1.

    Raises:
        InputError: shapes do not fit.
    """
    head = as_float(weight, "aesthetic head", (None,))
    values = as_float(features, "CLIP features", (None, len(head)))
    return (values / np.linalg.norm(values, axis=1, keepdims=True) @ head + bias) / 10.0


def imaging_quality(scores: np.ndarray) -> np.ndarray:
    """Imaging quality (IQ) of each frame: MUSIQ's 0 to 100 over 100, `[T]`."""
    return as_float(scores, "MUSIQ scores", (None,)) / 100.0


def normalised_score(value: float, dimension: str) -> float:
    """The leaderboard's scale: 0 at the worst and 1 at the best value VBench observed for the dimension.

    Raises:
        InputError: unknown dimension.

    Example:
        >>> normalised_score(0.706, "motion_smoothness")
        0.0
    """
    if dimension not in SCORE_RANGES:
        raise InputError("unknown VBench dimension", expected=" | ".join(SCORE_RANGES), found=repr(dimension))
    low, high = SCORE_RANGES[dimension]
    return (value - low) / (high - low)
