"""Spherical-harmonics light of three bands, as the BFM reconstruction literature uses it.

After Ramamoorthi and Hanrahan, "An efficient representation for irradiance environment maps" (2001): the bands of the
light are attenuated, here by pi, 2 pi / sqrt 3 and 2 pi / sqrt 8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AMBIENT = 0.8  # added to the first coefficient of each channel
_A = (np.pi, 2 * np.pi / np.sqrt(3), 2 * np.pi / np.sqrt(8))
_C = (1 / np.sqrt(4 * np.pi), np.sqrt(3) / np.sqrt(4 * np.pi), 3 * np.sqrt(5) / np.sqrt(12 * np.pi))


def harmonics(normals: NDArray[np.floating]) -> NDArray[np.float64]:
    """The nine basis functions, attenuation included. Args: unit normals [..., 3]. Returns [..., 9]."""
    x, y, z = np.moveaxis(np.asarray(normals, float), -1, 0)
    (a0, a1, a2), (c0, c1, c2) = _A, _C
    basis = (
        a0 * c0 * np.ones_like(x),
        -a1 * c1 * y,
        a1 * c1 * z,
        -a1 * c1 * x,
        a2 * c2 * x * y,
        -a2 * c2 * y * z,
        0.5 * a2 * c2 / np.sqrt(3) * (3 * z * z - 1),
        -a2 * c2 * x * z,
        0.5 * a2 * c2 * (x * x - y * y),
    )
    return np.stack(basis, -1)


def shade(normals: NDArray[np.floating], colors: NDArray[np.generic], gamma: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colours under spherical-harmonics light.

    Args:
        normals: [V, 3] unit normals.
        colors: [V, 3] albedo, 0..255.
        gamma: [27] light, nine per channel, red first. Zeros give the same light on every normal:
            AMBIENT * a0 * c0 = 0.8 * sqrt(pi) / 2 = 0.709.
    Returns:
        [V, 3] uint8.
    """
    light = np.asarray(gamma, float).reshape(3, 9).copy()
    light[:, 0] += AMBIENT
    lit = harmonics(normals) @ light.T * np.asarray(colors, float)
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)
