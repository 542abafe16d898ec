"""Emotion and muscle series: valence/arousal RMSE and sign agreement, OpenFace action-unit error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.metrics.functional.checks import as_float_pair
from vfa.errors import InputError

UPPER_UNITS = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU45")
LOWER_UNITS = ("AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU23", "AU25", "AU26")
UNITS = UPPER_UNITS + LOWER_UNITS


def squared_error(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Squared error of each frame of two series `[T]`; NaN where either is NaN.

    Raises:
        InputError: empty, or lengths differ.
    """
    first, second = as_float_pair(prediction, target, "series", (None,))
    return (first - second) ** 2


def sign_agreement(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """1 where two series `[T]` have the same sign (0 agrees only with 0), else 0; NaN where either is NaN.

    The mean over frames is SAGR (Nicolaou et al., IEEE T-AC 2(2), 2011; EmoNet, Toisoul et al. 2021).

    Raises:
        InputError: empty, or lengths differ.

    Example:
        >>> sign_agreement(np.array([0.5, -0.5]), np.array([0.1, 0.1])).tolist()
        [1.0, 0.0]
    """
    first, second = as_float_pair(prediction, target, "series", (None,))
    agreement = (np.sign(first) == np.sign(second)).astype(np.float64)
    agreement[np.isnan(first) | np.isnan(second)] = np.nan
    return agreement


def root_mean_squared_error(prediction: np.ndarray, target: np.ndarray) -> float:
    """Root of the mean squared error over the frames where both series `[T]` are numbers; NaN if there are none.

    Example:
        >>> root_mean_squared_error(np.array([0.0, 0.0]), np.array([0.3, 0.4])).__round__(6)
        0.353553
    """
    errors = squared_error(prediction, target)
    return float(np.sqrt(np.nanmean(errors))) if np.isfinite(errors).any() else float("nan")


def action_unit_errors(
    prediction: Mapping[str, np.ndarray], target: Mapping[str, np.ndarray], *, min_confidence: float = 0.5
) -> np.ndarray:
    """Squared error of the 17 action-unit intensities in each frame that both tables hold.

    Tables are OpenFace `FeatureExtraction` output. Rows are joined on `frame` (face 0 only); a row with
    `success` 0 or a confidence under `min_confidence` in either table gives NaN. Column names are stripped:
    OpenFace writes a leading space on some systems.

    Args:
        prediction: column name to values `[T]`; needs `AU01_r` ... `AU45_r`, uses `frame`, `face_id`, `success`
            and `confidence` where present.
        target: same.
        min_confidence: least detection confidence.

    Returns:
        float64 `[T, 17]` in the order of `UNITS`, squared intensity (intensity runs from 0 to 5).

    Raises:
        InputError: a column is missing, or the tables share no frame.
    """
    first, second = (
        _units(table, name, min_confidence) for table, name in ((prediction, "prediction"), (target, "target"))
    )
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise InputError(
            "the action-unit tables share no frame",
            expected="rows with equal `frame` numbers",
            found=f"{len(first)} prediction rows, {len(second)} target rows",
        )
    return np.array([(first[frame] - second[frame]) ** 2 for frame in shared])


def _units(table: Mapping[str, np.ndarray], name: str, min_confidence: float) -> dict[int, np.ndarray]:
    """Frame number to the 17 intensities (NaN where the face was not found)."""
    columns = {key.strip(): np.asarray(values, np.float64) for key, values in table.items()}
    missing = [f"{unit}_r" for unit in UNITS if f"{unit}_r" not in columns]
    if missing:
        raise InputError(
            f"{name} action-unit table lacks columns",
            expected="OpenFace intensities AU01_r ... AU45_r",
            found=f"missing {', '.join(missing)}",
        )
    values = np.stack([columns[f"{unit}_r"] for unit in UNITS], axis=1)
    good = np.ones(len(values), bool)
    if "success" in columns:
        good &= columns["success"] != 0
    if "confidence" in columns:
        good &= columns["confidence"] >= min_confidence
    values = np.where(good[:, None], values, np.nan)
    frames = columns.get("frame", np.arange(1, len(values) + 1))
    face = columns.get("face_id", np.zeros(len(values)))
    return {int(frame): row for frame, row, one in zip(frames, values, face, strict=True) if one == 0}


def action_unit_error(errors: np.ndarray) -> dict[str, float]:
    """AUE-U and AUE-L: the sum over units of each unit's mean squared error (TalkingGaussian, Li et al. 2024).

    Args:
        errors: `[T, 17]` from `action_unit_errors`, of one clip or of many clips concatenated.

    Returns:
        `upper`, `lower` and `total`; NaN when no frame counted.

    Example:
        >>> action_unit_error(np.ones((3, 17)))
        {'upper': 8.0, 'lower': 9.0, 'total': 17.0}
    """
    counted = errors[np.isfinite(errors).all(axis=1)]
    if len(counted) == 0:
        return {"upper": float("nan"), "lower": float("nan"), "total": float("nan")}
    mean = counted.mean(axis=0)
    upper, lower = float(mean[: len(UPPER_UNITS)].sum()), float(mean[len(UPPER_UNITS) :].sum())
    return {"upper": upper, "lower": lower, "total": upper + lower}
