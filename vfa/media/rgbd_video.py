"""A colour video beside a 16-bit depth video, and the 8-bit video that holds both side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfa.errors import InputError
from vfa.media import depth as depth_values
from vfa.media.align import nearest_in_time
from vfa.media.depth import NOMINAL_FACE, DepthUnits
from vfa.media.frame import Frame
from vfa.media.video import Orientation, Upright, VideoClip, decode, describe

if TYPE_CHECKING:
    import av

COLOR_FOLDERS = ("color", "colour", "rgb")
DEPTH_SUFFIXES = (".nut", ".mkv", ".avi", ".mp4")


def depth_beside(color: Path) -> Path | None:
    """`.../depth/<stem>.nut` for `.../color/<stem>.mp4`, or None."""
    if color.parent.name.lower() not in COLOR_FOLDERS:
        return None
    for suffix in DEPTH_SUFFIXES:
        candidate = color.parent.parent / "depth" / (color.stem + suffix)
        if candidate.is_file():
            return candidate
    return None


def color_beside(depth: Path) -> Path | None:
    """The colour video that belongs to `.../depth/<stem>.nut`, or None."""
    for folder in COLOR_FOLDERS:
        for suffix in (".mp4", ".mov", ".mkv", ".avi"):
            candidate = depth.parent.parent / folder / (depth.stem + suffix)
            if candidate.is_file():
                return candidate
    return None


def recorded_units(path: Path, metadata: dict[str, str]) -> DepthUnits | None:
    """Units from the video's metadata, else from `<stem>.json` beside it, else None."""
    units = DepthUnits.from_metadata(metadata)
    sidecar = path.with_suffix(".json")
    if units is None and sidecar.is_file():
        try:
            record = json.loads(sidecar.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError("the record beside the depth cannot be read", path=sidecar, found=str(error)) from error
        units = DepthUnits.from_metadata(record if isinstance(record, dict) else {})
    return units


class DepthVideo:
    """A 16-bit depth video (FFV1 gray16 in NUT) as maps in metres.

    Raises:
        InputError: 8-bit depth without leave, unusable depth.
    """

    def __init__(self, path: Path, *, allow_8bit: bool = False) -> None:
        self.path = path
        self.warnings: list[str] = []
        info = describe(path)
        self.rate, self.n_frames, self.width, self.height = info.rate, info.n_frames, info.width, info.height
        self._eight = info.bits <= 8
        if self._eight and not allow_8bit:
            raise InputError(
                "the depth has 8 bits only",
                path=path,
                expected="16-bit grey (FFV1 gray16le in .nut)",
                found=info.pixel_format,
                hint="export 16-bit depth; or pass --allow_8bit_depth and accept coarse steps",
            )
        units = recorded_units(path, info.metadata)
        self.is_metric = units is not None
        if units is None:
            units = NOMINAL_FACE
            near, far = units.to_metres(np.array([1, 65535], np.uint16))
            self.warnings.append(
                f"{path.name}: no depth units recorded; taken for normalised face depth, {near:.2f}..{far:.2f} m"
            )
        self.units = units
        factor = depth_values.probe(path, (self.metres(frame) for _, frame in decode(path, warn=self.warnings.append)))
        if factor != 1:
            self.units = DepthUnits(units.scale * factor, units.offset * factor)
            self.warnings.append(
                f"{path.name}: depth beyond {depth_values.MILLIMETRE_MEDIAN:g} m taken for millimetres"
            )
        self.warnings = list(dict.fromkeys(self.warnings))

    def steps(self, frame: av.VideoFrame) -> np.ndarray:
        """Uint16 `[H, W]` as stored, upright (8-bit values are spread over 16 bits)."""
        orientation = Orientation.of(frame)
        if self._eight:
            return orientation.apply(frame.to_ndarray(format="gray")).astype(np.uint16) * np.uint16(257)
        native = frame.format.name in ("gray16le", "gray16be")
        return orientation.apply(frame.to_ndarray(format=None if native else "gray16le").astype(np.uint16))

    def metres(self, frame: av.VideoFrame) -> np.ndarray:
        """Float32 `[H, W]` in metres, NaN for none."""
        return depth_values.clean(self.units.to_metres(self.steps(frame)))


class RGBDVideoClip(VideoClip):
    """`color/<name>.mp4` with `depth/<name>.nut`, paired by time."""

    def __init__(self, color: Path, depth: Path, *, allow_8bit: bool = False) -> None:
        super().__init__(color)
        self.depth_video = DepthVideo(depth, allow_8bit=allow_8bit)
        self.has_depth = True
        self.depth_units, self.depth_is_metric = self.depth_video.units, self.depth_video.is_metric
        for text in self.depth_video.warnings:
            self.warn(text)
        if self.depth_video.rate != self.rate:
            self.warn(
                f"colour runs at {float(self.rate):.4g} and depth at {float(self.depth_video.rate):.4g} frames per "
                "second: the depth nearest in time is used"
            )
        if (self.depth_video.width, self.depth_video.height) != (self.width, self.height):
            self.warn(
                f"depth is {self.depth_video.width}x{self.depth_video.height}, colour {self.width}x{self.height}: "
                "the depth is resampled"
            )

    def _frames(self) -> Iterator[Frame]:
        upright: Upright | None = None
        colors = decode(self.path, warn=self.warn)
        depths = decode(self.depth_video.path, warn=self.warn)
        interval = max(1 / self.rate, 1 / self.depth_video.rate)
        pairs = nearest_in_time(colors, depths, interval=interval, warn=self.warn)
        for index, (time, frame, depth_frame) in enumerate(pairs):
            upright = upright or Upright(frame, self._aspect)
            metres = self.depth_video.metres(depth_frame)
            yield Frame(index, time, upright(frame), depth_values.resize_depth(metres, self.height, self.width))


def looks_side_by_side(image: np.ndarray) -> bool:
    """Whether the left half of uint8 `[H, W, 3]` is a grey relief while the right half has colour.

    A purely grey film is not taken for one, nor is a wide shot with a grey wall (no relief).
    """
    height, width = image.shape[:2]
    if width < 16 or width % 2 or width < height:
        return False
    margin = max(1, width // 64)
    left = image[:, : width // 2 - margin].astype(np.int16)
    right = image[:, width // 2 + margin :].astype(np.int16)
    tint = np.ptp(left, axis=2)
    return bool(np.mean(tint <= 6) > 0.995 and left.std() > 10 and np.mean(np.ptp(right, axis=2) > 12) > 0.05)


class SideBySideClip(VideoClip):
    """One 8-bit video, depth on the left (0 = none, 1 nearest .. 255 farthest), colour on the right."""

    def __init__(self, path: Path, *, with_depth: bool = True) -> None:
        super().__init__(path)
        self.width //= 2
        self.has_depth, self.depth_is_metric = with_depth, False
        near = float(NOMINAL_FACE.to_metres(np.array([1], np.uint16))[0])
        self._units = DepthUnits(NOMINAL_FACE.scale * 65534 / 254, near)
        if with_depth:
            self.depth_units = self._units
            self.warn(f"{path.name}: depth has 8 bits without units; expect steps of {self._units.scale * 1e3:.1f} mm")
            depth_values.probe(path, (depth for _, _, depth in self._halves()))

    def _halves(self) -> Iterator[tuple[Fraction, np.ndarray, np.ndarray]]:
        upright: Upright | None = None
        for time, frame in decode(self.path, warn=self.warn):
            upright = upright or Upright(frame, self._aspect)
            image = upright(frame)
            # Compression leaves a little noise where there was nothing, so the lowest steps count as nothing too.
            steps = image[:, : self.width, 1]
            metres = self._units.to_metres(np.where(steps < 4, 0, steps))
            yield time, np.ascontiguousarray(image[:, self.width : 2 * self.width]), metres

    def _frames(self) -> Iterator[Frame]:
        for index, (time, color, depth) in enumerate(self._halves()):
            yield Frame(index, time, color, depth if self.has_depth else None)
