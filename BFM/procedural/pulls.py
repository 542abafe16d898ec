"""Tables of the expressions: which parts of the face are drawn where, mm, and how far the lids are open."""

from __future__ import annotations

from BFM.procedural.face import OPEN_LOWER, OPEN_UPPER, Opening
from BFM.procedural.layout import MOUTH_Y
from BFM.procedural.regions import Pull

M = MOUTH_Y

# Pulls that keep the lips together; one-sided ones are mirrored under the names with Left and Right.
SIDED: dict[str, tuple[Pull, ...]] = {
    "browDown": (Pull(21, 19, 12, 8, -2.4, -5.6, 1.6), Pull(38, 20, 10, 8, -0.6, -3.4, 0.4)),
    "browOuterUp": (Pull(41, 22, 12, 10, 0.5, 6.4, -0.6), Pull(40, 42, 16, 14, 0, 2.0, 0)),
    "cheekSquint": (Pull(37, -19, 14, 8, 0, 4.2, 2.4), Pull(45, -8, 9, 6, -0.5, 2.0, 0.8)),
    "noseSneer": (
        Pull(12, -31, 6, 7, 1.2, 3.6, 0.4),
        Pull(13, -50, 8, 7, 0.6, 2.6, 0.8),
        Pull(8, 2, 6, 6, -0.6, 1.2, 1.2),
    ),
    "mouthSmile": (
        Pull(25, M, 9.5, 8.5, 8.6, 5.0, -6.8),
        Pull(13, M, 8, 8, 3.9, 1.7, -2.0),
        Pull(38, -37, 13, 11, 2.0, 5.0, 3.2),
        Pull(31, -50, 4.5, 9, 1.5, 2.5, -2.0),
        Pull(0, M + 6, 12, 5, 0, 1.3, -1.0),
    ),
    "mouthFrown": (
        Pull(25, M - 1, 9, 9, 0.8, -7.0, -1.0),
        Pull(13, M - 2, 8, 7, 0.4, -1.6, 0),
        Pull(28, -80, 9, 9, 1.0, -2.0, 0.8),
    ),
    "mouthDimple": (Pull(26, M, 7.5, 7.5, 4.6, 0.9, -4.4), Pull(13, M, 8, 8, 1.6, 0, -0.8)),
    "mouthStretch": (
        Pull(25, M - 2, 10, 11, 8.4, -3.6, -4.6),
        Pull(12, M, 8, 9, 3.4, -0.8, -1.2),
        Pull(36, -88, 14, 12, 1.8, -2.2, 0),
    ),
    "mouthPress": (
        Pull(13, M + 6, 9, 3.2, 0, -2.0, -1.2),
        Pull(13, M - 6.5, 9, 3.6, 0, 2.4, -1.4),
        Pull(26, M, 6, 6, 1.0, 0.4, -1.2),
    ),
}
MIDDLE: dict[str, tuple[Pull, ...]] = {
    "browInnerUp": (Pull(11, 21, 9, 11, 0.2, 6.8, 0.6), Pull(14, 42, 14, 13, 0, 2.4, 0.3)),
    "cheekPuff": (
        Pull(41, -50, 13, 15, 6.4, 0, 5.0),
        Pull(22, M + 8, 9, 7, 0.6, 0, 3.0),
        Pull(20, M - 10, 10, 7, 0.6, 0, 3.0),
    ),
    "mouthPucker": (Pull(25, M, 10, 9, -10.5, 0, 4.6), Pull(11, M, 8, 8, -4.4, 0, 2.8), Pull(0, M, 13, 10, 0, 0, 5.2)),
    "mouthRollUpper": (Pull(0, M + 5.5, 17, 3.4, 0, -2.8, -3.4), Pull(0, M, 18, 3.0, 0, 0.6, -1.6)),
    "mouthRollLower": (Pull(0, M - 7, 17, 3.8, 0, 3.4, -3.8), Pull(0, M, 18, 3.0, 0, -0.4, -1.6)),
    "mouthShrugUpper": (Pull(0, M + 5, 15, 6, 0, 3.0, 1.6),),
    "mouthShrugLower": (
        Pull(0, -93, 13, 8, 0, 4.8, 1.6),
        Pull(0, M - 6, 15, 6, 0, 3.6, 2.2),
        Pull(24, M, 6, 6, 0, -1.4, 0),
    ),
    "nostrilFlare": (Pull(14, -37, 4.5, 5.5, 2.6, 0.5, 0.4),),
    "nostrilCompress": (Pull(13, -37, 4.5, 5.5, -2.0, -0.5, 0),),
    "cheekSuck": (Pull(42, -52, 12, 13, -5.2, 0, -4.2), Pull(22, M, 8, 7, -1.8, 0, 0.6)),
    "browGather": (Pull(15, 20, 9, 7, -3.6, -1.0, 1.8), Pull(0, 21, 4, 9, 0, 0, 1.4)),
    "lipPuffUpper": (Pull(0, M + 10, 18, 5.5, 0, 0.4, 4.0),),
    "lipPuffLower": (Pull(0, M - 14, 17, 6, 0, -0.4, 4.2),),
}

LIDS: dict[str, Opening] = {
    "eyeBlink": Opening(0.0, 0.0, 0.15),
    "eyeLookDown": Opening(OPEN_UPPER - 3.4, OPEN_LOWER + 0.5, 0.6),
    "eyeLookUp": Opening(OPEN_UPPER + 1.2, OPEN_LOWER - 0.5, 1.1),
    "eyeSquint": Opening(OPEN_UPPER - 2.7, OPEN_LOWER - 2.5, 1.1),
    "eyeWide": Opening(OPEN_UPPER + 2.6, OPEN_LOWER + 0.7, 1.0),
}
