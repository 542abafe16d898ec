"""Exact labels of synthetic clips: coefficients and pose per frame, and dense flow between any two frames."""

from __future__ import annotations

import io
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path

import numpy as np

from BFM.performances import Performance
from BFM.sampling import Person
from dataset.scenes import Scene, head
from vfa.errors import DecodeError
from vfa.media.atomic import write_bytes
from vfa.render import Camera
from vfa.render.rasterizer import Raster

KEPT = 16
"""Frames whose maps are kept by `Truth`."""

TOLERANCE = 0.012
"""A point is visible when no more than this many model units (1.5 mm) behind what is seen, plus the local relief."""


def write_truth(path: Path, scene: Scene) -> None:
    """Stores a scene as `.npz`: per frame `coefficients [T, 257]`, `pose [T, 4, 4]`, `gaze [T, 2]`, `times [T]`
    (floats; the exact ones are in the video), and for the clip the person, the light and the camera.
    """
    play, camera = scene.performance, scene.camera
    count = scene.n_frames
    still = [scene.person.identity, scene.person.texture, scene.gamma]
    identity, texture, gamma = (np.tile(np.asarray(part, np.float32), (count, 1)) for part in still)
    coefficients = np.concatenate([identity, play.expression, texture, play.euler, gamma, play.translation], axis=1)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        coefficients=coefficients.astype(np.float32),
        pose=np.stack([scene.pose(frame) for frame in range(count)]),
        gaze=play.gaze,
        times=play.time,
        rate=np.array([scene.rate.numerator, scene.rate.denominator]),
        camera_eye=camera.eye,
        camera_target=camera.target,
        camera_up=camera.up,
        camera_focal=np.array(camera.focal),
        camera_principal=np.array(camera.principal),
        size=np.array([camera.width, camera.height]),
    )
    write_bytes(path, buffer.getvalue())


def read_scene(path: Path) -> Scene:
    """The scene a truth file describes (its backdrop is not stored).

    Raises:
        DecodeError: damaged, or no truth file.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
        parts = np.split(stored["coefficients"], np.cumsum([80, 64, 80, 3, 27]), axis=1)
        identity, expression, texture, euler, gamma, translation = parts
        width, height = (int(value) for value in stored["size"])
        camera = Camera(
            stored["camera_eye"],
            stored["camera_target"],
            stored["camera_up"],
            focal=float(stored["camera_focal"]),
            principal=(float(stored["camera_principal"][0]), float(stored["camera_principal"][1])),
            width=width,
            height=height,
        )
        play = Performance(stored["times"], expression, euler, translation, stored["gaze"])
        rate = Fraction(int(stored["rate"][0]), int(stored["rate"][1]))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DecodeError("the truth cannot be read", path=path, found=str(error)) from error
    return Scene(Person(identity[0], texture[0]), play, camera, gamma[0], rate)


class Truth:
    """Dense correspondence between the frames of a scene, computed when asked for.

    Args:
        scene: from `read_scene` or `draw_scene`.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._renderer = scene.renderer(supersample=1)
        self._known: OrderedDict[int, tuple[np.ndarray, Raster]] = OrderedDict()

    def frame(self, number: int) -> tuple[np.ndarray, Raster]:
        """Vertices float32 `[V, 3]` and the triangle, barycentric and depth maps of a frame."""
        if number not in self._known:
            vertices = self.scene.vertices(number)
            self._known[number] = vertices, self._renderer.render_maps(vertices)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(number)
        return self._known[number]

    def flow(self, source: int, driving: int) -> tuple[np.ndarray, np.ndarray]:
        """Backward flow: where the surface seen at each pixel of `driving` is in `source`.

        Returns:
            displacement float32 `[H, W, 2]` in pixels, x then y, NaN where the driving frame shows nothing;
            visible bool `[H, W]`: the surface point is seen in the source frame too.
        """
        return correspondence(self.scene.camera, self.frame(source), self.frame(driving))


def correspondence(
    camera: Camera, source: tuple[np.ndarray, Raster], driving: tuple[np.ndarray, Raster]
) -> tuple[np.ndarray, np.ndarray]:
    """See `Truth.flow`; any two frames with the head's topology, also of two people seen by the same camera.

    Args:
        camera: of both.
        source, driving: vertices `[V, 3]` and maps of each.
    """
    (there, seen_there), (_, here) = source, driving
    height, width = here.triangle.shape
    rows, columns = np.nonzero(here.mask)
    corners = there[head().triangles[here.triangle[rows, columns]]].astype(np.float64)
    points = np.einsum("nk,nkc->nc", here.barycentric[rows, columns].astype(np.float64), corners)
    x, y, depth = camera.project(points).T
    flow = np.full((height, width, 2), np.nan, np.float32)
    flow[rows, columns, 0], flow[rows, columns, 1] = x - (columns + 0.5), y - (rows + 0.5)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    nearest, relief = _neighbourhood(seen_there.depth)
    row, column = (np.clip(np.floor(value), 0, size - 1).astype(int) for value, size in ((y, height), (x, width)))
    close = depth <= nearest[row, column] + TOLERANCE + relief[row, column]
    visible = np.zeros((height, width), bool)
    visible[rows, columns] = inside & close & seen_there.mask[row, column]
    return flow, visible


def _neighbourhood(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth, and how much it changes to the nearest side neighbours (a slanted surface changes a lot in a pixel).

    Steps to another surface do not count as slant: the smaller change of the two sides is taken.
    """
    padded = np.pad(depth, 1, constant_values=np.nan)
    centre = padded[1:-1, 1:-1]
    relief = np.zeros_like(depth)
    for one, other in (((slice(None, -2), slice(1, -1)), (slice(2, None), slice(1, -1))),
                       ((slice(1, -1), slice(None, -2)), (slice(1, -1), slice(2, None)))):  # fmt: skip
        steps = np.stack([np.abs(padded[one] - centre), np.abs(padded[other] - centre)])
        relief += np.where(np.isnan(steps), np.inf, steps).min(axis=0)
    return np.where(np.isnan(depth), -np.inf, depth), np.where(np.isfinite(relief), relief, 0)
