"""The original method's retargeting, step by step as its description has it, for comparison with this project's.

Written from the description of the algorithm: landmark controllers on the source's picture, weights by geodesic
distance, inversion of the flow by a loop over all output pixels, depth at the new places, blending, smoothing. Its
known weaknesses are kept: controllers at whole pixels, no controllers that hold the rest of the head, no head pose,
lips and lids left to the blend. Smoothing is taken to act on the motion (on positions it would melt the face).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vfa.errors import InputError
from vfa.face import topology as face
from vfa.render.camera import Camera

APART = 10
"""Least distance of two controllers in pixels, the sum of both axes."""
JUMP, AROUND = 0.05, 3
"""Share of the depth range by which depth may change within so many pixels of a controller."""
NEAREST, STRENGTH, ROUNDS = 10, 0.6, 5
SOFTENING = 1e-3
BORDER = 1


@dataclass(frozen=True)
class ReferenceControllers:
    """Attributes: pixel int `[K, 2]` (x, y); depth float `[K]` in world units; vertex int `[K]`."""

    pixel: np.ndarray
    depth: np.ndarray
    vertex: np.ndarray


def place_controllers(
    landmarks: np.ndarray, depth: np.ndarray, triangle: np.ndarray, barycentric: np.ndarray, triangles: np.ndarray
) -> ReferenceControllers:
    """Controllers at landmarks: those of the outer lips first, then whatever keeps its distance.

    Args:
        landmarks: `[478, 2 or 3]` in pixels of the source's picture. depth: `[H, W]`, NaN = none.
        triangle, barycentric: maps of the picture. triangles: int `[F, 3]`.

    Raises:
        InputError: no landmark can be used.
    """
    height, width = depth.shape
    lips = list(dict.fromkeys(face.OUTER_LIPS_UPPER + face.OUTER_LIPS_LOWER))
    order = lips + [i for i in range(face.N_MESH_POINTS) if i not in lips]
    span = float(np.nanmax(depth) - np.nanmin(depth))
    taken: list[tuple[int, int]] = []
    for number, index in enumerate(order):
        x, y = int(landmarks[index, 0]), int(landmarks[index, 1])
        if not (0 <= x < width and 0 <= y < height) or not np.isfinite(depth[y, x]):
            continue
        window = depth[max(y - AROUND, 0) : y + AROUND + 1, max(x - AROUND, 0) : x + AROUND + 1]
        if not np.isfinite(window).all() or float(np.ptp(window)) > JUMP * span:
            continue
        if number >= len(lips) and any(abs(x - a) + abs(y - b) < APART for a, b in taken):
            continue
        if (x, y) not in taken:
            taken.append((x, y))
    if not taken:
        raise InputError("no controller of the reference's retargeting can be placed", expected="a face in the picture")
    pixel = np.array(taken)
    corner = barycentric[pixel[:, 1], pixel[:, 0]].argmax(axis=1)
    vertex = triangles[triangle[pixel[:, 1], pixel[:, 0]], corner]
    return ReferenceControllers(pixel, depth[pixel[:, 1], pixel[:, 0]].astype(np.float64), vertex)


def landing_places_by_loop(flow: np.ndarray, pixel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where source pixels go: for each, the mean of the output pixels that sample it, weighted as in bilinear sampling.

    A plain loop over all output pixels, as the original has it.

    Args:
        flow: `[2, H, W]`, sampled places in [-1, 1]. pixel: int `[K, 2]` (x, y).

    Returns:
        place float64 `[K, 2]`, x and y of pixel indices, NaN where nothing lands; weight `[K]`.
    """
    _, height, width = flow.shape
    sums = {(int(x), int(y)): [0.0, 0.0, 0.0] for x, y in pixel}
    for row in range(height):
        for column in range(width):
            x = (float(flow[0, row, column]) + 1) * width / 2 - 0.5
            y = (float(flow[1, row, column]) + 1) * height / 2 - 0.5
            left, top = math.floor(x), math.floor(y)
            for i in (left, left + 1):
                for j in (top, top + 1):
                    found = sums.get((i, j))
                    if found is not None:
                        share = (1 - abs(x - i)) * (1 - abs(y - j))
                        found[0] += share
                        found[1] += share * column
                        found[2] += share * row
    table = np.array([sums[int(x), int(y)] for x, y in pixel])
    return _mean_places(table[:, 0], table[:, 1:])


def landing_places(flow: np.ndarray, pixel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same as `landing_places_by_loop`, vectorised."""
    _, height, width = flow.shape
    x = (flow[0].astype(np.float64) + 1) * width / 2 - 0.5
    y = (flow[1].astype(np.float64) + 1) * height / 2 - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    rows, columns = np.mgrid[:height, :width]
    total = np.zeros((height, width, 3))
    for i in (left, left + 1):
        for j in (top, top + 1):
            inside = (i >= 0) & (i < width) & (j >= 0) & (j < height)
            share = ((1 - np.abs(x - i)) * (1 - np.abs(y - j)))[inside]
            parts = np.stack([share, share * columns[inside], share * rows[inside]], axis=1)
            np.add.at(total, (j[inside], i[inside]), parts)
    table = total[pixel[:, 1], pixel[:, 0]]
    return _mean_places(table[:, 0], table[:, 1:])


def _mean_places(weight: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = weight > 0
    place = np.full(sums.shape, np.nan)
    place[known] = sums[known] / weight[known, None]
    return place, weight


class ReferenceRetarget:
    """Moves a mesh by the flow and depth of its animated picture.

    Args:
        vertices, triangles: of the source at rest, world units about those of the morphable model.
        camera: of the picture. controllers: from `place_controllers`. near, far: depth that -1 and 1 stand for.
        by_loop: invert the flow by the plain loop (the original), or vectorised with the same result.
    """

    def __init__(
        self,
        vertices: np.ndarray,
        triangles: np.ndarray,
        camera: Camera,
        controllers: ReferenceControllers,
        near: float,
        far: float,
        *,
        by_loop: bool = True,
    ) -> None:
        from vfa.mesh.smoothing import smoothing_matrix
        from vfa.mesh.weights import geodesic_weights

        self.rest = np.asarray(vertices, np.float64)
        self.camera, self.controllers = camera, controllers
        self.near, self.far = near, far
        self.places: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
        self.places = landing_places_by_loop if by_loop else landing_places
        # Distance is symmetric, so one solve for each controller gives the weights that one for each vertex would.
        self.weights = geodesic_weights(self.rest, triangles, controllers.vertex, NEAREST, size=2.0)
        self.smoothing = smoothing_matrix(self.rest, triangles, STRENGTH, NEAREST)
        self.anchor = self._unprojected(controllers.pixel.astype(np.float64), controllers.depth)

    def _unprojected(self, place: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return self.camera.unproject(place[:, 0] + 0.5, place[:, 1] + 0.5, depth)

    def translations(self, flow: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Translations float64 `[K, 3]` of the controllers (0 where untracked), and bool `[K]`, tracked.

        Args:
            flow: `[2, H, W]` in [-1, 1]. depth: `[H, W]` in [-1, 1].
        """
        place, weight = self.places(flow, self.controllers.pixel)
        height, width = depth.shape
        tracked = weight > 0
        column, row = np.where(tracked[:, None], np.rint(place), 0).astype(int).T
        tracked &= (column >= BORDER) & (column < width - BORDER) & (row >= BORDER) & (row < height - BORDER)
        row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
        new_depth = self.near + (depth[row, column].astype(np.float64) + 1) / 2 * (self.far - self.near)
        change = np.abs(new_depth - self.controllers.depth)
        if tracked.any():
            tracked &= change <= change[tracked].mean() + 2 * change[tracked].std()
        moved = self._unprojected(np.where(tracked[:, None], place, 0.0), new_depth) - self.anchor
        return np.where(tracked[:, None], moved, 0.0), tracked

    def vertices(self, flow: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Vertices float32 `[V, 3]` of a frame."""
        translation, tracked = self.translations(flow, depth)
        weight = self.weights.weight * tracked[self.weights.index]
        total = weight.sum(axis=1, keepdims=True)
        weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
        moved = np.einsum("vk,vkc->vc", weight, translation[self.weights.index])
        for _ in range(ROUNDS):
            moved = self.smoothing @ moved
        return (self.rest + moved).astype(np.float32)
