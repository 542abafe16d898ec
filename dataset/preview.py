"""A picture of what preparation did: whole frames with box and crop, and the cut-out colour and depth below."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vfa.face.crop import SquareCrop
from vfa.media.frame import Frame
from vfa.media.pictures import write_picture

COLUMNS = 6
TILE = 192
FACE_COLOR, CROP_COLOR = (255, 210, 0), (0, 220, 120)


class Preview:
    """Collects a few evenly spaced frames while a recording is written.

    Args:
        frames: number of frames to come.
    """

    def __init__(self, frames: int) -> None:
        self._wanted = {round(share * (frames - 1)) for share in np.linspace(0, 1, min(COLUMNS, frames))}
        self._columns: list[np.ndarray] = []

    def add(self, frame: Frame, color: np.ndarray, steps: np.ndarray, box: np.ndarray, crop: SquareCrop) -> None:
        """Offers a frame; it is kept when it is one of the wanted ones."""
        if frame.index in self._wanted:
            self._columns.append(
                np.concatenate([_overview(frame.color, box, crop), _fit(color), _fit(colored(steps))], axis=0)
            )

    def write(self, path: Path) -> None:
        """Writes the picture (PNG)."""
        write_picture(path, np.concatenate(self._columns, axis=1))


def colored(steps: np.ndarray) -> np.ndarray:
    """Depth steps uint16 `[H, W]` -> colours uint8 `[H, W, 3]`, near bright, none black."""
    import cv2

    shown = cv2.applyColorMap((255 - steps // 257).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[:, :, ::-1]
    return np.where((steps > 0)[..., None], shown, 0).astype(np.uint8)


def _fit(image: np.ndarray) -> np.ndarray:
    """Scales a picture into a tile, black around it."""
    import cv2

    height, width = image.shape[:2]
    scale = TILE / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = cv2.resize(np.ascontiguousarray(image), inner, interpolation=cv2.INTER_AREA)
    tile = np.zeros((TILE, TILE, 3), np.uint8)
    top, left = (TILE - resized.shape[0]) // 2, (TILE - resized.shape[1]) // 2
    tile[top : top + resized.shape[0], left : left + resized.shape[1]] = resized
    return tile


def _overview(image: np.ndarray, box: np.ndarray, crop: SquareCrop) -> np.ndarray:
    import cv2

    marked = np.ascontiguousarray(image).copy()
    thick = max(1, max(marked.shape[:2]) // 150)
    left, top, right, bottom = (int(round(float(value))) for value in box)
    cv2.rectangle(marked, (left, top), (right, bottom), FACE_COLOR, thick)
    cv2.rectangle(marked, (crop.x, crop.y), (crop.x + crop.side, crop.y + crop.side), CROP_COLOR, thick)
    return _fit(marked)
