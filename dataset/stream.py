"""Training data without files: small groups of pictures of one person, rendered when asked for, with exact truth.

A group is a function of (seed, index) alone, so any number of workers gives the same stream.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache

import numpy as np

from BFM import performance
from BFM.expressions import EXPRESSION_NAMES, expression_index
from BFM.performances import Performance
from BFM.sampling import sample_expression, sample_person
from dataset.codes import N_CODES, UNIT_SIZE, MotionCode, pose_code
from dataset.scenes import Scene, draw_camera, draw_light, head
from dataset.truth import correspondence
from vfa.errors import InputError
from vfa.render.rasterizer import Raster

BACKGROUND, FACE, HEAD, EYE, MOUTH, LIPS, LIDS = range(7)
"""What a pixel shows: nothing, the bare skin of the face, other parts of the head, an eyeball, the inside of the mouth,
skin near the lips' line, skin near the lids' lines."""
PLAYS, PLAY_RATE, PLAY_FRAMES = 8, 6, 96
"""Groups that share a performance, its frames per second and their number."""
SHOUTED, WIDEST = 0.18, 1.4
"""How often a random mouth is wide open, and how wide: people open theirs beyond the head's own full opening."""
ZOOM, PORTRAIT_ZOOM = (0.75, 1.1), (0.75, 1.55)
"""Size of the head in the pictures, relative to one that fills them; a portrait may show the face alone."""
FACE_BELOW = 0.3
"""Model units from the head's middle down to the face's, which larger portraits show in their middle."""


@dataclass(frozen=True)
class Group:
    """Pictures of one person under one light, seen by one camera.

    Attributes:
        color: uint8 [F, S, S, 3], black background.
        depth: float32 [F, S, S], model units, NaN in the background.
        kind: uint8 [F, S, S], what is seen (`BACKGROUND` ... `LIDS`).
        code: float32 [F, 20], see `dataset.codes`.
        pairs: int64 [P, 2], source and driving frame.
        flow: float32 [P, S, S, 2], where in the source's picture the surface seen in the driving one is: x, y in
            [-1, 1] with the edges of the picture at -1 and 1; NaN in the background.
        visible: bool [P, S, S], the surface point is seen in the source too.
    """

    color: np.ndarray
    depth: np.ndarray
    kind: np.ndarray
    code: np.ndarray
    pairs: np.ndarray
    flow: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True)
class GroupStream:
    """Groups by index.

    Attributes:
        seed: of everything.
        size: side of the pictures, pixels.
        frames: pictures in a group, at least 2.
        pairs: pairs with exact flow in a group; 0 leaves the flow out.
        at_rest: portraits: the first picture is about neutral and from the front, as avatars are, and the source of
            all pairs; in the others head and gaze keep still and only the face moves.
        supersampled: share of groups whose pictures are smoothed by 2x2 samples a pixel, at twice the cost.
    """

    seed: int = 0
    size: int = 128
    frames: int = 8
    pairs: int = 8
    at_rest: bool = False
    supersampled: float = 0.3

    def __post_init__(self) -> None:
        most = (self.frames - 1) * (1 if self.at_rest else self.frames)
        if self.frames < 2 or not 0 <= self.pairs <= most:
            raise InputError("a group needs two frames and no more pairs than there are", expected=f"0 to {most} pairs",
                             found=f"{self.pairs} of {self.frames} frames")  # fmt: skip

    def group(self, index: int) -> Group:
        """Renders a group."""
        rng = np.random.default_rng([self.seed, 11, index])
        scene = self.scene(index, rng)
        smooth = rng.uniform() < self.supersampled
        renderer = scene.renderer(supersample=2 if smooth else 1)
        color = np.empty((self.frames, self.size, self.size, 3), np.uint8)
        seen: list[tuple[np.ndarray, Raster]] = []
        for frame in range(self.frames):
            vertices = scene.vertices(frame)
            picture = renderer.render(vertices)
            color[frame] = picture.color
            seen.append((vertices, Raster(picture.depth, picture.triangle, picture.barycentric)))
        kinds = triangle_kinds()
        kind = np.stack([np.where(maps.mask, kinds[maps.triangle], BACKGROUND) for _, maps in seen]).astype(np.uint8)
        depth = np.stack([maps.depth for _, maps in seen])
        pairs = self._pairs(rng)
        flow = np.full((len(pairs), self.size, self.size, 2), np.nan, np.float32)
        visible = np.zeros((len(pairs), self.size, self.size), bool)
        middle = (np.arange(self.size, dtype=np.float32) + 0.5) * (2 / self.size) - 1
        for row, (source, driving) in enumerate(pairs):
            moved, visible[row] = correspondence(scene.camera, seen[source], seen[driving])
            flow[row] = moved * (2 / self.size)
            flow[row, ..., 0] += middle
            flow[row, ..., 1] += middle[:, None]
        return Group(color, depth, kind, codes(scene), pairs, flow, visible)

    def scene(self, index: int, rng: np.random.Generator) -> Scene:
        """Who does what, under which light, seen from where."""
        person = sample_person(head(), rng, spread=rng.uniform(0.4, 0.8))
        camera = draw_camera(rng, self.size)
        larger = rng.uniform(*(PORTRAIT_ZOOM if self.at_rest else ZOOM))
        zoom = larger / (camera.focal / camera.distance / self.size / UNIT_SIZE)
        x, y = self.size * (0.5 + rng.uniform(-0.05, 0.05, 2))
        if self.at_rest:
            y -= self.size * UNIT_SIZE * larger * FACE_BELOW * np.clip(2 * (larger - 1), 0, 1)
        camera = replace(camera, focal=camera.focal * zoom, principal=(x, y))
        play = _play(self.seed, index // PLAYS)
        chosen = rng.choice(len(play.time), self.frames, replace=False)
        expression, euler = play.expression[chosen].copy(), play.euler[chosen].copy()
        translation, gaze = play.translation[chosen].copy(), play.gaze[chosen].copy()
        for frame in range(self.frames):
            choice = rng.uniform()
            if frame == 0 and (self.at_rest or choice < 0.4):
                expression[frame] = 0.25 * random_expression(rng) * (choice > 0.7)
                gaze[frame] = 0
                euler[frame], translation[frame] = rng.normal(0, 0.04, 3), 0
            elif choice < 0.55 or frame == 1:
                expression[frame] = random_expression(rng)
                if rng.uniform() < SHOUTED:
                    expression[frame, expression_index("jawOpen")] = rng.uniform(0.8, WIDEST)
                gaze[frame] = rng.normal(0, [0.15, 0.1])
                euler[frame] = np.radians(rng.uniform([-14, -28, -10], [16, 28, 10]))
                translation[frame] = rng.normal(0, 0.06, 3)
        if self.at_rest:
            euler[:], translation[:], gaze[:] = euler[0], translation[0], gaze[0]
        play = Performance(play.time[: self.frames], expression, euler, translation, gaze)
        return Scene(person, play, camera, draw_light(rng), Fraction(30))

    def _pairs(self, rng: np.random.Generator) -> np.ndarray:
        sources = range(1 if self.at_rest else self.frames)
        every = np.array([(a, b) for a in sources for b in range(self.frames) if a != b])
        # Frame 0 is neutral more often than not and so the likeliest source.
        weight = np.where(every[:, 0] == 0, 3.0, 1.0)
        chosen = rng.choice(len(every), self.pairs, replace=False, p=weight / weight.sum())
        return every[np.sort(chosen)]


@lru_cache(maxsize=4)
def _play(seed: int, number: int) -> Performance:
    drawn = int(np.random.default_rng([seed, 12, number]).integers(2**31))
    return performance(PLAY_FRAMES, PLAY_RATE, drawn)


def random_expression(rng: np.random.Generator) -> np.ndarray:
    """Mixes that speech never shows: any opening of jaw and lids with any other few units, float32 [64]."""
    out = sample_expression(rng, strength=rng.uniform(0.3, 1.0))

    def add(name: str, most: float) -> None:
        for column in expression_index(name):
            out[column] = min(1.0, out[column] + rng.uniform(0, most))

    if rng.uniform() < 0.55:
        add("jawOpen", 0.85)
    if rng.uniform() < 0.3:
        add(rng.choice(["mouthSmile", "mouthStretch", "mouthPucker", "mouthFunnel", "mouthPress", "lipsPart"]), 0.9)
    if rng.uniform() < 0.3:
        add(rng.choice(["browInnerUp", "browOuterUp", "browDown", "browGather"]), 1.0)
    lids = rng.uniform()
    left, right = (EXPRESSION_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right"))
    if lids < 0.5:
        closed = rng.uniform(0, 1) if lids < 0.35 else 1.0
        out[left], out[right] = closed, closed
        if rng.uniform() < 0.25:
            out[rng.choice([left, right])] = rng.uniform(0, closed)
    elif lids < 0.65:
        add(rng.choice(["eyeWide", "eyeSquint"]), 1.0)
    return np.clip(out, 0, 1)


@cache
def motion_code() -> MotionCode:
    """The code of this stream: the same in every process."""
    plays = np.concatenate([performance(PLAY_FRAMES, PLAY_RATE, 7000 + k).expression for k in range(8)])

    def draw(rng: np.random.Generator) -> np.ndarray:
        return random_expression(rng) if rng.uniform() < 0.5 else plays[rng.integers(len(plays))]

    return MotionCode.fit(head(), draw)


def codes(scene: Scene) -> np.ndarray:
    """The motion code of every frame of a scene, float32 [T, 20]."""
    out = np.empty((scene.n_frames, N_CODES), np.float32)
    out[:, :14] = motion_code().expression(scene.performance.expression)
    for frame in range(scene.n_frames):
        out[frame, 14:] = pose_code(scene.pose(frame), scene.camera)
    return out


@cache
def triangle_kinds() -> np.ndarray:
    """What each triangle of the built-in head shows, uint8 [F]."""
    model = head()
    shape, points = model.mean_shape, model.mean_shape[model.keypoints]
    kind = np.full(model.n_vertices, HEAD, np.uint8)
    jaw, brows = points[:17], points[17:27]
    skin = model.skin_mask > 0
    inside = (shape[:, 1] > jaw[:, 1].min() - 0.02) & (shape[:, 1] < brows[:, 1].max() + 0.22)
    # The rim follows the jaw's landmarks: nearer to the middle than they are, at every height.
    order = np.argsort(jaw[:9, 1])
    half = np.interp(shape[:, 1], jaw[:9, 1][order], np.abs(jaw[:9, 0])[order])
    inside &= (np.abs(shape[:, 0]) < half + 0.01) & (shape[:, 2] > jaw[[0, 16], 2].mean() - 0.02)
    kind[skin & inside] = FACE
    distance = {
        name: np.linalg.norm(shape[:, None] - points[None, part], axis=2).min(axis=1)
        for name, part in (("lips", slice(48, 68)), ("lids", slice(36, 48)))
    }
    kind[(kind == FACE) & (distance["lips"] < 0.09)] = LIPS
    kind[(kind == FACE) & (distance["lids"] < 0.09)] = LIDS
    strips = np.zeros(model.n_vertices, bool)
    strips[model.groups["skin"]] = True
    strips &= model.skin_mask == 0
    nose = points[33, 1]
    kind[strips & (shape[:, 1] < nose)] = MOUTH
    kind[strips & (shape[:, 1] >= nose)] = LIDS
    for name, value in (("left_eye", EYE), ("right_eye", EYE), ("upper_teeth", MOUTH), ("lower_teeth", MOUTH),
                        ("tongue", MOUTH)):  # fmt: skip
        kind[model.groups[name]] = value
    corners = kind[model.triangles]
    # A triangle that joins a lip's edge to the bag behind it is already inside.
    out = np.sort(corners, axis=1)[:, 1]
    out[(corners == MOUTH).any(axis=1)] = MOUTH
    return out.astype(np.uint8)
