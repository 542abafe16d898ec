"""Natural performances of the built-in head from a seed: speech, blinks, brows, episodes, head sway and glances.

Every curve is a pure function of the seed and of time in seconds, so the same seed gives the same performance at any
frame rate. A performance starts from the neutral face with closed lips.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from BFM.expressions import EXPRESSION_NAMES, expression_index

Array = NDArray[np.float64]

FINE_RATE = 200  # Hz
START = 0.35  # seconds of the neutral face before anything moves

# Mouth shapes of speech sounds: the strength of each named expression.
VISEMES: dict[str, dict[str, float]] = {
    "rest": {},
    "closed": {"mouthPress": 0.55, "mouthRollLower": 0.15, "mouthRollUpper": 0.15},
    "ah": {"jawOpen": 0.62, "lipsPart": 0.25, "mouthStretch": 0.06},
    "eh": {"jawOpen": 0.38, "mouthStretch": 0.22, "mouthUpperUp": 0.18, "mouthLowerDown": 0.20},
    "ee": {"jawOpen": 0.16, "mouthStretch": 0.42, "mouthSmile": 0.20, "mouthUpperUp": 0.16, "mouthLowerDown": 0.26},
    "oh": {"jawOpen": 0.42, "mouthFunnel": 0.62, "mouthPucker": 0.18},
    "oo": {"jawOpen": 0.16, "mouthPucker": 0.72, "mouthFunnel": 0.34},
    "f": {"jawOpen": 0.07, "mouthRollLower": 0.55, "mouthUpperUp": 0.24},
    "s": {"jawOpen": 0.10, "mouthStretch": 0.24, "mouthLowerDown": 0.32, "mouthUpperUp": 0.12},
    "sh": {"jawOpen": 0.15, "mouthFunnel": 0.55, "mouthPucker": 0.12},
    "l": {"jawOpen": 0.30, "lipsPart": 0.35, "tongueUp": 0.8},
}
_VOWELS, _CONSONANTS = ("ah", "eh", "ee", "oh", "oo"), ("closed", "f", "s", "sh", "l", "closed")

# What happens between phrases: peak strengths and the length in seconds.
EPISODES: tuple[tuple[dict[str, float], float], ...] = (
    ({"mouthSmile": 0.85, "cheekSquint": 0.5, "mouthDimple": 0.15, "jawOpen": 0.16, "mouthUpperUp": 0.25}, 2.2),
    ({"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.55, "mouthFunnel": 0.25}, 1.5),
    ({"browDown": 0.9, "browGather": 0.4, "eyeSquint": 0.35, "mouthFrown": 0.6, "noseSneer": 0.3}, 1.6),
    ({"mouthPucker": 0.95, "browInnerUp": 0.2}, 1.2),
    ({"mouthSmileLeft": 0.75, "browOuterUpLeft": 0.8, "mouthLeft": 0.35, "cheekSquintLeft": 0.4}, 1.5),
    ({"cheekPuff": 0.9, "mouthPress": 0.4, "browInnerUp": 0.3}, 1.3),
    ({"jawOpen": 0.95, "browInnerUp": 0.35, "eyeSquint": 0.3, "mouthStretch": 0.2}, 1.6),
    ({"mouthRight": 0.8, "jawRight": 0.4, "browDownLeft": 0.5, "eyeSquintLeft": 0.4}, 1.3),
)  # fmt: skip


@dataclass(frozen=True)
class Performance:
    """Coefficients over time.

    Attributes:
        time: [T] seconds.
        expression: [T, 64] float32.
        euler: [T, 3] head rotation in radians about x (positive looks down), y (positive turns to the subject's left)
            and z.
        translation: [T, 3] head movement in model units.
        gaze: [T, 2] yaw and pitch of the eyes in the head, radians.
    """

    time: NDArray[np.float64]
    expression: NDArray[np.float32]
    euler: NDArray[np.float32]
    translation: NDArray[np.float32]
    gaze: NDArray[np.float32]


def _ease(x: Array) -> Array:
    """Minimum-jerk step from 0 to 1."""
    x = np.clip(x, 0, 1)
    return x * x * x * (10 + x * (6 * x - 15))


def _bump(t: Array, start: float, length: float, rise: float = 0.3) -> Array:
    """Rises, holds and falls within `length` seconds; `rise` is the share of each flank."""
    return _ease((t - start) / (rise * length)) * _ease((start + length - t) / (rise * length))


def _phrases(rng: np.random.Generator, end: float) -> list[tuple[float, float]]:
    """Starts and ends of spoken phrases, with pauses for an episode between them."""
    phrases, now = [], START + 0.1
    while now < end:
        length = rng.uniform(1.3, 2.6)
        phrases.append((now, now + length))
        now += length + rng.uniform(0.9, 1.9)
    return phrases


def _speech(rng: np.random.Generator, t: Array, phrases: list[tuple[float, float]], out: Array) -> None:
    """Visemes blended by dominance functions (Cohen and Massaro, 1993): neighbours overlap, closures win."""
    marks: list[tuple[float, str, float]] = []
    for start, end in phrases:
        now = start
        marks.append((start - 0.10, "rest", 1.0))
        while now < end:
            marks.append((now, str(rng.choice(_CONSONANTS)), rng.uniform(0.75, 1.0)))
            now += rng.uniform(0.075, 0.12)
            marks.append((now, str(rng.choice(_VOWELS)), rng.uniform(0.65, 1.1)))
            now += rng.uniform(0.11, 0.19)
        marks.append((now + 0.05, "closed", 0.6))
        marks.append((now + 0.22, "rest", 1.0))
    weight = np.full((len(t), 1), 1e-3)
    total = np.zeros_like(out)
    for centre, name, strength in marks:
        width, pull = (0.045, 2.2) if name in ("closed", "f") else (0.065, 1.0)
        dominance = pull * np.exp(-(np.abs((t - centre) / width) ** 1.6))[:, None]
        target = np.zeros(out.shape[1])
        for unit, value in VISEMES[name].items():
            target[list(expression_index(unit))] = value * strength
        total += dominance * target
        weight += dominance
    talking = sum(_ease((t - a + 0.12) / 0.12) * _ease((b + 0.35 - t) / 0.15) for a, b in phrases)
    out += total / weight * np.clip(talking, 0, 1)[:, None]


def _episodes(rng: np.random.Generator, t: Array, phrases: list[tuple[float, float]], out: Array) -> None:
    order = np.concatenate([[0], 1 + rng.permutation(len(EPISODES) - 1)])
    for k, (_, end) in enumerate(phrases):
        units, length = EPISODES[order[k % len(order)]]
        envelope = _bump(t, end + 0.12, length, 0.28) * rng.uniform(0.85, 1.05)
        quiet = 1 - 0.8 * np.clip(envelope, 0, 1)  # what is left of speech when the next phrase begins early
        mouth = [j for j, name in enumerate(EXPRESSION_NAMES) if name.startswith(("mouth", "jaw", "lips"))]
        out[:, mouth] *= quiet[:, None]
        for unit, peak in units.items():
            for column in expression_index(unit):
                out[:, column] += peak * envelope


def _brows(rng: np.random.Generator, t: Array, phrases: list[tuple[float, float]], out: Array) -> None:
    """Emphasis: brows rise with stressed syllables, now and then they draw together."""
    for start, end in phrases:
        for _ in range(rng.integers(1, 4)):
            at, length, size = rng.uniform(start, end), rng.uniform(0.35, 0.8), rng.uniform(0.3, 0.8)
            units = ("browInnerUp", "browOuterUp") if rng.uniform() < 0.75 else ("browDown",)
            for unit in units:
                for column in expression_index(unit):
                    out[:, column] += size * rng.uniform(0.7, 1.0) * _bump(t, at, length, 0.35)


def _blinks(rng: np.random.Generator, t: Array, end: float) -> Array:
    """Lid closure 0..1: fast down, short hold, slower up; log-normal intervals (about 20 blinks a minute)."""
    closed = np.zeros_like(t)
    now = START + rng.uniform(0.5, 1.2)
    while now < end:
        down, hold, up = rng.uniform(0.07, 0.10), rng.uniform(0.03, 0.06), rng.uniform(0.14, 0.20)
        shut = _ease((t - now) / down) * _ease((now + down + hold + up - t) / up)
        closed = np.maximum(closed, shut)
        now += down + hold + up + (0.2 if rng.uniform() < 0.12 else float(np.clip(rng.lognormal(0.95, 0.5), 0.9, 7)))
    return closed


def _wander(rng: np.random.Generator, t: Array, slowest: float, fastest: float) -> Array:
    """Smooth random curve of unit variance: cosines between two frequencies (Hz), stronger when slow."""
    frequency = np.exp(rng.uniform(np.log(slowest), np.log(fastest), 9))
    amount = frequency**-0.5
    phase = rng.uniform(0, 2 * np.pi, 9)
    curve = (amount * np.cos(2 * np.pi * frequency * t[:, None] + phase)).sum(1)
    return curve / np.sqrt(0.5 * (amount**2).sum())


def _head(rng: np.random.Generator, t: Array, phrases: list[tuple[float, float]], end: float) -> tuple[Array, Array]:
    """Sway, turns to somebody at the side, nods on stress."""
    degrees = np.stack(
        [2.2 * _wander(rng, t, 0.1, 0.7), 4.5 * _wander(rng, t, 0.06, 0.5), 2.0 * _wander(rng, t, 0.08, 0.5)], -1
    )
    now = START + rng.uniform(1.5, 2.5)
    side = rng.choice([-1, 1])
    while now < end:
        length = rng.uniform(1.6, 2.8)
        degrees += _bump(t, now, length, 0.35)[:, None] * [
            rng.uniform(-4, 4),
            side * rng.uniform(10, 20),
            side * rng.uniform(-4, 2),
        ]
        side = -side
        now += length + rng.uniform(1.0, 2.5)
    for start, stop in phrases:
        for at in rng.uniform(start, stop, rng.integers(1, 3)):
            degrees[:, 0] += rng.uniform(2, 5) * _bump(t, at, 0.42, 0.45)
    shift = np.stack(
        [0.012 * _wander(rng, t, 0.08, 0.4), 0.008 * _wander(rng, t, 0.08, 0.4), 0.012 * _wander(rng, t, 0.08, 0.4)], -1
    )
    return np.radians(degrees), shift


def _glances(rng: np.random.Generator, t: Array, yaw: Array, end: float) -> Array:
    """Fixations joined by saccades of some 40 ms; the eyes make up for half of the head's turn."""
    gaze = np.zeros((len(t), 2))
    now, last = START, np.zeros(2)
    while now < end:
        target = np.zeros(2) if rng.uniform() < 0.45 else rng.normal(0, [9.0, 5.0])
        duration = 0.025 + 0.0022 * float(np.linalg.norm(target - last))
        gaze += _ease((t - now) / duration)[:, None] * (target - last)
        last = target
        now += rng.uniform(0.45, 1.7)
    gaze[:, 0] -= 0.5 * np.degrees(yaw)
    return np.radians(np.clip(gaze, [-22, -14], [22, 12]))


def performance(n_frames: int, rate: float | Fraction, seed: int) -> Performance:
    """A performance of the built-in head.

    Args:
        n_frames: number of frames, at least 1.
        rate: frames per second.
        seed: decides everything.
    Raises:
        ValueError: `n_frames` or `rate` is not positive.
    """
    if n_frames < 1 or rate <= 0:
        raise ValueError(f"a performance needs frames and a rate, got {n_frames} at {rate}")
    from scipy.ndimage import gaussian_filter1d

    t = np.arange(n_frames) / float(rate)
    end = float(t[-1]) + 1.0
    streams = [np.random.default_rng([seed, k]) for k in range(7)]
    phrases = _phrases(streams[0], end)
    out = np.zeros((n_frames, len(EXPRESSION_NAMES)))
    # Articulators have mass: speech is worked out on a fine grid, smoothed over 23 ms and then sampled.
    fine = np.arange(int(end * FINE_RATE) + 1) / FINE_RATE
    spoken = np.zeros((len(fine), out.shape[1]))
    _speech(streams[1], fine, phrases, spoken)
    spoken = gaussian_filter1d(spoken, 0.023 * FINE_RATE, axis=0)
    for column in np.flatnonzero(spoken.any(0)):
        out[:, column] = np.interp(t, fine, spoken[:, column])
    _episodes(streams[2], t, phrases, out)
    _brows(streams[3], t, phrases, out)
    euler, shift = _head(streams[5], t, phrases, end)
    begin = _ease((t - START) / 0.6)[:, None]
    euler, shift = euler * begin, shift * begin
    gaze = _glances(streams[6], t, euler[:, 1], end) * begin
    blink = _blinks(streams[4], t, end)
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        column = {
            name: expression_index(f"eye{name}{side}")[0]
            for name in ("Blink", "LookUp", "LookDown", "LookIn", "LookOut", "Wide", "Squint")
        }
        open_ = 1 - blink
        out[:, column["LookUp"]] += np.clip(gaze[:, 1] / np.radians(14), 0, 1) * open_
        out[:, column["LookDown"]] += np.clip(-gaze[:, 1] / np.radians(18), 0, 1) * open_
        out[:, column["LookOut"]] += np.clip(sign * gaze[:, 0] / np.radians(25), 0, 1)
        out[:, column["LookIn"]] += np.clip(-sign * gaze[:, 0] / np.radians(25), 0, 1)
        out[:, column["Wide"]] *= open_
        out[:, column["Squint"]] *= open_
        out[:, column["Blink"]] = blink
    out = np.clip(out, 0, 1) * _ease((t - START) / 0.15)[:, None]
    return Performance(
        t, out.astype(np.float32), euler.astype(np.float32), shift.astype(np.float32), gaze.astype(np.float32)
    )
