"""FAN: 68 landmarks in the iBUG order as heatmaps of a stack of four hourglasses (Bulat & Tzimiropoulos, ICCV 2017).

Weights: `2DFAN4-11f355bf06.pth.tar` of face_alignment, whose crop and decoding rules are kept here to the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.networks.hourglass import HourglassStack

_HOURGLASSES = 4
_RESOLUTION = 256
_MAP = 64
# Mirror partners of the 68 points (outside these, points lie on the axis of symmetry).
MIRROR_68 = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)


class FAN(HourglassStack):
    """Heatmaps of 68 points.

    Input of `forward`: `image` float32 [N,3,256,256], RGB in 0..1 (see `fan_crop`).
    """

    def __init__(self) -> None:
        super().__init__(F.avg_pool2d, _HOURGLASSES)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`heatmap` [N,68,64,64] of the last hourglass."""
        return {"heatmap": self.align(self.stem(image))[1]}

    @torch.no_grad()
    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Heatmaps of the image, and the same plus those of its mirror image, mirrored back (`flip_input=True` of the
        original)."""
        plain = self(image)["heatmap"]
        return plain, plain + self(image.flip(3))["heatmap"].flip(3)[:, list(MIRROR_68)]


@dataclass(frozen=True)
class FanFrame:
    """Where a crop lies: its centre in pixels and its side as a multiple of 200 pixels."""

    x: float
    y: float
    scale: float

    @classmethod
    def of_box(cls, box: np.ndarray) -> FanFrame:
        """The crop of a detected face [x1, y1, x2, y2]: centre raised by 12 % of the height, scale (w + h) / 195."""
        x1, y1, x2, y2 = (float(value) for value in box[:4])
        return cls((x1 + x2) / 2, (y1 + y2) / 2 - 0.12 * (y2 - y1), (x2 - x1 + y2 - y1) / 195.0)

    def to_image(self, points: np.ndarray, resolution: int) -> np.ndarray:
        """Coordinates [...,2] in a square of `resolution` -> pixels of the image."""
        side = 200.0 * self.scale
        return np.asarray(points, np.float64) * side / resolution - side / 2 + np.array([self.x, self.y])


def fan_crop(image: np.ndarray, frame: FanFrame) -> Tensor:
    """Cut the square, black outside the image, at 256x256.

    Args:
        image: uint8 [H,W,3] RGB.
        frame: position and size.
    Returns:
        float32 [1,3,256,256] in 0..1.
    """
    import cv2

    left, top = np.trunc(frame.to_image(np.array([1.0, 1.0]), _RESOLUTION)).astype(int)
    right, bottom = np.trunc(frame.to_image(np.full(2, float(_RESOLUTION)), _RESOLUTION)).astype(int)
    height, width = image.shape[:2]
    crop = np.zeros((max(bottom - top, 1), max(right - left, 1), 3), np.uint8)
    y1, y2, x1, x2 = max(top, 0), min(bottom, height), max(left, 0), min(right, width)
    if y2 > y1 and x2 > x1:
        crop[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2]
    resized = cv2.resize(crop, (_RESOLUTION, _RESOLUTION), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(resized.transpose(2, 0, 1).astype(np.float32) / 255.0)[None]


def fan_points(heatmap: np.ndarray, frame: FanFrame, *, whole_pixels: bool = True) -> np.ndarray:
    """Read landmarks off heatmaps: the maximum, moved a quarter cell towards the larger neighbour.

    Args:
        heatmap: float [68,64,64].
        frame: the crop's place in the image.
        whole_pixels: cut the coordinates to integers as face_alignment does.
    Returns:
        float32 [68,2], x and y in pixels of the image.
    """
    count, height, width = heatmap.shape
    y, x = np.unravel_index(heatmap.reshape(count, -1).argmax(axis=1), (height, width))
    points = np.stack((x, y), axis=1).astype(np.float64)
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    k, xi, yi = np.flatnonzero(inside), x[inside], y[inside]
    points[inside, 0] += 0.25 * np.sign(heatmap[k, yi, xi + 1] - heatmap[k, yi, xi - 1])
    points[inside, 1] += 0.25 * np.sign(heatmap[k, yi + 1, xi] - heatmap[k, yi - 1, xi])
    # The original counts cells from 1 and then subtracts a half.
    located = frame.to_image(points + 0.5, _MAP)
    return (np.trunc(located) if whole_pixels else located).astype(np.float32)
