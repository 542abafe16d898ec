"""Clips packed for random access: each frame its own JPG and 16-bit PNG in one uncompressed zip, written once.

Decoding a frame out of the middle of a video costs everything since its last key frame; out of a pack it costs that
frame alone (about 1 ms at 256x256). A pack is an ordinary zip that any tool opens.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vfa.errors import DecodeError, InputError, VFAError
from vfa.media import open_clip
from vfa.media.atomic import discard, remove_stale_parts, temporary_path
from vfa.media.depth import DepthUnits
from vfa.media.normalize import Convention, Moments, Normalization
from vfa.media.pictures import decode_color, decode_depth
from vfa.training.data_layouts import ClipFile

VERSION = 1
JPEG_QUALITY = 95
INDEX = "index.json"


@dataclass(frozen=True)
class PackIndex:
    """What a pack says about its clip.

    Attributes:
        times: of the frames, seconds, exact.
        width, height: pixels.
        units: of the stored depth steps.
        near, far: range of the clip's depth, metres.
        mean, sigma: of the foreground's colour, 0..255.
    """

    times: tuple[Fraction, ...]
    width: int
    height: int
    units: DepthUnits
    near: float
    far: float
    mean: float
    sigma: float

    def normalization(self, convention: Convention) -> Normalization:
        """The clip's normalisation, one for all its frames."""
        return Normalization(convention, self.near, self.far, self.mean, self.sigma)


def pack_path(clip: ClipFile, cache: Path) -> Path:
    """Where the pack of a clip lies."""
    return cache / clip.split / clip.person / f"{clip.name}.zip"


def source_stamp(clip: ClipFile) -> str:
    """Changes when the clip's files change: hash of their names, sizes and modification times."""
    path = clip.path
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
    else:
        files = [path, path.parent.parent / "depth" / f"{path.stem}.nut"]
    digest = hashlib.sha256(f"{VERSION}".encode())
    for file in files:
        state = file.stat()
        digest.update(f"{file.name}\0{state.st_size}\0{state.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def write_pack(clip: ClipFile, cache: Path) -> Path:
    """Packs a clip unless its pack is there and up to date; complete or absent.

    Raises:
        VFAError: the clip has no depth or cannot be read, or the pack cannot be written.
    """
    import cv2

    target, stamp = pack_path(clip, cache), source_stamp(clip)
    if _stamp_of(target) == stamp:
        return target
    remove_stale_parts(target.parent)
    temporary = temporary_path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_clip(clip.path) as frames, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            units = getattr(frames, "depth_units", None)
            if not frames.has_depth or units is None:
                raise InputError("the clip has no depth", path=clip.path)
            color_moments, near, far, times = Moments(), np.inf, -np.inf, []
            for frame in frames:
                assert frame.depth is not None
                seen = np.isfinite(frame.depth)
                if seen.any():
                    near, far = min(near, float(np.nanmin(frame.depth))), max(far, float(np.nanmax(frame.depth)))
                    color_moments.update(frame.color[seen])
                options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
                _store(archive, f"{frame.index:06d}.jpg", cv2.imencode(".jpg", frame.color[:, :, ::-1], options)[1])
                steps = units.to_steps(frame.depth)
                _store(
                    archive, f"{frame.index:06d}.png", cv2.imencode(".png", steps, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
                )
                times.append(str(frame.time))
            index = {
                "version": VERSION,
                "stamp": stamp,
                "times": times,
                "size": [frames.width, frames.height],
                "units": [units.scale, units.offset],
                "depth": [near, far],
                "color": [color_moments.mean, max(color_moments.sigma, 1.0)],
            }
            _store(archive, INDEX, json.dumps(index).encode())
        os.replace(temporary, target)
    except OSError as error:
        raise VFAError("the pack cannot be written", path=target, found=error.strerror or str(error)) from error
    finally:
        discard(temporary)
    return target


def _store(archive: zipfile.ZipFile, name: str, data: bytes | np.ndarray) -> None:
    """Adds an entry whose bytes do not depend on the time of day."""
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), bytes(data))


def _stamp_of(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read(INDEX))["stamp"])
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return None


class Pack:
    """An open pack; frames in any order.

    Raises:
        DecodeError: it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
            record: dict[str, Any] = json.loads(self._archive.read(INDEX))
            self.index = PackIndex(
                times=tuple(Fraction(time) for time in record["times"]),
                width=int(record["size"][0]),
                height=int(record["size"][1]),
                units=DepthUnits(*record["units"]),
                near=float(record["depth"][0]),
                far=float(record["depth"][1]),
                mean=float(record["color"][0]),
                sigma=float(record["color"][1]),
            )
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
            raise DecodeError(
                "the packed clip is damaged", path=path, found=str(error), hint="delete it; it is made again"
            ) from error

    def __len__(self) -> int:
        return len(self.index.times)

    def read(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Colour uint8 `[H, W, 3]` and depth float32 `[H, W]` in metres (NaN for none) of one frame."""
        try:
            color, depth = (self._archive.read(f"{number:06d}.{kind}") for kind in ("jpg", "png"))
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            raise DecodeError(f"frame {number} of the packed clip is damaged", path=self.path) from error
        return decode_color(color, self.path), self.index.units.to_metres(decode_depth(depth, self.path))

    def close(self) -> None:
        """Releases the file."""
        self._archive.close()


def read_truth(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a truth file (`[frames, ...]` each), objects refused."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DecodeError("the truth cannot be read", path=path, found=str(error)) from error
