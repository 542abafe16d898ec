"""What a mesh surface looks like: vertex colours, or textures with one UV per triangle corner and several materials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfa.errors import MeshError


@dataclass
class Appearance:
    """The colours of a mesh; everything is optional, and a mesh with nothing at all is rendered as clay.

    The albedo of a surface point is the product of what is there: vertex colour x texture x base colour.
    A point whose alpha (texture x base colour) is below one half is not drawn.

    Attributes:
        vertex_colors: uint8 `[V, 3]`, or None.
        corner_uv: float32 `[F, 3, 2]`, texture coordinates of the corners; v = 0 is the bottom row of the texture.
        material: int32 `[F]`, index into `textures` and `base_colors`; None means material 0 everywhere.
        textures: one entry per material, uint8 `[h, w, 3 or 4]` with row 0 at the top, or None.
        base_colors: uint8 `[M, 4]` RGBA, or None for white.
    """

    vertex_colors: np.ndarray | None = None
    corner_uv: np.ndarray | None = None
    material: np.ndarray | None = None
    textures: tuple[np.ndarray | None, ...] = ()
    base_colors: np.ndarray | None = None

    @property
    def n_materials(self) -> int:
        """Number of materials, at least 1."""
        return max(1, len(self.textures), 0 if self.base_colors is None else len(self.base_colors))

    @property
    def has_texture(self) -> bool:
        """True where a texture can be sampled: an image and coordinates are there."""
        return self.corner_uv is not None and any(texture is not None for texture in self.textures)

    @property
    def is_plain(self) -> bool:
        """True where neither vertex colours nor a texture show the features of the face."""
        return self.vertex_colors is None and not self.has_texture

    def texture(self, material: int) -> np.ndarray | None:
        """The image of one material, or None."""
        return self.textures[material] if material < len(self.textures) else None

    def base_color(self, material: int) -> np.ndarray:
        """RGBA uint8 `[4]` of one material; white where none is given."""
        if self.base_colors is None or material >= len(self.base_colors):
            return np.full(4, 255, np.uint8)
        return np.asarray(self.base_colors[material], np.uint8)

    def validate(self, n_vertices: int, n_triangles: int) -> None:
        """Check every array against the mesh.

        Raises:
            MeshError: naming the first array whose shape, type or range does not fit.
        """
        if self.vertex_colors is not None:
            _expect("vertex_colors", self.vertex_colors, (n_vertices, 3), np.uint8)
        if self.corner_uv is not None:
            _expect("corner_uv", self.corner_uv, (n_triangles, 3, 2), np.floating)
        if self.base_colors is not None:
            _expect("base_colors", self.base_colors, (len(self.base_colors), 4), np.uint8)
        if self.material is not None:
            _expect("material", self.material, (n_triangles,), np.integer)
            lowest, highest = (int(self.material.min()), int(self.material.max())) if n_triangles else (0, 0)
            if lowest < 0 or highest >= self.n_materials:
                raise MeshError(
                    "material index out of range",
                    expected=f"0 to {self.n_materials - 1}",
                    found=f"{lowest} to {highest}",
                )
        for index, texture in enumerate(self.textures):
            if texture is None:
                continue
            if texture.ndim != 3 or texture.shape[2] not in (3, 4) or texture.dtype != np.uint8 or not texture.size:
                raise MeshError(
                    f"texture {index} cannot be used",
                    expected="uint8 [h, w, 3 or 4], not empty",
                    found=f"{texture.dtype} {list(texture.shape)}",
                )


def _expect(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: type) -> None:
    if array.shape != shape or not np.issubdtype(array.dtype, dtype):
        raise MeshError(
            f"{name} does not fit the mesh",
            expected=f"{dtype.__name__} {list(shape)}",
            found=f"{array.dtype} {list(array.shape)}",
        )
