"""What the landmark detector itself adds to a turned face, measured on the avatar and taken off the driver.

A face that turns without any expression should keep its landmarks in the head's frame. Measured ones move: the far
cheek is pressed flat, the mouth slides, the turn itself is read too large or too small. Carried over to an avatar this
counts twice, once in the driver and once when the result is looked at. Here the avatar at rest is shown to the detector
from some twenty sides, where the true turn is known, and a quadratic in the viewing direction is fitted to the
difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vfa.avatar.rig import Rig
from vfa.face import topology as face
from vfa.motion.rigid import fit_similarity, rotation_about, upright

YAWS = (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0)
PITCHES = (-15.0, 0.0, 15.0)
_STABLE = list(face.STABLE)


@dataclass(frozen=True)
class ViewBias:
    """Shape error of the detector by viewing direction.

    Attributes:
        coefficients: float64 `[5, 478, 3]`, of the terms of `_terms`, over the outer eye distance, in the picture's
            axes (right, up, to the viewer).
        gain: float64 `[3]`, measured over true rotation about the right, up and front axis.
    """

    coefficients: np.ndarray
    gain: np.ndarray

    def at(self, rotation: np.ndarray) -> np.ndarray:
        """Bias `[478, 3]` over the outer eye distance for a head that is measured as turned by `rotation`
        `[3, 3]` from the front."""
        return np.tensordot(_terms(rotation), self.coefficients, axes=1)

    def true_rotation(self, rotation: np.ndarray) -> np.ndarray:
        """The rotation `[3, 3]` that is measured as `rotation`."""
        from scipy.spatial.transform import Rotation

        return Rotation.from_rotvec(Rotation.from_matrix(rotation).as_rotvec() / self.gain).as_matrix()

    @staticmethod
    def none() -> ViewBias:
        """A detector without bias."""
        return ViewBias(np.zeros((5, face.N_POINTS, 3)), np.ones(3))


def _terms(rotation: np.ndarray) -> np.ndarray:
    """Terms `[5]` of the viewing direction in the head's frame; rolling the picture changes none of them."""
    x, y = rotation[2, 0], rotation[2, 1]
    return np.array([x, y, x * x, y * y, x * y])


def measure_view_bias(rig: Rig, detect: Callable[[np.ndarray], np.ndarray | None]) -> ViewBias:
    """Shows the avatar at rest to the detector from many sides.

    Args:
        rig: of the avatar, with landmarks.
        detect: landmarks `[478, 3]` on the picture of the avatar with given vertices `[V, 3]`, or None.

    Returns:
        The fitted bias; none where the avatar has no landmarks or is seen from too few sides.
    """
    from scipy.spatial.transform import Rotation

    def look(turn: np.ndarray) -> np.ndarray | None:
        pose = rotation_about(rig.view.T @ turn @ rig.view, rig.pivot, np.zeros(3))
        points = detect(rig.rest @ pose[:3, :3].T + pose[:3, 3])
        return None if points is None else upright(points)

    front = None if rig.landmarks is None else look(np.eye(3))
    if front is None:
        return ViewBias.none()
    shapes, terms, measured, true = [], [], [], []
    size = np.linalg.norm(front[face.RIGHT_EYE_OUTER] - front[face.LEFT_EYE_OUTER])
    for yaw in YAWS:
        for pitch in PITCHES:
            turn = Rotation.from_euler("YX", [yaw, -pitch], degrees=True)
            points = look(turn.as_matrix())
            if points is None:
                continue
            head = fit_similarity(front[_STABLE], points[_STABLE])
            shapes.append((head.invert(points) - front) / size)
            terms.append(_terms(head.rotation))  # a driver's turn is known as it is measured only
            measured.append(Rotation.from_matrix(head.rotation).as_rotvec())
            true.append(turn.as_rotvec())
    if len(terms) < 10:
        return ViewBias.none()
    design = np.array(terms)
    ridge = design.T @ design + 1e-4 * np.eye(5)
    coefficients = np.linalg.solve(ridge, design.T @ np.array(shapes).reshape(len(terms), -1))
    got, want = np.array(measured), np.array(true)
    gain = np.ones(3)
    gain[:2] = np.clip((got * want).sum(axis=0)[:2] / (want * want).sum(axis=0)[:2], 0.7, 1.4)
    return ViewBias(coefficients.reshape(5, face.N_POINTS, 3), gain)
