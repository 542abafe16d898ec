"""The skin: cast onto the form with eyes and mouth shut, then lips modelled, lids opened and inner strips added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from BFM.procedural import ear, grid, layout, skull
from BFM.procedural.layout import COLUMNS, EYE_CENTRE, EYE_RADIUS, EYE_ROW, LID, MOUTH_ROW
from BFM.procedural.skull import smooth_step

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

OPEN_UPPER, OPEN_LOWER = 8.2, 3.1  # mm from the closed line at the middle of the eye
LID_ROWS = 2  # rows of the strip behind each lid
BAG = np.array(  # rows of the inside of the mouth behind the upper lip: back, up (mm)
    [(0.8, 0.15), (2.4, 1.6), (3.6, 5.0), (4.6, 10.0), (9.0, 14.0), (22.0, 15.0), (40.0, 10.0), (52.0, 0.0)]
)
# Forward bulge of the lips over the share of their height (0 the seam, 1 the border of the red).
_UPPER_LIP = PchipInterpolator(
    [0, 0.1, 0.3, 0.6, 0.85, 1.0, 1.15, 1.6, 2.6], [-1.5, 0.3, 1.9, 2.7, 2.5, 2.0, 1.2, 0.4, 0]
)
_LOWER_LIP = PchipInterpolator(
    [0, 0.1, 0.3, 0.55, 0.8, 1.0, 1.2, 1.7, 2.2], [-1.5, 0.5, 2.9, 3.9, 3.1, 1.7, 0.6, -0.5, 0]
)


@dataclass(frozen=True)
class Opening:
    """How far lids are open: heights of the upper and lower margin over the closed line, and the depth of the fold."""

    upper: float = OPEN_UPPER
    lower: float = OPEN_LOWER
    fold: float = 1.0


def closed_field(p: Array) -> Array:
    """The implicit form with eyes and mouth shut."""
    return skull.head_field(p, EYE_CENTRE, EYE_RADIUS + LID)


def _relax(p: Array, weight: Array, rounds: int) -> Array:
    """Even out the spacing of grid nodes along the surface where `weight` > 0. Args: p [rows, COLUMNS, 3]."""
    rows, columns = np.nonzero(weight > 0)
    for k in range(rounds):
        around = (
            p[rows - 1, columns] + p[rows + 1, columns] + p[rows, columns - 1] + p[rows, (columns + 1) % COLUMNS]
        ) / 4
        moved = p[rows, columns] + weight[rows, columns, None] * (around - p[rows, columns])
        p[rows, columns] = skull.project(closed_field, moved, 1) if k % 3 == 2 else moved
    p[rows, columns] = skull.project(closed_field, p[rows, columns], 2)
    return p


class Face:
    """Node positions of the skin for any opening of the lids.

    Attributes:
        skin: topology of the outer skin.
        shut: [rows, COLUMNS, 3] nodes with eyes shut, lips and ears modelled.
        triangles: [F, 3] of skin and inner strips together.
        eye_columns: per eye (left, right) the slit's columns from one corner to the other.
        mouth_columns: the same for the mouth.
        lid_strip: per eye [2, LID_ROWS, n] vertices behind the upper and lower margin.
        mouth_bag: [2, rows, n] vertices inside the mouth, behind the upper and the lower lip.
    """

    def __init__(self) -> None:
        plan = layout.rays()
        cast = skull.cast(
            closed_field, plan.origin.reshape(-1, 3), plan.direction.reshape(-1, 3), plan.first.ravel()
        ).reshape(plan.origin.shape)
        x, y, z = np.abs(cast[..., 0]), cast[..., 1], cast[..., 2]
        nose = smooth_step(x, 30, 20) * smooth_step(y, -8, -14) * smooth_step(y, -54, -48)
        cast = _relax(cast, 0.6 * nose, 24)
        jaw = smooth_step(x, 38, 46) * smooth_step(np.abs(y + 73), 15, 6) * (z > 20)
        cast = _relax(cast, 0.5 * jaw, 18)
        self._bare = np.concatenate([cast, layout.close_base(cast[-1])])
        left = self._slit(EYE_ROW, layout.EYE_X - layout.EYE_HALF, layout.EYE_X + layout.EYE_HALF)
        self.eye_columns = (left, -left[::-1] % COLUMNS)
        half = self._slit(MOUTH_ROW, 0, layout.MOUTH_HALF)
        self.mouth_columns = np.concatenate([-half[:0:-1] % COLUMNS, half])
        self._measure()
        self.shut = self._lips(self._bare)
        self.shut = ear.attach(self.shut, closed_field)
        self._opened: dict[tuple[Opening, int, bool], Array] = {}
        self._soften_ears()
        self._collar()
        eyes, mouth = np.zeros(COLUMNS, bool), np.zeros(COLUMNS, bool)
        for slit in self.eye_columns:
            eyes[slit[1:-1]] = True
        mouth[self.mouth_columns[1:-1]] = True
        self.skin = grid.build_skin(
            layout.levels(self._bare), layout.SEAMS, (eyes, mouth), ear.flipped_cells(self.shut)
        )
        self._strips()

    def _soften_ears(self) -> None:
        """Take the steps of the grid out of the rims of the ears."""
        p = np.delete(self.shut, EYE_ROW + 1, axis=0)  # the doubled row is one row beside the eyes
        _, _, radius, _ = ear.ear_coordinates(p)
        side = (np.abs(p[..., 0]) > 58) & (np.abs(p[..., 1] - ear.CENTRE_Y) < 50) & (p[..., 2] < 30)
        weight = 0.5 * side * smooth_step(radius, 1.75, 1.45)
        weight[MOUTH_ROW - 1 : MOUTH_ROW + 1] = 0
        rows, columns = np.nonzero(weight > 0)
        for _ in range(5):
            around = (p[rows - 1, columns] + p[rows + 1, columns] + p[rows, columns - 1] + p[rows, columns + 1]) / 4
            p[rows, columns] += weight[rows, columns, None] * (around - p[rows, columns])
        changed = np.insert(p, EYE_ROW + 1, p[EYE_ROW], axis=0)
        beside = np.insert(side, EYE_ROW + 1, side[EYE_ROW], axis=0)
        self.shut = np.where(beside[..., None], changed, self.shut)

    def _collar(self) -> None:
        """Give the cloth on the shoulders a thickness."""
        rows = self.shut[layout.COLLAR_ROW + 4 : -layout.CAP]
        outward = rows * [1, 0, 1] + [0, 0, 25]
        rows += 2.2 * outward / np.linalg.norm(outward, axis=-1, keepdims=True)

    def _slit(self, row: int, start: float, end: float) -> Ints:
        x = self._bare[row, : COLUMNS // 2, 0]
        return np.arange(np.abs(x - start).argmin(), np.abs(x - end).argmin() + 1)

    def _measure(self) -> None:
        """Actual corners of the slits, which lie on whole columns."""
        corner = self._bare[EYE_ROW, self.eye_columns[0][[0, -1]], 0]
        self.eye_middle, self.eye_half = corner.mean(), (corner[1] - corner[0]) / 2
        self.mouth_half = self._bare[MOUTH_ROW, self.mouth_columns[-1], 0]

    def _lips(self, p: Array) -> Array:
        p = p.copy()
        rows = slice(MOUTH_ROW - 26, MOUTH_ROW + 36)
        part = p[rows]
        x, v = part[..., 0], part[..., 1] - part[MOUTH_ROW - (MOUTH_ROW - 26), :, 1]
        upper, lower = layout.lip_heights(x * layout.MOUTH_HALF / self.mouth_half)
        s = np.clip(np.abs(x) / self.mouth_half, 0, 1)
        swell = (1 - s**2) ** 0.55 * (np.abs(x) < self.mouth_half)
        bulge = np.where(
            v >= 0,
            _UPPER_LIP(np.clip(v / np.maximum(upper, 2.2), 0, 2.6)) * (1 - 0.16 * np.exp(-0.5 * (x / 3) ** 2)),
            _LOWER_LIP(np.clip(-v / np.maximum(lower, 2.6), 0, 2.2)) * (1 - 0.10 * np.exp(-0.5 * (x / 2.5) ** 2)),
        )
        philtrum = -0.65 * np.exp(-0.5 * (x / 2.4) ** 2) + 0.45 * np.exp(-0.5 * ((np.abs(x) - 5.0) / 2.0) ** 2)
        philtrum = philtrum * smooth_step(v, 5.5, 9.5) * smooth_step(v, 22, 15)
        corner = -2.0 * np.exp(-0.5 * (((np.abs(x) - self.mouth_half) / 2.6) ** 2 + (v / 2.8) ** 2))
        seam = -0.9 * np.exp(-0.5 * (v / 1.0) ** 2) * smooth_step(np.abs(x), self.mouth_half + 3, self.mouth_half - 3)
        amount = bulge * swell + philtrum + corner + seam
        heading = np.arctan2(x, 70.0)
        part[..., 0] += amount * np.sin(heading)
        part[..., 2] += amount * np.cos(heading)
        return p

    def nodes(self, left: Opening, right: Opening) -> Array:
        """Dense nodes with the lids opened. Returns [rows, COLUMNS, 3] mm."""
        p = self.shut.copy()
        for opening, sign in ((left, 1), (right, -1)):
            for upper in (True, False):
                rows = np.arange(EYE_ROW - 44, EYE_ROW + 1) if upper else np.arange(EYE_ROW + 1, EYE_ROW + 30)
                columns = np.arange(6, 66) if sign > 0 else np.arange(COLUMNS - 66, COLUMNS - 6)
                block = np.ix_(rows, columns)
                key = (opening, sign, upper)
                if key not in self._opened:
                    self._opened[key] = self._open(p[block], p[EYE_ROW, columns, 1], opening, upper, sign)
                p[block] = self._opened[key]
        return p

    def _open(self, p: Array, line: Array, opening: Opening, upper: bool, sign: int) -> Array:
        """Move the nodes of one lid [rows, columns, 3] from the shut state to `opening`."""
        x, v = p[..., 0] * sign, p[..., 1] - line
        along = (x - self.eye_middle) / self.eye_half
        s = np.clip(along, -1, 1)
        if upper:
            travel = opening.upper * (1 - s**2) ** 0.72 * (1 - 0.22 * s)
            reach, away = 19.0, v
        else:
            travel = -opening.lower * (1 - s**2) ** 0.8 * (1 + 0.22 * s)
            reach, away = 15.0, -v
        share = np.clip(1 - np.clip(away, 0, None) / reach, 0, 1) ** 2
        moved = p.copy()
        moved[..., 1] += travel * share
        touched = (np.abs(travel) > 1e-9) & (share > 0)
        start = moved[touched] * [1, 1, 0] + [0, 0, 55]
        ahead = np.broadcast_to([0.0, 0.0, 1.0], start.shape)
        moved[touched] = skull.cast(closed_field, start, ahead, reach=50)
        margin = line + travel
        e = np.abs(moved[..., 1] - margin)
        rim = np.sqrt(np.clip(1 - s**2, 0, 1))
        if upper:
            fold = -1.25 * np.exp(-0.5 * ((e - 3.4) / 0.75) ** 2) + 0.9 * np.exp(-0.5 * ((e - 6.6) / 2.2) ** 2)
            soft = smooth_step(along, -1.15, -0.75) * smooth_step(
                along, 1.45, 0.9
            )  # the fold runs out past the corners
            amount = opening.fold * fold * (0.35 + 0.65 * rim) * soft * (v > 0.1)
        else:
            fold = -0.35 * np.exp(-0.5 * ((e - 5.5) / 1.3) ** 2) + 0.25 * np.exp(-0.5 * ((e - 2.6) / 1.2) ** 2)
            amount = fold * rim * (v < -0.1)
        centre = np.array([sign * EYE_CENTRE[0], EYE_CENTRE[1], EYE_CENTRE[2]])
        outward = moved - centre
        outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
        return moved + amount[..., None] * outward

    def _strips(self) -> None:
        """Vertices and triangles behind the lids and inside the mouth."""
        count = len(self.skin.node)
        faces = [self.skin.triangles]
        self.lid_strip = []
        for columns in self.eye_columns:
            n = len(columns)
            strip = np.empty((2, LID_ROWS, n), int)
            strip[0] = count + np.arange(LID_ROWS * n).reshape(LID_ROWS, n)
            count += LID_ROWS * n
            strip[1, :, 1:-1] = count + np.arange(LID_ROWS * (n - 2)).reshape(LID_ROWS, n - 2)
            strip[1, :, [0, -1]] = strip[0, :, [0, -1]]
            count += LID_ROWS * (n - 2)
            self.lid_strip.append(strip)
            faces += self._strip_faces(self.skin.index[EYE_ROW, columns], self.skin.index[EYE_ROW + 1, columns], strip)
        n, rows = len(self.mouth_columns), len(BAG)
        bag = np.empty((2, rows, n), int)
        bag[0] = count + np.arange(rows * n).reshape(rows, n)
        count += rows * n
        bag[1] = bag[0]
        bag[1, :-1, 1:-1] = count + np.arange((rows - 1) * (n - 2)).reshape(rows - 1, n - 2)
        count += (rows - 1) * (n - 2)
        self.mouth_bag = bag
        upper, lower = (self.skin.index[MOUTH_ROW + k, self.mouth_columns] for k in (0, 1))
        faces += self._strip_faces(upper, lower, bag)
        self.triangles = np.concatenate(faces)
        self.triangles = self.triangles[
            (self.triangles[:, 0] != self.triangles[:, 1])
            & (self.triangles[:, 1] != self.triangles[:, 2])
            & (self.triangles[:, 0] != self.triangles[:, 2])
        ]
        self.count = count

    @staticmethod
    def _strip_faces(upper: Ints, lower: Ints, strip: Ints) -> list[Ints]:
        faces = []
        for side, edge in ((0, upper), (1, lower)):
            ladder = np.concatenate([edge[None], strip[side]])
            a, b, c, d = ladder[:-1, :-1], ladder[1:, :-1], ladder[1:, 1:], ladder[:-1, 1:]
            half = a.shape[1] // 2
            for k, columns in enumerate((slice(None, half), slice(half, None))):  # diagonals mirror each other
                q = [corner[:, columns] for corner in ((d, a, b, c) if k == 0 else (a, b, c, d))]
                cells = [np.stack([q[0], q[1], q[2]], -1), np.stack([q[0], q[2], q[3]], -1)]
                faces += [cell.reshape(-1, 3)[:, :: -1 if side else 1] for cell in cells]
        return faces

    def seam_height(self, x: Array) -> Array:
        """Height of the closed lips at x, mm."""
        seam = self.shut[MOUTH_ROW, self.mouth_columns]
        return np.interp(x, seam[:, 0], seam[:, 1])

    def vertices(self, left: Opening, right: Opening) -> Array:
        """All skin vertices [count, 3] mm for the given lid openings, lips closed."""
        p = self.nodes(left, right)
        out = np.empty((self.count, 3))
        out[: len(self.skin.node)] = p[self.skin.node[:, 0], self.skin.node[:, 1]]
        for columns, strip, sign in zip(self.eye_columns, self.lid_strip, (1, -1), strict=True):
            centre = np.array([sign * EYE_CENTRE[0], EYE_CENTRE[1], EYE_CENTRE[2]])
            for side, away in ((1, -1.0), (0, 1.0)):  # the corners are shared: the upper side writes last
                # (height over the margin, depth under the ball's surface) of the strip's two rows
                margin = p[EYE_ROW + side, columns] - centre
                for k, (height, under) in enumerate(((0.0, 0.0), (2.2, 1.6))):
                    s = np.linspace(-1, 1, len(columns))
                    ray = margin + [0, away, 0] * (height * np.sqrt(1 - s**2))[:, None]
                    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
                    out[strip[side, k]] = centre + ray * (EYE_RADIUS + 0.12 - under)
        seam = p[MOUTH_ROW, self.mouth_columns]
        s = np.linspace(-1, 1, len(self.mouth_columns))
        narrow = np.sqrt(1 - s**2)
        for side, way in ((1, -1.0), (0, 1.0)):
            for k, (back, up) in enumerate(BAG):
                row = seam.copy()
                row[:, 1] += way * up * narrow
                row[:, 0] *= 1 - 0.25 * back / 52
                row[:, 2] -= back * (0.35 + 0.65 * narrow)
                out[self.mouth_bag[side, k]] = row
        return out
