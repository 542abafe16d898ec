"""A folder of pictures as a clip: Record3D exports (EXR + JPG) and Azure Kinect pairs (PNG16 + PNG/JPG)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from vfa.errors import InputError
from vfa.media import depth as depth_values
from vfa.media.depth import MILLIMETRES, NOMINAL_FACE, DepthUnits
from vfa.media.frame import Frame
from vfa.media.pictures import COLOR_SUFFIXES, DEPTH_SUFFIXES, read_color, read_depth
from vfa.media.reader import ClipReader

COLOR_FOLDERS = ("rgb", "color", "colour", "images", "image")
METADATA_FILES = ("metadata.json", "metadata", "clip.json")
DEFAULT_RATE = Fraction(30)


def frame_number(path: Path) -> tuple[int, ...]:
    """The numbers in a file's name, for numeric order: `2.exr` before `10.exr`."""
    return tuple(int(digits) for digits in re.findall(r"\d+", path.stem))


def _pictures(folder: Path, suffixes: tuple[str, ...], pattern: str = "") -> dict[tuple[int, ...], Path]:
    """Pictures by their numbers; a repeated number (front_1, back_1) is an error."""
    found: dict[tuple[int, ...], Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if pattern and not re.search(pattern, path.stem, re.IGNORECASE):
            continue
        number = frame_number(path)
        if number in found and path.stem != found[number].stem:
            raise InputError(
                "two pictures have the same number", path=folder, found=f"{found[number].name} and {path.name}"
            )
        found[number] = path
    return found


def picture_folders(path: Path) -> tuple[dict[tuple[int, ...], Path], dict[tuple[int, ...], Path]]:
    """Colour and depth pictures of a capture folder by frame number; both empty when it holds none."""
    children = {child.name.lower(): child for child in path.iterdir() if child.is_dir()}
    color = next((children[name] for name in COLOR_FOLDERS if name in children), None)
    if color is not None:
        depth = children.get("depth")
        return _pictures(color, COLOR_SUFFIXES), _pictures(depth, DEPTH_SUFFIXES) if depth else {}
    depths = _pictures(path, DEPTH_SUFFIXES, "depth")
    if depths:
        return _pictures(path, COLOR_SUFFIXES, "colou?r|rgb"), depths
    return _pictures(path, COLOR_SUFFIXES), {}


def recorded_times(record: dict[str, object], count: int) -> tuple[Fraction, list[Fraction] | None]:
    """Rate and, where the record has one time stamp per frame, exact times from its start."""
    rate = DEFAULT_RATE
    fps = record.get("fps")
    if isinstance(fps, (int, float)) and not isinstance(fps, bool) and np.isfinite(fps) and fps > 0:
        rate = nominal_rate(float(fps))
    stamps = record.get("frameTimestamps")
    if isinstance(stamps, list) and len(stamps) == count > 1 and all(isinstance(s, (int, float)) for s in stamps):
        exact = [Fraction(repr(stamp)) for stamp in stamps if np.isfinite(stamp)]
        if len(exact) == count and all(a < b for a, b in zip(exact, exact[1:], strict=False)):
            return (count - 1) / (exact[-1] - exact[0]), [stamp - exact[0] for stamp in exact]
    return rate, None


def nominal_rate(fps: float) -> Fraction:
    """The rational rate behind a rounded decimal: 29.97 -> 30000/1001.

    >>> nominal_rate(29.97), nominal_rate(23.976), nominal_rate(30.0)
    (Fraction(30000, 1001), Fraction(24000, 1001), Fraction(30, 1))
    """
    for base in (24, 30, 48, 60, 120):
        if abs(fps - base * 1000 / 1001) < 0.005:
            return Fraction(base * 1000, 1001)
    return Fraction(fps).limit_denominator(1001)


class FolderClip(ClipReader):
    """Pictures in numeric order; a number missing in the middle is a gap in time.

    Args:
        path: the folder; `rgb/` (or `color/`) beside `depth/`, or `color_<i>` beside `depth_<i>`, or colour alone.
        allow_8bit_depth: accept 8-bit depth pictures.
        with_depth: False ignores the depth.

    Raises:
        InputError: no frames, pictures that do not pair, unusable depth.
    """

    def __init__(self, path: Path, *, allow_8bit_depth: bool = False, with_depth: bool = True) -> None:
        super().__init__(path)
        colors, depths = picture_folders(path)
        if not colors:
            raise InputError(
                "the folder holds no frames",
                path=path,
                expected="rgb/<i>.jpg with depth/<i>.exr, or color/ and depth/ pictures or videos",
                found=f"{sum(1 for _ in path.iterdir())} entries, none of them a usable picture",
            )
        self.has_depth = bool(depths) and with_depth
        self._numbers = sorted(colors.keys() & depths.keys() if self.has_depth else colors.keys())
        if not self._numbers:
            raise InputError(
                "colour and depth pictures do not pair",
                path=path,
                expected="the same number in both names",
                found=f"{next(iter(colors.values())).name} and {next(iter(depths.values())).name}",
            )
        if self.has_depth and len(self._numbers) < max(len(colors), len(depths)):
            self.warn(
                f"{len(colors)} colour and {len(depths)} depth pictures: the {len(self._numbers)} that pair are used"
            )
        self._colors, self._depths = colors, depths
        self.n_frames = len(self._numbers)
        record = self._record()
        self.rate, times = recorded_times(record, self.n_frames)
        if "fps" not in record:
            self.warn(f"no frame rate recorded in {METADATA_FILES[0]}: {float(self.rate):g} per second assumed")
        self._times = times or self._times_by_number()
        self.height, self.width = read_color(colors[self._numbers[0]]).shape[:2]
        audio = [child for child in sorted(path.iterdir()) if child.suffix.lower() in (".m4a", ".aac", ".wav", ".mp3")]
        self.audio_path = audio[0] if len(audio) == 1 else None
        if self.has_depth:
            self._open_depth(record, allow_8bit_depth)

    def _record(self) -> dict[str, object]:
        for name in METADATA_FILES:
            file = self.path / name
            if file.is_file():
                try:
                    record = json.loads(file.read_text(encoding="utf-8"))
                except (OSError, ValueError) as error:
                    self.warn(f"{name} cannot be read and is ignored: {error}")
                    continue
                if isinstance(record, dict):
                    return record
        return {}

    def _times_by_number(self) -> list[Fraction]:
        last = [number[-1] if number else 0 for number in self._numbers]
        span = last[-1] - last[0] + 1
        count = len(last)
        if count < span <= 1.5 * count + 1 and len(set(last)) == count:
            self.warn(f"{span - count} frame numbers are missing: the gaps are kept in time")
            return [(number - last[0]) / self.rate for number in last]
        return [index / self.rate for index in range(count)]

    def _open_depth(self, record: dict[str, object], allow_8bit: bool) -> None:
        first = self._depths[self._numbers[0]]
        stored = read_depth(first)
        if stored.dtype == np.uint8:
            if not allow_8bit:
                raise InputError(
                    "the depth has 8 bits only",
                    path=first,
                    expected="16-bit PNG (millimetres) or EXR (metres)",
                    hint="export 16-bit depth; or pass --allow_8bit_depth and accept coarse steps",
                )
            self.depth_units = DepthUnits(NOMINAL_FACE.scale * 65534 / 254, NOMINAL_FACE.offset)
            self.depth_is_metric = False
            self.warn(f"depth has 8 bits without units; expect steps of {self.depth_units.scale * 1e3:.1f} mm")
        else:
            default = DepthUnits(1.0) if stored.dtype.kind == "f" else MILLIMETRES
            self.depth_units = DepthUnits.from_metadata(record) or default
        if stored.shape != (self.height, self.width):
            self.warn(f"depth is {stored.shape[1]}x{stored.shape[0]}, colour {self.width}x{self.height}: resampled")
        factor = depth_values.probe(self.path, (self._depth(number) for number in self._numbers))
        if factor != 1:
            self.depth_units = DepthUnits(self.depth_units.scale * factor, self.depth_units.offset * factor)
            self.warn(f"depth beyond {depth_values.MILLIMETRE_MEDIAN:g} m is taken for millimetres")

    def _depth(self, number: tuple[int, ...]) -> np.ndarray:
        stored = read_depth(self._depths[number])
        assert self.depth_units is not None
        if stored.dtype.kind == "f":
            return depth_values.clean(stored * np.float32(self.depth_units.scale) + np.float32(self.depth_units.offset))
        return depth_values.clean(self.depth_units.to_metres(stored))

    def _frames(self) -> Iterator[Frame]:
        for index, (number, time) in enumerate(zip(self._numbers, self._times, strict=True)):
            color = read_color(self._colors[number])
            if color.shape[:2] != (self.height, self.width):
                raise InputError(
                    "the pictures differ in size",
                    path=self._colors[number],
                    expected=f"{self.width}x{self.height}",
                    found=f"{color.shape[1]}x{color.shape[0]}",
                )
            depth = None
            if self.has_depth:
                depth = depth_values.resize_depth(self._depth(number), self.height, self.width)
            yield Frame(index, time, color, depth)
