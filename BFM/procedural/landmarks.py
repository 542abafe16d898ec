"""The 68 iBUG landmarks as vertices of the built-in head (Sagonas et al., 300 Faces in-the-Wild, 2013)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from BFM.procedural.layout import EYE_ROW, MOUTH_ROW, lip_heights

if TYPE_CHECKING:
    from BFM.procedural.build import Head

# Front view of the subject's left half, mm. The right half mirrors it.
JAW = ((70, -2), (68.5, -17), (66, -37), (61.5, -56), (54, -72), (43, -86), (30, -98), (14, -106), (0, -108))
BROW = ((12.5, 18.5), (22, 21.5), (33, 23.8), (43, 23.2), (51, 18.5))  # from the midline outwards
NOSE = ((0, 4), (0, -11), (0, -23.5), (0, -33))
NOSE_BASE = ((13.5, -42), (7, -44.5), (0, -45))


def ibug_landmarks(head: Head) -> NDArray[np.int64]:
    """Vertex indices [68]."""
    skin, face = head.face.skin, head.face
    p = head.skin_vertices[: len(skin.node)]
    visible = p[:, 2] > -2

    def near(x: float, y: float) -> int:
        cost = (p[:, 0] - x) ** 2 + (p[:, 1] - y) ** 2 + np.where(visible, 0, 1e6)
        return int(cost.argmin())

    def mirrored(points: tuple[tuple[float, float], ...], sign: int) -> list[int]:
        return [near(sign * x, y) for x, y in points]

    jaw = mirrored(JAW[:-1], -1) + [near(*JAW[-1])] + mirrored(JAW[:-1], 1)[::-1]
    brows = mirrored(BROW, -1)[::-1] + mirrored(BROW, 1)
    nose = (
        [near(x, y) for x, y in NOSE]
        + mirrored(NOSE_BASE[:2], -1)
        + [near(*NOSE_BASE[2])]
        + mirrored(NOSE_BASE[:2], 1)[::-1]
    )
    eyes = []
    for columns in (face.eye_columns[1], face.eye_columns[0]):  # both run from the subject's right to the left
        at = np.round(np.array([0, 1 / 3, 2 / 3, 1]) * (len(columns) - 1)).astype(int)
        upper, lower = (skin.index[EYE_ROW + k, columns[at]] for k in (0, 1))
        eyes += [*upper, lower[2], lower[1]]
    seam_upper, seam_lower = (skin.index[MOUTH_ROW + k, face.mouth_columns] for k in (0, 1))
    x = p[seam_upper, 0]

    def seam(of: NDArray[np.int64], where: float) -> int:
        return int(of[np.abs(x - where).argmin()])

    half = face.mouth_half
    line = face.seam_height
    upper_x, lower_x = (-16.5, -6.7, 0.0, 6.7, 16.5), (16.5, 7.5, 0.0, -7.5, -16.5)
    top = [near(u, float(line(np.array(u)) + lip_heights(np.array(u))[0])) for u in upper_x]
    bottom = [near(u, float(line(np.array(u)) - lip_heights(np.array(u))[1])) for u in lower_x]
    outer = [int(seam_upper[0]), *top, int(seam_upper[-1]), *bottom]
    inner = [
        seam(seam_upper, -half + 2.5),
        *(seam(seam_upper, u) for u in (-10.5, 0.0, 10.5)),
        seam(seam_upper, half - 2.5),
    ]
    inner += [seam(seam_lower, u) for u in (10.5, 0.0, -10.5)]
    return np.array(jaw + brows + nose + eyes + outer + inner)
