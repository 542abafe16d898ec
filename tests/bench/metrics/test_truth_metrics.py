"""Metrics against exact truth: closed forms, and what they say where something is missing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bench.features.base import SampleFeatures, VideoFeatures
from bench.metrics import create_metric
from bench.metrics.functional.truth import identity_kept, in_world, laid_over, mean_shape, rotation_angle

FRAMES, POINTS = 4, 5


def turned(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def motion(seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays of a motion file."""
    rng = np.random.default_rng(seed)
    return {
        "vertices": rng.normal(size=(FRAMES, POINTS, 3)),
        "rotation": np.stack([turned(0.1 * t) for t in range(FRAMES)]),
        "shift": rng.normal(size=(FRAMES, 3)),
        "points": rng.uniform(0, 64, (FRAMES, POINTS, 2)),
        "landmarks": rng.uniform(0, 64, (FRAMES, 68, 2)),
    }


def sample(prediction: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> SampleFeatures:
    times = np.arange(FRAMES) / 25
    sides = [VideoFeatures("v", 64, 64, Fraction(25), times, arrays) for arrays in (prediction, truth)]
    pairs = np.stack([np.arange(FRAMES)] * 2, 1)
    return SampleFeatures("v", sides[0], sides[1], pairs)


@pytest.mark.parametrize("name", ["flow_error", "landmark_error", "vertex_error", "head_turn_error"])
def test_the_truth_itself_has_no_error(name: str) -> None:
    truth = {**motion(), "visible": np.ones((FRAMES, POINTS), bool)}
    score = create_metric(name).measure(sample(motion(), truth))
    assert score.value == 0
    assert score.n_frames == FRAMES


def test_flow_error_counts_what_the_truth_shows() -> None:
    truth, moved = motion(), motion()
    truth["visible"] = np.ones((FRAMES, POINTS), bool)
    truth["visible"][:, 4] = False
    moved["points"] = truth["points"] + np.array([3.0, 4.0])
    moved["points"][:, 4] += 1000
    assert create_metric("flow_error").measure(sample(moved, truth)).value == pytest.approx(5)
    moved["points"][0] = np.nan
    score = create_metric("flow_error").measure(sample(moved, truth))
    assert (score.n_frames, score.n_missing) == (FRAMES - 1, 1)
    assert score.value == pytest.approx(5)


def test_vertex_error_sees_the_heads_motion() -> None:
    truth, moved = motion(), motion()
    moved["shift"] = truth["shift"] + np.array([0, 0, 2.0])
    assert create_metric("vertex_error").measure(sample(moved, truth)).value == pytest.approx(2)
    assert create_metric("mve").measure(sample(moved, truth)).value == 0


def test_head_turn_error_is_the_angle() -> None:
    truth, moved = motion(), motion()
    moved["rotation"] = np.stack([turned(0.1 * t + np.radians(7)) for t in range(FRAMES)])
    assert create_metric("head_turn_error").measure(sample(moved, truth)).value == pytest.approx(7)
    assert rotation_angle(np.eye(3)[None], np.diag([1.0, -1, -1])[None])[0] == pytest.approx(180)


def test_world_positions_are_turned_then_shifted() -> None:
    world = in_world(np.array([[[1.0, 0, 0]]]), turned(np.pi / 2)[None], np.array([[0, 0, 5.0]]))
    np.testing.assert_allclose(world, [[[0, 1, 5]]], atol=1e-12)


def test_a_file_without_the_arrays_gives_no_number() -> None:
    arrays = {"vertices": motion()["vertices"]}
    score = create_metric("flow_error").measure(sample(arrays, {**motion(), "visible": np.ones((FRAMES, POINTS))}))
    assert np.isnan(score.value)
    assert "points" in score.reason


def faces(shape: np.ndarray, seed: int) -> np.ndarray:
    """A shape in several poses, as landmarks of a clip."""
    rng = np.random.default_rng(seed)
    poses = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(FRAMES)]
    poses = [pose * np.sign(np.linalg.det(pose)) for pose in poses]
    return np.stack([rng.uniform(0.5, 2) * shape @ pose.T + rng.normal(size=3) for pose in poses])


def test_identity_does_not_depend_on_pose_scale_or_place() -> None:
    rng = np.random.default_rng(3)
    source = rng.normal(size=(478, 3))
    driver = source * [1.0, 1.15, 0.9]
    table = {"driver": mean_shape(faces(driver, 1))}
    for shape, expected in ((source, 1.0), (driver, 0.0)):
        features = sample({"landmarks478": faces(shape, 5), **table}, {"landmarks478": faces(source, 6), **table})
        assert create_metric("identity_kept").measure(features).value == pytest.approx(expected, abs=1e-6)
    middle = identity_kept((source + driver) / 2, source, driver)
    assert 0.4 < middle < 0.6


def test_identity_of_a_face_never_seen_is_no_number() -> None:
    nothing = np.full((FRAMES, 478, 3), np.nan)
    table = {"driver": np.random.default_rng(0).normal(size=(478, 3))}
    score = create_metric("identity_kept").measure(
        sample({"landmarks478": nothing, **table}, {"landmarks478": nothing})
    )
    assert np.isnan(score.value)
    assert score.n_missing == FRAMES


def test_laying_over_undoes_a_similarity() -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    moved = 2.5 * points @ turned(1.0).T + [4, 5, 6]
    np.testing.assert_allclose(laid_over(moved, points), laid_over(points, points), atol=1e-12)


def test_they_are_in_the_list_with_their_directions() -> None:
    for name in ("flow_error", "landmark_error", "vertex_error", "head_turn_error"):
        assert create_metric(name).higher_is_better is False
    assert create_metric("flow_epe").id() == "flow_error"
    assert create_metric("identity_kept").higher_is_better is True
