"""One recording -> cropped, background-free colour and depth of constant size, with a picture and a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from dataset.captures import Capture, fingerprint
from vfa.errors import InputError
from vfa.face.crop import SquareCrop, resize
from vfa.face.landmarks import FaceLandmarker, FaceLandmarks
from vfa.face.tracking import DetectionStatistics, track
from vfa.media import Clip, Frame, open_clip
from vfa.media.atomic import remove_stale_parts, write_json
from vfa.media.depth import DepthUnits, resize_depth
from vfa.media.foreground import close_holes, foreground, shrink_depth
from vfa.media.normalize import Moments
from vfa.media.writers import ColorWriter, DepthWriter

VERSION = 1
"""Of what is written; a record of another version is made again."""


@dataclass(frozen=True)
class Options:
    """What may be chosen.

    Attributes:
        size: side of the pictures written, pixels.
        far: depth beyond which everything is background, metres.
        sigma: depth is kept within this many standard deviations of the foreground's mean.
        margin: side of the crop over the longer side of the face's box.
        hole: largest hole of missing depth that is closed, in pixels of the recording.
        keyframe_interval: frames between points of random access in the colour video.
        crf: quality of the colour video.
        allow_8bit_depth: accept 8-bit depth.
    """

    size: int = 256
    far: float = 0.5
    sigma: float = 2.0
    margin: float = 1.6
    hole: int = 150
    keyframe_interval: int = 10
    crf: int = 12
    allow_8bit_depth: bool = False

    def __post_init__(self) -> None:
        checks = {
            "--size": (self.size >= 16 and self.size % 2 == 0, "an even number from 16 on"),
            "--far": (0 < self.far < 100, "metres, above 0"),
            "--sigma": (0 < self.sigma < 100, "above 0"),
            "--margin": (1 <= self.margin < 10, "from 1 on"),
        }
        for name, (good, expected) in checks.items():
            if not good:
                raise InputError(f"{name} is out of range", expected=expected)


@dataclass(frozen=True)
class Outputs:
    """Where one recording goes."""

    color: Path
    depth: Path
    preview: Path
    record: Path

    @classmethod
    def of(cls, capture: Capture, out: Path) -> Outputs:
        """`<out>/<group>/color/<name>.mp4`, `depth/<name>.nut`, `preview/<name>.png`, `record/<name>.json`."""
        base, name = out / capture.group, capture.name
        return cls(
            base / "color" / f"{name}.mp4",
            base / "depth" / f"{name}.nut",
            base / "preview" / f"{name}.png",
            base / "record" / f"{name}.json",
        )

    def is_complete(self, options: Options, source: str) -> bool:
        """Whether a former run finished this recording with the same options and the same input."""
        import json

        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
            sizes = {kind: getattr(self, kind).stat().st_size for kind in ("color", "depth", "preview")}
        except (OSError, ValueError):
            return False
        same = isinstance(record, dict) and record.get("version") == VERSION and record.get("bytes") == sizes
        return same and record.get("options") == asdict(options) and record.get("source") == source


def prepare(capture: Capture, out: Path, options: Options) -> bool:
    """Prepares one recording, unless that was done before.

    The recording is read three times (face, depth range, pictures), each time as a stream.

    Returns:
        False when there was nothing to do.

    Raises:
        VFAError: the recording cannot be used or the result cannot be written.
    """
    outputs, source = Outputs.of(capture, out), fingerprint(capture.path)
    if outputs.is_complete(options, source):
        return False
    for path in (outputs.color, outputs.depth, outputs.preview, outputs.record):
        remove_stale_parts(path.parent)
    outputs.record.unlink(missing_ok=True)
    with open_clip(capture.path, allow_8bit_depth=options.allow_8bit_depth) as clip:
        if not clip.has_depth:
            raise InputError(
                "the recording has no depth",
                path=capture.path,
                expected="depth/<i>.exr or .png beside rgb/, depth/<name>.nut, or a .r3d file",
            )
        boxes, rate = find_face(clip)
        crop = constant_crop(boxes, options.margin)
        metric = bool(getattr(clip, "depth_is_metric", True))
        cutter = Cutter(crop, boxes, options, far=options.far if metric else np.inf)
        moments = cutter.measure(clip)
        near, far = moments.mean - options.sigma * moments.sigma, moments.mean + options.sigma * moments.sigma
        if not near < far:
            raise InputError("the foreground has no relief", path=capture.path, found=f"all at {near:.3f} m")
        units = DepthUnits.for_range(near, far)
        _write(clip, cutter, units, outputs)
        median = np.median(boxes, axis=0)
        record: dict[str, Any] = {
            "version": VERSION,
            "name": capture.name,
            "source": source,
            "options": asdict(options),
            "frames": clip.n_frames,
            "rate": str(clip.rate),
            "input_size": [clip.width, clip.height],
            "face_box": [round(float(value), 2) for value in median],
            "crop": [crop.x, crop.y, crop.side],
            "detection_rate": round(rate, 4),
            "depth_is_metric": metric,
            "depth_near": near,
            "depth_far": far,
            "depth_mean": moments.mean,
            "depth_sigma": moments.sigma,
            "invalid_depth_share": round(getattr(clip, "invalid_depth_share", float("nan")), 6),
            **cutter.shares(),
            "warnings": clip.warnings,
            "bytes": {kind: getattr(outputs, kind).stat().st_size for kind in ("color", "depth", "preview")},
        }
        write_json(outputs.record, record)
    return True


def find_face(clip: Clip) -> tuple[np.ndarray, float]:
    """The face's box in every frame, float64 `[N, 4]` (left, top, right, bottom), smoothed; and the detection rate.

    Single wrong detections are removed by a running median over 5 frames.

    Raises:
        InputError: no frame shows a face.
    """
    from scipy import ndimage

    statistics = DetectionStatistics()
    boxes: list[np.ndarray | None] = []
    with FaceLandmarker(static=False) as landmarker:
        for item in track(clip, landmarker, missing="hold", statistics=statistics):
            boxes.append(item.landmarks.box if isinstance(item.landmarks, FaceLandmarks) else None)
    first = next(box for box in boxes if box is not None)
    filled = np.stack([first if box is None else box for box in boxes]).astype(np.float64)
    return ndimage.median_filter(filled, size=(5, 1), mode="nearest"), statistics.rate


def constant_crop(boxes: np.ndarray, margin: float) -> SquareCrop:
    """One square for the whole recording.

    It holds the boxes of all frames but the 2 % that reach farthest on each side, and is at least `margin` times the
    median face wide.

    Args:
        boxes: `[N, 4]`, as `find_face` gives them.
        margin: see `Options.margin`.
    """
    low, high = np.percentile(boxes[:, :2], 2, axis=0), np.percentile(boxes[:, 2:], 98, axis=0)
    size = float(np.median(np.max(boxes[:, 2:] - boxes[:, :2], axis=1)))
    return SquareCrop.centered((low + high) / 2, max(float((high - low).max()), margin * size))


class Cutter:
    """Cuts the person out of frames, with one crop, and counts what happened.

    Args:
        crop: of all frames.
        boxes: of the face, `[N, 4]`.
        options: of the run.
        far: depth limit in metres; infinite where the recording's metres are nominal and background is 0 already.
    """

    def __init__(self, crop: SquareCrop, boxes: np.ndarray, options: Options, *, far: float) -> None:
        self.crop, self.boxes, self.options, self.far = crop, boxes, options, far
        self._pixels = self._seen = self._filled = self._empty = 0

    def _person(self, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
        """Depth `[S, S]` of the person with NaN around, and the mask before holes were closed."""
        assert frame.depth is not None
        depth = self.crop.cut(frame.depth, fill=np.nan)
        box = self.boxes[min(frame.index, len(self.boxes) - 1)] - np.tile([self.crop.x, self.crop.y], 2)
        left, top, right, bottom = (int(round(value)) for value in box)
        mask = foreground(depth, far=self.far, seed=(left, top, right, bottom))
        filled, _ = close_holes(depth, mask, largest=self.options.hole)
        return filled, mask

    def measure(self, clip: Clip) -> Moments:
        """Mean and spread of the person's depth over the whole clip.

        Raises:
            InputError: nobody is nearer than the limit.
        """
        moments = Moments()
        face_depths: list[float] = []
        for frame in clip:
            person, _ = self._person(frame)
            moments.update(person[np.isfinite(person)])
            if not moments.count and frame.depth is not None and len(face_depths) < 100:
                inside = self.crop.cut(frame.depth, fill=np.nan)
                if np.isfinite(inside).any():
                    face_depths.append(float(np.nanmedian(inside)))
        if not moments.count:
            where = f"the face is at about {np.median(face_depths):.2f} m" if face_depths else "no depth at the face"
            raise InputError(
                "nobody is nearer than the depth limit",
                path=clip.path,
                expected=f"a face within --far {self.far:g} m",
                found=where,
                hint="pass a larger --far",
            )
        return moments

    def pictures(self, clip: Clip) -> Iterator[tuple[Frame, np.ndarray, np.ndarray]]:
        """Frames with their colour uint8 `[size, size, 3]` and depth float32 `[size, size]`, background 0 and NaN."""
        size = self.options.size
        for frame in clip:
            person, mask = self._person(frame)
            shrinks = self.crop.side >= size
            depth = shrink_depth(person, size) if shrinks else resize_depth(person, size, size)
            seen = np.isfinite(depth)
            color = resize(self.crop.cut(frame.color), size)
            color[~seen] = 0
            self._pixels += mask.size
            self._seen += int(mask.sum())
            self._filled += int(np.isfinite(person).sum()) - int(mask.sum())
            self._empty += not seen.any()
            yield frame, color, depth

    def shares(self) -> dict[str, float]:
        """Shares of the crop that are person, closed holes; frames without anybody."""
        return {
            "foreground_share": round(self._seen / self._pixels, 6),
            "closed_hole_share": round(self._filled / self._pixels, 6),
            "empty_frames": self._empty,
        }


def _write(clip: Clip, cutter: Cutter, units: DepthUnits, outputs: Outputs) -> None:
    from dataset.preview import Preview

    options = cutter.options
    size, rate = options.size, Fraction(clip.rate)
    preview = Preview(clip.n_frames or 1)
    with (
        ColorWriter(
            outputs.color,
            width=size,
            height=size,
            rate=rate,
            crf=options.crf,
            keyframe_interval=options.keyframe_interval,
        ) as colors,
        DepthWriter(outputs.depth, size, size, rate, units=units) as depths,
    ):
        for frame, color, depth in cutter.pictures(clip):
            steps = units.to_steps(depth)
            colors.write(color, frame.time)
            depths.write(steps, frame.time)
            preview.add(frame, color, steps, cutter.boxes[min(frame.index, len(cutter.boxes) - 1)], cutter.crop)
    preview.write(outputs.preview)
