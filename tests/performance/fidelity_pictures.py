"""The network alone: a picture of the avatar's person and a recording of the performer in, flow and depth out.

Both are seen by the same camera, so the true flow is known for every pixel. Lengths of the face are measured by
following surface points through flow and depth, as the controllers do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.performance.fidelity_people import Pair, seen_alike
from tests.performance.fidelity_shapes import FEATURES, LIDS, OUTER_LIPS, lengths, regions, yaw_of

if TYPE_CHECKING:
    from vfa.media.normalize import Convention
    from vfa.motion.network_input import SourceFrame
    from vfa.render.camera import Camera
    from vfa.render.scene import Rendered

RECORDED = ("with depth", "depth from landmarks", "without depth")
"""What a recording has: a sensor's depth, a smooth map of the face such as landmarks give, none."""
NOISE = 2.0
"""Standard deviation of a recording's colours, of 255."""
OUTWARD = 0.035
"""Model units (4.5 mm) from a lid's edge to where it is followed: at the edge eyeball and lid share a pixel."""
RESTING, FACING, STABLE = 0.003, 0.6, 120
"""What holds the head's frame: what no expression moves further (model units), what looks forward by at least this
cosine, so that a turn does not hide it; and about how many such points."""
NOWHERE = 2.0


@dataclass(frozen=True)
class Shot:
    """A frame's pictures and truth.

    Attributes:
        color, depth, kind: the performer; colour `[S, S, 3]`, depth `[S, S]` in model units, what each pixel shows.
        flow: float32 `[S, S, 2]`, where each pixel of the true result is in the source, pixels' displacement.
        visible: bool `[S, S]`, the source shows it. detail: bool `[S, S]`, of it what belongs to eyes and mouth.
        points: float64 `[K, 3]`, the followed points in truth. true_depth: `[S, S]` of the true result, model units.
    """

    color: np.ndarray
    depth: np.ndarray
    kind: np.ndarray
    flow: np.ndarray
    visible: np.ndarray
    detail: np.ndarray
    points: np.ndarray
    true_depth: np.ndarray


@dataclass(frozen=True)
class Setting:
    """A pair before one camera.

    Attributes:
        camera: of all pictures. source: of the avatar at rest. rest: float64 `[K, 3]`, the points at rest.
        shots: frames in order.
    """

    camera: Camera
    source: Rendered
    rest: np.ndarray
    shots: list[Shot]


@dataclass(frozen=True)
class Drive:
    """What came out for one recording, frame by frame.

    Attributes:
        flow, detail, flow_still, detail_still: float `[T]`, mean end-point errors in pixels over what the source shows,
            over its eyes and mouth, and the same without motion; NaN where nothing shows.
        depth: float `[T]`, mean error of the depth over what the source shows, mm.
        features: `[T]` each of `FEATURES`, mm, the yaw in degrees. truth: the same as it should be.
        tracked: share of the points that were followed. milliseconds: `[T]` of the networks.
    """

    flow: np.ndarray
    detail: np.ndarray
    flow_still: np.ndarray
    detail_still: np.ndarray
    depth: np.ndarray
    features: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]
    tracked: float
    milliseconds: np.ndarray


@cache
def followed() -> np.ndarray:
    """Vertices that are followed: the 68 landmarks, those of the lids beside the edge, then about `STABLE` at rest."""
    from dataset.scenes import head

    model, where = head(), regions()
    shape, marks = model.mean_shape.astype(np.float64), where.keypoints.copy()
    for upper, lower in LIDS:
        for mark, side in ((upper, 1.0), (lower, -1.0)):
            wanted = shape[where.keypoints[mark]] + [0.0, side * OUTWARD, 0.0]
            marks[mark] = where.detail[np.linalg.norm(shape[where.detail] - wanted, axis=1).argmin()]
    moves = np.abs(np.asarray(model.ex_base)).reshape(model.n_vertices, 3, -1).max(axis=(1, 2))
    facing = model.normals(shape)[where.face, 2] > FACING
    resting = where.face[(moves[where.face] < RESTING) & facing]
    step = max(1, len(resting) // STABLE)
    return np.concatenate([marks, resting[::step]])


def measured(points: np.ndarray, rest: np.ndarray) -> dict[str, float]:
    """`FEATURES` of followed points.

    Args:
        points: float `[K, 3]` in the world, NaN where lost. rest: the same at rest.
    """
    from bench.methods.motion import rigid

    known = np.flatnonzero(np.isfinite(points[68:, 0])) + 68
    if len(known) < 4:
        return dict.fromkeys(FEATURES, float("nan"))
    rotation, shift = rigid(rest[known], points[known])
    local = (points[:68] - shift) @ rotation * regions().mm
    found = {name: float(value) for name, value in lengths(local, OUTER_LIPS).items()}
    return {**found, "yaw": yaw_of(rotation)}


def film(pair: Pair, size: int, seed: int) -> Setting:
    """Renders a pair's pictures and truth at a network's size."""
    from dataset import stream
    from dataset.truth import correspondence
    from vfa.render.rasterizer import Raster

    driver, truth = seen_alike(pair, size, seed)
    index, kinds = followed(), stream.triangle_kinds()
    recorder, still = driver.renderer(supersample=2), truth.renderer(supersample=1)
    source = truth.renderer(supersample=2).render(truth.vertices(0))
    rest = truth.vertices(0)
    there = rest, still.render_maps(rest)
    shots = []
    for frame in range(driver.n_frames):
        seen = driver.render(frame, recorder)
        maps = Raster(seen.depth, seen.triangle, seen.barycentric)
        moved = truth.vertices(frame)
        here = moved, still.render_maps(moved)
        flow, visible = correspondence(truth.camera, there, here)
        detail = visible & np.isin(np.where(here[1].mask, kinds[here[1].triangle], stream.BACKGROUND),
                                   (stream.EYE, stream.MOUTH, stream.LIPS, stream.LIDS))  # fmt: skip
        kind = np.where(maps.mask, kinds[maps.triangle], stream.BACKGROUND).astype(np.uint8)
        points = moved[index].astype(np.float64)
        shots.append(Shot(seen.color, seen.depth, kind, flow, visible, detail, points, here[1].depth))
    return Setting(driver.camera, source, rest[index].astype(np.float64), shots)


def recordings(setting: Setting, convention: Convention, recorded: str, seed: int) -> list[np.ndarray]:
    """The performer's frames as a network gets them, float32 `[4, S, S]` in [-1, 1].

    Args:
        setting: the pictures. convention: of the network. recorded: one of `RECORDED`. seed: of noise.
    """
    from fractions import Fraction

    from vfa.media.frame import Frame
    from vfa.media.normalize import Normalization
    from vfa.training import driving_pictures as driving

    kinds = {"with depth": driving.CUT, "depth from landmarks": driving.LANDMARKS, "without depth": driving.NO_DEPTH}
    frames = []
    clip = [Frame(n, Fraction(n), shot.color, shot.depth) for n, shot in enumerate(setting.shots)]
    norm = Normalization.fit(clip, convention)
    for number, shot in enumerate(setting.shots):
        rng = np.random.default_rng([seed, 23, number])
        color = shot.color
        if convention == "skin":
            color = np.clip(np.rint(color + rng.normal(0, NOISE, color.shape)), 0, 255).astype(np.uint8)
        else:
            color = np.where(np.isfinite(shot.depth)[..., None], color, 0).astype(np.uint8)
        frame = norm.apply(color, shot.depth)
        if convention == "skin":
            # One mapping of depth for the clip, as its frames share one generator.
            frame[3] = driving.recorded_depth(shot.depth, shot.kind, np.random.default_rng([seed, 24]), kinds[recorded])
        elif recorded == "without depth":
            frame[3] = -1.0
        frames.append(frame)
    return frames


def drive(setting: Setting, animator: Any, recorded: str, seed: int) -> Drive:
    """Animates the source by a recording, a frame at a time.

    Args:
        setting: the pictures. animator: the networks. recorded: one of `RECORDED`. seed: of noise.
    """
    import torch

    from vfa.motion.network_input import source_frame

    channels = animator.config.input_channels
    given = source_frame(setting.source.color, setting.source.depth, animator.normalization)
    clip = animator.prepare(torch.from_numpy(given.rgbd[None, :channels]))
    made, spent, start = [], [], None
    if animator.config.basis_channels:
        return drive_portrait(setting, given, animator, recorded, seed)
    for frame in recordings(setting, animator.normalization, recorded, seed):
        began = time.perf_counter()
        motion = animator.encode_motion(torch.from_numpy(frame[None, :channels]))
        if start is None:
            start, clip = motion, clip.relative_to(motion)
        out = clip.animate_motion(motion)
        spent.append(1e3 * (time.perf_counter() - began))
        made.append((out.flow[0].cpu().numpy(), out.rgbd[0, 3].cpu().numpy(), out.mask[0, 0].cpu().numpy()))
    return compared(setting, given, made, np.array(spent))


def drive_portrait(setting: Setting, given: SourceFrame, animator: Any, recorded: str, seed: int) -> Drive:
    """The same with a motion basis: the source's own picture is moved."""
    from fractions import Fraction

    import torch

    from vfa.motion.head_pose import HeadFrame, head_poses
    from vfa.motion.network import DriverMotion
    from vfa.motion.portrait_motion import PortraitMotion

    channels = animator.config.input_channels
    frames = recordings(setting, animator.normalization, recorded, seed)
    weights, spent = [], []
    for frame in frames:
        began = time.perf_counter()
        weights.append(animator.encode_motion(torch.from_numpy(frame[None, :channels]))[0].cpu().numpy())
        spent.append(1e3 * (time.perf_counter() - began))
    encoded = DriverMotion(np.stack(weights), [Fraction(number) for number in range(len(frames))])
    camera = setting.camera
    head = HeadFrame(np.eye(3), camera.rotation(), np.zeros(3), 1.0, camera.distance)
    poses = head_poses(encoded.weights, encoded.weights[0], head)
    moving = PortraitMotion(animator, given, camera, np.zeros((1, 2)), np.ones(1), encoded, poses=poses)
    made = []
    for index in range(len(frames)):
        began = time.perf_counter()
        picture = moving.picture(index)
        spent[index] += 1e3 * (time.perf_counter() - began)
        made.append((picture.flow, picture.rgbd[3], picture.mask))
    return compared(setting, given, made, np.array(spent))


def exactly(setting: Setting) -> Drive:
    """What comes out when flow and depth are the true ones: how well the measurement itself can do."""
    from vfa.motion.network_input import source_frame

    given = source_frame(setting.source.color, setting.source.depth)
    size = len(setting.source.depth)
    middle = (np.arange(size) + 0.5) * (2 / size) - 1
    made = []
    for shot in setting.shots:
        place = shot.flow * (2 / size) + np.stack(np.meshgrid(middle, middle), axis=-1)
        flow = np.where(np.isfinite(place), place, NOWHERE).transpose(2, 0, 1).astype(np.float32)
        depth = (shot.true_depth - given.near) / (given.far - given.near) * 2 - 1
        made.append((flow, np.where(np.isfinite(depth), depth, -1).astype(np.float32), shot.visible.astype(np.float32)))
    return compared(setting, given, made, np.zeros(len(made)))


def compared(
    setting: Setting, given: SourceFrame, made: list[tuple[np.ndarray, np.ndarray, np.ndarray]], spent: np.ndarray
) -> Drive:
    """Holds flow, depth and mask of every frame against the truth; the first frame is the source at rest."""
    from vfa.motion.network import ControllerTracker

    size = len(setting.source.depth)
    seen = setting.camera.project(setting.rest)
    half = (given.far - given.near) / 2
    tracker = ControllerTracker(setting.camera, seen[:, :2], seen[:, 2], half, *made[0])
    middle = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), axis=-1)
    rows: list[tuple[float, ...]] = []
    features: list[dict[str, float]] = []
    tracked = 0.0
    for shot, (flow, depth, mask) in zip(setting.shots, made, strict=True):
        found = (flow.transpose(1, 2, 0) + 1) * (size / 2) - middle
        off = np.linalg.norm(found - np.nan_to_num(shot.flow), axis=-1)
        length = np.linalg.norm(np.nan_to_num(shot.flow), axis=-1)
        missed = np.abs(given.near + (depth + 1) * half - np.nan_to_num(shot.true_depth)) * regions().mm
        parts = ((off, shot.visible), (off, shot.detail), (length, shot.visible), (length, shot.detail),
                 (missed, shot.visible))  # fmt: skip
        rows.append(tuple(float(value[where].mean()) if where.any() else float("nan") for value, where in parts))
        moved, known = tracker.track(flow, depth, mask)
        tracked += float(known.mean()) / len(made)
        features.append(measured(np.where(known[:, None], setting.rest + moved, np.nan), setting.rest))
    truth = [measured(shot.points, setting.rest) for shot in setting.shots]
    curves = [{name: np.array([row[name] for row in table]) for name in FEATURES} for table in (features, truth)]
    flow, detail, flow_still, detail_still, deep = np.array(rows).T
    return Drive(flow, detail, flow_still, detail_still, deep, curves[0], curves[1], tracked, spent)
