"""Names of the built-in head's 64 expression columns: ARKit's 52 face-tracking blend shapes, and 12 more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vfa.errors import InputError

EXPRESSION_NAMES = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen",
    "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight", "tongueOut", "tongueUp", "browGather", "cheekSuck",
    "nostrilFlare", "nostrilCompress", "lipPuffUpper", "lipPuffLower", "lipsPart", "jawBack", "jawClench",
    "neckTighten", "swallow",
)  # fmt: skip
_INDEX = {name: k for k, name in enumerate(EXPRESSION_NAMES)}


def expression_index(name: str) -> tuple[int, ...]:
    """Columns of a name; a name without its side ("eyeBlink") means both sides.

    Raises:
        InputError: no such expression.
    """
    if name in _INDEX:
        return (_INDEX[name],)
    both = tuple(_INDEX[name + side] for side in ("Left", "Right") if name + side in _INDEX)
    if not both:
        raise InputError(f"no expression is called {name!r}", expected=", ".join(EXPRESSION_NAMES))
    return both


def expression(**weights: float) -> NDArray[np.float32]:
    """Coefficients [64] of a mix of named expressions, 1 being the full expression.

    >>> expression(jawOpen=0.5, eyeBlink=1.0).sum()
    2.5
    """
    out = np.zeros(len(EXPRESSION_NAMES), np.float32)
    for name, weight in weights.items():
        out[list(expression_index(name))] = weight
    return out
