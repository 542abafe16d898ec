"""A mesh as it was read, before repair: float64 positions, whatever the file says about colours, groups by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass
class RawMesh:
    """A triangle mesh with one UV per corner and one material and group per triangle.

    Attributes:
        positions: float64 `[V, 3]`.
        triangles: int64 `[F, 3]`.
        corner_uv: float32 `[F, 3, 2]` (v = 0 is the bottom row of the texture), or None.
        vertex_colors: uint8 `[V, 3]`, or None.
        material: int64 `[F]`, index into `textures` and `base_colors`.
        textures: per material an image uint8 `[h, w, 3 or 4]`, or None.
        base_colors: per material RGBA uint8 `[4]`, or None where the file names no colour.
        group: int64 `[F]`, index into `group_names`.
        group_names: names of groups, objects or nodes.
        report: what was noticed while reading.
    """

    positions: np.ndarray
    triangles: np.ndarray
    corner_uv: np.ndarray | None = None
    vertex_colors: np.ndarray | None = None
    material: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    textures: list[np.ndarray | None] = field(default_factory=lambda: [None])
    base_colors: list[np.ndarray | None] = field(default_factory=lambda: [None])
    group: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    group_names: list[str] = field(default_factory=lambda: [""])
    report: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not len(self.material):
            self.material = np.zeros(len(self.triangles), np.int64)
        if not len(self.group):
            self.group = np.zeros(len(self.triangles), np.int64)

    def keep_triangles(self, keep: np.ndarray) -> RawMesh:
        """The mesh with the triangles of the bool mask `keep` `[F]` alone; vertices stay."""
        return replace(
            self,
            triangles=self.triangles[keep],
            corner_uv=None if self.corner_uv is None else self.corner_uv[keep],
            material=self.material[keep],
            group=self.group[keep],
        )

    def flip_triangles(self, flip: np.ndarray) -> RawMesh:
        """The mesh with the winding of the triangles of the bool mask `flip` `[F]` reversed."""
        triangles = self.triangles.copy()
        triangles[flip] = triangles[flip][:, ::-1]
        uv = self.corner_uv
        if uv is not None:
            uv = uv.copy()
            uv[flip] = uv[flip][:, ::-1]
        return replace(self, triangles=triangles, corner_uv=uv)

    def merge_vertices(self, target: np.ndarray) -> RawMesh:
        """The mesh with vertex i replaced by vertex `target[i]` in every triangle; vertices stay."""
        return replace(self, triangles=target[self.triangles])

    def drop_unreferenced(self) -> tuple[RawMesh, int]:
        """The mesh without vertices that no triangle uses, and their number; the order is kept."""
        used = np.zeros(len(self.positions), bool)
        used[self.triangles] = True
        count = int(len(used) - used.sum())
        if not count:
            return self, 0
        index = np.cumsum(used) - 1
        colors = None if self.vertex_colors is None else self.vertex_colors[used]
        kept = replace(self, positions=self.positions[used], triangles=index[self.triangles], vertex_colors=colors)
        return kept, count

    def vertex_group(self) -> np.ndarray:
        """int64 `[V]`: the group of one of each vertex's triangles, -1 for unreferenced vertices."""
        group = np.full(len(self.positions), -1, np.int64)
        group[self.triangles] = self.group[:, None]
        return group
