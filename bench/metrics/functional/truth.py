"""Comparisons that need exact truth: surface points in the picture, head poses, and whose face it is."""

from __future__ import annotations

import numpy as np

from bench.metrics.functional.checks import as_float_pair


def end_point_error(prediction: np.ndarray, truth: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Mean distance of points in the picture for each frame: the end-point error of their flow from the source.

    Both flows begin at the same places of the source's picture, so their difference is that of their ends.

    Args:
        prediction: `[T, S, 2]` pixels; points that a method does not know are NaN.
        truth: same shape.
        visible: bool `[T, S]`, points that the truth shows.

    Returns:
        float64 `[T]` pixels, NaN where no visible point is known.

    Example:
        >>> truth = np.zeros((1, 3, 2)); moved = truth.copy(); moved[0, :2] = [3.0, 4.0]
        >>> end_point_error(moved, truth, np.array([[True, False, True]])).tolist()
        [2.5]
    """
    first, second = as_float_pair(prediction, truth, "points", (None, None, 2))
    distance = np.linalg.norm(first - second, axis=-1)
    counts = np.asarray(visible, bool) & np.isfinite(distance)
    total = np.where(counts, distance, 0.0).sum(axis=1)
    return np.divide(total, counts.sum(axis=1), out=np.full(len(total), np.nan), where=counts.any(axis=1))


def in_world(vertices: np.ndarray, rotation: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Points `[T, S, 3]` of the head's frame carried into the world by `rotation` `[T, 3, 3]` and `shift` `[T, 3]`."""
    return np.einsum("tij,tsj->tsi", np.asarray(rotation, np.float64), vertices) + np.asarray(shift)[:, None]


def rotation_angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angle in degrees between rotations `[T, 3, 3]`.

    Example:
        >>> turned = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
        >>> rotation_angle(np.eye(3)[None], turned).round(6).tolist()
        [90.0]
    """
    # From the chord, |R - S| = 2 sqrt(2) sin(angle / 2): exact at 0, where the arc cosine of the trace is not.
    chord = np.linalg.norm(np.asarray(first, np.float64) - np.asarray(second, np.float64), axis=(1, 2))
    return np.degrees(2 * np.arcsin(np.clip(chord / np.sqrt(8), 0, 1)))


def laid_over(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Points `[N, 3]` after the similarity that lays them over the reference `[N, 3]` with least squares, in units of
    the reference's size (root mean square distance from its middle), around its middle."""
    center = points - points.mean(axis=0)
    target = reference - reference.mean(axis=0)
    u, singular, vt = np.linalg.svd(target.T @ center)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = (singular * sign).sum() / max(float((center * center).sum()), 1e-12)
    size = np.sqrt((target * target).sum(axis=1).mean())
    return scale * center @ ((u * sign) @ vt).T / max(float(size), 1e-12)


def mean_shape(points: np.ndarray) -> np.ndarray:
    """A person's face over a clip: landmarks `[T, 478, 3]` laid over the first frame that has some, then the median."""
    seen = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(seen):
        return np.full(points.shape[1:], np.nan)
    return np.median([laid_over(frame, seen[0]) for frame in seen], axis=0)


def identity_kept(prediction: np.ndarray, truth: np.ndarray, driver: np.ndarray) -> float:
    """Where a face lies between the driver's (0) and the source's (1): distance of shapes `[478, 3]` to the driver's
    over the sum of both distances; NaN where one of them was never seen.

    Example:
        >>> face = np.random.default_rng(0).normal(size=(478, 3)); other = face * [1.0, 1.1, 1.0]
        >>> round(identity_kept(face, face, other), 6), round(identity_kept(other, face, other), 6)
        (1.0, 0.0)
    """
    if not all(np.isfinite(shape).all() for shape in (prediction, truth, driver)):
        return float("nan")
    target = laid_over(truth, truth)
    to_truth = np.linalg.norm(laid_over(prediction, truth) - target, axis=1).mean()
    # Each pair is laid over the same reference, so that both distances are measured alike.
    to_driver = np.linalg.norm(laid_over(prediction, truth) - laid_over(driver, truth), axis=1).mean()
    return float(to_driver / (to_truth + to_driver)) if to_truth + to_driver > 0 else float("nan")
