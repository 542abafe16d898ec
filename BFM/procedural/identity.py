"""The 80 identity columns: named anthropometric modes as warps of space, then smooth random ones.

A warp moves skin, hair, eyes and teeth alike, so that the parts keep fitting. Lids and eyeballs move as one rigid piece
(or scale together); the inside of the mouth and the teeth move with the lips.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from BFM.procedural.layout import MOUTH_ROW, MOUTH_Y
from BFM.procedural.regions import Pull, eye_share, pulled
from BFM.procedural.skull import smooth_step

if TYPE_CHECKING:
    from BFM.procedural.build import Head

Array = NDArray[np.float64]
Warp = Callable[[Array], Array]
M = MOUTH_Y


def _front(*pulls: Pull) -> Warp:
    return lambda p: pulled(p, pulls)


def _stretch(axis: int, centre: float, amount: float, low: float, full: float) -> Warp:
    """Scale one axis about `centre`, for heights from `full` on; nothing beyond `low` (either may be the higher)."""

    def warp(p: Array) -> Array:
        d = np.zeros_like(p)
        weight = smooth_step(p[:, 1], low, full)
        d[:, axis] = amount * (p[:, axis] - centre) * weight
        return d

    return warp


def _ears(dx: float, dy: float, dz: float, scale: float) -> Warp:
    def warp(p: Array) -> Array:
        weight = np.exp(-0.5 * (((p[:, 1] + 1) / 24) ** 2 + ((p[:, 2] + 7) / 19) ** 2)) * smooth_step(
            np.abs(p[:, 0]), 62, 80
        )
        sign = np.sign(p[:, 0])
        d = np.stack([sign * dx, dy + scale * (p[:, 1] + 1), dz + scale * (p[:, 2] + 5)], -1)
        return weight[:, None] * d

    return warp


def _neck(width: float, forward: float) -> Warp:
    def warp(p: Array) -> Array:
        weight = smooth_step(p[:, 1], -70, -120) * smooth_step(p[:, 2], 75, 45) * smooth_step(p[:, 1], -172, -140)
        return weight[:, None] * np.stack([width * p[:, 0], 0 * p[:, 0], width * 0.8 * (p[:, 2] + 20) + forward], -1)

    return warp


def _sum(*warps: Warp) -> Warp:
    return lambda p: sum(warp(p) for warp in warps)  # type: ignore[return-value]


# Displacement at one standard deviation. Column 0 runs from feminine (-) to masculine (+).
MODES: dict[str, Warp] = {
    "masculine": _sum(
        _front(
            Pull(22, 17, 15, 7, 0, -1.0, 1.9), Pull(0, 22, 10, 8, 0, 0, 1.2), Pull(44, -76, 18, 17, 2.6, -1.0, 0.5),
            Pull(10, -100, 16, 11, 1.6, -2.0, 1.2), Pull(0, -26, 11, 15, 0, -0.5, 1.2),
            Pull(12, -36, 7, 7, 0.9, 0, 0.4),
            Pull(0, M + 5, 17, 4.5, 0, -0.6, -0.9), Pull(0, M - 6, 17, 5, 0, 0.6, -0.8),
            Pull(36, 20, 14, 9, 0, -1.3, 0), Pull(33, -26, 14, 13, -0.4, -0.6, -1.2), Pull(26, 54, 20, 15, 0, 0, -1.3),
        ),
        _stretch(0, 0, 0.014, -20, -60), _neck(0.055, 1.0),
    ),
    "head_width": _stretch(0, 0, 0.030, -110, -40),
    "head_length": lambda p: np.outer(0.04 * np.minimum(p[:, 2], 0) * smooth_step(p[:, 1], -100, -30), [0, 0, 1]),
    "head_height": lambda p: np.outer(0.045 * np.clip(p[:, 1] - 28, 0, None), [0, 1, 0]),
    "face_length": lambda p: np.outer(-4.4 * smooth_step(p[:, 1], -14, -112), [0, 1, 0]),
    "midface_length": _front(Pull(0, -48, 42, 22, 0, -2.6, 0)),
    "cheekbone_width": _front(Pull(58, -12, 20, 18, 3.2, 0, 0.4)),
    "cheekbone_height": _front(Pull(47, -18, 15, 12, 0, 2.4, 0.6)),
    "cheek_fullness": _front(Pull(40, -48, 15, 18, 2.6, -0.4, 2.6)),
    "jaw_width": _front(Pull(50, -70, 18, 20, 3.6, 0, 0)),
    "jaw_angle": _front(Pull(56, -58, 14, 14, 1.8, -4.0, 0)),
    "chin_length": _front(Pull(0, -102, 24, 12, 0, -3.4, 0)),
    "chin_forward": _front(Pull(0, -96, 22, 12, 0, 0, 3.4)),
    "chin_width": _front(Pull(15, -99, 12, 10, 2.6, 0, 0.2)),
    "chin_cleft": _front(Pull(0, -98, 2.6, 6, 0, 0, -0.8), Pull(6, -98, 4, 6, 0, 0, 0.5)),
    "forehead_slope": _front(Pull(0, 66, 50, 22, 0, 0, -3.2)),
    "forehead_round": _front(Pull(0, 50, 26, 18, 0, 0, 1.8), Pull(52, 48, 14, 20, -1.2, 0, -0.8)),
    "temple_width": _front(Pull(62, 30, 14, 20, 2.2, 0, 0)),
    "brow_ridge": _front(Pull(20, 17, 16, 6, 0, 0, 2.2)),
    "brow_height": _front(Pull(29, 19, 20, 8, 0, 2.2, 0)),
    "brow_tilt": _front(Pull(43, 20, 10, 8, 0, 2.0, 0), Pull(14, 18, 9, 7, 0, -1.3, 0)),
    "brow_arch": _front(Pull(31, 21, 8, 7, 0, 1.5, 0), Pull(14, 18, 8, 7, 0, -0.7, 0)),
    "eye_distance": _front(Pull(31, 2, 15, 14, 1.5, 0, -0.2)),
    "eye_height": _front(Pull(31, 2, 22, 14, 0, 1.6, 0)),
    "eye_depth": _front(Pull(31, 3, 19, 15, 0, 0, 1.5)),
    "eye_size": lambda p: np.zeros_like(p),
    "eye_opening": lambda p: np.zeros_like(p),
    "eye_tilt": lambda p: np.zeros_like(p),
    "under_eye": _front(Pull(30, -14, 11, 4.5, 0, 0, 1.1)),
    "nasion_depth": _front(Pull(0, 6, 8, 9, 0, 0, 1.8)),
    "nose_length": _front(Pull(0, -34, 17, 12, 0, -3.0, 0)),
    "nose_forward": _front(Pull(0, -30, 12, 12, 0, 0, 3.0)),
    "nose_bridge_width": _front(Pull(7, -6, 5, 13, 1.1, 0, 0)),
    "nose_hump": _front(Pull(0, -12, 6, 7.5, 0, 0, 1.6)),
    "nose_tip_up": _front(Pull(0, -33, 9, 7, 0, 2.2, 0.4)),
    "nose_tip_width": _front(Pull(6, -33, 5, 6, 1.3, 0, 0.2)),
    "nose_wing_width": _front(Pull(13, -37, 6, 7, 2.1, 0, 0)),
    "nose_wing_height": _front(Pull(13, -36, 6, 6, 0, 1.5, 0)),
    "mouth_width": _front(Pull(24, M, 13, 12, 2.4, 0, -0.8)),
    "mouth_height": _front(Pull(0, M, 34, 14, 0, 2.0, 0)),
    "mouth_forward": _front(Pull(0, M, 26, 17, 0, 0, 2.2)),
    "upper_lip_full": lambda p: np.zeros_like(p),
    "lower_lip_full": lambda p: np.zeros_like(p),
    "mouth_corners": _front(Pull(24, M, 7, 7, 0, 1.5, 0)),
    "philtrum_depth": _front(Pull(0, -50, 2.6, 6, 0, 0, -0.7)),
    "nasolabial": _front(Pull(26, -46, 3.6, 12, 0, 0, -1.1), Pull(33, -43, 6, 12, 0.3, 0, 0.8)),
    "ear_size": _ears(0, 0, 0, 0.09),
    "ear_out": _ears(3.0, 0, 0.8, 0),
    "neck_width": _neck(0.07, 0),
    "hair_length": lambda p: np.zeros_like(p),
    "hair_volume": lambda p: np.zeros_like(p),
    "throat": _front(Pull(0, -118, 24, 12, 0, -2.0, 3.2)),
}  # fmt: skip
N_ASYMMETRIC, N_COLUMNS = 6, 80
_RANDOM_SCALES = ((46.0, 1.3), (30.0, 0.6), (20.0, 0.25))  # correlation length and sigma of all random columns, mm
_WHOLE = {"masculine", "hair_length", "hair_volume", "eye_size", "eye_opening"}  # not scaled by _SIGMA
_SIGMA = 0.62  # the other named modes are listed at what stands out clearly; most people differ by less
HAIR_LENGTH_STEP, HAIR_VOLUME_STEP = 0.34, 0.35


def identity_names() -> tuple[str, ...]:
    """Names of all columns."""
    rest = N_COLUMNS - len(MODES) - N_ASYMMETRIC
    return (*MODES, *(f"smooth_{k}" for k in range(rest)), *(f"asymmetry_{k}" for k in range(N_ASYMMETRIC)))


def _random_warp(rng: np.random.Generator, symmetric: bool) -> Warp:
    """A draw of a Gaussian process with squared-exponential kernels, by random Fourier features (Rahimi 2007)."""
    terms = []
    for length, sigma in _RANDOM_SCALES:
        n = 24
        terms.append(
            (
                rng.standard_normal((n, 3)) / length,
                rng.uniform(0, 2 * np.pi, n),
                sigma * np.sqrt(2 / n) * rng.standard_normal((n, 3)),
            )
        )

    def field(p: Array) -> Array:
        return sum(np.cos(p @ wave.T + phase) @ amount for wave, phase, amount in terms)  # type: ignore[return-value]

    def warp(p: Array) -> Array:
        flip = np.array([-1.0, 1.0, 1.0])
        here, there = field(p), field(p * flip) * flip
        base = smooth_step(p[:, 1], -170, -120)[:, None]
        return base * ((here + there) / np.sqrt(2) if symmetric else 0.7 * (here - there))

    return warp


class Identities:
    """Applies warps to all parts of the head."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.p = head.vertices
        skin = self.p[: head.face.count]
        self.lids = np.zeros(head.count)
        self.lids[: head.face.count] = eye_share(skin, 1.3, 1.9)  # 1.94 is the midline
        for strip in head.face.lid_strip:
            self.lids[strip.ravel()] = 1
        self.sign = np.where(self.p[:, 0] > 0, 1, -1)

    def whole(self, warp: Warp) -> Array:
        """Displacement [V, 3] of every part."""
        head = self.head
        d = warp(self.p)
        for sign, name in ((1, "left_eye"), (-1, "right_eye")):
            centre = head.eye_centre(sign)
            rigid = warp(centre[None])
            weight = (self.lids * (self.sign == sign))[:, None]
            d = d * (1 - weight) + weight * rigid
            d[head.groups[name]] = rigid
        return self._mouth(d)

    def _mouth(self, d: Array) -> Array:
        head, face = self.head, self.head.face
        seam = face.skin.index[MOUTH_ROW, face.mouth_columns]
        d[face.mouth_bag] = d[seam][None, None]
        middle = seam[len(seam) // 2]
        for name in ("upper_teeth", "lower_teeth", "tongue"):
            d[head.groups[name]] = d[middle]
        return d

    def special(self, name: str) -> Array | None:
        """The modes that are not warps of space."""
        head = self.head
        d = np.zeros((head.count, 3))
        if name == "eye_size":
            for sign, group in ((1, "left_eye"), (-1, "right_eye")):
                centre = head.eye_centre(sign)
                weight = self.lids * (self.sign == sign)
                weight[head.groups[group]] = 1
                d += 0.035 * weight[:, None] * (self.p - centre)
            return d
        if name in ("eye_opening", "eye_tilt"):
            return self._eyes(name)
        if name in ("upper_lip_full", "lower_lip_full"):
            return self._lip(name == "upper_lip_full")
        if name == "hair_length":
            d[head.groups["hair"]] = HAIR_LENGTH_STEP * head.hair.long
            return d
        if name == "hair_volume":
            d[head.groups["hair"]] = HAIR_VOLUME_STEP * head.hair.volume
            return d
        return None

    def _eyes(self, name: str) -> Array:
        from BFM.procedural.face import OPEN_LOWER, OPEN_UPPER, Opening

        head = self.head
        d = np.zeros((head.count, 3))
        if name == "eye_opening":
            state = Opening(OPEN_UPPER + 0.5, OPEN_LOWER + 0.15)
            d[: head.face.count] = head.face.vertices(state, state) - head.skin_vertices
            return d
        angle = np.radians(2.2)
        for sign in (1, -1):
            q = self.p - head.eye_centre(sign)
            c, s = np.cos(angle * sign), np.sin(angle * sign)
            turned = np.stack([c * q[:, 0] - s * q[:, 1], s * q[:, 0] + c * q[:, 1], q[:, 2]], -1)
            d += (self.lids * (self.sign == sign))[:, None] * (turned - q)
        return d

    def _lip(self, upper: bool) -> Array:
        """Thicker red: rows move away from the seam, which stays."""
        from BFM.procedural.layout import lip_heights

        head, face = self.head, self.head.face
        d = np.zeros((head.count, 3))
        n = len(face.skin.node)
        p = self.p[:n]
        x = p[:, 0]
        line = face.seam_height(x)
        v = (p[:, 1] - line) * (1 if upper else -1)
        tall, low = lip_heights(x)
        t = v / np.maximum(tall if upper else low, 2.0)
        row = face.skin.node[:, 0]
        inside = (
            ((row <= MOUTH_ROW) if upper else (row > MOUTH_ROW))
            & (np.abs(x) < face.mouth_half)
            & (p[:, 2] > 50)
            & (t > 0)
        )
        swell = (1 - np.clip(np.abs(x) / face.mouth_half, 0, 1) ** 2) ** 0.6 * inside
        rise = np.clip(t, 0, 1) * smooth_step(t, 3.2, 1.0)
        d[:n, 1] = (1.15 if upper else -1.3) * rise * swell
        d[:n, 2] = 1.1 * smooth_step(t, 0, 0.35) * smooth_step(t, 1.5, 0.7) * swell
        return d


def identity_basis(head: Head) -> Array:
    """All 80 columns, [V*3, 80] mm."""
    maker = Identities(head)
    columns = []
    for name, warp in MODES.items():
        special = maker.special(name)
        size = 1.0 if name in _WHOLE else _SIGMA
        columns.append(size * (maker.whole(warp) if special is None else special).ravel())
    rng = np.random.default_rng(7)
    count = N_COLUMNS - len(columns)
    for k in range(count):
        symmetric = k < count - N_ASYMMETRIC
        columns.append(maker.whole(_random_warp(rng, symmetric)).ravel() / np.sqrt(count))
    return np.stack(columns, -1)
