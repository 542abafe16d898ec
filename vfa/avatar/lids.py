"""Lids that close: for every vertex around an eye, how far it goes until the lids meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfa.mesh.geodesics import GeodesicSolver

# Share of the travel that the upper lid takes (landmark-study: lids close from above).
UPPER_SHARE = 0.85
# How far the motion of the margin reaches over the skin, over the width of the eye.
UPPER_REACH, LOWER_REACH = 0.55, 0.4


@dataclass(frozen=True)
class Lids:
    """Attributes: members int64 `[N]`, vertices; closing float64 `[N, 3]`, their way from open, as at rest, to shut."""

    members: np.ndarray
    closing: np.ndarray

    def apply(self, moved: np.ndarray, opening: float) -> None:
        """Adds the lids' motion to vertices `[V, 3]`; an opening of 1 is as at rest, 0 shut, above 1 wide open."""
        moved[self.members] += (1.0 - opening) * self.closing


def find_lids(
    screen: np.ndarray,
    solver: GeodesicSolver,
    usable: np.ndarray,
    corners: np.ndarray,
    behind: np.ndarray,
    up: np.ndarray,
    rim: np.ndarray,
    focal: float,
) -> Lids | None:
    """The closing motion of one eye's lids.

    The opening is read off the picture, column by column, as what shows between the lids.

    Args:
        screen: `[V, 3]`, pixels and depth of every vertex.
        solver: geodesics on the skin without pockets.
        usable: bool `[V]`, skin that shows.
        corners: `[2, 2]`, the eye's corners in pixels, the subject's right one first.
        behind: bool `[H, W]`, where eyeballs or pockets show.
        up: `[3]`, the picture's up direction in the world.
        rim: int `[V]`, for a vertex of a pocket the vertex on its rim that it moves with, else itself.
        focal: of the picture, in pixels.

    Returns:
        None where nothing shows between the lids.
    """
    opening = _opening(corners, behind)
    if opening is None:
        return None
    columns, top, bottom = opening
    width = float(np.ptp(corners[:, 0]))
    x, y = screen[:, 0], screen[:, 1]
    around = usable & (x > corners[0, 0]) & (x < corners[1, 0]) & (np.abs(y - corners[:, 1].mean()) < 0.6 * width)
    if not around.any():
        return None
    pixel = float(np.median(screen[around, 2])) / focal
    around &= np.abs(screen[:, 2] - pixel * focal) < 0.8 * width * pixel
    middle = np.interp(x, columns, (top + bottom) / 2)
    field = np.zeros((len(screen), 3))
    sides = ((y <= middle, top, -UPPER_SHARE, UPPER_REACH), (y > middle, bottom, 1 - UPPER_SHARE, LOWER_REACH))
    for side, margin, share, reach in sides:
        edge = around & side & (np.abs(y - np.interp(x, columns, margin)) < max(0.05 * width, 1.5))
        if not edge.any():
            return None
        away = solver.distance(np.flatnonzero(edge)).astype(np.float64) / (reach * width * pixel)
        own = np.flatnonzero((side | ~around) & (away < 1))
        gap = np.interp(x[own], columns, bottom - top, left=0.0, right=0.0) * pixel
        field[own] += (share * (1 - away[own] ** 2) ** 2 * gap)[:, None] * up
    field = field[rim]
    moving = np.flatnonzero(np.abs(field).max(axis=1) > 1e-4 * width * pixel)
    return Lids(moving, field[moving])


def _opening(corners: np.ndarray, behind: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Columns, and the rows where an eye's opening begins and ends there, from corner to corner, in pixels."""
    from scipy.ndimage import gaussian_filter1d

    width = float(np.ptp(corners[:, 0]))
    low = np.maximum(np.floor(corners.min(axis=0) - [0.0, 0.4 * width]), 0).astype(int)
    high = np.ceil(corners.max(axis=0) + [0.0, 0.4 * width]).astype(int)
    window = behind[low[1] : high[1], low[0] : high[0]]
    filled = np.flatnonzero(window.any(axis=0))
    if len(filled) < 0.4 * width:
        return None
    # Lid margins have some thickness of their own: half a pixel more on either side.
    top = low[1] + window[:, filled].argmax(axis=0) - 0.5
    bottom = low[1] + window.shape[0] - window[::-1, filled].argmax(axis=0) + 0.5
    columns = np.array([corners[0, 0], *(low[0] + filled + 0.5), corners[1, 0]])
    order = np.argsort(columns, kind="stable")
    (start, end), ends = corners[:, 1], (0, -1)
    top, bottom = np.array([start, *top, end]), np.array([start, *bottom, end])
    smooth = np.arange(columns.min(), columns.max() + 1)
    out = []
    for rows in (top, bottom):
        even = gaussian_filter1d(np.interp(smooth, columns[order], rows[order]), 0.03 * width, mode="nearest")
        even[list(ends)] = rows[order][list(ends)]
        out.append(even)
    return smooth, out[0], out[1]
