"""One frame of a clip: colour, optional depth, and its exact place in time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class Frame:
    """A frame as every reader gives it.

    Attributes:
        index: 0-based position in the clip.
        time: seconds since the clip's first frame, exact.
        color: uint8 `[H, W, 3]`, RGB, row 0 at the top.
        depth: float32 `[H, W]` in metres along the viewing direction, NaN where there is none;
            None when the clip has no depth at all.
    """

    index: int
    time: Fraction
    color: np.ndarray
    depth: np.ndarray | None = None
