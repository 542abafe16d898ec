"""Square crop around a face, of one size along a clip, and the way back to the full image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from vfa.errors import InputError
from vfa.face.landmarks import FaceLandmarks

MARGIN = 1.6
"""Side of the crop over the longer side of the landmarks' box: hair and chin stay inside."""


@dataclass(frozen=True)
class SquareCrop:
    """A square window [x, x + side) x [y, y + side) of the image, in pixels; it may reach over the border."""

    x: int
    y: int
    side: int

    @classmethod
    def around(cls, faces: FaceLandmarks | Iterable[FaceLandmarks], *, margin: float = MARGIN) -> SquareCrop:
        """One window for one face or for a face along a clip: it holds every box, enlarged by ``margin``."""
        faces = [faces] if isinstance(faces, FaceLandmarks) else list(faces)
        if not faces:
            raise InputError("no face to crop around", expected="at least one frame with a face", found="none")
        boxes = np.stack([face.box for face in faces])
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        side = float(max((high - low).max(), margin * max(face.size for face in faces)))
        return cls.centered((low + high) / 2, side)

    @classmethod
    def centered(cls, center: np.ndarray, side: float) -> SquareCrop:
        """The window of whole pixels nearest to a centre (x, y) and side, both in pixels."""
        whole = max(int(round(float(side))), 1)
        left, top = np.round(np.asarray(center, dtype=np.float64) - whole / 2).astype(int)
        return cls(int(left), int(top), whole)

    def moved_to(self, center: np.ndarray) -> SquareCrop:
        """A window of the same side around another centre (x, y)."""
        return replace(SquareCrop.centered(center, self.side), side=self.side)

    def cut(self, image: np.ndarray, *, fill: float = 0) -> np.ndarray:
        """The window of an image [H, W] or [H, W, C]: [side, side(, C)], ``fill`` outside the image."""
        height, width = image.shape[:2]
        result = np.full((self.side, self.side, *image.shape[2:]), fill, dtype=image.dtype)
        left, top = max(self.x, 0), max(self.y, 0)
        right, bottom = min(self.x + self.side, width), min(self.y + self.side, height)
        if left < right and top < bottom:
            result[top - self.y : bottom - self.y, left - self.x : right - self.x] = image[top:bottom, left:right]
        return result

    def to_crop(self, points: np.ndarray, size: int | None = None) -> np.ndarray:
        """Image pixels [N, 2 or 3] -> pixels of the window resized to ``size`` (default: its side); z is scaled."""
        scale = (size or self.side) / self.side
        result = np.array(points, dtype=np.float32)
        result[:, :2] -= (self.x, self.y)
        return result * np.float32(scale)

    def to_image(self, points: np.ndarray, size: int | None = None) -> np.ndarray:
        """The inverse of :meth:`to_crop`."""
        result = np.array(points, dtype=np.float32) * np.float32(self.side / (size or self.side))
        result[:, :2] += (self.x, self.y)
        return result


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """A square uint8 image [S, S, C] at another size: area average when it shrinks, bicubic when it grows."""
    import cv2

    if image.shape[0] == size and image.shape[1] == size:
        return image
    shrinks = size < image.shape[0]
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
