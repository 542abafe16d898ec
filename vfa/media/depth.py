"""Depth values: units, validity, statistics, and resampling that never mixes a face with its background."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vfa.errors import InputError

PROBE_FRAMES = 90
"""Leading frames searched for a usable depth map before a clip is refused."""

MILLIMETRE_MEDIAN = 50.0
"""A median above this many metres is no face capture: the values are taken for millimetres."""


@dataclass(frozen=True)
class DepthUnits:
    """How 16-bit steps stand for metres: `metres = offset + scale * value`; value 0 means no depth.

    Attributes:
        scale: metres per step.
        offset: metres at (the never used) value 0.
    """

    scale: float
    offset: float = 0.0

    @classmethod
    def for_range(cls, near: float, far: float) -> DepthUnits:
        """Units in which value 1 is `near` and value 65535 is `far` (metres, near < far).

        >>> DepthUnits.for_range(0.4, 0.56).to_metres(np.array([0, 1, 65535], np.uint16)).round(6).tolist()
        [nan, 0.4000000059604645, 0.5600000023841858]
        """
        if not (np.isfinite(near) and np.isfinite(far) and near < far):
            raise InputError("the depth range is empty", expected="near < far, in metres", found=f"{near} .. {far}")
        scale = (far - near) / 65534
        return cls(scale, near - scale)

    def to_metres(self, steps: np.ndarray) -> np.ndarray:
        """Steps (any unsigned integer type) -> float32 metres of the same shape, NaN where the step is 0."""
        metres = (self.offset + self.scale * steps.astype(np.float64)).astype(np.float32)
        metres[steps == 0] = np.nan
        return metres

    def to_steps(self, metres: np.ndarray) -> np.ndarray:
        """Metres -> uint16 steps, clipped to 1..65535; 0 where the depth is NaN, infinite or not positive.

        Inside the range the way back is within half a step.
        """
        valid = np.isfinite(metres) & (metres > 0)
        steps = np.rint((np.where(valid, metres, 1.0).astype(np.float64) - self.offset) / self.scale)
        return np.where(valid, np.clip(steps, 1, 65535), 0).astype(np.uint16)

    def metadata(self) -> dict[str, str]:
        """The container metadata under which a depth video records its units."""
        return {"depth_unit": "metre", "depth_scale": repr(self.scale), "depth_offset": repr(self.offset)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, object]) -> DepthUnits | None:
        """Units recorded by `metadata`, in any letter case, or None. `depth_unit` may be metre or millimetre."""
        found = {str(key).lower(): value for key, value in metadata.items()}
        if "depth_scale" not in found and "depth_unit" not in found:
            return None
        unit = str(found.get("depth_unit", "metre")).lower().rstrip("s")
        factor = {"metre": 1.0, "meter": 1.0, "m": 1.0, "millimetre": 1e-3, "millimeter": 1e-3, "mm": 1e-3}.get(unit)
        try:
            scale = float(str(found.get("depth_scale", 1.0)))
            offset = float(str(found.get("depth_offset", 0.0)))
        except ValueError:
            scale = offset = np.nan
        if factor is None or not np.isfinite(offset) or not (np.isfinite(scale) and scale > 0):
            raise InputError(
                "the recorded depth units are not understood",
                expected="depth_unit metre or millimetre, depth_scale > 0, depth_offset",
                found=", ".join(f"{key}={found[key]}" for key in sorted(found) if key.startswith("depth_")),
            )
        return cls(scale * factor, offset * factor)


MILLIMETRES = DepthUnits(1e-3)
"""What 16-bit depth pictures hold (Azure Kinect and most depth cameras)."""

NOMINAL_FACE = DepthUnits.for_range(0.40, 0.56)
"""Taken for depth that was normalised without a record of its range.

The public RGBD face data stretch the foreground's mean +- 2 sigma to 1..65535 and keep no record of the metric range.
A face in front of a phone camera has its mean at about 0.48 m and a standard deviation of about 40 mm.
Whatever is normalised again (`vfa.media.normalize`) does not depend on this choice.
"""


@dataclass
class DepthStatistics:
    """Running figures of a clip's depth, filled while the clip is read.

    Attributes:
        frames: depth maps seen.
        pixels: pixels seen.
        invalid: those of them without depth.
        nearest, farthest: extremes of the valid depth, metres (inf and -inf before any).
    """

    frames: int = 0
    pixels: int = 0
    invalid: int = 0
    nearest: float = field(default=np.inf)
    farthest: float = field(default=-np.inf)

    def update(self, depth: np.ndarray) -> None:
        """Adds one map, float `[H, W]` in metres with NaN for none."""
        self.frames += 1
        self.pixels += depth.size
        missing = int(np.count_nonzero(np.isnan(depth)))
        self.invalid += missing
        if missing < depth.size:
            self.nearest = min(self.nearest, float(np.nanmin(depth)))
            self.farthest = max(self.farthest, float(np.nanmax(depth)))

    @property
    def invalid_share(self) -> float:
        """Share of pixels without depth, 0..1; NaN before the first map."""
        return self.invalid / self.pixels if self.pixels else float("nan")


def clean(depth: np.ndarray) -> np.ndarray:
    """Float32 copy with NaN wherever the value is not a finite positive number."""
    metres = np.array(depth, dtype=np.float32)
    metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    return metres


def probe(path: Path, maps: Iterable[np.ndarray]) -> float:
    """Finds out from the first usable map whether a clip's depth can be worked with.

    Args:
        path: named in the error.
        maps: cleaned maps (NaN = none) in what is believed to be metres; at most `PROBE_FRAMES` are looked at.

    Returns:
        The factor that makes them metres: 1, or 0.001 where the median says they are millimetres.

    Raises:
        InputError: no valid pixel, or all valid pixels are alike.
    """
    seen, values, best = 0, 0, 0.0
    for depth in maps:
        valid = depth[np.isfinite(depth)]
        if valid.size and valid.min() < valid.max():
            return 1e-3 if float(np.median(valid)) > MILLIMETRE_MEDIAN else 1.0
        seen += 1
        if valid.size:
            values, best = max(values, valid.size), float(valid[0])
        if seen == PROBE_FRAMES:
            break
    if not values:
        found = f"zero, NaN or infinity in every pixel of the first {seen} frames"
    else:
        found = f"at most {values} valid pixels in a frame, all of the one value {best:g} (first {seen} frames)"
    raise InputError(
        "the depth carries no shape",
        path=path,
        expected="maps with different depths in metres (0 or NaN where there is none)",
        found=found,
        hint="record again, or use the colour alone (with_depth=False)",
    )


def resize_depth(depth: np.ndarray, height: int, width: int, *, jump: float = 0.02) -> np.ndarray:
    """Resamples `[h, w]` metres to `[height, width]`: bilinear inside a surface, nearest at its edges and holes.

    Args:
        depth: float32 with NaN for none.
        height, width: size wanted, pixels; the picture's borders coincide (pixel centres at +0.5).
        jump: neighbours further apart than this many metres belong to different surfaces.
    """
    if depth.shape == (height, width):
        return depth

    def axis(size: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
        low = np.floor(place).astype(np.int64)
        return low, np.minimum(low + 1, size - 1), (place - low).astype(np.float32)

    top, bottom, v = axis(depth.shape[0], height)
    left, right, u = axis(depth.shape[1], width)
    corners = [depth[np.ix_(row, column)] for row in (top, bottom) for column in (left, right)]
    a, b, c, d = corners
    u, v = u[None, :], v[:, None]
    smooth = (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v
    nearest = depth[np.ix_(np.where(v[:, 0] < 0.5, top, bottom), np.where(u[0] < 0.5, left, right))]
    spread = np.maximum(np.maximum(a, b), np.maximum(c, d)) - np.minimum(np.minimum(a, b), np.minimum(c, d))
    return np.where(spread <= jump, smooth, nearest).astype(np.float32)
