"""The 257-number layout of a face: identity, expression, texture, pose, light, translation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfa.errors import InputError

N_IDENTITY, N_EXPRESSION, N_TEXTURE, N_GAMMA = 80, 64, 80, 27
N_COEFFICIENTS = N_IDENTITY + N_EXPRESSION + N_TEXTURE + 3 + N_GAMMA + 3
_BOUNDS = np.cumsum([0, N_IDENTITY, N_EXPRESSION, N_TEXTURE, 3, N_GAMMA, 3])


@dataclass(frozen=True)
class Coefficients:
    """Named parts of the 257 numbers, float32.

    Attributes:
        identity: [80] shape of the person.
        expression: [64].
        texture: [80] colours of the person.
        euler: [3] rotation about x, y and z in radians (see `rotation`).
        gamma: [27] spherical-harmonics light, 9 per colour channel, red first.
        translation: [3] model units.
    """

    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    texture: NDArray[np.float32]
    euler: NDArray[np.float32]
    gamma: NDArray[np.float32]
    translation: NDArray[np.float32]

    def joined(self) -> NDArray[np.float32]:
        """The 257 numbers in one array."""
        parts = (self.identity, self.expression, self.texture, self.euler, self.gamma, self.translation)
        return np.concatenate(parts).astype(np.float32)


def split_coefficients(coefficients: NDArray[np.floating]) -> Coefficients:
    """Name the parts of 257 numbers.

    Args:
        coefficients: [257] or [1, 257].
    Raises:
        InputError: wrong size, or a number is not finite.
    """
    flat = np.asarray(coefficients)
    if flat.dtype.kind not in "fiu" or flat.size != N_COEFFICIENTS:
        raise InputError(
            "not a set of face coefficients",
            expected=f"{N_COEFFICIENTS}: 80 identity, 64 expression, 80 texture, 3 angles, 27 light, 3 translation",
            found=f"an array of shape {flat.shape} and type {flat.dtype}",
        )
    flat = flat.reshape(-1).astype(np.float32)
    if not np.isfinite(flat).all():
        raise InputError(
            "face coefficients contain a value that is not a finite number",
            found=f"index {int(np.argmin(np.isfinite(flat)))}",
        )
    return Coefficients(*(flat[a:b] for a, b in zip(_BOUNDS, _BOUNDS[1:], strict=False)))


def load_coefficients(path: str | Path) -> Coefficients:
    """Read a .npy file of 257 numbers.

    Raises:
        InputError: the file is missing, not a .npy file, holds objects, or has another size.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError("no such file", path=path) from error
    except (ValueError, OSError, EOFError) as error:
        raise InputError(
            "cannot be read as a .npy array", path=path, expected="257 numbers saved by numpy.save", found=str(error)
        ) from error
    if not isinstance(array, np.ndarray):
        raise InputError("is an archive, not a .npy array", path=path, expected="257 numbers saved by numpy.save")
    try:
        return split_coefficients(array)
    except InputError as error:
        raise InputError(error.what, path=path, expected=error.expected, found=error.found) from error


def rotation(euler: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotation of the angles [..., 3] (x, y, z): R = Rz Ry Rx, to be applied to column vectors. Returns [..., 3, 3]."""
    x, y, z = np.moveaxis(np.asarray(euler, float), -1, 0)
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    rows = (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
    return np.stack([np.stack(np.broadcast_arrays(*row), -1) for row in rows], -2)
