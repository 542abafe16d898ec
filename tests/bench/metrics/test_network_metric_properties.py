"""What holds of every metric of a network, on features as its extractor gives them: no weights are needed for that."""

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
from bench.metrics.registry import all_metrics
from vfa.errors import InputError

ELSEWHERE = {"lpips_alex", "lpips_vgg", "niqe", "csim_source", "lse_c", "lse_d", "av_offset", "is"}
"""Streamed, sourced, or with a test file of their own."""


def rows(feature: str, width: int, *, step: float = 0.3, n: int = 60) -> Callable[[int], Inputs]:
    """Random rows that move away from the truth's, each its own way."""

    def inputs(level: int) -> Inputs:
        base = np.random.default_rng(1).normal(size=(n, width))
        return {feature: base + step * level * np.random.default_rng(2).normal(size=base.shape)}

    return inputs


def shifted(feature: str, width: int) -> Callable[[int], Inputs]:
    """Random rows that all move the same way."""
    return lambda level: {feature: np.random.default_rng(3).normal(size=(60, width)) + 0.2 * level}


def emotion(feature: str, column: int) -> Callable[[int], Inputs]:
    def inputs(level: int) -> Inputs:
        time = np.arange(50)
        both = np.stack([0.5 * np.sin(time / 4 + 0.3), 0.4 * np.cos(time / 5 + 0.2)], axis=1)
        both[:, column] -= 0.1 * level
        return {feature: both}

    return inputs


def constant(feature: str, best: float, step: float) -> Callable[[int], Inputs]:
    return lambda level: {feature: np.full((40, 1), best - step * level)}


def case(metric: str, inputs: Callable[[int], Inputs], **about: Any) -> Case:
    return Case(metric, lambda: inputs(0), {"worse": inputs}, **about)


def nodding(level: int) -> Inputs:
    return {"hopenet_pose": make.pose(amplitude=10.0 - 2.4 * level)}


def dancing(level: int) -> Inputs:
    from bench.metrics.functional.head_motion import motion_beats

    onset = np.zeros(900)
    for beat in motion_beats(make.pose()):
        onset[4 * (beat + level)] = 1.0
    return {"hopenet_pose": make.pose(), "audio_onset": onset}


def heads(suffix: str = "") -> Callable[[int], Inputs]:
    def inputs(level: int) -> Inputs:
        angles = make.pose(amplitude=4.0 + level)
        boxes = np.tile([10.0, 10.0, 50.0, 60.0], (len(angles), 1))
        given = {f"facexformer_pose{suffix}": angles, f"retinaface_box{suffix}": boxes}
        return {**given, "landmarks478": make.landmarks478(len(angles))} if suffix else given

    return inputs


def lips(level: int, *, rest: float = 2.0) -> np.ndarray:
    """Points whose lips stir in the first 30 frames."""
    points = np.repeat(make.landmarks478(1), 55, axis=0)
    from bench.metrics.functional.theval_mouth import INNER_LOWER, INNER_UPPER

    height = np.concatenate([rest + level * np.abs(np.sin(1.3 * np.arange(30))), 5 + 4 * np.sin(np.arange(25))])
    for upper, lower in zip(INNER_UPPER, INNER_LOWER, strict=True):
        points[:, upper, :2] = points[:, lower, :2] = (128.0, 140.0)
        points[:, lower, 1] += height
    return points


def silent(feature: str, sound: str) -> Callable[[int], Inputs]:
    return lambda level: {feature: lips(level), sound: np.array([[1.19, 2.2]])}


def speaking(feature: str, sound: str, scale: float) -> Callable[[int], Inputs]:
    def inputs(level: int) -> Inputs:
        points = lips(0)[:, : 478 if feature == "landmarks478" else 468]
        wave = 5 + 4 * np.sin(np.arange(55) / 3.0)
        noise = np.random.default_rng(5).uniform(0, 4, 55)
        from bench.metrics.functional.theval_mouth import INNER_LOWER

        points[:, list(INNER_LOWER), 1] = 140.0 + (wave + level * noise)[:, None]
        volume = np.interp(0.05 * np.arange(45), np.arange(55) / 25.0, wave)
        return {feature: points * scale, sound: np.array([[0.0, 2.2]]), "audio_volume": volume}

    return inputs


def still(level: int) -> Inputs:
    return {"raft_flow": np.full(20, 12.0 - 2.5 * level), "raft_size": np.array([256, 256])}


def drifting(feature: str) -> Callable[[int], Inputs]:
    def inputs(level: int) -> Inputs:
        steps = np.random.default_rng(6).normal(size=(30, 12)).cumsum(axis=0)
        return {feature: 5.0 + 0.2 * level * steps}

    return inputs


def fan(feature: str) -> Callable[[int], Inputs]:
    def inputs(level: int) -> Inputs:
        noise = np.random.default_rng(7).normal(size=(40, 68, 2))
        return {feature: make.landmarks68(40) + 0.5 * level * noise}

    return inputs


VBENCH = {
    "sc": drifting("dino"),
    "bc": drifting("clip_b32"),
    "ms": lambda level: {"amt_error": np.full(20, 0.05 + 0.1 * level)},
    "dd": still,
    "aq": constant("aesthetic", 6.0, 0.5),
    "iq": constant("musiq_spaq", 70.0, 5.0),
}
CASES = [
    case("csim_aligned", rows("arcface", 64), symmetric=True, identity=1.0, faces="arcface"),
    case("csim_vico", rows("arcface_whole", 64), symmetric=True, identity=1.0),
    case("csim_onnx", rows("arcface_onnx", 64), symmetric=True, identity=1.0, faces="arcface_onnx"),
    case("esd", rows("emotion_feature", 128), symmetric=True, identity=1.0, faces="emotion_feature"),
    *(case(name, rows("deep3d", 257), symmetric=True, identity=0.0, faces="deep3d")
      for name in ("aed", "apd_3", "apd_6")),
    *(case(f"{letter}_{kind}_{net}", emotion(feature, column), symmetric=True, identity=best, faces=feature)
      for letter, column in (("v", 0), ("a", 1)) for kind, best in (("rmse", 0.0), ("sagr", 1.0))
      for net, feature in (("emonet", "emotion"), ("emonet5", "emotion_5"))),
    *(case(name, shifted(feature, 24), symmetric=True, identity=0.0)
      for name, feature in (("fid_pt", "inception_pt"), ("fid_clean", "inception_clean"), ("fid_vico", "inception_pt"),
                            ("fid_clean_ts", "inception_clean_ts"), ("fid_ts", "inception_ts"),
                            ("efid_edge", "inception_edges"), ("fvd_sv", "i3d_clips"), ("fvd_common", "i3d_video"))),
    case("efid_exp", shifted("deep3d", 257), symmetric=True, identity=0.0),
    case("kid", shifted("inception_pt", 24), symmetric=True),
    *(case(f"vbench_{name}{scale}", inputs) for scale in ("", "_normalised") for name, inputs in VBENCH.items()),
    case("diversity", nodding, faces="hopenet_pose"),
    case("diversity_feat", lambda level: {"hopenet_feature": (1 - 0.2 * level) * np.random.default_rng(8).normal(
        size=(50, 64))}, faces="hopenet_feature"),
    case("beat_align", dancing, faces="hopenet_pose"),
    case("lmd_centered_fan", fan("landmarks68_fan"), symmetric=True, identity=0.0, faces="landmarks68_fan"),
    case("lmd_vico_fan", fan("landmarks68_fan_flip"), symmetric=True, identity=0.0, faces="landmarks68_fan_flip"),
    case("f_lmd_fan", fan("landmarks68_fan"), symmetric=True, identity=0.0, faces="landmarks68_fan"),
    case("ma_outer_fan", fan("landmarks68_fan"), symmetric=True, identity=1.0, faces="landmarks68_fan"),
    case("akd_l1_fan", fan("landmarks68_fan"), options={"size": (200, 200)}, symmetric=True, identity=0.0,
         faces="landmarks68_fan"),
    case("theval_aesthetics_theval", constant("topiq_aesthetics", 7.0, 1.0)),
    case("theval_mouth_theval", constant("mouth_theval", 60.0, 5.0), faces="mouth_theval"),
    case("theval_mouth_fixed", constant("mouth_fixed", 60.0, 5.0), faces="mouth_fixed"),
    case("theval_face_theval", constant("topiq_face_central", 0.8, 0.1)),
    case("theval_face_fixed", constant("topiq_face_largest", 0.8, 0.1), faces="topiq_face_largest"),
    case("theval_head_theval", heads(), faces="facexformer_pose"),
    case("theval_head_fixed", heads("_fixed"), faces="facexformer_pose_fixed"),
    case("theval_silent_theval", silent("mesh_squashed", "audio_speech_tenths"), faces="mesh_squashed"),
    case("theval_silent_fixed", silent("landmarks478", "audio_speech"), faces="landmarks478"),
    case("theval_sync_theval", speaking("mesh_swapped", "audio_speech_tenths", 1 / 256), faces="mesh_swapped"),
    case("theval_sync_fixed", speaking("landmarks478", "audio_speech", 1.0), faces="landmarks478"),
]  # fmt: skip


def built(case: Case) -> Metric:
    return create_metric(case.metric, **case.options)


def named(case: Case) -> str:
    return case.metric


def test_every_metric_of_a_network_has_a_case() -> None:
    assert {cls.id() for cls in all_metrics() if cls.weights} == {case.metric for case in CASES} | ELSEWHERE


@pytest.mark.parametrize("case", [c for c in CASES if c.identity is not None], ids=named)
def test_identity_is_best(case: Case) -> None:
    check_identity(built(case), case)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_worsens_with_each_level(case: Case) -> None:
    check_monotone(built(case), case, "worse")


@pytest.mark.parametrize("case", [c for c in CASES if c.symmetric], ids=named)
def test_symmetric(case: Case) -> None:
    check_symmetric(built(case), case.truth(), case.worse["worse"](3))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_order_and_ranks_do_not_matter(case: Case) -> None:
    metric = built(case)
    truth = case.truth() if metric.paired else None
    scores = [score(metric, case.worse["worse"](level), truth) for level in (0, 1, 3)]
    for one in scores:
        check_in_range(metric, one.value)
    check_states(metric, [*scores, *scores[:2]])


@pytest.mark.parametrize("case", [c for c in CASES if c.faces], ids=named)
def test_missing_faces_are_never_zero(case: Case) -> None:
    check_missing_faces(built(case), case)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_empty_input_is_an_error_or_a_reason(case: Case) -> None:
    metric = built(case)
    empty = {key: value if key.startswith(("audio", "raft_size")) else value[:0] for key, value in case.truth().items()}
    try:
        result = score(metric, empty, empty if metric.paired else None)
    except InputError as error:
        said = error.expected
    else:
        said = result.reason if math.isnan(result.value) else None
    assert said


def test_the_normalised_scale_is_the_leaderboards() -> None:
    """Pooled over two clips of 20 and 5 frames: of frames for SC, of clips for MS."""
    from bench.metrics.state import MetricState

    state = MetricState(create_metric("vbench_ms_normalised"))
    for index, (n, error) in enumerate(((20, 0.1), (5, 0.2))):
        state.update(index, state.metric.score({"amt_error": np.full(n, error)}))
    expected = ((0.9 - 0.706) + (0.8 - 0.706)) / 2 / (0.9975 - 0.706)
    assert state.compute() == {"pooled": pytest.approx(expected), "video_mean": pytest.approx(expected)}
    state = MetricState(create_metric("vbench_sc_normalised"))
    for index, (n, angle) in enumerate(((21, 0.6), (6, 1.0))):
        rows = np.tile([np.cos(angle), np.sin(angle)], (n, 1))
        rows[0] = (1.0, 0.0)
        state.update(index, state.metric.score({"dino": rows}))
    # One pair with the first frame, then equal neighbours: half of each cosine is that with the first.
    clips = [(np.cos(a) + (n - 2) * (1 + np.cos(a)) / 2) for n, a in ((21, 0.6), (6, 1.0))]
    raw = sum(clips) / 25
    assert state.compute()["pooled"] == pytest.approx((raw - 0.1462) / (1 - 0.1462))
