"""Which way a mesh looks: turn it until a face is seen, and remember where on the mesh that face is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from vfa.face.landmarks import FaceLandmarker, FaceLandmarks
from vfa.render.appearance import Appearance
from vfa.render.camera import Camera, frame_mesh
from vfa.render.scene import render_mesh

_PICTURE = 448
_ON_SURFACE = 0.85
_RELIEF = 0.6
_GUESS_CONFIDENCE = 0.05
_GUESS_RELIEF = 0.4
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
        places: float64 `[478, 3]`, the landmarks on the turned mesh; beside its outline, at the depth of the nearest
            landmark on it.
        name: the file's forward and up axes.
        certain: False where the face is only a guess: something with a face's relief that the detector hardly trusts.
    """

    rotation: np.ndarray
    landmarks: FaceLandmarks
    camera: Camera
    places: np.ndarray
    name: str
    certain: bool = True

    @property
    def box(self) -> np.ndarray:
        """float64 `[2, 3]`: lowest and highest corner of the face on the turned mesh."""
        return np.stack([self.places.min(axis=0), self.places.max(axis=0)])


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
    for number, (name, rotation) in enumerate(candidate_axes()):
        turned = np.asarray(positions, np.float64) @ rotation.T
        appearance = appearance_at(turned)
        for region in _regions(turned) if number < len(_USUAL) else (_everything(turned),):
            for look in range(2):  # a first look finds the place, a second one measures it close by
                sight, relief = _look(turned, triangles, appearance, landmarker, region)
                if sight is None or relief < _RELIEF:
                    break
                if look == 1:
                    return Sight(rotation, *sight, name)
                region = _around(sight[2])
    return None


def guess_face(positions: np.ndarray, triangles: np.ndarray, appearance: Appearance) -> Sight | None:
    """The most face-like place seen from the front (+Z), for creatures that :func:`find_face` does not know."""
    best, most = None, _GUESS_RELIEF
    with FaceLandmarker(static=True, tiles=False, min_confidence=_GUESS_CONFIDENCE) as landmarker:
        for region in _regions(np.asarray(positions, np.float64)):
            sight, relief = _look(positions, triangles, appearance, landmarker, region)
            if sight is not None and relief > most:
                best, most = sight, relief
    return None if best is None else Sight(np.eye(3), *best, "+z forward, +y up", certain=False)


def _everything(positions: np.ndarray) -> np.ndarray:
    return np.stack([positions.min(axis=0), positions.max(axis=0)])


def _around(places: np.ndarray) -> np.ndarray:
    """The box of a face with a margin."""
    box = _everything(places)
    margin = 0.25 * np.ptp(box, axis=0)
    return box + np.stack([-margin, margin])


def _regions(positions: np.ndarray) -> Iterator[np.ndarray]:
    """Boxes to look at: everything, and for tall meshes the upper parts, where a body has its head."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    yield _everything(positions)
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
) -> tuple[tuple[FaceLandmarks, Camera, np.ndarray] | None, float]:
    """Landmarks, camera and places of a face in a picture of the region, and how well its relief agrees (-1..1)."""
    camera = frame_mesh(positions, width=_PICTURE, height=_PICTURE, region=region, fill=0.8)
    picture = render_mesh(positions, triangles, appearance, camera, background=(96, 96, 96), supersample=1)
    face = landmarker.detect(picture.color)
    if face is None:
        return None, -1.0
    column, row = (np.clip(np.floor(face.points[:, i]).astype(int), 0, _PICTURE - 1) for i in (0, 1))
    depth = picture.depth[row, column].astype(np.float64)
    seen = np.isfinite(depth)
    if seen.mean() < _ON_SURFACE:
        return None, -1.0
    relief = float(np.corrcoef(depth[seen], face.points[seen, 2])[0, 1])
    apart = np.linalg.norm(face.points[~seen, None, :2] - face.points[None, seen, :2], axis=2)
    depth[~seen] = depth[seen][apart.argmin(axis=1)] if len(apart) else depth[~seen]
    return (face, camera, camera.unproject(face.points[:, 0], face.points[:, 1], depth)), relief
