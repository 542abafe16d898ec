"""Exact measurements on the built-in head's vertices: lengths of the face, head turn, errors, and how they agree.

Everything is in millimetres and, but for the yaw and the picture's points, in the head's own frame: that in which the
points of the skull, which no expression moves, lie nearest to where they lie at rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.methods.motion import rigid
from bench.metrics.functional.mesh import lip_vertex_error, mean_vertex_error
from vfa.render.camera import Camera

INNER_LIPS = ((61, 67), (62, 66), (63, 65))
OUTER_LIPS = ((50, 58), (51, 57), (52, 56))
"""Upper and lower of the 68 landmarks. Closed inner lips share a pixel: pictures are measured on the outer ones."""
LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
CORNERS, BROWS, EYE_CORNERS = (48, 54), slice(17, 27), (36, 39, 42, 45)
FEATURES = ("lip gap", "mouth width", "eye opening", "brow height", "yaw")
STILL = 1e-6
"""Model units: what no expression moves further is skull."""


@dataclass(frozen=True)
class Regions:
    """Vertices of the built-in head.

    Attributes:
        face: bare skin of the face. lips: of it, within 11 mm of the lips' landmarks. detail: lips, and as much around
            the lids. skull: skin of the head that no expression moves. keypoints: the 68 landmarks.
        mm: millimetres per unit.
    """

    face: np.ndarray
    lips: np.ndarray
    detail: np.ndarray
    skull: np.ndarray
    keypoints: np.ndarray
    mm: float


@cache
def regions() -> Regions:
    """Regions of the built-in head."""
    from dataset import stream
    from dataset.scenes import head

    model, kinds = head(), stream.triangle_kinds()

    def skin_of(*wanted: int) -> np.ndarray:
        index = np.unique(model.triangles[np.isin(kinds, wanted)])
        return index[model.skin_mask[index] > 0]

    skin = np.asarray(model.groups["skin"])
    moves = np.abs(np.asarray(model.ex_base)).reshape(model.n_vertices, 3, -1).max(axis=(1, 2))
    return Regions(
        face=skin_of(stream.FACE, stream.LIPS, stream.LIDS),
        lips=skin_of(stream.LIPS),
        detail=skin_of(stream.LIPS, stream.LIDS),
        skull=skin[moves[skin] < STILL],
        keypoints=np.asarray(model.keypoints),
        mm=float(model.mm_per_unit),
    )


def lengths(points: np.ndarray, lips: Sequence[tuple[int, int]] = INNER_LIPS) -> dict[str, np.ndarray]:
    """Lip gap, mouth width, eye opening and brow height.

    Args:
        points: `[..., 68, 3]`, the landmarks in the head's frame, y up.
        lips: upper and lower landmarks of the lip gap.

    Returns:
        `[...]` each, in the unit of the points.
    """

    def apart(pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        first, second = (points[..., list(side), :] for side in zip(*pairs, strict=True))
        return np.linalg.norm(first - second, axis=-1).mean(axis=-1)

    return {
        "lip gap": apart(lips),
        "mouth width": apart((CORNERS,)),
        "eye opening": apart(LIDS),
        "brow height": points[..., BROWS, 1].mean(axis=-1) - points[..., EYE_CORNERS, 1].mean(axis=-1),
    }


def yaw_of(rotation: np.ndarray) -> float:
    """Degrees by which a rotation `[3, 3]` turns what looks along +z to +x."""
    return float(np.degrees(np.arctan2(rotation[0, 2], rotation[2, 2])))


@dataclass(frozen=True)
class Track:
    """A head over time.

    Attributes:
        face, lips: float `[T, N, 3]`, millimetres in the head's frame.
        screen: float `[T, N, 2]`, the face's vertices in a picture of it from the front, head motion included.
        features: `[T]` each of `FEATURES`; millimetres, the yaw in degrees.
    """

    face: np.ndarray
    lips: np.ndarray
    screen: np.ndarray
    features: dict[str, np.ndarray]


class Ruler:
    """Measures moved vertices against the same head at rest.

    Args:
        rest: float `[V, 3]`, the built-in topology, model units.
    """

    def __init__(self, rest: np.ndarray) -> None:
        from vfa.render.camera import frame_mesh

        self.rest, self.where = np.asarray(rest, np.float64), regions()
        self.camera: Camera = frame_mesh(self.rest, width=256, height=256)

    def track(self, frames: Iterable[np.ndarray]) -> Track:
        """Measures frames of vertices float `[V, 3]` in the world, one after the other."""
        where = self.where
        face, lips, screen, marks, yaw = [], [], [], [], []
        for vertices in frames:
            world = np.asarray(vertices, np.float64)
            rotation, shift = rigid(self.rest[where.skull], world[where.skull])
            local = (world - shift) @ rotation * where.mm
            face.append(local[where.face].astype(np.float32))
            lips.append(local[where.lips].astype(np.float32))
            marks.append(local[where.keypoints])
            screen.append(self.camera.project(world[where.face])[:, :2].astype(np.float32))
            yaw.append(yaw_of(rotation))
        found = {**lengths(np.stack(marks)), "yaw": np.array(yaw)}
        return Track(np.stack(face), np.stack(lips), np.stack(screen), found)


def errors(result: Track, truth: Track, rest: Track) -> dict[str, np.ndarray]:
    """What each frame is off, `[T]` each.

    Args:
        result, truth: frame by frame. rest: one frame, without motion.

    Returns:
        `mve`: mean vertex error over the face, mm; `lips`: mean over the lips, mm; `lve`: the largest squared one of
        the lips, mm^2, the field's LVE; `flow` and `detail`: mean distance in the picture over the face, and over lips
        and lids, pixels; `flow_still` and `detail_still`: the same for a head that keeps still.
    """
    detail = np.isin(regions().face, regions().detail)
    off = np.linalg.norm(result.screen - truth.screen, axis=-1)
    still = np.linalg.norm(rest.screen - truth.screen, axis=-1)
    lips = regions().lips
    every = np.arange(len(lips))
    return {
        "mve": mean_vertex_error(result.face, truth.face),
        "lips": lip_vertex_error(result.lips, truth.lips, every, variant="l2-mean"),
        "lve": lip_vertex_error(result.lips, truth.lips, every),
        "flow": off.mean(axis=1),
        "detail": off[:, detail].mean(axis=1),
        "flow_still": still.mean(axis=1),
        "detail_still": still[:, detail].mean(axis=1),
    }


@dataclass(frozen=True)
class Agreement:
    """How one curve follows another: `correlation` (Pearson; NaN where one does not move), `slope` of the least-squares
    line of the result over the truth, `count` of the frames where both are known."""

    correlation: float
    slope: float
    count: int


def agreement(truth: np.ndarray, result: np.ndarray) -> Agreement:
    """Compares two curves `[T]`; frames where either is NaN are left out.

    >>> agreement(np.array([0.0, 1.0, 2.0]), np.array([5.0, 5.5, 6.0]))
    Agreement(correlation=1.0, slope=0.5, count=3)
    """
    both = np.isfinite(truth) & np.isfinite(result)
    a, b = np.asarray(truth, np.float64)[both], np.asarray(result, np.float64)[both]
    if len(a) < 2 or np.ptp(a) < 1e-9:
        return Agreement(float("nan"), float("nan"), len(a))
    a, b = a - a.mean(), b - b.mean()
    slope = float(a @ b / (a @ a))
    moves = float(np.abs(b).max()) > 1e-9
    correlation = float(a @ b / np.sqrt((a @ a) * (b @ b))) if moves else float("nan")
    return Agreement(round(correlation, 12), round(slope, 12), len(a))


def pooled(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Agreement:
    """Agreement over several people: (truth, result) curves, each measured from its first frame, the face at rest."""
    changes = [(truth - truth[0], result - result[0]) for truth, result in pairs]
    return agreement(*(np.concatenate(side) for side in zip(*changes, strict=True)))
