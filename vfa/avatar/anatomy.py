"""Finds the parts of a head beside its skin: eyeballs, upper teeth, and what hangs on the jaw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vfa.avatar.rig import LID_CLEARANCE, Eyeball, Jaw, LipWall, SlitRig
from vfa.face import topology as face
from vfa.face.rings import MOUTH
from vfa.mesh.controllers import Controllers
from vfa.mesh.guards import behind, in_front

if TYPE_CHECKING:
    from vfa.avatar.avatar import Avatar
    from vfa.render.camera import Camera

_CHIN = (152, 148, 377, 175, 199, 200, 171, 396)
_EARS = (234, 454)
# Skin between the lips and the nose, and between the lips and the chin.
_LIP_SURROUNDINGS = (2, 164, 97, 326, 167, 393, 165, 391, 18, 200, 83, 313, 182, 406, 201, 421, 199, 194, 418, 106, 335)


def find_eyeballs(
    avatar: Avatar,
    rest: np.ndarray,
    skin: np.ndarray,
    camera: Camera,
    landmarks: np.ndarray,
    eyes: tuple[SlitRig, ...],
    axes: np.ndarray,
) -> tuple[Eyeball | None, ...]:
    """For each eye the ball whose centre shows between the lids, with the skin that must stay outside it."""
    screen = camera.project(rest)[:, :2]
    balls: list[Eyeball | None] = []
    for eye in eyes:
        corners = landmarks[list(eye.slit.corners), :2]
        middle, width = corners.mean(axis=0), float(np.linalg.norm(corners[0] - corners[1]))
        away = [float(np.linalg.norm(camera.project(e.center[None])[0, :2] - middle)) for e in avatar.eyes]
        if not away or min(away) > 0.5 * width:
            balls.append(None)
            continue
        found = avatar.eyes[int(np.argmin(away))]
        offset = rest - found.center
        distance = np.linalg.norm(offset, axis=1)
        near = skin & (distance < 1.9 * found.radius) & (distance > 0.97 * found.radius)
        lid = np.flatnonzero(near & (np.linalg.norm(screen - middle, axis=1) < 0.9 * width))
        profile = _profile(offset[found.vertices], axes[2])
        ball = Eyeball(found.center, found.radius, found.vertices, profile, lid, np.ones(len(lid)))
        room = distance[lid] / ball.surface(offset[lid], axes[2])
        balls.append(replace(ball, clearance=np.minimum(room, 1 + LID_CLEARANCE)))
    return tuple(balls)


def rigid_eyeballs(avatar: Avatar) -> tuple[Eyeball | None, ...]:
    """The eyeballs of a creature without known lids: they turn with the gaze and keep their shape."""
    nothing = np.empty(0, np.int64)
    return tuple(
        Eyeball(eye.center, eye.radius, eye.vertices, np.full(2, eye.radius), nothing, np.empty(0))
        for eye in avatar.eyes
    )


def _profile(offset: np.ndarray, sight: np.ndarray, steps: int = 61) -> np.ndarray:
    """Largest distance `[steps]` of points `[N, 3]` from the origin by angle from `sight`; gaps are bridged."""
    distance = np.linalg.norm(offset, axis=1)
    angle = np.arccos(np.clip(offset @ sight / np.maximum(distance, 1e-12), -1, 1))
    place = angle / np.pi * (steps - 1)
    profile = np.zeros(steps)
    for side in (np.floor(place), np.ceil(place)):
        np.maximum.at(profile, side.astype(int), distance)
    known = np.flatnonzero(profile)
    return np.interp(np.arange(steps), known, profile[known])


def mouth_parts(
    parts: np.ndarray,
    rest: np.ndarray,
    skin: np.ndarray,
    taken: np.ndarray,
    controllers: Controllers,
    mouth: SlitRig,
    axes: np.ndarray,
    size: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices int64 of the upper teeth and of what moves with the jaw (lower teeth, tongue), by where they lie."""
    corners = controllers.rows(face.OUTER_LIPS_UPPER)[[0, -1]]
    margin = np.concatenate([mouth.upper[0], mouth.lower[0]])
    margin = margin[margin >= 0]
    empty = np.empty(0, np.int64)
    if (corners < 0).any() or not len(margin):
        return empty, empty
    at = controllers.positions(rest)
    width = float(np.linalg.norm(at[corners[0]] - at[corners[1]]))
    line = at[margin].mean(axis=0)
    upper, lower = [empty], [empty]
    for part in np.unique(parts[~skin]):
        own = np.flatnonzero(parts == part)
        if np.isin(own[0], taken):
            continue
        offset = (rest[own] - line) @ axes.T
        center = (offset.min(axis=0) + offset.max(axis=0)) / 2
        extent = np.ptp(offset, axis=0)
        if extent.max() > 1.6 * width or abs(center[0]) > 0.6 * width or abs(center[1]) > 0.8 * width:
            continue
        if not -1.6 * width < center[2] < 0.1 * width:
            continue
        (upper if center[1] > 0.03 * width else lower).append(own)
    return np.concatenate(upper), np.concatenate(lower)


def find_jaw(lower: np.ndarray, controllers: Controllers, rest: np.ndarray, axes: np.ndarray) -> Jaw | None:
    """The jaw that carries `lower`; its hinge lies between the ears, its motion is read off the chin."""
    chin = controllers.rows(_CHIN)
    chin = chin[chin >= 0]
    ears = controllers.rows(_EARS)
    ears = ears[ears >= 0]
    if not len(lower) or not len(chin) or not len(ears):
        return None
    lip = controllers.rows(MOUTH.lower[-1][3:-3])
    lip = lip[lip >= 0]
    at = controllers.positions(rest)
    return Jaw(lower, at[ears].mean(axis=0), chin, at[chin].mean(axis=0), lip if len(lip) else chin)


def find_lips(
    controllers: Controllers,
    rest: np.ndarray,
    axes: np.ndarray,
    size: float,
    upper: np.ndarray,
    lower: np.ndarray,
    pocket: np.ndarray,
) -> LipWall | None:
    """The lips and the skin around them as the wall that teeth and the mouth's inside (`pocket` `[N]`) stay behind."""
    if not len(upper) and not len(lower) and not len(pocket):
        return None
    around = [i for ring in (*MOUTH.upper, *MOUTH.lower) for i in ring]
    rows = controllers.rows((*around, *_LIP_SURROUNDINGS))
    wall = controllers.take(rows[rows >= 0])
    if not len(wall):
        return None
    reach = 0.07 * size
    skin = wall.positions(rest) @ axes.T
    clearance = []
    for teeth in (upper, lower):
        depth = in_front(rest[teeth] @ axes.T, skin, reach)
        # At rest teeth do not show through: what room there is then is what they need, at most the lips' thickness.
        clearance.append(np.minimum(skin[:, 2] - depth, 0.06 * size))
    inside = rest[pocket] @ axes.T
    room = np.minimum(behind(inside, skin, reach) - inside[:, 2], 0.07 * size)
    deep = room > 0.01 * size  # what lies nearer belongs to the lips themselves
    return LipWall(wall, reach, clearance[0], clearance[1], pocket[deep], room[deep])
