"""The one normalisation of colour and depth: the same numbers in training and inference.

The original method trains on colour normalised by the foreground's mean and 2 sigma, and infers on 0..255 mapped to
-1..1 ("range"). Both are here; a checkpoint names the one it was trained with (`Normalization.convention`). "skin" is
"range" for networks that expect a driver's picture cut closely to the face and its depth to be that of skin alone: none
where lids or lips are open (`vfa.motion.network_input`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vfa.errors import InputError
from vfa.media.frame import Frame

Convention = Literal["range", "foreground", "skin"]
CONVENTIONS: tuple[Convention, ...] = ("range", "foreground", "skin")


@dataclass(frozen=True)
class Normalization:
    """Affine maps of a clip's colour and depth to [-1, 1].

    Depth: `near` -> -1, `far` -> 1, beyond them clipped, no depth -> -1.
    Colour: "range" and "skin" map 0..255 to -1..1, the background as it is. "foreground" maps the foreground's mean to
    0 and mean +- 2 sigma to +-1 (one mean and sigma for the three channels, so that hues stay), clipped, and the
    background to -1.

    Attributes:
        convention: "range", "foreground" or "skin".
        near, far: depth range of the clip, metres.
        mean, sigma: of the foreground's colour, 0..255; used by "foreground" only.
    """

    convention: Convention = "range"
    near: float = 0.0
    far: float = 1.0
    mean: float = 127.5
    sigma: float = 63.75

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise InputError("unknown normalisation", expected=" or ".join(CONVENTIONS), found=str(self.convention))
        if not (np.isfinite([self.near, self.far]).all() and self.near < self.far):
            raise InputError("the depth range is empty", expected="near < far", found=f"{self.near} .. {self.far}")
        if not (np.isfinite([self.mean, self.sigma]).all() and self.sigma > 0):
            raise InputError("the colour statistics are no numbers", found=f"mean {self.mean}, sigma {self.sigma}")

    @classmethod
    def fit(cls, frames: Iterable[Frame], convention: Convention = "range") -> Normalization:
        """One normalisation for all frames given (a clip, or its first frame), read once, streaming.

        The depth range is the frames' own; the foreground is where there is depth (everywhere without depth).
        """
        moments = Moments()
        near, far = np.inf, -np.inf
        for frame in frames:
            foreground = np.ones(frame.color.shape[:2], bool) if frame.depth is None else np.isfinite(frame.depth)
            if frame.depth is not None and foreground.any():
                near, far = min(near, float(np.nanmin(frame.depth))), max(far, float(np.nanmax(frame.depth)))
            if convention == "foreground":
                moments.update(frame.color[foreground])
        if not near < far:
            near, far = (near - 0.5, near + 0.5) if np.isfinite(near) else (0.0, 1.0)
        if not moments.count:
            return cls(convention, near, far)
        return cls(convention, near, far, moments.mean, max(moments.sigma, 1.0))

    @property
    def _scale(self) -> tuple[float, float]:
        """Offset and half range of colour."""
        return (127.5, 127.5) if self.convention != "foreground" else (self.mean, 2 * self.sigma)

    def apply(self, color: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
        """Normalises one picture.

        Args:
            color: uint8 `[H, W, 3]`.
            depth: float32 `[H, W]` metres, NaN for none; or None.

        Returns:
            float32 `[4, H, W]` in [-1, 1] (`[3, H, W]` without depth): RGB, then depth.
        """
        offset, half = self._scale
        result = np.full((3 if depth is None else 4, *color.shape[:2]), -1.0, np.float32)
        result[:3] = np.clip((color.astype(np.float32) - np.float32(offset)) / np.float32(half), -1, 1).transpose(
            2, 0, 1
        )
        if depth is not None:
            seen = np.isfinite(depth)
            if self.convention == "foreground":
                result[:3, ~seen] = -1.0
            unit = (np.where(seen, depth, self.near) - self.near) / (self.far - self.near)
            result[3] = np.clip(2 * unit - 1, -1, 1)
        return result

    def color_of(self, normalized: np.ndarray) -> np.ndarray:
        """`[3 or 4, H, W]` in [-1, 1] -> uint8 `[H, W, 3]`; what was clipped stays clipped."""
        offset, half = self._scale
        color = normalized[:3].transpose(1, 2, 0) * np.float32(half) + np.float32(offset)
        if self.convention == "foreground" and len(normalized) > 3:
            color[np.all(normalized <= -1, axis=0)] = 0
        return np.clip(np.rint(color), 0, 255).astype(np.uint8)

    def depth_of(self, normalized: np.ndarray) -> np.ndarray:
        """`[4, H, W]` (or the depth channel `[H, W]`) in [-1, 1] -> float32 metres, NaN where it is -1 or less."""
        depth = normalized[3] if normalized.ndim == 3 else normalized
        metres = self.near + (depth.astype(np.float32) + 1) / 2 * np.float32(self.far - self.near)
        return np.where(depth > -1, metres, np.nan).astype(np.float32)


@dataclass
class Moments:
    """Mean and standard deviation of values that come in pieces."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def update(self, values: np.ndarray) -> None:
        """Adds finite values of any shape."""
        exact = values.astype(np.float64).ravel()
        self.count += exact.size
        self.total += float(exact.sum())
        self.squares += float(exact @ exact)

    @property
    def mean(self) -> float:
        """Mean so far; NaN before any value."""
        return self.total / self.count if self.count else float("nan")

    @property
    def sigma(self) -> float:
        """Standard deviation so far (of the population); NaN before any value."""
        if not self.count:
            return float("nan")
        return float(np.sqrt(max(self.squares / self.count - self.mean**2, 0.0)))
