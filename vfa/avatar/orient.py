"""Which way a mesh looks: turn it until a face is seen, and remember where on the mesh that face is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from vfa.face.landmarks import FaceLandmarker, FaceLandmarks
from vfa.face.topology import N_MESH_POINTS
from vfa.render.appearance import Appearance
from vfa.render.camera import Camera, frame_mesh
from vfa.render.scene import Rendered, render_mesh

_PICTURE = 448
_ON_SURFACE = 0.85
_RELIEF = 0.6
# Forward and up of the file's axes, most usual first; then the rest of the 24 turns of a cube.
_USUAL = (
    ("+z", "+y"),
    ("-y", "+z"),
    ("+y", "+z"),
    ("-z", "+y"),
    ("+x", "+z"),
    ("-x", "+z"),
    ("+x", "+y"),
    ("-x", "+y"),
)


@dataclass(frozen=True)
class Sight:
    """A face seen on a mesh.

    Attributes:
        rotation: float64 `[3, 3]`, turns the file's axes so that the face looks along +Z, +Y up.
        landmarks: in pixels of the picture taken by `camera`.
        camera: the view of the turned mesh.
        box: float64 `[2, 3]`, lowest and highest corner of the landmarks' places on the turned mesh.
        name: the file's forward and up axes.
    """

    rotation: np.ndarray
    landmarks: FaceLandmarks
    camera: Camera
    box: np.ndarray
    name: str


def candidate_axes() -> Iterator[tuple[str, np.ndarray]]:
    """The 24 turns of a cube as (name, rotation float64 `[3, 3]`), most usual first; the identity is the first."""
    axes = {sign + letter: (1 if sign == "+" else -1) * np.eye(3)[i] for i, letter in enumerate("xyz") for sign in "+-"}
    rest = [(f, u) for u in ("+y", "+z", "+x", "-x", "-y", "-z") for f in axes if f[1] != u[1]]
    for forward, up in [*_USUAL, *(pair for pair in rest if pair not in _USUAL)]:
        z, y = axes[forward], axes[up]
        yield f"{forward} forward, {up} up", np.stack([np.cross(y, z), y, z])


def find_face(
    positions: np.ndarray,
    triangles: np.ndarray,
    appearance_at: Callable[[np.ndarray], Appearance],
    landmarker: FaceLandmarker,
) -> Sight | None:
    """Look for a face from all sides of a mesh.

    Args:
        positions: float `[V, 3]`, finite.
        triangles: int `[F, 3]`.
        appearance_at: the appearance for given (turned) positions.
        landmarker: made with ``static=True`` (and ``tiles=False``, since the views zoom in by themselves).

    Returns:
        The first turn, in the order of :func:`candidate_axes`, whose picture shows a face that lies on the surface and
        has its relief; None where there is none.
    """
    for name, rotation in candidate_axes():
        turned = np.asarray(positions, np.float64) @ rotation.T
        appearance = appearance_at(turned)
        for region in _regions(turned):
            sight = _look(turned, triangles, appearance, landmarker, region)
            if sight is not None:
                landmarks, camera, box = sight
                return Sight(rotation, landmarks, camera, box, name)
    return None


def _regions(positions: np.ndarray) -> Iterator[np.ndarray]:
    """Boxes to look at: everything, and for tall meshes the upper parts, where a body has its head."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    yield np.stack([low, high])
    height = high[1] - low[1]
    depth = float((high - low)[[0, 2]].min())
    if height < 1.3 * depth:
        return
    for share in (0.5, 0.35, 0.22, 0.14):
        bottom = high[1] - share * height
        above = positions[positions[:, 1] >= bottom]
        if len(above) < 50:
            return
        middle = np.median(above[:, 0])
        half = share * height / 2
        left, right = max(low[0], middle - half), min(high[0], middle + half)
        inside = above[(above[:, 0] >= left) & (above[:, 0] <= right)]
        yield np.array([[left, bottom, inside[:, 2].min()], [right, high[1], inside[:, 2].max()]])


def _look(
    positions: np.ndarray, triangles: np.ndarray, appearance: Appearance, landmarker: FaceLandmarker, region: np.ndarray
) -> tuple[FaceLandmarks, Camera, np.ndarray] | None:
    """Landmarks in a close view of the face, if there is one in the region."""
    for _ in range(2):  # a first look finds the place, a second one measures it close by
        camera = frame_mesh(positions, width=_PICTURE, height=_PICTURE, region=region, fill=0.8)
        picture = render_mesh(positions, triangles, appearance, camera, background=(96, 96, 96), supersample=1)
        face = landmarker.detect(picture.color)
        if face is None:
            return None
        places = _on_surface(face, picture, camera)
        if places is None:
            return None
        region = np.stack([places.min(axis=0), places.max(axis=0)])
        margin = 0.25 * np.ptp(region, axis=0)
        region = region + np.stack([-margin, margin])
    return face, camera, np.stack([places.min(axis=0), places.max(axis=0)])


def _on_surface(face: FaceLandmarks, picture: Rendered, camera: Camera) -> np.ndarray | None:
    """Places of the landmarks on the mesh, or None where the face cannot be one: beside the mesh or of other relief."""
    height, width = picture.depth.shape
    points = face.points[:N_MESH_POINTS]
    column = np.clip(np.floor(points[:, 0]).astype(int), 0, width - 1)
    row = np.clip(np.floor(points[:, 1]).astype(int), 0, height - 1)
    depth = picture.depth[row, column]
    seen = np.isfinite(depth)
    if seen.mean() < _ON_SURFACE:
        return None
    relief = np.corrcoef(depth[seen], points[seen, 2])[0, 1]
    if not relief > _RELIEF:
        return None
    return camera.unproject(points[seen, 0], points[seen, 1], depth[seen])
