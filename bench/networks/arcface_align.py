"""Faces as ArcFace wants them: turned and scaled so that five points lie where the training set had them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.networks.similarity import similarity_transform

SIDE = 112
# Eyes, nose tip, mouth corners in the 112x112 crop, pixel centres at whole numbers (insightface's template).
TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)


def align_face(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turn a face upright at 112x112; black outside the image.

    Args:
        image: uint8 [H,W,3].
        points: [5,2] x, y in pixels (pixel centres at +0.5), in the order of `similarity.five_points`.
    Returns:
        uint8 [112,112,3].
    """
    import cv2

    matrix = similarity_transform(np.asarray(points, np.float64) - 0.5, TEMPLATE)
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), borderValue=(0, 0, 0))


def squash_face(image: np.ndarray) -> np.ndarray:
    """The whole frame at 112x112 whatever its aspect, as ViCo's score does it (`csim_vico`)."""
    import cv2

    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def arcface_input(faces: np.ndarray) -> Tensor:
    """Network input of aligned faces.

    Args:
        faces: uint8 [N,112,112,3] RGB.
    Returns:
        float32 [N,3,112,112] in -1..1.
    """
    x = torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2))).float()
    return (x / 255.0 - 0.5) / 0.5
