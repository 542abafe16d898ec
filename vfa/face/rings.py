"""Which side of a slit a landmark belongs to: upper and lower lip, upper and lower lid, ring by ring from the slit."""

from __future__ import annotations

from dataclasses import dataclass

from vfa.face import topology as face


@dataclass(frozen=True)
class Slit:
    """A mouth or an eye: rings of landmarks, the innermost first, each ordered from the subject's right to the left.

    Attributes:
        name: what it is.
        corners: the two landmarks where both sides meet.
        upper: rings of the upper side without the corners; `upper[0]` is the margin.
        lower: rings of the lower side; `lower[0][i]` faces `upper[0][i]`.
    """

    name: str
    corners: tuple[int, int]
    upper: tuple[tuple[int, ...], ...]
    lower: tuple[tuple[int, ...], ...]

    @property
    def outline(self) -> tuple[int, ...]:
        """The closed polygon of the margin, corners included."""
        return (self.corners[0], *self.upper[0], self.corners[1], *self.lower[0][::-1])


MOUTH = Slit(
    "mouth",
    (78, 308),
    (
        face.INNER_LIPS_UPPER[1:-1],
        (183, 42, 41, 38, 12, 268, 271, 272, 407),
        (184, 74, 73, 72, 11, 302, 303, 304, 408),
        face.OUTER_LIPS_UPPER[1:-1],
    ),
    (
        face.INNER_LIPS_LOWER[1:-1],
        (96, 89, 179, 86, 15, 316, 403, 319, 325),
        (77, 90, 180, 85, 16, 315, 404, 320, 307),
        face.OUTER_LIPS_LOWER[1:-1],
    ),
)
RIGHT_EYE = Slit(
    "right eye",
    (33, 133),
    (face.RIGHT_EYE_UPPER[1:-1], (247, 30, 29, 27, 28, 56, 190)),
    (face.RIGHT_EYE_LOWER[1:-1], (25, 110, 24, 23, 22, 26, 112)),
)
LEFT_EYE = Slit(
    "left eye",
    (362, 263),
    (face.LEFT_EYE_UPPER[1:-1], (414, 286, 258, 257, 259, 260, 467)),
    (face.LEFT_EYE_LOWER[1:-1], (341, 256, 252, 253, 254, 339, 255)),
)
SLITS = (MOUTH, RIGHT_EYE, LEFT_EYE)
