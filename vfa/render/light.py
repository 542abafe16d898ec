"""Light on a surface: a low-order polynomial of the normal (spherical harmonics) plus a few directional lamps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vfa.errors import InputError

# Real spherical harmonics times the Lambertian cosine lobe, after Ramamoorthi and Hanrahan (2001), in the order and
# with the signs of the 27 light coefficients of the Basel face model literature (Deng et al. 2019).
_A = (np.pi, 2 * np.pi / np.sqrt(3), 2 * np.pi / np.sqrt(8))
_C = (1 / np.sqrt(4 * np.pi), np.sqrt(3) / np.sqrt(4 * np.pi), 3 * np.sqrt(5) / np.sqrt(12 * np.pi))
BFM_AMBIENT = 0.8


@dataclass(frozen=True, eq=False)
class Light:
    """How the albedo of a surface point becomes a colour: albedo x diffuse light + gloss, in display (sRGB) values.

    Attributes:
        polynomial: float64 `[9, 3]`, RGB factors of 1, x, y, z, xy, yz, zz, xz, xx - yy of the unit normal.
        directions: float64 `[L, 3]`, unit vectors towards the lamps.
        intensities: float64 `[L, 3]`, RGB of the lamps; each adds intensity x max(0, cos).
        specular: brightness of the gloss where the first lamp is reflected.
        shininess: exponent of the gloss.
        attached: True if the directions are the camera's (x right, y up, z towards the viewer), False if the world's.
        unlit: True to show the albedo itself.
    """

    polynomial: np.ndarray = field(default_factory=lambda: np.zeros((9, 3)))
    directions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    intensities: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    specular: float = 0.0
    shininess: float = 24.0
    attached: bool = True
    unlit: bool = False

    @classmethod
    def flat(cls) -> Light:
        """No shading: colours exactly as the mesh has them."""
        return cls(unlit=True)

    @classmethod
    def soft(cls) -> Light:
        """Gentle light from the viewer's side for meshes that carry their own colours."""
        return cls.lamps([((-0.35, 0.45, 0.82), 0.30), ((0.55, 0.05, 0.83), 0.16)], ambient=0.60, sky=0.04)

    @classmethod
    def studio(cls) -> Light:
        """Key, fill and rim light that bring out the shape of a mesh without colours."""
        lamps = [((-0.5, 0.55, 0.67), 0.62), ((0.7, 0.1, 0.7), 0.20), ((0.55, 0.5, -0.67), 0.30)]
        return cls.lamps(lamps, ambient=0.22, sky=0.08, specular=0.06)

    @classmethod
    def lamps(
        cls,
        lamps: list[tuple[tuple[float, float, float], float]],
        *,
        ambient: float = 0.0,
        sky: float = 0.0,
        specular: float = 0.0,
        attached: bool = True,
    ) -> Light:
        """White lamps given as (direction towards the lamp, intensity).

        Args:
            ambient: light that comes from everywhere.
            sky: added light on surfaces that look up, taken from those that look down.
        """
        directions = np.array([direction for direction, _ in lamps], np.float64).reshape(-1, 3)
        lengths = np.linalg.norm(directions, axis=1, keepdims=True)
        if not np.isfinite(directions).all() or not (lengths > 0).all():
            raise InputError("a lamp has no direction", found=str(directions.tolist()))
        polynomial = np.zeros((9, 3))
        polynomial[0], polynomial[2] = ambient, sky
        intensities = np.repeat(np.array([[intensity] for _, intensity in lamps], np.float64).reshape(-1, 1), 3, axis=1)
        return cls(polynomial, directions / lengths, intensities, specular=specular, attached=attached)

    @classmethod
    def from_bfm(cls, gamma: np.ndarray) -> Light:
        """Light from the 27 spherical-harmonics numbers of a morphable model's coefficients, fixed in the world.

        Args:
            gamma: float `[27]`, nine numbers for red, then green, then blue; 0.8 of ambient light is added as usual.
        """
        gamma = np.asarray(gamma, np.float64)
        if gamma.size != 27 or not np.isfinite(gamma).all():
            raise InputError("light coefficients", expected="27 finite numbers", found=f"{list(gamma.shape)}")
        g = gamma.reshape(3, 9).T.copy()
        g[0] += BFM_AMBIENT
        second = _A[2] * _C[2]
        polynomial = np.stack(
            [
                _A[0] * _C[0] * g[0] - 0.5 * second / np.sqrt(3) * g[6],
                -_A[1] * _C[1] * g[3],
                -_A[1] * _C[1] * g[1],
                _A[1] * _C[1] * g[2],
                second * g[4],
                -second * g[5],
                1.5 * second / np.sqrt(3) * g[6],
                -second * g[7],
                0.5 * second * g[8],
            ]
        )
        return cls(polynomial, attached=False)

    @property
    def is_white(self) -> bool:
        """True if red, green and blue get the same light."""
        values = np.concatenate([self.polynomial, self.intensities])
        return bool((values == values[:, :1]).all())

    @property
    def terms(self) -> np.ndarray:
        """The polynomial without its second-order terms where these are all zero: float64 `[4 or 9, 3]`."""
        return np.ascontiguousarray(self.polynomial if self.polynomial[4:].any() else self.polynomial[:4], np.float64)

    def halfway(self, to_viewer: np.ndarray) -> np.ndarray:
        """Unit vector between the first lamp and the viewer's direction float64 `[3]`; where the gloss is brightest."""
        between = to_viewer + (self.directions[0] if len(self.directions) else 0)
        return between / max(float(np.linalg.norm(between)), 1e-12)

    def in_world(self, rotation: np.ndarray) -> Light:
        """The same light with world directions, for a camera with this world-to-camera rotation `[3, 3]`."""
        if not self.attached or self.unlit:
            return self
        polynomial = self.polynomial.copy()
        polynomial[1:4] = rotation.T @ self.polynomial[1:4]  # only the constant and linear terms turn with the camera
        return Light(polynomial, self.directions @ rotation, self.intensities, self.specular, self.shininess, False)

    def diffuse(self, normals: np.ndarray) -> np.ndarray:
        """Diffuse light float64 `[N, 3]` on surfaces with unit world normals `[N, 3]`; 1 everywhere for flat light."""
        n = np.asarray(normals, np.float64)
        if self.unlit:
            return np.ones((len(n), 3))
        x, y, z = n.T
        terms = np.stack([np.ones_like(x), x, y, z, x * y, y * z, z * z, x * z, x * x - y * y], axis=1)
        return terms @ self.polynomial + np.maximum(n @ self.directions.T, 0) @ self.intensities
