"""Where controllers sit on an avatar whose face is known: at landmarks, and at rest around the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfa.face import topology as face
from vfa.face.rings import SLITS, Slit
from vfa.mesh.controllers import STATIC, Controllers, farthest_points, hit, one_per_vertex
from vfa.mesh.geodesics import GeodesicSolver
from vfa.render.camera import Camera
from vfa.render.rasterizer import Raster

STATIC_COUNT = 60
FACE_WIDTHS_PER_EYE_DISTANCE = 0.62  # the outer eye corners take 62 % of a face's width


@dataclass(frozen=True)
class FaceView:
    """What placing controllers needs to know of the avatar's face.

    Attributes:
        landmarks: `[478, 3]` in pixels.
        raster: maps of the skin alone; triangles: those it shows.
        solver: geodesics on the skin without pockets.
        screen: `[V, 3]`, where every vertex shows.
        usable: bool `[V]`, vertices of the skin outside pockets.
    """

    landmarks: np.ndarray
    raster: Raster
    triangles: np.ndarray
    solver: GeodesicSolver
    screen: np.ndarray
    usable: np.ndarray


def place_on_face(seen: FaceView) -> Controllers:
    """One controller per face landmark; those of lips and lids on their own side of the slit."""
    sided = {i for slit in SLITS for ring in (slit.corners, *slit.upper, *slit.lower) for i in ring}
    plain = np.array([i for i in range(face.N_MESH_POINTS) if i not in sided])
    reach = 0.03 * np.ptp(seen.landmarks[:, 0])
    found = hit(seen.landmarks[plain, :2], plain, seen.raster, seen.triangles, reach)
    groups = [found.take(seen.usable[found.nearest_vertex]), *(_place_slit(slit, seen) for slit in SLITS)]
    first = [*face.LIP_CORNERS, *(i for slit in SLITS for i in slit.corners)]
    return one_per_vertex(Controllers.join(*groups), first=first)


def _place_slit(slit: Slit, seen: FaceView) -> Controllers:
    """Controllers of a mouth or an eye: nearest in the picture among the vertices of the right side."""
    flat = seen.landmarks[:, :2]
    start, end = flat[list(slit.corners)]
    span = float(np.linalg.norm(end - start))
    outline = flat[[i for ring in slit.upper + slit.lower for i in ring]]
    low, high = outline.min(axis=0) - 0.3 * span, outline.max(axis=0) + 0.3 * span
    shown = np.zeros(len(seen.screen), bool)
    shown[seen.triangles[seen.raster.triangle[seen.raster.triangle >= 0]]] = True
    around = seen.usable & shown & ((seen.screen[:, :2] > low) & (seen.screen[:, :2] < high)).all(axis=1)
    seeds = []
    for side in (slit.upper, slit.lower):
        ring = np.array(side[-1])
        outer = hit(flat[ring], ring, seen.raster, seen.triangles, 0.05 * span).nearest_vertex
        seeds.append(outer[seen.usable[outer]])
    nothing = Controllers.at_vertices(np.empty(0, int), np.empty((0, 2)), np.empty(0, int))
    if not around.any() or not len(seeds[0]) or not len(seeds[1]):
        return nothing
    to_upper, to_lower = seen.solver.distance(seeds[0]), seen.solver.distance(seeds[1])
    groups = [_nearest(slit.corners, np.flatnonzero(around), flat, seen.screen)]
    for side, mine in ((slit.upper, to_upper < to_lower), (slit.lower, to_lower < to_upper)):
        pool = np.flatnonzero(around & mine)
        if len(pool):
            groups.append(_nearest(tuple(i for ring in side for i in ring), pool, flat, seen.screen))
    return Controllers.join(*groups)


def _nearest(landmarks: tuple[int, ...], pool: np.ndarray, flat: np.ndarray, screen: np.ndarray) -> Controllers:
    """Controllers on the vertices of `pool` that show nearest to each landmark."""
    from scipy.spatial import cKDTree

    ring = np.array(landmarks)
    chosen = pool[cKDTree(screen[pool, :2]).query(flat[ring])[1]]
    return Controllers.at_vertices(chosen, flat[ring], ring)


def eye_distance(controllers: Controllers, rest: np.ndarray) -> float:
    """Distance of the outer eye corners in mesh units, estimated from the width of the face where one is missing."""
    corners = controllers.rows((face.RIGHT_EYE_OUTER, face.LEFT_EYE_OUTER))
    at = controllers.positions(rest)
    if (corners >= 0).all():
        return float(np.linalg.norm(at[corners[0]] - at[corners[1]]))
    return float(np.ptp(at[:, 0])) * FACE_WIDTHS_PER_EYE_DISTANCE


def hold_still(
    solver: GeodesicSolver, rest: np.ndarray, surface: np.ndarray, follow: Controllers, size: float, camera: Camera
) -> Controllers:
    """Controllers that keep still, spread over the surface away from the face: scalp, ears, nape, body."""
    away = solver.distance(np.unique(follow.nearest_vertex))
    held = np.unique(surface)
    held = held[(away[held] > 0.45 * size) & np.isfinite(away[held])]
    if not len(held):
        return Controllers.at_vertices(np.empty(0, int), np.empty((0, 2)), np.empty(0, int))
    index = held[farthest_points(rest[held], STATIC_COUNT, rest[follow.nearest_vertex])]
    near = held[np.argsort(away[held], kind="stable")][: 40 * STATIC_COUNT]
    ring = near[farthest_points(rest[near], STATIC_COUNT, rest[index])]
    index = np.unique(np.concatenate([index, ring]))
    return Controllers.at_vertices(index, camera.project(rest[index])[:, :2], np.full(len(index), STATIC))
