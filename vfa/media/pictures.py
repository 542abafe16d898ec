"""Single pictures: colour JPG/PNG and depth EXR/PNG16, read and written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from vfa.errors import DecodeError, InputError, VFAError
from vfa.media.atomic import discard, temporary_path, write_bytes

COLOR_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
DEPTH_SUFFIXES = (".exr", ".png", ".tif", ".tiff")
_DEPTH_CHANNELS = ("Z", "depth", "Depth", "Y", "R", "RGB", "RGBA")


def decode_color(data: bytes, path: Path) -> np.ndarray:
    """Encoded picture -> uint8 `[H, W, 3]` RGB, EXIF rotation applied; `path` is named in the error."""
    import cv2

    image = _decode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise DecodeError(
            "the picture cannot be decoded", path=path, expected="JPG or PNG", found=f"{len(data)} bytes of something"
        )
    return np.ascontiguousarray(image[:, :, ::-1])


def read_color(path: Path) -> np.ndarray:
    """Reads a colour picture as uint8 `[H, W, 3]` RGB."""
    return decode_color(_read(path), path)


def read_depth(path: Path) -> np.ndarray:
    """Reads a depth picture as stored: float32 `[H, W]` from EXR, uint8 or uint16 `[H, W]` from PNG/TIFF.

    Raises:
        DecodeError: damaged, or a picture with several different channels.
    """
    if path.suffix.lower() == ".exr":
        return _read_exr(path)
    return decode_depth(_read(path), path)


def decode_depth(data: bytes, path: Path) -> np.ndarray:
    """Encoded PNG/TIFF -> uint8 or uint16 `[H, W]` as stored; `path` is named in the error."""
    import cv2

    image = _decode(data, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DecodeError("the depth picture cannot be decoded", path=path, found=f"{len(data)} bytes of something")
    if image.ndim == 3:
        if np.any(image[..., 1:3] != image[..., :1]):
            raise DecodeError(
                "the depth picture is coloured", path=path, expected="one 16-bit channel", found=f"shape {image.shape}"
            )
        image = image[..., 0]
    return image


def _read_exr(path: Path) -> np.ndarray:
    import OpenEXR

    if not _read(path, 4).startswith(b"\x76\x2f\x31\x01"):
        raise DecodeError("this is no EXR picture", path=path, expected="OpenEXR with a depth channel")
    try:
        with OpenEXR.File(os.fspath(path)) as file:
            channels = {name: channel.pixels for name, channel in file.channels().items()}
    except Exception as error:  # the binding raises bare RuntimeError, ValueError and others of its own
        raise DecodeError("the EXR picture cannot be decoded", path=path, found=str(error)) from error
    name = next((name for name in _DEPTH_CHANNELS if name in channels), None)
    if name is None:
        raise DecodeError(
            "the EXR picture has no depth channel",
            path=path,
            expected=", ".join(_DEPTH_CHANNELS),
            found=", ".join(channels),
        )
    pixels = np.asarray(channels[name])
    return np.ascontiguousarray(pixels[..., 0] if pixels.ndim == 3 else pixels, dtype=np.float32)


def _decode(data: bytes, mode: int) -> np.ndarray | None:
    """The picture, or None where OpenCV gives none: it raises for impossible sizes and returns nothing for the rest."""
    import cv2

    if not data:
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error:
        return None


def _read(path: Path, count: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise InputError("the picture cannot be read", path=path, found=error.strerror) from error


def write_picture(path: Path, image: np.ndarray, *, quality: int = 95) -> None:
    """Writes uint8 `[H, W, 3]` RGB or uint8/uint16 `[H, W]` as the format of the suffix (.png, .jpg)."""
    import cv2

    stored = image[:, :, ::-1] if image.ndim == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
    done, data = cv2.imencode(path.suffix, np.ascontiguousarray(stored), options)
    if not done:
        raise InputError("the picture cannot be encoded", path=path, found=f"{image.dtype} {image.shape}")
    write_bytes(path, data.tobytes())


def write_depth_exr(path: Path, depth: np.ndarray) -> None:
    """Writes float32 `[H, W]` metres as a one-channel (`Z`) ZIP-compressed EXR."""
    import OpenEXR

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path, ".exr")
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    try:
        with OpenEXR.File(header, {"Z": np.ascontiguousarray(depth, dtype=np.float32)}) as file:
            file.write(os.fspath(temporary))
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        discard(temporary)
        raise VFAError("the file cannot be written", path=path, found=str(error)) from error
