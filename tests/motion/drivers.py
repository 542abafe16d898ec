"""Driving faces made from one face by closed-form changes."""

from __future__ import annotations

import numpy as np

from vfa.face import topology as face
from vfa.face.rings import LEFT_EYE, MOUTH, RIGHT_EYE

CHIN = (152, 148, 377, 175, 199, 200, 171, 396, 18)
IMAGE_DOWN = 1  # landmarks have x right, y down


def eye_distance(points: np.ndarray) -> float:
    """Between the outer eye corners, in the picture."""
    return float(np.linalg.norm(points[face.RIGHT_EYE_OUTER, :2] - points[face.LEFT_EYE_OUTER, :2]))


def mouth_opened(points: np.ndarray, share: float) -> np.ndarray:
    """The lower lip and the chin lowered by a share of the eye distance."""
    out = points.copy()
    out[[*(i for ring in MOUTH.lower for i in ring), *CHIN], IMAGE_DOWN] += share * eye_distance(points)
    return out


def eyes_shut(points: np.ndarray) -> np.ndarray:
    """Both margins of each eye on the line half-way between them."""
    out = points.copy()
    for eye in (RIGHT_EYE, LEFT_EYE):
        upper, lower = list(eye.upper[0]), list(eye.lower[0])
        out[upper] = out[lower] = (out[upper] + out[lower]) / 2
    return out


def moved(points: np.ndarray, rotation: np.ndarray, scale: float, shift: np.ndarray) -> np.ndarray:
    """A head turned about its middle (in image axes), brought nearer and shifted."""
    middle = points.mean(axis=0)
    return scale * (points - middle) @ rotation.T + middle + shift


def turn(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """A rotation `[3, 3]` by degrees about the axes y, x and z."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("yxz", [yaw, pitch, roll], degrees=True).as_matrix()


def plain_face(seed: int = 0) -> np.ndarray:
    """478 points `[478, 3]` in image pixels with the order of a face: eyes above mouth above chin, lips closed."""
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(60, 140, 478), rng.uniform(60, 150, 478), rng.uniform(-20, 20, 478)])
    points[face.FOREHEAD], points[face.CHIN] = (100, 30, 0), (100, 170, 0)
    for (start, end), (uppers, lowers), height, open_by in (
        ((60, 90), (RIGHT_EYE.upper, RIGHT_EYE.lower), 80, 8),
        ((110, 140), (LEFT_EYE.upper, LEFT_EYE.lower), 80, 8),
        ((84, 116), (MOUTH.upper, MOUTH.lower), 130, 0),
    ):
        for side, rings in ((-0.5, uppers), (0.5, lowers)):
            for ring in rings:
                across = np.linspace(start, end, len(ring) + 2)[1:-1]
                points[list(ring)] = np.column_stack([across, np.full(len(ring), height + side * open_by), 0 * across])
    points[list(face.EYE_CORNERS)] = [(60, 80, 0), (90, 80, 0), (110, 80, 0), (140, 80, 0)]
    points[[face.RIGHT_IRIS[0], face.LEFT_IRIS[0]]] = [(75, 80, 0), (125, 80, 0)]
    points[[61, 291]] = [(78, 130, 0), (122, 130, 0)]
    return points
