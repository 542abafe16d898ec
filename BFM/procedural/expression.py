"""The 64 expression columns: the 52 blend shapes known from face tracking (ARKit's names), and 12 more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from BFM.expressions import EXPRESSION_NAMES
from BFM.procedural.face import OPEN_LOWER, OPEN_UPPER, Opening
from BFM.procedural.layout import EYE_ROW, MOUTH_ROW, MOUTH_Y
from BFM.procedural.pulls import LIDS, MIDDLE, SIDED
from BFM.procedural.regions import Pull, eye_share, harmonic_weights, pulled, smoother
from BFM.procedural.skull import smooth_step

if TYPE_CHECKING:
    from BFM.procedural.build import Head

Array = NDArray[np.float64]

CORNER = 0.42  # how much of the jaw's motion the corners of the mouth follow
JAW_HINGE, JAW_ANGLE = np.array([0.0, -14.0, 6.0]), np.radians(17)
M = MOUTH_Y


class Expressions:
    """Builds the displacement of every vertex for each named column."""

    def __init__(self, head: Head) -> None:
        self.head = head
        face = head.face
        self.p = head.skin_vertices
        n_outer = len(face.skin.node)
        row = np.full(face.count, -1)
        row[:n_outer] = face.skin.node[:, 0]
        self.lower = row > MOUTH_ROW  # nodes below the slit; the shared corners count as upper
        self.free = 1 - eye_share(self.p)
        for strip in face.lid_strip:
            self.free[strip.ravel()] = 0
        self.seam = np.stack([face.skin.index[MOUTH_ROW + k, face.mouth_columns] for k in (0, 1)])
        self._smooth_open = smoother(face.skin.triangles, n_outer, 2.0)
        closed = np.arange(n_outer)
        closed[self.seam[1]] = self.seam[0]
        self._smooth_closed = smoother(closed[face.skin.triangles], n_outer, 2.0)
        self.n_outer = n_outer
        self.jaw = self._jaw_weights()

    def smooth(self, d: Array, together: bool = True) -> Array:
        """Smooth a displacement of the outer skin, across the closed lips or along each lip apart."""
        if not together:
            return self._smooth_open(d)
        d = self._smooth_closed(d)
        d[self.seam[1]] = d[self.seam[0]]
        return d

    def _jaw_weights(self) -> Array:
        p, lower = self.p[: self.n_outer], self.lower[: self.n_outer]
        x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
        half = self.head.face.mouth_half
        chin = lower & (x < 40) & (y < -80) & (y > -109) & (z > 45)
        still = (y > -26) | (z < 2) | (y < -138) | (~lower & (x < 12) & (z > 60) & (y > MOUTH_Y + 14))
        values = {int(v): 1.0 for v in np.flatnonzero(chin)} | {int(v): 0.0 for v in np.flatnonzero(still & ~chin)}
        share = np.sqrt(np.clip(1 - (self.p[self.seam[0], 0] / half) ** 2, 0, 1))
        values |= dict(zip(self.seam[0].tolist(), CORNER * (1 - share), strict=True))
        lower_inner = self.seam[1][1:-1].tolist()
        values |= dict(zip(lower_inner, (CORNER + (1 - CORNER) * share[1:-1]).tolist(), strict=True))
        fixed = np.array(sorted(values))
        weights = np.array([values[v] for v in fixed])
        return harmonic_weights(self.head.face.skin.triangles, self.n_outer, fixed, weights)

    def _jaw_moved(self, p: Array, angle: float = 0.0, shift: tuple[float, float, float] = (0, 0, 0)) -> Array:
        """Displacement of points that belong wholly to the jaw."""
        c, s = np.cos(angle), np.sin(angle)
        q = p - JAW_HINGE
        turned = np.stack([q[:, 0], c * q[:, 1] - s * q[:, 2], s * q[:, 1] + c * q[:, 2]], -1)
        return turned - q + np.asarray(shift)

    def _with_inside(self, outer: Array, together: bool, jaw: Array | None = None) -> Array:
        """Displacement [V, 3] of all parts from that of the outer skin: the inside of the mouth follows its lip."""
        head, face = self.head, self.head.face
        d = np.zeros((head.count, 3))
        d[: self.n_outer] = outer
        if together:
            d[self.seam] = d[self.seam].mean(0, keepdims=True)
        rows = face.mouth_bag.shape[1]
        depth = np.linspace(0.95, 0.1, rows) ** 1.5
        for side in (0, 1):
            edge = d[self.seam[side]]
            for k, share in enumerate(depth):
                d[face.mouth_bag[side, k]] = edge * share
            if jaw is None or together:
                continue
            weight = self.jaw[self.seam[side]][:, None]
            for k in range(rows):  # the floor of the mouth goes with the jaw, only its far end stays
                d[face.mouth_bag[side, k]] = (
                    jaw[face.mouth_bag[side, k]] * weight * min(1.0, 0.25 + 0.25 * (rows - 1 - k))
                )
        d[face.mouth_bag[0, -1]] = 0.05 * (d[self.seam[0]] + d[self.seam[1]])
        if jaw is not None:
            for name, share in (("lower_teeth", 1.0), ("tongue", 0.85)):
                members = head.groups[name]
                d[members] = share * jaw[members]
        return d

    def _pull(self, pulls: tuple[Pull, ...], side: str = "both", part: str = "all") -> Array:
        d = pulled(self.p, pulls, side) * self.free[:, None]
        if part != "all":
            d = d * (self.lower if part == "lower" else ~self.lower)[:, None]
        return self.smooth(d[: self.n_outer], part == "all")

    def _jaw(self, angle: float = 0.0, shift: tuple[float, float, float] = (0, 0, 0), together: bool = True) -> Array:
        moved = self._jaw_moved(self.head.vertices, angle, shift)
        outer = moved[: self.n_outer] * self.jaw[:, None]
        if together:  # shifting the jaw takes both lips along
            p = self.p[: self.n_outer]
            lips = smooth_step(np.hypot(p[:, 0] / 34, (p[:, 1] - M) / 17), 1.0, 0.45)[:, None] * (p[:, 2:] > 40)
            share = self.jaw[:, None] * (1 - lips) + 0.6 * lips
            outer = self.smooth(self.smooth(moved[: self.n_outer] * share))
        return self._with_inside(outer, together, moved)

    def _lids(self, opening: Opening, side: str) -> Array:
        rest = Opening()
        face = self.head.face
        both = face.vertices(opening if side == "Left" else rest, opening if side == "Right" else rest)
        d = np.zeros((self.head.count, 3))
        d[: face.count] = both - self.p
        return d

    def column(self, name: str) -> Array:
        """Displacement [V, 3] mm of one named column at coefficient 1."""
        for side in ("Left", "Right"):
            stem = name.removesuffix(side)
            if stem == name:
                continue
            if stem in LIDS:
                d = self._lids(LIDS[stem], side)
                if stem == "eyeSquint":
                    d += self._with_inside(0.6 * self._pull(SIDED["cheekSquint"], side.lower()), True)
                return d
            if stem in SIDED:
                d = self._with_inside(self._pull(SIDED[stem], side.lower()), True)
                if stem == "cheekSquint":
                    d += self._lids(Opening(OPEN_UPPER - 0.2, OPEN_LOWER - 1.6, 1.0), side)
                return d
            if stem in ("eyeLookIn", "eyeLookOut"):
                return self._glance(side, 1.0 if (stem == "eyeLookOut") == (side == "Left") else -1.0)
            if stem == "mouthLowerDown":
                pulls = (Pull(13, M - 4, 9.5, 8, 0.8, -6.8, 0.4), Pull(16, -82, 12, 9, 0.5, -2.2, 0))
                return self._with_inside(self._pull(pulls, side.lower(), "lower"), False)
            if stem == "mouthUpperUp":
                pulls = (Pull(12, M + 4, 9, 8, 0.5, 6.0, 0.6), Pull(20, -45, 8, 8, 0.6, 2.4, 1.0))
                return self._with_inside(self._pull(pulls, side.lower(), "upper"), False)
        return self._central(name)

    def _glance(self, side: str, direction: float) -> Array:
        """The lids bulge and shift a little with the cornea."""
        d = np.zeros((self.head.count, 3))
        sign = 1 if side == "Left" else -1
        weight = eye_share(self.p, 0.4, 1.1) * (self.p[:, 0] * sign > 0)
        d[: len(self.p), 0] = 0.9 * direction * weight
        face = self.head.face
        columns, strip = face.eye_columns[0 if sign > 0 else 1], face.lid_strip[0 if sign > 0 else 1]
        for part in (0, 1):
            d[strip[part]] = d[face.skin.index[EYE_ROW + part, columns]][None]
        return self._keep_off_ball(d, sign)

    def _keep_off_ball(self, d: Array, sign: int) -> Array:
        """Turn a tangential shift of the lids into a slide along the ball."""
        centre = np.array([sign * self.head.eye_x, self.head.eye_y, self.head.eye_z])
        n = len(self.p)
        start = self.p - centre
        radius = np.linalg.norm(start, axis=1, keepdims=True)
        end = start + d[:n]
        length = np.linalg.norm(end, axis=1, keepdims=True)
        moved = np.linalg.norm(d[:n], axis=1, keepdims=True) > 1e-6
        d[:n] = np.where(moved, end / length * radius - start, d[:n])
        return d

    def _central(self, name: str) -> Array:
        if name in MIDDLE:
            return self._with_inside(self._pull(MIDDLE[name]), True)
        if name == "jawOpen":
            return self._jaw(JAW_ANGLE, together=False)
        if name == "jawForward":
            return self._jaw(shift=(0, -0.5, 6.5))
        if name == "jawBack":
            return self._jaw(shift=(0, -1.5, -4.0))
        if name in ("jawLeft", "jawRight"):
            return self._jaw(shift=(10.5 if name == "jawLeft" else -10.5, -1.5, 1.0))
        if name == "mouthClose":
            return self._close()
        if name in ("mouthLeft", "mouthRight"):
            weight = pulled(self.p, (Pull(0, M, 22, 13, 0, 0, 1),))[:, 2:]
            sign = 1 if name == "mouthLeft" else -1
            x = self.p[:, 0]
            lifted = 0.9 * np.clip(sign * x / 25, -1, 1)  # the leading corner rises, the trailing one is drawn flat
            bend = np.stack([np.full(len(x), 10.5 * sign), lifted + 0.4, 0.8 - 0.09 * sign * x], -1)
            return self._with_inside(self.smooth((weight * bend * self.free[:, None])[: self.n_outer]), True)
        if name == "mouthFunnel":
            round_ = self._pull((Pull(25, M, 10, 9, -7.0, 0, 2.4), Pull(0, M, 14, 11, 0, 0, 4.4)))
            upper = self._pull((Pull(0, M + 4, 12, 7, 0, 4.0, 1.2),), part="upper")
            lower = self._pull((Pull(0, M - 5, 12, 8, 0, -5.2, 1.4),), part="lower")
            return self._with_inside(round_ + upper + lower, False)
        if name == "lipsPart":
            upper = self._pull((Pull(0, M + 2, 13, 6, 0, 1.8, 0.2),), part="upper")
            lower = self._pull((Pull(0, M - 3, 13, 8, 0, -3.4, -0.2),), part="lower")
            return self._with_inside(upper + lower, False)
        return self._other(name)

    def _close(self) -> Array:
        """Brings the lips together again when the jaw is open: added to jawOpen the seam meets halfway."""
        jaw = self._jaw(JAW_ANGLE, together=False)
        gap = jaw[self.seam[1]] - jaw[self.seam[0]]
        d = np.zeros((self.n_outer, 3))
        x = self.p[self.seam[0], 0]
        order = np.argsort(x)
        for part, share, reach in ((~self.lower, 0.45, 11.0), (self.lower, -0.55, 16.0)):
            vertices = np.flatnonzero(part[: self.n_outer] & (self.p[: self.n_outer, 2] > 40))
            q = self.p[vertices]
            away = np.abs(q[:, 1] - np.interp(q[:, 0], x[order], self.p[self.seam[0][order], 1]))
            for axis in range(3):
                along = np.interp(q[:, 0], x[order], gap[order, axis])
                d[vertices, axis] = share * along * np.exp(-0.5 * (away / reach) ** 2)
        d = self.smooth(self.smooth(d, False), False)
        d[self.seam[0]] = 0.45 * gap
        d[self.seam[1]] = -0.55 * gap
        return self._with_inside(d, False)

    def _other(self, name: str) -> Array:
        head = self.head
        if name in ("tongueOut", "tongueUp"):
            d = np.zeros((head.count, 3))
            members = head.groups["tongue"]
            q = head.vertices[members]
            front = smooth_step(q[:, 2], 42, 80)[:, None]
            d[members] = front * ([0, 8.0, 42.0] if name == "tongueOut" else [0, 8.0, 2.0])
            d[members, 0] -= 0.15 * q[:, 0] * front[:, 0]
            return d
        p = self.p[: self.n_outer]
        d = np.zeros_like(p)
        x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
        if name == "jawClench":  # the masseter swells in front of the jaw angle
            weight = np.exp(-0.5 * (((y + 52) / 12) ** 2 + ((z - 34) / 11) ** 2)) * (x > 40)
            d[:, 0] = np.sign(p[:, 0]) * 3.6 * weight
        elif name == "neckTighten":  # cords of the platysma
            cords = np.exp(-0.5 * ((x - 24) / 6) ** 2) * np.exp(-0.5 * ((y + 138) / 16) ** 2) * (z > 0)
            d[:, 2] = 3.5 * cords
            d[:, 0] = np.sign(p[:, 0]) * 2.0 * cords
        elif name == "swallow":  # the larynx rises
            weight = np.exp(-0.5 * ((x / 9) ** 2 + ((y + 136) / 9) ** 2)) * (z > 0)
            d[:, 1], d[:, 2] = 6.0 * weight, 0.8 * weight
        else:
            raise KeyError(name)
        return self._with_inside(self.smooth(d), True)


def expression_basis(head: Head) -> Array:
    """All 64 columns, [V*3, 64] mm."""
    maker = Expressions(head)
    return np.stack([maker.column(name).ravel() for name in EXPRESSION_NAMES], -1)
