"""Record3D's own `.r3d` recordings: a zip of JPG colour and LZFSE-compressed float32 depth."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np

from vfa.errors import AssetError, DecodeError, InputError
from vfa.media import depth as depth_values
from vfa.media.depth import DepthUnits
from vfa.media.folder import recorded_times
from vfa.media.frame import Frame
from vfa.media.pictures import decode_color
from vfa.media.reader import ClipReader

MAX_ENTRY = 256 * 2**20
"""No single picture of a recording is larger than this many bytes; a bigger entry is an attack or damage."""

KNOWN_SIZES = {192 * 256: (192, 256), 480 * 640: (480, 640), 360 * 640: (360, 640)}
"""Landscape depth maps (height, width) of the LiDAR and TrueDepth cameras, for recordings that do not say."""


class Record3DClip(ClipReader):
    """An `.r3d` file.

    Raises:
        DecodeError: no zip, or without frames or metadata.
        AssetError: the depth is compressed and the `lzfse` package is not installed.
    """

    def __init__(self, path: Path, *, with_depth: bool = True) -> None:
        super().__init__(path)
        try:
            with zipfile.ZipFile(path) as archive:
                names = set(archive.namelist())
                record = json.loads(self._entry(archive, "metadata"))
        except (zipfile.BadZipFile, EOFError) as error:
            raise DecodeError("this is no Record3D recording", path=path, expected="a zip", found=str(error)) from error
        except (KeyError, ValueError) as error:
            raise DecodeError("the recording's `metadata` cannot be read", path=path, found=str(error)) from error
        if not isinstance(record, dict):
            raise DecodeError("the recording's `metadata` is no JSON object", path=path)
        stems = {PurePosixPath(name).stem for name in names if name.startswith("rgbd/") and name.endswith(".jpg")}
        numbered = sorted((stem for stem in stems if stem.isdecimal()), key=int)
        self.has_depth = with_depth
        self._frame_names = [s for s in numbered if not with_depth or f"rgbd/{s}.depth" in names]
        if not self._frame_names:
            raise DecodeError("the recording has no frames", path=path, expected="rgbd/<i>.jpg and rgbd/<i>.depth")
        if len(self._frame_names) < len(numbered):
            self.warn(f"{len(numbered) - len(self._frame_names)} frames without depth were left out")
        self.n_frames = len(self._frame_names)
        self.rate, times = recorded_times(record, self.n_frames)
        self._times = times or [index / self.rate for index in range(self.n_frames)]
        self._depth_size = self._size(record, "dw", "dh")
        with zipfile.ZipFile(path) as archive:
            color = decode_color(self._entry(archive, f"rgbd/{self._frame_names[0]}.jpg"), path)
            self.height, self.width = color.shape[:2]
            if with_depth:
                self.depth_units = DepthUnits(1.0)
                depth_values.probe(path, (self._depth(archive, name) for name in self._frame_names))

    @staticmethod
    def _size(record: dict[str, object], width: str, height: str) -> tuple[int, int] | None:
        w, h = record.get(width), record.get(height)
        return (h, w) if isinstance(w, int) and isinstance(h, int) and 0 < w * h < MAX_ENTRY // 4 else None

    def _entry(self, archive: zipfile.ZipFile, name: str) -> bytes:
        info = archive.getinfo(name)
        if info.file_size > MAX_ENTRY:
            raise DecodeError(f"entry {name} is too large", path=self.path, found=f"{info.file_size} bytes")
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, OSError, RuntimeError, EOFError) as error:
            raise DecodeError(f"entry {name} cannot be read", path=self.path, found=str(error)) from error

    def _depth(self, archive: zipfile.ZipFile, name: str) -> np.ndarray:
        data = self._entry(archive, f"rgbd/{name}.depth")
        if data[:3] == b"bvx":
            data = self._decompress(data, name)
        shape = self._depth_size or KNOWN_SIZES.get(len(data) // 4)
        if shape is None or len(data) != 4 * shape[0] * shape[1]:
            raise DecodeError(
                f"depth {name} has an unexpected size",
                path=self.path,
                expected=f"{shape[1]}x{shape[0]} float32" if shape else "dw and dh in the metadata",
                found=f"{len(data)} bytes",
            )
        depth = np.frombuffer(data, "<f4").reshape(shape)
        if (shape[0] > shape[1]) != (self.height > self.width) and shape[0] != shape[1] and self._depth_size is None:
            depth = depth.reshape(shape[::-1])
        return depth_values.clean(depth)

    def _decompress(self, data: bytes, name: str) -> bytes:
        try:
            import lzfse
        except ImportError as error:
            raise AssetError(
                "the depth is LZFSE-compressed and the decompressor is missing",
                path=self.path,
                hint="install the extra: pip install 'versatile-face-animator[record3d]'; or export EXR + JPG",
            ) from error
        try:
            return lzfse.decompress(data)
        except (lzfse.error, MemoryError) as error:
            raise DecodeError(f"depth {name} cannot be decompressed", path=self.path, found=str(error)) from error

    def _frames(self) -> Iterator[Frame]:
        with zipfile.ZipFile(self.path) as archive:
            for index, (name, time) in enumerate(zip(self._frame_names, self._times, strict=True)):
                color = decode_color(self._entry(archive, f"rgbd/{name}.jpg"), self.path)
                if color.shape[:2] != (self.height, self.width):
                    raise InputError(
                        f"picture {name} differs in size from the first",
                        path=self.path,
                        expected=f"{self.width}x{self.height}",
                        found=f"{color.shape[1]}x{color.shape[0]}",
                    )
                depth = None
                if self.has_depth:
                    depth = depth_values.resize_depth(self._depth(archive, name), self.height, self.width)
                yield Frame(index, Fraction(time), color, depth)
