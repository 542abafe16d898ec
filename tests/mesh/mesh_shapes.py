"""Small meshes with known geometry for the tests of this folder."""

from __future__ import annotations

import numpy as np


def sheet(columns: int = 21, rows: int = 21, width: float = 2.0, height: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """A flat grid around the origin in the plane z = 0, facing +Z; row by row from the top left."""
    x, y = np.meshgrid(np.linspace(-width / 2, width / 2, columns), np.linspace(height / 2, -height / 2, rows))
    return np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3), strip_triangles(rows, columns)


def strip_triangles(rows: int, columns: int) -> np.ndarray:
    """Two triangles for each cell of a grid, alternating diagonals."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    even = (np.add.outer(np.arange(rows - 1), np.arange(columns - 1)) % 2 == 0)[..., None, None]
    one = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2)
    other = np.stack([np.stack([a, b, d], -1), np.stack([b, c, d], -1)], axis=2)
    return np.where(even, one, other).reshape(-1, 3)


def sphere(subdivisions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The unit icosphere: 642 vertices for 3 subdivisions."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=subdivisions)
    return np.array(ball.vertices), np.array(ball.faces)


def arc(vertices: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Great-circle distances `[V, K]` on the unit sphere."""
    return np.arccos(np.clip(vertices @ vertices[sources].T, -1, 1))


class Lips:
    """A sheet with a mouth: closed lips along y = 0 for |x| < 0.5, and a bag behind them.

    A profile curve from the top edge through the bag to the bottom edge is swept along x; toward the corners of the
    mouth the bag shrinks to nothing.
    """

    columns = 61
    corner = 0.5

    def __init__(self) -> None:
        flat = np.concatenate([np.linspace(1, 0.1, 10), np.linspace(0.08, 0.001, 8)])
        turns = np.array([(0.02, -0.04), (0.1, -0.1), (0.2, -0.2), (0.2, -0.4), (0.0, -0.5),
                          (-0.2, -0.4), (-0.2, -0.2), (-0.1, -0.1), (-0.02, -0.04)])  # fmt: skip
        fine = np.linspace(0, len(turns) - 1, 4 * (len(turns) - 1) + 1)
        bag = np.stack([np.interp(fine, np.arange(len(turns)), side) for side in turns.T], axis=1)
        inner = np.linspace(9e-4, -9e-4, len(bag))
        self.rows = 2 * len(flat) + len(bag)
        self.upper_margin, self.lower_margin = len(flat) - 1, len(flat) + len(bag)
        x = np.linspace(-1, 1, self.columns)
        depth = np.clip(1 - (x / self.corner) ** 2, 0, None) ** 0.5
        grid = np.zeros((self.rows, self.columns, 3))
        grid[..., 0] = x
        grid[: len(flat), :, 1] = flat[:, None]
        grid[-len(flat) :, :, 1] = -flat[::-1, None]
        middle = slice(len(flat), len(flat) + len(bag))
        grid[middle, :, 1] = inner[:, None] * (1 - depth) + bag[:, :1] * depth
        grid[middle, :, 2] = bag[:, 1:] * depth
        self.in_bag = np.zeros((self.rows, self.columns), bool)
        self.in_bag[middle, np.abs(x) < self.corner - 1e-9] = True
        self.vertices = grid.reshape(-1, 3)
        self.triangles = strip_triangles(self.rows, self.columns)
        self.in_bag = self.in_bag.ravel()

    def row(self, number: int, within: float = 1.0) -> np.ndarray:
        """Vertex numbers of a row of the grid with |x| < `within`."""
        index = number * self.columns + np.arange(self.columns)
        return index[np.abs(self.vertices[index, 0]) < within]
