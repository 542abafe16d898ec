"""A depth map from landmarks, for videos that carry colour alone."""

from __future__ import annotations

import numpy as np

from vfa.errors import InputError
from vfa.face.landmarks import FaceLandmarks
from vfa.face.topology import (
    INNER_LIPS_LOWER,
    INNER_LIPS_UPPER,
    LEFT_EYE,
    LEFT_IRIS,
    N_MESH_POINTS,
    RIGHT_EYE,
    RIGHT_IRIS,
    TRIANGLES,
)

IRIS_DIAMETER = 0.0117
"""Metres; horizontal visible iris diameter of adults, 11.7 mm with a spread of 0.5 mm (Ruefer et al. 2005)."""

_MOUTH = INNER_LIPS_UPPER + INNER_LIPS_LOWER[-2:0:-1]


def metres_per_pixel(face: FaceLandmarks) -> float:
    """Size of a pixel at the eyes in metres, from the apparent diameter of the less foreshortened iris."""
    diameters = []
    for iris in (RIGHT_IRIS, LEFT_IRIS):
        first, top, second, bottom = face.points[list(iris[1:]), :2]
        diameters += [np.linalg.norm(first - second), np.linalg.norm(top - bottom)]
    widest = float(max(diameters))
    if not widest > 0:
        raise InputError("the face has no extent", expected="irises wider than 0 pixels", found=f"{widest} pixels")
    return IRIS_DIAMETER / widest


def closed_surface(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The landmark mesh with eyes and mouth closed by fans.

    Args:
        points: float32 [478, 3].

    Returns:
        vertices float32 [471, 3] (468 points, then the centres of right eye, left eye and mouth) and triangles int32
        [N, 3]. The mouth's centre is recessed by half its opening.
    """
    vertices, fans = opening_fans(points)
    return vertices, np.concatenate([TRIANGLES, fans]).astype(np.int32)


def opening_fans(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangles of `closed_surface` that close the eyes and the mouth, alone, on the same vertices."""
    vertices = [points[:N_MESH_POINTS]]
    triangles = []
    for number, loop in enumerate((RIGHT_EYE, LEFT_EYE, _MOUTH)):
        ring = points[list(loop)]
        center = ring.mean(axis=0)
        if loop is _MOUTH:
            center[2] += 0.5 * float(np.linalg.norm(points[13, :2] - points[14, :2]))
        vertices.append(center[None])
        hub = np.full(len(loop), N_MESH_POINTS + number)
        triangles.append(np.stack([np.array(loop), hub, np.roll(loop, -1)], axis=1))
    return np.concatenate(vertices).astype(np.float32), np.concatenate(triangles).astype(np.int32)


def depth_from_landmarks(
    face: FaceLandmarks,
    width: int,
    height: int,
    *,
    focal: float | None = None,
    pixel_size: float | None = None,
    smoothing: float = 0.01,
) -> np.ndarray:
    """Rasterise the landmarks' z as a metric depth map.

    Args:
        face: landmarks in pixels of the image.
        width, height: size of the image and of the map.
        focal: focal length in pixels; default: the longer side of the image (a 53 degree camera).
        pixel_size: metres per pixel at the eyes; default: from the iris. Give one value for a whole clip, so that the
            scale does not flicker.
        smoothing: standard deviation of a Gaussian over the map, as a share of the face's size; 0 = facets.

    Returns:
        float32 [height, width]: metres along the viewing direction, NaN outside the face. Absolute distance is only
        as good as the assumed iris and focal length; the relief follows MediaPipe's z.
    """
    from vfa.render.rasterizer import rasterize

    scale = metres_per_pixel(face) if pixel_size is None else pixel_size
    distance = (max(width, height) if focal is None else focal) * scale
    vertices, triangles = closed_surface(face.points)
    eyes = face.points[list(RIGHT_EYE + LEFT_EYE), 2].mean()
    vertices[:, 2] = np.maximum(distance + (vertices[:, 2] - eyes) * scale, 0.05 * distance)
    depth = rasterize(vertices, triangles, width, height).depth
    return _blur(depth, smoothing * face.size)


def _blur(depth: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian over the valid pixels only (normalised convolution); NaN stays NaN."""
    import cv2

    valid = np.isfinite(depth)
    if sigma < 0.5 or not valid.any():
        return depth
    base = float(depth[valid].mean())
    weight = cv2.GaussianBlur(valid.astype(np.float32), (0, 0), sigma)
    total = cv2.GaussianBlur(np.where(valid, depth - base, 0).astype(np.float32), (0, 0), sigma)
    return np.where(valid, total / np.maximum(weight, 1e-6) + base, np.float32(np.nan)).astype(np.float32)
