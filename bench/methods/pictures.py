"""Pictures on their way into results."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.features.reader import resized_frame
from vfa.errors import DecodeError


def read_picture(path: Path) -> np.ndarray:
    """A picture file as uint8 [H,W,3] RGB.

    Raises:
        DecodeError: it is no picture.
    """
    import cv2

    data = np.fromfile(path, np.uint8) if path.is_file() else np.empty(0, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise DecodeError("the picture cannot be read", path=path, expected="a .png or .jpg file")
    return np.ascontiguousarray(image[..., ::-1])


def write_picture(path: Path, image: np.ndarray) -> None:
    """Writes uint8 [H,W,3] RGB as .png, complete or absent."""
    import cv2

    from vfa.media.atomic import write_bytes

    done, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    assert done
    write_bytes(path, data.tobytes())


def fitted(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """An image [H,W,3] cut around its middle to the aspect of `width` x `height`, then resized to it."""
    rows, columns = image.shape[:2]
    if rows * width > columns * height:
        keep = max(1, round(columns * height / width))
        top = (rows - keep) // 2
        image = image[top : top + keep]
    elif rows * width < columns * height:
        keep = max(1, round(rows * width / height))
        left = (columns - keep) // 2
        image = image[:, left : left + keep]
    return resized_frame(np.ascontiguousarray(image), width, height)
