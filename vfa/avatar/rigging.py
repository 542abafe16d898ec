"""Builds the rig of an avatar: finds the face on its picture and everything that has to move with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfa.avatar.anatomy import find_eyeballs, find_jaw, find_lips, mouth_parts, rigid_eyeballs
from vfa.avatar.lids import find_lids
from vfa.avatar.placement import FACE_WIDTHS_PER_EYE_DISTANCE, FaceView, eye_distance, hold_still, place_on_face
from vfa.avatar.rig import Rig, slit_rigs
from vfa.errors import MeshError
from vfa.face import topology as face
from vfa.face.rings import MOUTH, SLITS, Slit
from vfa.mesh.cache import cached_weights, weights_key
from vfa.mesh.controllers import FREE, STATIC, Controllers, farthest_points, hit, one_per_vertex
from vfa.mesh.deformation import Deformer
from vfa.mesh.geodesics import GeodesicSolver
from vfa.mesh.slits import cut, interior, rim_of, visible_vertices
from vfa.mesh.smoothing import smoothing_matrix
from vfa.mesh.weights import EPSILON, ControllerWeights, blend, controller_distances
from vfa.render.camera import Camera
from vfa.render.rasterizer import Raster, rasterize

if TYPE_CHECKING:
    from vfa.avatar.avatar import Avatar

VIEW = 768
FREE_COUNT = 150


def find_face(picture: np.ndarray) -> np.ndarray | None:
    """Landmarks float64 `[478, 3]` of the largest face in a picture uint8 `[H, W, 3]`, or None."""
    from vfa.face.landmarks import FaceLandmarker

    with FaceLandmarker(static=True) as landmarker:
        found = landmarker.detect(picture)
    return None if found is None else found.points.astype(np.float64)


def build_rig(
    avatar: Avatar,
    camera: Camera,
    *,
    landmarks: np.ndarray | None = None,
    k: int = 10,
    strength: float = 0.6,
    rounds: int = 5,
    solve: bool = True,
    neighbours: int = 10,
    weights_folder: Path | None = None,
    recompute: bool = False,
) -> Rig:
    """Finds controllers, weights, lips, lids, eyes and jaw of an avatar.

    Args:
        avatar: what is driven; at rest it faces the camera.
        camera: the view in which `landmarks` were found, about `VIEW` pixels wide.
        landmarks: `[478, 3]` in pixels of that view; without them controllers are spread evenly over what is visible.
        k: controllers per vertex (`--weights_k`).
        strength, rounds: neighbour smoothing (`--lambda_lap`, `--lap_times`).
        solve: False blends only, as the original does.
        neighbours: vertices that one round of smoothing takes the mean of.
        weights_folder: where weights are kept between runs; None for nowhere.
        recompute: whether weights that are kept are computed anew (`--calc_weights`).

    Raises:
        MeshError: nothing of the mesh is visible.
    """
    rest = avatar.vertices.astype(np.float64)
    triangles = avatar.triangles
    whole = rasterize(camera.project(rest), triangles, camera.width, camera.height)
    if not (whole.triangle >= 0).any():
        raise MeshError("the avatar cannot be seen", path=avatar.name, expected="a mesh in front of the camera",
                        hint="leave --eye and --translation away to frame it automatically")  # fmt: skip
    view, axes = camera.rotation(), avatar.face_axes
    setup = _Setup(avatar.name, k, strength, rounds, solve, neighbours, weights_folder, recompute)
    if landmarks is None:
        return _free_rig(avatar, camera, whole, setup)

    skin = _skin(avatar.parts, triangles, whole, landmarks)
    skin_triangles = triangles[skin[triangles[:, 0]]]
    raster = rasterize(camera.project(rest), skin_triangles, camera.width, camera.height)
    views = [camera, *(camera.orbited(yaw, pitch) for yaw, pitch in ((-35, 0), (35, 0), (0, 25), (0, -25)))]
    seen = visible_vertices(rest, triangles, views)
    front = np.zeros(len(rest), bool)
    front[skin_triangles[raster.triangle[raster.triangle >= 0]]] = True
    pocket = np.zeros(len(rest), bool)
    for slit in SLITS:
        if slit is not MOUTH and not _has_ball(avatar, camera, landmarks, slit):
            continue  # an eye that is part of the skin stays in one piece with it
        pocket |= interior(camera, rest, skin, seen, front, landmarks[list(slit.outline), :2])
    mouth_pocket = interior(camera, rest, skin, seen, front, landmarks[list(MOUTH.outline), :2])
    surface = cut(skin_triangles, pocket)
    solver = GeodesicSolver(rest, surface)
    usable = np.zeros(len(rest), bool)
    usable[surface] = True
    follow = place_on_face(FaceView(landmarks, raster, skin_triangles, solver, camera.project(rest), usable))
    size = eye_distance(follow, rest)
    controllers = Controllers.join(follow, hold_still(solver, rest, surface, follow, size, camera))
    layers = _Layers(skin_triangles, surface, triangles[~skin[triangles[:, 0]]], pocket)
    deformer = _deformer(rest, layers, solver, controllers, size, setup)
    mouth, right_eye, left_eye = slit_rigs(controllers, rest)
    eyes = (right_eye, left_eye)
    rim = rim_of(rest, skin_triangles, pocket)
    inside = ~skin[triangles[:, 0]] | pocket[triangles].any(axis=1)
    behind = (whole.triangle >= 0) & inside[whole.triangle]
    lids = tuple(
        find_lids(
            camera.project(rest), solver, usable & seen, landmarks[list(eye.slit.corners), :2], behind, view[1], rim,
            camera.focal,
        )
        for eye in eyes
    )  # fmt: skip
    balls = find_eyeballs(avatar, rest, skin, camera, landmarks, eyes, axes)
    taken = np.concatenate([ball.members for ball in balls if ball is not None] or [np.empty(0, np.int64)])
    upper, lower = mouth_parts(avatar.parts, rest, skin, taken, controllers, mouth, axes, size)
    jaw = find_jaw(lower, controllers, rest, axes)
    lips = find_lips(controllers, rest, axes, size, upper, lower, np.flatnonzero(mouth_pocket))
    notes = (
        f"{(controllers.landmark != STATIC).sum()} controllers follow landmarks, "
        f"{(controllers.landmark == STATIC).sum()} hold still",
        f"{sum(b is not None for b in balls)} eyeballs, {len(upper)} vertices of upper teeth, {len(lower)} on the jaw",
    )
    stable = controllers.rows(face.STABLE)
    pivot = controllers.positions(rest)[stable[stable >= 0]].mean(axis=0)
    return Rig(
        rest,
        controllers,
        deformer,
        axes,
        view,
        size,
        pivot,
        landmarks,
        mouth,
        eyes,
        lids,
        balls,
        jaw,
        upper,
        lips,
        notes,
    )


def _has_ball(avatar: Avatar, camera: Camera, landmarks: np.ndarray, slit: Slit) -> bool:
    """Whether an eyeball of the avatar shows between the corners of an eye."""
    corners = landmarks[list(slit.corners), :2]
    reach = 0.5 * np.linalg.norm(corners[0] - corners[1])
    places = [camera.project(eye.center[None])[0, :2] for eye in avatar.eyes]
    return any(np.linalg.norm(place - corners.mean(axis=0)) < reach for place in places)


def _skin(parts: np.ndarray, triangles: np.ndarray, whole: Raster, landmarks: np.ndarray) -> np.ndarray:
    """bool `[V]`: the components that carry the face, by how many landmarks show them."""
    found = hit(landmarks[: face.N_MESH_POINTS, :2], np.arange(face.N_MESH_POINTS), whole, triangles, 6.0)
    if not len(found):
        raise MeshError("the face found on the avatar does not lie on its surface", hint="try another --eye")
    votes = np.bincount(parts[found.vertices[:, 0]], minlength=parts.max() + 1)
    return np.isin(parts, np.flatnonzero(votes >= 0.15 * votes.sum()))


@dataclass(frozen=True)
class _Setup:
    """Options of `build_rig` that only the deformer needs."""

    name: str
    k: int
    strength: float
    rounds: int
    solve: bool
    neighbours: int
    folder: Path | None
    recompute: bool


@dataclass(frozen=True)
class _Layers:
    """Triangles `[F, 3]` of the whole skin, of the skin without pockets, and of everything else; bool `[V]` pockets."""

    skin: np.ndarray
    surface: np.ndarray
    others: np.ndarray
    pocket: np.ndarray


def _deformer(
    rest: np.ndarray, layers: _Layers, solver: GeodesicSolver, controllers: Controllers, size: float, setup: _Setup
) -> Deformer:
    """Weights on the cut surface; pockets take those of their rim, other parts those of the skin nearest to them."""
    half = 1.1 * size  # a face 2 across in the original's units has its outer eye corners about 0.9 apart
    epsilon = EPSILON * half * half
    k = min(setup.k, len(controllers))
    anchors = controllers.nearest_vertex

    def compute() -> ControllerWeights:
        return blend(controller_distances(solver, anchors), k, epsilon, rest)

    key = weights_key(rest, solver.triangles, anchors, k, epsilon)
    weights, _ = cached_weights(setup.folder, setup.name, key, compute, force=setup.recompute)
    rim = rim_of(rest, layers.skin, layers.pocket)
    weights = ControllerWeights(weights.index[rim], weights.weight[rim], weights.n_controllers)
    smooth = None
    if setup.rounds > 0 and setup.strength > 0:
        inside = layers.skin[layers.pocket[layers.skin].all(axis=1)]
        graph = np.concatenate([layers.surface, inside, layers.others])
        smooth = smoothing_matrix(rest, graph, setup.strength, setup.neighbours)
    return Deformer(
        weights, controllers.vertices, controllers.barycentric, smoothing=smooth, rounds=setup.rounds, solve=setup.solve
    )


def _free_rig(avatar: Avatar, camera: Camera, whole: Raster, setup: _Setup) -> Rig:
    """Controllers spread evenly over the visible surface of something that has no face MediaPipe knows."""
    rest, triangles = avatar.vertices.astype(np.float64), avatar.triangles
    row, column = np.nonzero(whole.triangle >= 0)
    x, y = column + 0.5, row + 0.5
    places = camera.unproject(x, y, whole.depth[row, column])
    chosen = farthest_points(places, FREE_COUNT)
    pixels = np.stack([x, y], axis=1)[chosen]
    controllers = one_per_vertex(hit(pixels, np.full(len(pixels), FREE), whole, triangles, 0.0))
    solver = GeodesicSolver(rest, triangles)
    size = float(np.ptp(places[:, 0])) * FACE_WIDTHS_PER_EYE_DISTANCE
    layers = _Layers(triangles, triangles, triangles[:0], np.zeros(len(rest), bool))
    deformer = _deformer(rest, layers, solver, controllers, size, setup)
    notes = (f"no face found: {len(controllers)} controllers spread over the visible surface",)
    view = camera.rotation()
    balls = rigid_eyeballs(avatar)
    return Rig(rest, controllers, deformer, view, view, size, places.mean(axis=0), balls=balls, notes=notes)
