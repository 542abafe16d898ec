"""Dynamic time warping of a prediction onto its truth by the motion of the lips."""

from __future__ import annotations

import numpy as np

LIPS = slice(48, 68)
EYE_CORNERS = (36, 45)


def lip_trajectory(landmarks: np.ndarray) -> np.ndarray:
    """Lip points in a frame fixed to the eye corners: float64 [T,40], NaN where there is no face.

    Args:
        landmarks: [T,68,2] in pixels. The middle of the outer eye corners becomes 0, their distance 1.
    """
    points = np.asarray(landmarks, np.float64)
    z = points[..., 0] + 1j * points[..., 1]
    right, left = z[:, EYE_CORNERS[0]], z[:, EYE_CORNERS[1]]
    with np.errstate(divide="ignore", invalid="ignore"):
        normal = (z[:, LIPS] - ((right + left) / 2)[:, None]) / (left - right)[:, None]
    return np.concatenate([normal.real, normal.imag], 1)


def warp_costs(prediction: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both trajectories [T,D] scaled by the mean and deviation of the truth (z-scored), NaN rows kept."""
    seen = truth[np.isfinite(truth).all(1)]
    if not len(seen):
        return prediction, truth
    spread = seen.std(0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    return (prediction - seen.mean(0)) / spread, (truth - seen.mean(0)) / spread


def dtw_path(prediction: np.ndarray, truth: np.ndarray, radius: int) -> np.ndarray:
    """The cheapest monotone path between two sequences.

    Steps (1,1), (1,0), (0,1); both ends fixed; a Sakoe-Chiba band of `radius` frames around the length-scaled
    diagonal; ties prefer the diagonal. The cost of two frames is the Euclidean distance of their rows; frames without
    values cost the mean of the others, so that they neither attract nor repel the path.

    Args:
        prediction: float [P,D]. truth: float [T,D]. radius: of the band in frames, 0 = (scaled) diagonal.

    Returns:
        int64 [N,2], rows (frame of the prediction, frame of the truth), both non-decreasing.
    """
    n, m = len(prediction), len(truth)
    if n == 0 or m == 0:
        return np.zeros((0, 2), np.int64)
    slope = (n - 1) / (m - 1) if m > 1 else 0.0
    reach = radius + int(np.ceil(max(slope, 1.0))) - 1 if n != m else radius
    if m == 1:
        return np.stack([np.arange(n), np.zeros(n, np.int64)], 1)
    lows = np.clip(np.round(np.arange(m) * slope).astype(int) - reach, 0, n - 1)
    highs = np.clip(np.round(np.arange(m) * slope).astype(int) + reach, 0, n - 1)
    lows[0], highs[-1] = 0, n - 1
    bands = [np.linalg.norm(prediction[lows[j] : highs[j] + 1] - truth[j], axis=1) for j in range(m)]
    known = np.concatenate(bands)
    known = known[np.isfinite(known)]
    neutral = float(known.mean()) if len(known) else 0.0
    best = np.full(n, np.inf)
    steps: list[np.ndarray] = []
    for j in range(m):
        cost = np.where(np.isfinite(bands[j]), bands[j], neutral)
        now = np.full(n, np.inf)
        step = np.zeros(highs[j] - lows[j] + 1, np.int8)
        for offset, price in enumerate(cost):
            i = lows[j] + offset
            if i == 0 and j == 0:
                now[0] = price
                continue
            options = (
                best[i - 1] if i > 0 and j > 0 else np.inf,
                best[i] if j > 0 else np.inf,
                now[i - 1] if i > 0 else np.inf,
            )
            choice = int(np.argmin(options))
            step[offset], now[i] = choice, price + options[choice]
        steps.append(step)
        best = now
    path = [(n - 1, m - 1)]
    i, j = path[0]
    while (i, j) != (0, 0):
        choice = steps[j][i - lows[j]]
        i, j = (i - 1, j - 1) if choice == 0 else (i, j - 1) if choice == 1 else (i - 1, j)
        path.append((i, j))
    return np.array(path[::-1], np.int64)


def path_report(path: np.ndarray, rate: float, radius: int, lengths: tuple[int, int]) -> dict[str, float]:
    """What the warp cost: mean distance from the diagonal and signed lag in milliseconds (positive: the prediction is
    late), share of steps off the diagonal, share of path points on the border of the band."""
    n, m = lengths
    scaled = path[:, 1] * ((n - 1) / (m - 1) if m > 1 else 0.0)
    lag = path[:, 0] - scaled
    moves = np.diff(path, axis=0)
    return {
        "warp_abs_ms": float(np.abs(lag).mean() * 1000 / rate),
        "warp_lag_ms": float(lag.mean() * 1000 / rate),
        "warp_off_diagonal": float((moves.sum(1) == 1).mean()) if len(moves) else 0.0,
        "warp_band_hits": float((np.abs(lag) >= radius).mean()) if radius else 0.0,
    }


def partners_of(path: np.ndarray, n_truth: int) -> list[list[int]]:
    """Frames of the prediction for each frame of the truth."""
    partners: list[list[int]] = [[] for _ in range(n_truth)]
    for i, j in path:
        partners[j].append(int(i))
    return partners
