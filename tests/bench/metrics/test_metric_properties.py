"""Properties every metric must have, through one tester: identity, monotony, ranges, chunks, states, missing faces."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import metric_inputs as make
import numpy as np
import pytest
from metric_tester import (
    Case,
    Inputs,
    check_chunks,
    check_declared,
    check_identity,
    check_in_range,
    check_missing_faces,
    check_monotone,
    check_states,
    check_symmetric,
    score,
)

from bench.metrics import create_metric
from bench.metrics.base import Metric
from bench.metrics.functional.theval_mouth import INNER_LOWER, INNER_UPPER
from bench.metrics.registry import all_metrics
from vfa.errors import InputError

MINE = {
    "affect", "distributions", "dynamics", "head_motion", "landmarks", "mesh", "naturalness", "pixels", "sharpness",
    "stand_ins", "structure", "sync", "theval_head", "theval_mouth", "video_quality",
}  # fmt: skip


def blurred(level: int) -> np.ndarray:
    import cv2

    clip = make.frames()
    return clip if level == 0 else np.stack([cv2.GaussianBlur(frame, (0, 0), 0.7 * level) for frame in clip])


def noisy(level: int) -> np.ndarray:
    clip = make.frames()
    noise = np.random.default_rng(0).normal(size=clip.shape) * 6.0 * level
    return np.clip(np.rint(clip + noise), 0, 255).astype(np.uint8)


def compressed(level: int) -> np.ndarray:
    import cv2

    clip = make.frames()
    if level == 0:
        return clip
    quality = [cv2.IMWRITE_JPEG_QUALITY, (0, 80, 40, 15, 5)[level]]
    return np.stack([cv2.imdecode(cv2.imencode(".jpg", frame, quality)[1], cv2.IMREAD_COLOR) for frame in clip])


def late(level: int) -> np.ndarray:
    return make.frames(start=-float(level))


DISTORTIONS: dict[str, Callable[[int], np.ndarray]] = {
    "blur": blurred, "noise": noisy, "compression": compressed, "time shift": late,
}  # fmt: skip


def of_frames(name: str) -> Callable[[int], Inputs]:
    return lambda level: {"frames": DISTORTIONS[name](level)}


def of_planes(name: str) -> Callable[[int], Inputs]:
    return lambda level: {"planes": make.planes(DISTORTIONS[name](level))}


def points_with(feature: str, build: Callable[[], np.ndarray], spread: float) -> Callable[[int], Inputs]:
    """Growing noise on points."""

    def inputs(level: int) -> Inputs:
        points = build()
        return {feature: points + spread * level * np.random.default_rng(1).normal(size=points.shape)}

    return inputs


def table_with(feature: str, build: Callable[[], dict[str, np.ndarray]], columns: str) -> Callable[[int], Inputs]:
    """A growing offset on the table's columns."""
    return lambda level: {feature: {k: v - 0.15 * level if columns in k else v for k, v in build().items()}}


FACE = {"noise": points_with("landmarks68", make.landmarks68, 0.6)}
SHIFT = {"time shift": lambda level: {"landmarks68": make.landmarks68(delay=0.03 * level)}}
LIPS = list(range(20))
UPPER: dict[str, Any] = {"upper": list(range(20, 40)), "neutral": make.vertices(1)[0]}
MESH_NOISE = {"noise": points_with("vertices", make.vertices, 0.02)}


def landmarks() -> Inputs:
    return {"landmarks68": make.landmarks68()}


def meshes() -> Inputs:
    return {"vertices": make.vertices()}


def speech(level: int, *, noise: float = 1.2) -> Inputs:
    envelope = make.mouth_opening_wave(900, rate=100.0)
    points = make.landmarks68(200)
    points[:, 60:, 1] += noise * level * np.random.default_rng(2).normal(size=(200, 1)) * (points[:, 60:, 1] > 145)
    return {"landmarks68": points, "audio_envelope": envelope}


def dance(level: int) -> Inputs:
    """Sound whose onsets lie `level` frames after the minima of the head's speed."""
    from bench.metrics.functional.head_motion import motion_beats

    onset = np.zeros(900)
    for beat in motion_beats(make.pose()):
        onset[4 * (beat + level)] = 1.0
    return {"pose": make.pose(), "audio_onset": onset}


def mouth_scaled(level: int) -> Inputs:
    points = make.vertices()
    still = points.mean(axis=0, keepdims=True)
    return {"vertices": still + (points - still) * (1 + 0.2 * level)}


def late_mesh(level: int) -> Inputs:
    points = make.vertices(80)
    return {"vertices": points[20 - level : 80 - level]}


def faces_and_rest(level: int) -> Inputs:
    """A still that fades into another picture, the further the higher the level."""
    first = make.frames()[0].astype(np.float64)
    clip, other = np.repeat(first[None], 12, axis=0), first[::-1, ::-1]
    share = (0.2 * level * np.linspace(0, 1, len(clip)))[:, None, None, None]
    clip = np.rint(clip * (1 - share) + other * share).astype(np.uint8)
    return {"frames": clip, "face_box": np.tile(np.array([32.0, 32, 96, 96]), (len(clip), 1))}


def cells(feature: str) -> Callable[[int], Inputs]:
    def inputs(level: int) -> Inputs:
        from bench.features.base import Chunk
        from bench.metrics.video_quality import Appearance

        given = faces_and_rest(level)
        chunk = Chunk(np.arange(len(given["frames"])), np.zeros(len(given["frames"])), dict(given))
        return {feature: Appearance().update(chunk)[feature]}

    return inputs


def statistics(level: int) -> Inputs:
    """Block statistics that leave the pristine ones."""
    return {"niqe_blocks": np.random.default_rng(4).normal(size=(8, 12, 36)) + 0.3 * level}


def sharp(level: int) -> Inputs:
    import cv2

    clip = make.sharp_frames()
    return {"frames": clip if level == 0 else np.stack([cv2.GaussianBlur(f, (0, 0), 0.8 * level) for f in clip])}


PAIRED_FRAMES = {name: of_frames(name) for name in DISTORTIONS}
PAIRED_PLANES = {name: of_planes(name) for name in DISTORTIONS}
UNIT_TABLE = {"offset": table_with("au", make.action_units, "AU")}


def frame_case(metric: str, identity: float) -> Case:
    return Case(metric, lambda: {"frames": make.frames()}, PAIRED_FRAMES, symmetric=True, identity=identity)


def plane_case(metric: str, identity: float) -> Case:
    return Case(
        metric, lambda: {"planes": make.planes(make.frames())}, PAIRED_PLANES, symmetric=True, identity=identity
    )


def face_case(metric: str, identity: float, *, symmetric: bool = True, shift: bool = True, **options: object) -> Case:
    worse = {**FACE, **SHIFT} if shift else FACE
    return Case(metric, landmarks, worse, options, symmetric=symmetric, identity=identity, faces="landmarks68")


def mesh_case(
    metric: str, worse: dict[str, Callable[[int], Inputs]], *, symmetric: bool = True, **options: object
) -> Case:
    return Case(metric, meshes, worse, options, symmetric=symmetric, identity=0.0)


def affect_case(metric: str, column: str, identity: float) -> Case:
    worse = {"offset": table_with("va", make.affect, column)}
    return Case(metric, lambda: {"va": make.affect()}, worse, symmetric=True, identity=identity)


def moving(metric: str, *, identity: float | None = None, feature: str = "landmarks478") -> Case:
    worse = {"amplitude": lambda level: {feature: make.landmarks478(amplitude=1 + 0.2 * level)}}
    truth = lambda: {feature: make.landmarks478()}  # noqa: E731
    return Case(metric, truth, worse, identity=identity, faces=feature)


def opening(height: np.ndarray) -> np.ndarray:
    """Points whose inner lips are so many pixels apart, the eyes 65."""
    points = np.repeat(make.landmarks478(1), len(height), axis=0)
    for upper, lower in zip(INNER_UPPER, INNER_LOWER, strict=True):
        points[:, upper, :2], points[:, lower, :2] = (128.0, 140.0), (128.0, 140.0)
        points[:, lower, 1] += height
    return points


def quiet(level: int) -> Inputs:
    """Lips that stir in the silence of a clip's first half."""
    height = np.concatenate([2 + level * np.abs(np.sin(1.3 * np.arange(30))), 5 + 4 * np.sin(np.arange(25))])
    return {"landmarks478": opening(height), "audio_loud": np.array([[1.19, 2.2]])}


def talking(level: int) -> Inputs:
    """Lips that follow the loudness, with noise."""
    wave = make.mouth_opening_wave(100, rate=25.0)
    noise = np.random.default_rng(5).uniform(0, 4, 100)
    volume = np.interp(0.05 * np.arange(81), np.arange(100) / 25.0, wave)
    sound = {"audio_loud": np.array([[0.0, 4.0]]), "audio_volume": volume}
    return {"landmarks478": opening(wave + level * noise), **sound}


def turning(level: int) -> Inputs:
    pose = make.pose(amplitude=4.0 + level)
    return {"pose": pose, "face_box": np.tile([10.0, 10.0, 50.0, 60.0], (len(pose), 1))}


def descriptors(feature: str, width: int) -> Callable[[int], Inputs]:
    """Feature rows that move away from the truth's."""
    return lambda level: {feature: np.random.default_rng(8).normal(size=(120, width)) + 0.2 * level}


def motion(level: int) -> Inputs:
    rows = np.abs(np.random.default_rng(9).normal(size=(161, 18))) + 0.3 * level
    rows[0] = np.nan
    return {"motion_grid": rows[:, :16], "flow_mean": rows[:, 16], "flow_top": rows[:, 17]}


def signatures(level: int) -> Inputs:
    rows = np.abs(np.random.default_rng(6).normal(size=(30, 490)))
    rows += level * np.abs(np.random.default_rng(7).normal(size=rows.shape))
    return {"face_signature": rows / np.linalg.norm(rows, axis=1, keepdims=True)}


SIZE = (200, 200)
CASES = [
    frame_case("psnr_rgb", 100.0),
    frame_case("psnr_vico", 80.0),
    frame_case("mse", 0.0),
    frame_case("mae", 0.0),
    frame_case("ssim_wang", 1.0),
    frame_case("ssim_piq", 1.0),
    plane_case("psnr_ffmpeg", 100.0),
    plane_case("ssim_ffmpeg", 1.0),
    Case("cpbd_compat", lambda: sharp(0), {"blur": sharp}),
    Case("cpbd_strict", lambda: sharp(0), {"blur": sharp}),
    Case("niqe_gt_lite", lambda: statistics(0), {"shift": statistics}),
    Case("iq_lite", lambda: {"frames": make.frames()}, {"blur": of_frames("blur"), "noise": of_frames("noise")}),
    Case("ms_lite", lambda: {"frames": make.frames()}, {"noise": of_frames("noise")}),
    Case("dd_lite", lambda: {"frames": make.frames(30)}, {"stillness": lambda level: {
        "frames": make.frames(30)[np.arange(30) // (1, 1, 2, 4, 30)[level]]}}),
    Case("sc_lite", lambda: cells("face_cells")(0), {"drift": cells("face_cells")}),
    Case("bc_lite", lambda: cells("background_cells")(0), {"drift": cells("background_cells")}),
    face_case("lmd_centered", 0.0),
    face_case("lmd_norm", 0.0, symmetric=False),
    face_case("lmd_vico", 0.0),
    face_case("f_lmd", 0.0),
    face_case("ma_outer", 1.0),
    face_case("ma_centered", 1.0, symmetric=False),
    face_case("ma_inner", 1.0),
    face_case("akd_l1", 0.0, size=SIZE),
    face_case("akd_l2", 0.0, size=SIZE),
    Case("mtm_2d", landmarks, SHIFT, identity=0.0, faces="landmarks68"),
    Case("landmark_jitter", landmarks, FACE, faces="landmarks68"),
    Case("aue_u", lambda: {"au": make.action_units()}, UNIT_TABLE, symmetric=True, identity=0.0),
    Case("aue_l", lambda: {"au": make.action_units()}, UNIT_TABLE, symmetric=True, identity=0.0),
    affect_case("v_rmse", "valence", 0.0),
    affect_case("a_rmse", "arousal", 0.0),
    affect_case("v_sagr", "valence", 1.0),
    affect_case("a_sagr", "arousal", 1.0),
    Case("diversity_lite", lambda: {"pose": make.pose()}, {
        "stillness": lambda level: {"pose": make.pose(amplitude=10.0 - 2.4 * level)}}, faces="pose"),
    Case("beat_align_lite", lambda: dance(0), {"lag": dance}, faces="pose"),
    Case("sync_lite", lambda: speech(0), {"noise": speech}, faces="landmarks68"),
    moving("theval_lip_theval", feature="mesh_squashed"),
    moving("theval_lip_fixed"),
    moving("theval_brow_theval", feature="mesh_native"),
    moving("theval_brow_fixed"),
    Case("theval_head_lite", lambda: turning(0), {"swing": turning}, faces="pose"),
    Case("theval_silent_lite", lambda: quiet(0), {"chatter": quiet}, faces="landmarks478"),
    Case("theval_sync_lite", lambda: talking(0), {"noise": talking}, faces="landmarks478"),
    moving("theval_lip_closeness", identity=1.0),
    moving("theval_brow_closeness", identity=1.0),
    mesh_case("lve_sq_max", MESH_NOISE, lips=LIPS),
    mesh_case("lve_l2_max", MESH_NOISE, lips=LIPS),
    mesh_case("lve_l2_mean", MESH_NOISE, lips=LIPS),
    mesh_case("mve", MESH_NOISE),
    mesh_case("mod", {"exaggeration": mouth_scaled}, lips=LIPS),
    mesh_case("fdd_abs", {"exaggeration": mouth_scaled}, symmetric=False, **UPPER),
    mesh_case("fdd_signed", {}, symmetric=False, **UPPER),
    mesh_case("fdd_l2", {"exaggeration": mouth_scaled}, upper=UPPER["upper"]),
    Case("mtm", lambda: late_mesh(0), {"time shift": late_mesh}, {"lip_gap": (0, 39)}, identity=0.0),
    mesh_case("chamfer_l2", {"noise": points_with("vertices", make.vertices, 0.02)}),
    mesh_case("chamfer_sq", {"noise": points_with("vertices", make.vertices, 0.02)}),
]  # fmt: skip


def set_case(metric: str, inputs: Callable[[int], Inputs]) -> Case:
    return Case(metric, lambda: inputs(0), {"shift": inputs}, symmetric=True, identity=0.0)


def smiling(level: int) -> Inputs:
    """Corners of the mouth that go up every third frame, on a face that also nods and comes nearer."""
    points = make.landmarks68(120) + np.random.default_rng(1).normal(size=(120, 68, 2))
    points[::3, [48, 54], 1] -= 3.0 * level
    return {"landmarks68": points}


def turned(level: int) -> Inputs:
    return {"pose": make.pose() + 3.0 * level}


CASES += [
    frame_case("lpips_lite", 0.0),
    Case("csim_lite", lambda: signatures(0), {"noise": signatures}, symmetric=True, identity=1.0,
         faces="face_signature"),
    Case("apd_lite", lambda: turned(0), {"offset": turned}, symmetric=True, identity=0.0, faces="pose"),
    set_case("fd_lite", descriptors("frame_descriptor", 63)),
    set_case("efid_edge_lite", descriptors("face_edge_descriptor", 63)),
    Case("efid_exp_lite", lambda: smiling(0), {"smile": smiling}, symmetric=True, identity=0.0, faces="landmarks68"),
    set_case("fvd_lite", motion),
]  # fmt: skip
BY_ID = {case.metric: case for case in CASES}


def built(case: Case) -> Metric:
    return create_metric(case.metric, **case.options)


def ids(cases: list[Case]) -> list[str]:
    return [case.metric for case in cases]


def test_every_metric_without_weights_has_a_case() -> None:
    own = {cls.id() for cls in all_metrics() if cls.__module__.split(".")[-1] in MINE and not cls.weights}
    assert own == set(BY_ID)


@pytest.mark.parametrize("cls", all_metrics(), ids=lambda cls: cls.id())
def test_metric_is_declared(cls: type[Metric]) -> None:
    check_declared(cls())


@pytest.mark.parametrize("case", [c for c in CASES if c.identity is not None], ids=lambda c: c.metric)
def test_identity_is_best(case: Case) -> None:
    check_identity(built(case), case)


@pytest.mark.parametrize(
    ("case", "name"), [(c, n) for c in CASES for n in c.worse], ids=lambda x: getattr(x, "metric", x)
)
def test_worsens_with_each_level(case: Case, name: str) -> None:
    check_monotone(built(case), case, name)


@pytest.mark.parametrize("case", [c for c in CASES if c.symmetric], ids=lambda c: c.metric)
def test_symmetric(case: Case) -> None:
    check_symmetric(built(case), case.truth(), next(iter(case.worse.values()))(3))


@pytest.mark.parametrize(
    "case", [c for c in CASES if getattr(built(c), "streamed", lambda: False)()], ids=lambda c: c.metric
)
def test_chunks_do_not_matter(case: Case) -> None:
    metric = built(case)
    worst = next(iter(case.worse.values()))(2)
    check_chunks(metric, worst, case.truth() if metric.paired else None)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.metric)
def test_order_and_ranks_do_not_matter(case: Case) -> None:
    metric = built(case)
    truth = case.truth() if metric.paired else None
    variants = [case.truth(), *(build(level) for build in case.worse.values() for level in (1, 3))]
    scores = [score(metric, inputs, truth) for inputs in variants]
    for one in scores:
        check_in_range(metric, one.value)
    check_states(metric, [*scores, *scores[:2]])


@pytest.mark.parametrize("case", [c for c in CASES if c.faces], ids=lambda c: c.metric)
def test_missing_faces_are_never_zero(case: Case) -> None:
    check_missing_faces(built(case), case)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.metric)
def test_empty_input_is_an_error_or_a_reason(case: Case) -> None:
    metric = built(case)
    empty: Inputs = {}
    for key, value in case.truth().items():
        if isinstance(value, dict):
            empty[key] = {column: rows[:0] for column, rows in value.items()}
        else:
            empty[key] = value if key.startswith("audio") else value[:0]
    try:
        result = score(metric, empty, empty if metric.paired else None)
    except InputError as error:
        said = error.expected
    else:
        said = result.reason if math.isnan(result.value) else None
    assert said


def test_pooled_counts_frames_and_video_mean_counts_videos() -> None:
    from bench.metrics.state import MetricState

    metric = create_metric("mae")
    short, long = make.frames(2), make.frames(6)
    state = MetricState(metric)
    state.update(0, metric.score(np.zeros_like(short), np.full_like(short, 255)))
    state.update(1, metric.score(long, long))
    assert state.compute() == {"pooled": pytest.approx(2 / 8), "video_mean": pytest.approx(1 / 2)}


def test_pooled_rmse_is_the_root_over_all_frames() -> None:
    from bench.metrics.state import MetricState

    metric = create_metric("v_rmse")
    state = MetricState(metric)
    for index, (n, offset) in enumerate([(1, 0.6), (3, 0.2)]):
        truth = {"va": {"valence": np.zeros(n)}}
        state.update(index, metric.score({"va": {"valence": np.full(n, offset)}}, truth))
    assert state.compute()["pooled"] == pytest.approx(math.sqrt((0.36 + 3 * 0.04) / 4))
    assert state.compute()["video_mean"] == pytest.approx(0.4)
