"""Crops for Deep3DFaceRecon: five points are fitted to a standard face, which fixes scale and place at 224x224."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vfa.errors import AssetError, CheckpointError

SIDE = 224
# Scale of the standard face in the crop, as the network was trained.
RESCALE = 102.0
_KEY = "lm"
_LARGEST = 1 << 15


@dataclass(frozen=True)
class FaceFit:
    """Weak-perspective fit: `pixel ~ scale * (x, y) + (x0, y0)`, y upwards."""

    x0: float
    y0: float
    scale: float


def load_standard_points(path: str | Path) -> np.ndarray:
    """Five points of the standard face from `similarity_Lm3D_all.mat`.

    Returns:
        float64 [5,3]: eyes (left of the image first), nose tip, mouth corners.
    Raises:
        AssetError: the file is absent.
        CheckpointError: it does not hold 68 three-dimensional landmarks under `lm`.
    """
    from scipy.io import loadmat

    path = Path(path)
    if not path.is_file():
        raise AssetError("standard landmarks not found", path=path, hint="bench list weights")
    try:
        content = loadmat(path)
    # scipy raises many types for damaged files (ValueError, TypeError, NotImplementedError, zlib.error, ...).
    except Exception as error:
        raise CheckpointError(
            "not a readable MATLAB file", path=path, expected="a .mat file", found=str(error)[:160]
        ) from error
    points = np.asarray(content.get(_KEY, ()))
    if points.shape != (68, 3) or not np.issubdtype(points.dtype, np.number) or not np.isfinite(points).all():
        raise CheckpointError(
            "not the standard landmarks", path=path, expected=f"{_KEY} [68,3], finite", found=str(points.shape)
        )
    return standard_five(points.astype(np.float64))


def standard_five(points: np.ndarray) -> np.ndarray:
    """Five points of 68: eye corners averaged, nose tip, mouth corners (this network takes eye corners only)."""
    points = np.asarray(points)
    left, right = points[[36, 39]].mean(axis=0), points[[42, 45]].mean(axis=0)
    return np.stack((left, right, points[30], points[48], points[54]))


def fit_standard_face(points: np.ndarray, standard: np.ndarray) -> FaceFit:
    """Pose from orthography and scaling: the affine map of the standard points onto the image, reduced to its scale.

    Args:
        points: [5,2] x, y in pixels, y upwards from the bottom row.
        standard: [5,3] of `load_standard_points`.
    """
    points, standard = np.asarray(points, np.float64), np.asarray(standard, np.float64)
    unknowns = np.column_stack((standard, np.ones(len(standard))))
    solution, *_ = np.linalg.lstsq(unknowns, points, rcond=None)
    scale = (np.linalg.norm(solution[:3, 0]) + np.linalg.norm(solution[:3, 1])) / 2
    return FaceFit(float(solution[3, 0]), float(solution[3, 1]), float(scale))


def facerecon_input(image: np.ndarray, points: np.ndarray, standard: np.ndarray) -> Tensor:
    """Resize and cut a frame.

    Args:
        image: uint8 [H,W,3] RGB.
        points: [5,2] or [68,2], x, y in pixels, y downwards (row numbers of the original, which counts pixels from 0).
        standard: [5,3] of `load_standard_points`.
    Returns:
        float32 [1,3,224,224] in 0..1; black outside the image.
    Raises:
        ValueError: the points do not span a face, so that the image would have to be enlarged beyond reason.
    """
    from PIL import Image

    height, width = image.shape[:2]
    points = standard_five(points) if len(points) == 68 else np.asarray(points, np.float64)
    fit = fit_standard_face(np.column_stack((points[:, 0], height - 1 - points[:, 1])), standard)
    scale = RESCALE / max(fit.scale, 1e-12)
    if not scale * max(width, height) < _LARGEST:
        raise ValueError(f"the points do not span a face: {np.asarray(points).round(2).tolist()}")
    new_width, new_height = int(width * scale), int(height * scale)
    left = int(new_width / 2 - SIDE / 2 + (fit.x0 - width / 2) * scale)
    top = int(new_height / 2 - SIDE / 2 + (height / 2 - fit.y0) * scale)
    resized = Image.fromarray(image).resize((new_width, new_height), resample=Image.Resampling.BICUBIC)
    crop = np.asarray(resized.crop((left, top, left + SIDE, top + SIDE)), np.float32)
    return torch.from_numpy(crop.transpose(2, 0, 1).copy() / 255.0)[None]


def rotation_matrix(angles: np.ndarray) -> np.ndarray:
    """Rotation of the coefficients' angles: (Rz Ry Rx) transposed, to be multiplied from the right.

    Args:
        angles: [3] radians about x, y, z.
    Returns:
        float64 [3,3].
    """
    (sx, sy, sz), (cx, cy, cz) = np.sin(angles), np.cos(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).T
