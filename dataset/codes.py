"""The motion code: 20 numbers that say what a face does, whoever it is, computed exactly from a render's parameters.

14 of them are principal components of the face's displacement by expression, weighted so that thin lids and brows count
beside the jaw; the other six are the head's turn, tilt and roll as the camera sees it, its size and its place in the
picture. All are scaled to about unit spread, and all are zero for a neutral head, seen from the front, in the middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from BFM.model import MorphableModel
from vfa.render import Camera

N_EXPRESSION_CODES = 14
N_CODES = 20
POSE_SPREAD = (0.25, 0.18, 0.12, 0.12, 0.08, 0.08)
"""What counts as one: yaw, pitch, roll in radians, log of the size, x and y in picture widths."""
UNIT_SIZE = 125 / 256
"""Picture widths per model unit of a head whose log size is zero: the original camera's."""
SAMPLES = 3000
REGION_WEIGHTS = {"eyes": 14.0, "brows": 4.0, "mouth": 2.0}


@dataclass(frozen=True)
class MotionCode:
    """The linear part of the code.

    Attributes:
        projection: float64 [14, 64], expression coefficients to code.
        displacement: float32 [14, 3 M], what a unit of each component does to the measured vertices, model units.
        vertices: int [M], the measured vertices.
        spread: float64 [14], root mean square displacement of the measured vertices by a unit, model units.
        coefficients: float64 [64, 14], expression coefficients of a unit of each component.
    """

    projection: np.ndarray
    displacement: np.ndarray
    vertices: np.ndarray
    spread: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def fit(cls, model: MorphableModel, draw: Callable[[np.random.Generator], np.ndarray], seed: int = 0) -> MotionCode:
        """Principal components of the expressions that `draw` gives, deterministic in the seed.

        Args:
            model: the built-in head.
            draw: random expression coefficients [64].
            seed: of the draws.
        """
        rng = np.random.default_rng(seed)
        expressions = np.stack([draw(rng) for _ in range(SAMPLES)]).astype(np.float64)
        measured, weight = measured_vertices(model)
        rows = (3 * measured[:, None] + np.arange(3)).ravel()
        basis = model.ex_base[rows].astype(np.float64)
        scaled = basis * np.repeat(np.sqrt(weight), 3)[:, None]
        # Eigenvectors of the weighted displacements' second moment, found in the 64 coefficients' space.
        moment = expressions.T @ expressions / SAMPLES
        values, vectors = np.linalg.eigh(moment)
        root = vectors * np.sqrt(np.clip(values, 0, None))
        _, singular, right = np.linalg.svd(scaled @ root, full_matrices=False)
        singular, right = singular[:N_EXPRESSION_CODES], right[:N_EXPRESSION_CODES]
        # Component k of an expression e is u_k . (S e) / s_k with u_k = S root v_k / s_k.
        left = (scaled @ root @ right.T) / singular
        projection = (left / singular).T @ scaled
        largest = np.abs(projection).argmax(axis=1)
        signs = np.sign(projection[np.arange(len(projection)), largest])
        projection, right = projection * signs[:, None], right * signs[:, None]
        coefficients = root @ right.T
        displacement = (basis @ coefficients).T
        spread = np.sqrt(np.square(displacement).sum(axis=1) / len(measured))
        return cls(projection, displacement.astype(np.float32), measured, spread, coefficients)

    def expression(self, coefficients: np.ndarray) -> np.ndarray:
        """Expression coefficients [..., 64] to the code's first part [..., 14]."""
        return np.asarray(coefficients, np.float64) @ self.projection.T


def measured_vertices(model: MorphableModel) -> tuple[np.ndarray, np.ndarray]:
    """Every third bare-skin vertex of the face, and its weight: thin features count more than their area."""
    shape, points = model.mean_shape, model.mean_shape[model.keypoints]
    jaw = points[:17]
    low, high = jaw[:, 1].min() - 0.05, points[17:27, 1].max() + 0.15
    face = np.flatnonzero(
        (model.skin_mask > 0) & (shape[:, 2] > points[36:48, 2].mean() - 0.25) & (shape[:, 1] > low)
        & (shape[:, 1] < high)
    )[::3]  # fmt: skip
    weight = np.ones(len(face))
    regions = {"eyes": points[36:48], "brows": points[17:27], "mouth": points[48:68]}
    for name, anchors in regions.items():
        distance = np.linalg.norm(shape[face][:, None] - anchors[None], axis=2).min(axis=1)
        weight += (REGION_WEIGHTS[name] - 1) * np.exp(-0.5 * (distance / 0.05) ** 2)
    return face, weight


def pose_code(pose: np.ndarray, camera: Camera) -> np.ndarray:
    """The code's last six numbers.

    Args:
        pose: head to world, float64 [4, 4].
        camera: a square view.
    """
    turned = camera.rotation() @ pose[:3, :3]
    right, forward = turned[:, 0], turned[:, 2]
    yaw, pitch = np.arctan2(forward[0], forward[2]), -np.arcsin(np.clip(forward[1], -1, 1))
    roll = np.arctan2(right[1], np.hypot(right[0], right[2]))
    x, y, depth = camera.project(pose[None, :3, 3])[0]
    size = np.log(camera.focal / depth / camera.width / UNIT_SIZE)
    place = (x / camera.width - 0.5, y / camera.height - 0.5)
    return np.array([yaw, pitch, roll, size, *place]) / POSE_SPREAD
