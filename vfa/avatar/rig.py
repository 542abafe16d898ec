"""The rig of an avatar: everything that turns a motion into moved vertices, found once and reused for every frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vfa.avatar.lids import Lids
from vfa.face.rings import SLITS, Slit
from vfa.mesh.controllers import Controllers
from vfa.mesh.deformation import Deformer
from vfa.mesh.guards import behind, in_front
from vfa.motion.motion import Motion

# How a change of the gap between the lips spreads over the rings of the lips, the margin first.
LIP_FALLOFF = (1.0, 0.8, 0.5, 0.25)
# How far the lower lip drops below the lower teeth when the mouth opens wide, over the outer eye corners' distance.
LIP_SLACK = 0.02
# The jaw opens no further than this, in radians.
MOST_JAW = 0.5
# Lips push teeth back by this at most, over the distance of the outer eye corners.
MOST_PUSH = 0.18
# A lid stays this share of the eyeball's radius away from it.
LID_CLEARANCE = 0.03


@dataclass(frozen=True)
class SlitRig:
    """Controllers of a mouth or an eye, pair by pair; -1 where a landmark has no controller.

    Attributes:
        slit: the landmarks.
        upper: int64 `[rings][P]`, controllers of the upper side.
        lower: the same of the lower side.
        opening: float64 `[P, 3]`, from the lower to the upper margin at rest.
    """

    slit: Slit
    upper: tuple[np.ndarray, ...]
    lower: tuple[np.ndarray, ...]
    opening: np.ndarray

    @property
    def paired(self) -> np.ndarray:
        """bool `[P]`: pairs of which both sides have a controller."""
        return (self.upper[0] >= 0) & (self.lower[0] >= 0)


@dataclass(frozen=True)
class Eyeball:
    """A ball under the lids.

    Attributes:
        center: float64 `[3]` at rest; radius: float.
        members: int64 `[N]`, vertices that turn with the gaze.
        profile: float64 `[B]`, distance of its surface from the centre by angle from the line of sight, from 0 to pi;
            the cornea stands out.
        lid: int64 `[M]`, skin vertices that must stay outside.
        clearance: float64 `[M]`, their least distance to the centre over that of the surface.
    """

    center: np.ndarray
    radius: float
    members: np.ndarray
    profile: np.ndarray
    lid: np.ndarray
    clearance: np.ndarray

    def surface(self, offset: np.ndarray, sight: np.ndarray) -> np.ndarray:
        """Distance `[N]` from the centre to the surface in the directions `offset` `[N, 3]`, looking along `sight`."""
        cosine = offset @ sight / np.maximum(np.linalg.norm(offset, axis=1), 1e-12)
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        return np.interp(angle, np.linspace(0.0, np.pi, len(self.profile)), self.profile)


@dataclass(frozen=True)
class Jaw:
    """What hangs on the lower jaw inside the mouth.

    Attributes:
        members: int64 `[N]`, vertices of the lower teeth and the tongue.
        hinge: float64 `[3]`, a point on the axis of rotation, which runs along `right`.
        chin: int64 `[C]`, the controllers that show where the jaw is.
        chin_at: float64 `[3]`, their mean place at rest.
        lip: int64 `[L]`, controllers of the lower edge of the lower lip.
    """

    members: np.ndarray
    hinge: np.ndarray
    chin: np.ndarray
    chin_at: np.ndarray
    lip: np.ndarray


@dataclass(frozen=True)
class LipWall:
    """What teeth must stay behind.

    Attributes:
        controllers: those of the lips and the skin around them.
        reach: how far around a controller it guards, in mesh units.
        lining: int64 `[N]`, vertices of the mouth's inside, which must not show through the lips either.
        lining_room: float64 `[N]`, how far each of them stays behind the skin.
        upper_room, lower_room: float64 `[L]`, how far behind each controller the upper and the lower teeth stay.
    """

    controllers: Controllers
    reach: float
    upper_room: np.ndarray
    lower_room: np.ndarray
    lining: np.ndarray
    lining_room: np.ndarray


@dataclass(frozen=True)
class Rig:
    """What was found on an avatar.

    Attributes:
        rest: float64 `[V, 3]`, the vertices at rest.
        controllers: the anchors.
        deformer: blend, smoothing and solve.
        axes: float64 `[3, 3]`, rows are the face's right (+X), up and front in world space.
        view: float64 `[3, 3]`, the same of the picture its landmarks were found in.
        size: distance of the outer eye corners in mesh units (or an estimate where no face was found).
        pivot: float64 `[3]`, what the head turns about.
        landmarks: float64 `[478, 3]` in pixels of the detection view, None where no face was found.
        mouth, eyes: slits with their controllers; None or empty where no face was found.
        lids: how the lids of `eyes` close, None where no opening was found.
        balls: the eyeballs of `eyes`, None where there is none.
        jaw: lower teeth and tongue, if any.
        still: int64 `[N]`, vertices that only follow the head's rigid motion (upper teeth).
        lips: what the teeth stay behind, if there are any.
        notes: what was found, for people.
    """

    rest: np.ndarray
    controllers: Controllers
    deformer: Deformer
    axes: np.ndarray
    view: np.ndarray
    size: float
    pivot: np.ndarray
    landmarks: np.ndarray | None = None
    mouth: SlitRig | None = None
    eyes: tuple[SlitRig, ...] = ()
    lids: tuple[Lids | None, ...] = ()
    balls: tuple[Eyeball | None, ...] = ()
    jaw: Jaw | None = None
    still: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    lips: LipWall | None = None
    notes: tuple[str, ...] = ()

    def deform(self, motion: Motion) -> np.ndarray:
        """Vertices float64 `[V, 3]` in the head's own frame, that is without the rigid motion of the head."""
        translation = self.targets(motion)
        moved = self.rest + self.deformer.displacement(translation, motion.tracked)
        if len(self.still):
            moved[self.still] = self.rest[self.still]
        if self.jaw is not None:
            moved[self.jaw.members] = self._jaw_motion(self.jaw, translation)
        if self.lips is not None:
            self._hold_teeth_back(moved, self.lips)
        for lids, opening in zip(self.lids, motion.lid_opening, strict=False):
            if lids is not None:
                lids.apply(moved, float(opening))
        for ball in self.balls:
            if ball is not None:
                sight = _turn(ball.center + self.axes[2:], ball.center, motion.gaze, self.axes)[0] - ball.center
                _keep_outside(moved, ball, sight)
                moved[ball.members] = _turn(self.rest[ball.members], ball.center, motion.gaze, self.axes)
        return moved

    def targets(self, motion: Motion) -> np.ndarray:
        """Controller translations float64 `[K, 3]` with lips that meet and lids that close as the motion says."""
        translation = np.array(motion.translation, np.float64)
        if self.mouth is not None and motion.lip_gap is not None:
            _set_lip_gap(translation, self.mouth, self.axes[1], motion.lip_gap)
        for eye, lids in zip(self.eyes, self.lids, strict=False):
            if lids is not None:
                _leave_to_lids(translation, eye)
        return translation

    def _jaw_motion(self, jaw: Jaw, translation: np.ndarray) -> np.ndarray:
        """Lower teeth and tongue turn about the hinge as far as the chin came down, and shift sideways with it."""
        right, up, front = self.axes
        shift = translation[jaw.chin].mean(axis=0)
        # The soft chin lags behind a jaw that opens wide; the lower lip does not, but moves on its own a little.
        drop, lip = -shift @ up, -translation[jaw.lip].mean(axis=0) @ up
        wide = np.clip((lip / self.size - 0.1) / 0.15, 0.0, 1.0)
        shift = shift - wide * max(lip - LIP_SLACK * self.size - drop, 0.0) * up
        # The angle that brings the chin down as far; what the soft chin does forward or back is its own.
        arm = jaw.chin_at - jaw.hinge
        reach, lean = np.hypot(arm @ up, arm @ front), np.arctan2(arm @ front, arm @ up)
        angle = np.arccos(np.clip((arm + shift) @ up / reach, -1.0, 1.0)) - lean
        angle = float(np.clip(angle, -MOST_JAW, MOST_JAW))
        c, s = np.cos(angle), np.sin(angle)
        offset = self.rest[jaw.members] - jaw.hinge
        x, y, z = offset @ right, offset @ up, offset @ front
        turned = np.outer(x, right) + np.outer(c * y - s * z, up) + np.outer(s * y + c * z, front)
        return jaw.hinge + turned + (shift @ right) * right

    def _hold_teeth_back(self, moved: np.ndarray, lips: LipWall) -> None:
        """Shifts upper and lower teeth back, each as a whole, until no lip is pressed into them."""
        skin = lips.controllers.positions(moved) @ self.axes.T
        lower = self.jaw.members if self.jaw is not None else np.empty(0, np.int64)
        for teeth, room in ((self.still, lips.upper_room), (lower, lips.lower_room)):
            if len(teeth):
                depth = in_front(moved[teeth] @ self.axes.T, skin, lips.reach)
                over = float((depth + room - skin[:, 2]).max())
                moved[teeth] -= np.clip(over, 0.0, MOST_PUSH * self.size) * self.axes[2]
        if len(lips.lining):
            inside = moved[lips.lining] @ self.axes.T
            over = inside[:, 2] + lips.lining_room - behind(inside, skin, lips.reach)
            moved[lips.lining] -= np.outer(np.maximum(over, 0.0), self.axes[2])


def slit_rigs(controllers: Controllers, rest: np.ndarray) -> tuple[SlitRig, ...]:
    """Mouth, right eye and left eye of a face whose controllers follow landmarks."""
    at = controllers.positions(rest)
    rigs = []
    for slit in SLITS:
        upper = tuple(controllers.rows(ring) for ring in slit.upper)
        lower = tuple(controllers.rows(ring) for ring in slit.lower)
        rigs.append(SlitRig(slit, upper, lower, at[upper[0]] - at[lower[0]]))
    return tuple(rigs)


def _set_lip_gap(translation: np.ndarray, mouth: SlitRig, up: np.ndarray, gap: np.ndarray) -> None:
    """Moves both lips so that their margins are `gap` `[P]` apart; outer rings follow less and less."""
    ok = mouth.paired
    upper, lower = mouth.upper[0][ok], mouth.lower[0][ok]
    now = (mouth.opening[ok] + translation[upper] - translation[lower]) @ up
    half = np.zeros(len(ok))
    half[ok] = (np.asarray(gap)[ok] - now) / 2
    for share, rings, sign in ((LIP_FALLOFF, mouth.upper, 1.0), (LIP_FALLOFF, mouth.lower, -1.0)):
        for weight, ring in zip(share, rings, strict=False):
            has = ring >= 0
            translation[ring[has]] += sign * weight * np.outer(half[has], up)
    # Lips that meet must also meet in depth and sideways, the more the closer they are.
    contact = np.clip(1.0 - np.asarray(gap)[ok] / (0.02 * max(np.abs(mouth.opening).max(), 1e-12) + 1e-12), 0, 1)
    apart = translation[upper] - translation[lower]
    apart -= np.outer(apart @ up, up)
    translation[upper] -= contact[:, None] * apart / 2
    translation[lower] += contact[:, None] * apart / 2


def _leave_to_lids(translation: np.ndarray, eye: SlitRig) -> None:
    """Takes the opening and closing out of the motion of the lid margins; what they do beside that is kept."""
    ok = eye.paired
    upper, lower, gap = eye.upper[0][ok], eye.lower[0][ok], eye.opening[ok]
    height = np.linalg.norm(gap, axis=1, keepdims=True)
    along = gap / np.where(height > 0, height, 1.0)
    middle = (translation[upper] + translation[lower]) / 2
    middle -= (middle * along).sum(axis=1, keepdims=True) * along
    translation[upper] = translation[lower] = middle


def _keep_outside(moved: np.ndarray, ball: Eyeball, sight: np.ndarray) -> None:
    """Pushes lid vertices out of the eyeball, which looks along `sight`, along its radius."""
    offset = moved[ball.lid] - ball.center
    distance = np.linalg.norm(offset, axis=1)
    floor = ball.clearance * ball.surface(offset, sight)
    push = distance < floor
    moved[ball.lid[push]] = ball.center + offset[push] * (floor[push] / np.maximum(distance[push], 1e-12))[:, None]


def _turn(points: np.ndarray, center: np.ndarray, gaze: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Points `[N, 3]` turned about a centre by yaw (to the face's +X) and pitch (up), in radians."""
    local = (points - center) @ axes.T
    (cy, sy), (cp, sp) = ((np.cos(a), np.sin(a)) for a in gaze)
    pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return center + local @ (yaw @ pitch).T @ axes
