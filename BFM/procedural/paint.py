"""Colours of the mean person, painted on the vertices, and the 80 ways in which colours vary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from BFM.procedural import ear, layout
from BFM.procedural import hair as hair_shell
from BFM.procedural.eyes import IRIS, PUPIL
from BFM.procedural.face import closed_field
from BFM.procedural.layout import EYE_ROW
from BFM.procedural.regions import smoother
from BFM.procedural.skull import smooth_step

if TYPE_CHECKING:
    from BFM.procedural.build import Head

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Palette:
    """What decides the colours of a person; all is nearly linear, so that columns can be differences of paintings."""

    skin: tuple[float, float, float] = (214.0, 164.0, 138.0)
    blush: float = 1.0
    lips: tuple[float, float, float] = (186.0, 116.0, 106.0)
    hair: tuple[float, float, float] = (82.0, 56.0, 38.0)
    brow_density: float = 0.82
    iris: tuple[float, float, float] = (98.0, 80.0, 58.0)
    stubble: float = 0.06
    freckles: float = 0.0
    lid_shadow: float = 0.30
    lash: float = 0.85
    under_eye: float = 0.12
    shirt: tuple[float, float, float] = (70.0, 88.0, 110.0)
    gray: float = 0.0
    streaks: float = 1.0


# Mean brow of one half: x, y of its centre line and its half height, mm.
BROW = np.array(
    [
        (9.5, 15.5, 3.6),
        (16, 17.2, 3.7),
        (24, 19.3, 3.3),
        (32, 21.6, 2.7),
        (40, 22.2, 2.0),
        (47, 19.6, 1.2),
        (50.5, 17.0, 0.5),
    ]
)


def occlusion(p: Array, normal: Array) -> Array:
    """Share of ambient light that reaches points near the closed form, from five samples of its field (Evans 2006)."""
    dark = np.zeros(len(p))
    for k, step in enumerate((2.5, 5.5, 10.0, 16.0, 24.0)):
        dark += (step - np.minimum(closed_field(p + step * normal), step)) / step * 0.62**k
    return np.clip(1 - 0.44 * dark, 0.3, 1)


class Painter:
    """Everything about the head that painting needs, worked out once."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.rng = np.random.default_rng(3)
        face = head.face
        p = head.skin_vertices
        self.p, self.x, self.y, self.z = p, np.abs(p[:, 0]), p[:, 1], p[:, 2]
        n = len(face.skin.node)
        self.n = n
        row = face.skin.node[:, 0]
        self.front = smooth_step(self.z, 20, 50)
        self.shut = np.zeros_like(p)
        self.shut[:n] = face.shut[row, face.skin.node[:, 1]]
        normal = head.skin_normals()
        self.normal = normal
        self.occlusion = np.ones(len(p))
        shadow = occlusion(p[:n] + 0.2 * normal[:n], normal[:n])
        self.occlusion[:n] = smoother(face.skin.triangles, n, 12.0)(shadow)  # folds of the lids have restless normals
        # lips: 0 at the seam, 1 at the border
        upper, lower = layout.lip_heights(p[:, 0] * layout.MOUTH_HALF / face.mouth_half)
        v = self.y - face.seam_height(p[:, 0])
        inside = (self.x < face.mouth_half + 0.3) & (self.z > 50)
        lip = np.where(v >= 0, v / np.maximum(upper, 1.0), -v / np.maximum(lower, 1.0))
        self.lip = np.where(inside, lip, 9.0)
        self.lip_side = v
        self.mouth_inside = np.zeros(len(p), bool)
        self.mouth_inside[face.mouth_bag.ravel()] = True
        self.lid_inside = np.zeros(len(p), bool)
        self.lid_edge = np.zeros(len(p))
        for columns, strip in zip(face.eye_columns, face.lid_strip, strict=True):
            self.lid_inside[strip.ravel()] = True
            for part, step in ((0, -1), (1, 1)):
                for k, share in enumerate((1.0, 0.85, 0.6, 0.35, 0.15)):
                    ids = face.skin.index[EYE_ROW + part + step * k, columns]
                    s = np.linspace(-1, 1, len(columns))
                    strength = share if part == 0 else 0.45 * share * smooth_step(s * np.sign(p[ids, 0]), -1.0, 0.6)
                    self.lid_edge[ids[ids >= 0]] = np.broadcast_to(strength, ids.shape)[ids >= 0]
        self.noise = self.rng.standard_normal((len(p), 3))
        self.speck = self.rng.uniform(size=len(p))
        self.hair_noise = self.rng.standard_normal((64, hair_shell.STRANDS))  # along and across the strands

    def brow(self) -> Array:
        """Density of the brows, [V]."""
        x = self.x
        centre = np.interp(x, BROW[:, 0], BROW[:, 1])
        half = np.interp(x, BROW[:, 0], BROW[:, 2], left=0.01, right=0.01)
        across = (self.y - centre) / np.maximum(half, 0.3)
        body = smooth_step(np.abs(across), 1.3, 0.5) * smooth_step(x, 7.0, 17.0) ** 0.7 * smooth_step(x, 51.5, 44)
        hairs = 0.88 + 0.12 * np.sin(2.2 * x - 1.3 * self.y + 1.1 * np.sin(0.7 * x))
        return body * hairs * self.front

    def skin(self, c: Palette) -> Array:
        """Colours of the skin, its inner strips and the shirt, [V, 3] 0..255."""
        x, y = self.x, self.y
        tone = np.array(c.skin)
        out = np.tile(tone, (len(x), 1))
        red = np.zeros(len(x))
        for amount, cx, cy, rx, ry in (
            (0.55, 38, -28, 15, 13),
            (0.6, 0, -33, 9, 7),
            (0.35, 13, -36, 6, 6),
            (0.25, 0, -97, 14, 9),
            (0.25, 22, -8, 10, 6),
        ):
            red += amount * np.exp(-0.5 * (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)) * self.front
        a, b, radius, _ = ear.ear_coordinates(self.p)
        on_ear = smooth_step(radius, 1.15, 0.95) * (x > 62)
        red += 0.5 * on_ear
        out *= 1 - c.blush * red[:, None] * np.array([0.01, 0.12, 0.10])
        out *= 1 + 0.03 * (np.exp(-0.5 * ((x / 30) ** 2 + ((y - 50) / 18) ** 2)) * self.front)[:, None]
        depth = 1 - self.occlusion
        out *= 1 - depth[:, None] * np.array([0.62, 0.78, 0.82])
        concha = np.exp(-0.5 * (((a - 0.12) / 0.28) ** 2 + ((b + 0.12) / 0.22) ** 2)) * on_ear
        out *= 1 - (0.55 * concha + 0.22 * on_ear * np.exp(-0.5 * ((radius - 0.76) / 0.09) ** 2))[:, None]
        out *= (
            1
            - 0.35
            * (
                (x > 55)
                * smooth_step(radius, 1.0, 1.15)
                * smooth_step(radius, 1.5, 1.2)
                * smooth_step(a, 0.4, 0.1)
                * smooth_step(b, -0.95, -0.5)
            )[:, None]
        )
        nostril = np.exp(-0.5 * (((x - 6.4) / 2.3) ** 2 + ((self.z - 101.4) / 3.6) ** 2)) * (np.abs(y + 39.5) < 5)
        nostril = nostril * smooth_step(-self.normal[:, 1], 0.15, 0.6)
        out *= 1 - 0.85 * np.clip(1.15 * nostril, 0, 1)[:, None]
        # eyes: shadow of the fold, thin skin below, lashes
        u = (x - layout.EYE_X) / layout.EYE_HALF
        fold = np.exp(-0.5 * ((y - 9.3 + 3.2 * u**2) / 1.8) ** 2) * smooth_step(np.abs(u), 1.35, 0.9) * self.front
        lid = np.exp(-0.5 * ((y - 8.5) / 4.5) ** 2) * smooth_step(np.abs(u), 1.4, 0.8) * self.front
        out *= 1 - c.lid_shadow * (0.5 * fold + 0.3 * lid)[:, None] * np.array([0.9, 1.0, 1.0])
        below = np.exp(-0.5 * (((x - 27) / 10) ** 2 + ((y + 11) / 4.5) ** 2)) * self.front
        out *= 1 - c.under_eye * below[:, None] * np.array([0.8, 1.0, 0.7])
        out *= 1 - c.freckles * self._freckles()[:, None] * np.array([0.25, 0.42, 0.5])
        out += self.noise * np.array([0.9, 1.0, 1.0])
        beard = self._beard()
        hair = np.array(c.hair) * (1 - c.gray) + 150 * c.gray
        out = out * (1 - c.stubble * beard[:, None]) + c.stubble * beard[:, None] * (0.6 * hair + [18, 20, 24])
        out = self._lips(out, c)
        brow = np.clip(c.brow_density * self.brow(), 0, 0.97)[:, None]
        out = out * (1 - brow) + brow * (0.72 * hair + 4)
        scalp = self._scalp()[:, None]
        out = out * (1 - 0.8 * scalp) + 0.8 * scalp * (0.75 * hair + 10)
        lash = (c.lash * self.lid_edge)[:, None]
        out = out * (1 - lash) + lash * np.array([30.0, 20.0, 17.0])
        out[self.lid_inside] = 0.62 * tone + np.array([70, 28, 28]) * 0.6
        out[self.mouth_inside] = np.array([92.0, 36, 36])
        for side in (0, 1):
            bag = self.head.face.mouth_bag[side]
            for k in range(bag.shape[0]):
                out[bag[k]] = np.array([150.0, 72, 70]) * max(0.16, 1 - 0.22 * k)
        return self._shirt(out, c)

    def _lips(self, out: Array, c: Palette) -> Array:
        red = smooth_step(self.lip, 1.08, 0.92)[:, None]
        color = np.tile(np.array(c.lips), (len(out), 1))
        color *= np.where(self.lip_side > 0, 0.88, 1.0)[:, None]
        color *= 1 + 0.10 * np.exp(-0.5 * ((self.lip - 0.55) / 0.2) ** 2)[:, None] * (self.lip_side < 0)[:, None]
        lines = 1 + 0.018 * np.sin(3.3 * self.p[:, 0] + 0.7 * np.sin(self.p[:, 1]))
        out = out * (1 - red) + red * color * lines[:, None]
        seam = np.exp(-0.5 * (self.lip_side / 0.55) ** 2) * (self.lip < 5) * (self.z > 60)
        return out * (1 - 0.62 * seam[:, None])

    def _freckles(self) -> Array:
        weight = np.exp(-0.5 * (((self.x - 24) / 18) ** 2 + ((self.y + 20) / 12) ** 2)) * self.front
        return weight * smooth_step(self.speck, 0.86, 0.97)

    def _beard(self) -> Array:
        x, y = self.x, self.y
        jaw = smooth_step(y, -46 + 0 * x, -60) * smooth_step(y, -132, -112) * smooth_step(self.z, 0, 22)
        cheek = 1 - np.exp(-0.5 * (((x - 32) / 14) ** 2 + ((y + 44) / 14) ** 2))
        mustache = smooth_step(y, -42, -46) * smooth_step(x, 30, 22) * self.front
        speckle = 0.75 + 0.5 * (self.speck - 0.5)
        return np.maximum(jaw * cheek, mustache) * (self.lip > 1.15) * speckle

    def _scalp(self) -> Array:
        """Roots: the skin under the hair, fading out over a few millimetres at the hairline."""
        return self.head.scalp_share

    def _shirt(self, out: Array, c: Palette) -> Array:
        row = np.full(len(out), -1)
        row[: self.n] = self.head.face.skin.node[:, 0]
        cloth = smooth_step(row.astype(float), layout.COLLAR_ROW, layout.COLLAR_ROW + 4)[:, None]
        rib = np.exp(-0.5 * ((row - layout.COLLAR_ROW - 4) / 1.5) ** 2)
        color = np.array(c.shirt) * (1 - 0.15 * rib[:, None]) * (0.75 + 0.25 * self.occlusion[:, None])
        return out * (1 - cloth) + cloth * color

    def eye(self, sign: int, c: Palette) -> Array:
        """Colours of one eyeball."""
        q = self.head.eye_vertices(sign)
        r = np.hypot(q[:, 0], q[:, 1])
        back = q[:, 2] < 0
        angle = np.arctan2(q[:, 1], q[:, 0])
        white = np.array([236.0, 230, 224]) - np.clip((r - 7) / 6, 0, 1)[:, None] * np.array([22, 46, 44])
        white = white * (1 - 0.30 * smooth_step(q[:, 1], 3.0, 7.5))[:, None]
        fibre = 1 + 0.16 * np.sin(11 * angle + sign) * np.sin(5 * angle + 1) + 0.08 * np.sin(23 * angle)
        ramp = 0.78 + 0.50 * np.exp(-0.5 * ((r - 3.2) / 1.1) ** 2)
        iris = np.array(c.iris) * (fibre * ramp * (1 - 0.28 * smooth_step(q[:, 1], 0.5, 5.0)))[:, None]
        ring = smooth_step(r, IRIS - 1.3, IRIS - 0.1)[:, None]
        iris = iris * (1 - 0.72 * ring)
        inside = smooth_step(r, IRIS + 0.3, IRIS - 0.3)[:, None]
        out = white * (1 - inside) + inside * iris
        pupil = smooth_step(r, PUPIL + 0.25, PUPIL - 0.25)[:, None]
        out = out * (1 - pupil) + pupil * 12
        glint = np.exp(-0.5 * (((q[:, 0] + 1.9) / 0.75) ** 2 + ((q[:, 1] - 2.2) / 0.75) ** 2))[:, None]
        out = out * (1 - glint) + glint * 252
        out[back] = white[back]
        return out

    def hair(self, c: Palette) -> Array:
        """Colours of the hair: streaks along the strands, darker roots and edges."""
        hair = self.head.hair
        row = np.clip(np.round(hair.reach * (len(self.hair_noise) - 1)).astype(int), 0, None)
        strand = hair.strand.astype(int) % hair_shell.STRANDS
        light = sum(
            amount * noise[row, strand] / noise.std()
            for amount, noise in (
                (0.085, gaussian_filter(self.hair_noise, (14, 0.5), mode=("nearest", "wrap"))),
                (0.075, gaussian_filter(self.hair_noise, (20, 2.2), mode=("nearest", "wrap"))),
            )
        )
        color = np.array(c.hair) * (1 - c.gray) + 158 * c.gray
        sheen = 0.16 * np.exp(-0.5 * ((hair.reach - 0.52) / 0.13) ** 2)
        shade = 0.94 + c.streaks * light + sheen - 0.08 * smooth_step(hair.reach, 0.9, 1.0)
        return color * shade[:, None]

    def paint(self, c: Palette) -> Array:
        """Colours of every vertex [V, 3], float 0..255, not clipped."""
        head = self.head
        out = np.empty((head.count, 3))
        out[: head.face.count] = self.skin(c)
        for sign, name in ((1, "left_eye"), (-1, "right_eye")):
            out[head.groups[name]] = self.eye(sign, c)
        for name in ("upper_teeth", "lower_teeth"):
            gum = smooth_step(head.over_gum[name], -0.5, 0.5)[:, None]
            depth = np.clip((head.vertices[head.groups[name], 2] - 52) / 34, 0.25, 1)[:, None]
            out[head.groups[name]] = ((1 - gum) * [236, 228, 212] + gum * [196, 110, 108]) * depth
        q = head.vertices[head.groups["tongue"]]
        out[head.groups["tongue"]] = np.array([188.0, 96, 96]) * np.clip((q[:, 2] - 40) / 38, 0.3, 1)[:, None]
        out[head.groups["hair"]] = self.hair(c)
        return out


def _shift(values: tuple[float, float, float], *delta: float) -> tuple[float, float, float]:
    return tuple(v + d for v, d in zip(values, delta, strict=True))  # type: ignore[return-value]


def _variations(c: Palette) -> dict[str, tuple[Palette, Palette]]:
    """Named texture columns: the palettes at +1 and -1 standard deviation."""

    def pair(field: str, *delta: float) -> tuple[Palette, Palette]:
        value = getattr(c, field)

        def moved(sign: float) -> Palette:
            new = _shift(value, *(sign * d for d in delta)) if isinstance(value, tuple) else value + sign * delta[0]
            return replace(c, **{field: new})  # type: ignore[arg-type]

        return moved(1), moved(-1)

    def darker(sign: float) -> Palette:
        lips = _shift(c.lips, *(sign * d for d in (-22, -16, -14)))
        return replace(c, skin=_shift(c.skin, *(sign * d for d in (-36, -33, -29))), lips=lips)

    return {
        "skin_dark": (darker(1), darker(-1)),
        "skin_warm": pair("skin", 3.0, 0.0, -7.0),
        "blush": pair("blush", 0.45),
        "lip_red": pair("lips", 10.0, -11.0, -6.0),
        "hair_light": pair("hair", 26.0, 22.0, 16.0),
        "hair_red": pair("hair", 15.0, -1.0, -7.0),
        "brow_density": pair("brow_density", 0.12),
        "iris_light": pair("iris", 24.0, 26.0, 26.0),
        "iris_blue": pair("iris", -18.0, 4.0, 30.0),
        "stubble": pair("stubble", 0.06),
        "freckles": pair("freckles", 0.25),
        "lid_shadow": pair("lid_shadow", 0.14),
        "lash": pair("lash", 0.12),
        "under_eye": pair("under_eye", 0.10),
        "gray": pair("gray", 0.08),
        "shirt_light": pair("shirt", 34.0, 30.0, 26.0),
        "shirt_warm": pair("shirt", 36.0, 0.0, -34.0),
        "hair_streaks": pair("streaks", 0.5),
    }


def texture_basis(painter: Painter, columns: int = 80) -> tuple[Array, Array, tuple[str, ...]]:
    """Mean colours [V, 3], basis [V*3, columns] and the names of the columns."""
    base = Palette()
    mean = painter.paint(base)
    out, names = [], []
    for name, (plus, minus) in _variations(base).items():
        out.append(((painter.paint(plus) - painter.paint(minus)) / 2).ravel())
        names.append(name)
    head = painter.head
    rng = np.random.default_rng(11)
    mask = np.zeros(head.count)
    mask[: head.face.count] = (painter.lip > 1.0) & ~painter.mouth_inside & ~painter.lid_inside
    flip = np.array([-1.0, 1.0, 1.0])
    for k in range(columns - len(out)):
        length = (26.0, 15.0, 9.0)[k % 3]
        wave, phase = rng.standard_normal((24, 3)) / length, rng.uniform(0, 2 * np.pi, 24)
        p = head.vertices
        value = np.cos(p @ wave.T + phase).sum(1) + np.cos((p * flip) @ wave.T + phase).sum(1)
        tint = 0.65 + 0.12 * rng.standard_normal(3)
        out.append((mask[:, None] * value[:, None] / np.sqrt(48) * tint).ravel())
        names.append(f"mottle_{k}")
    return mean, np.stack(out, -1), tuple(names)
