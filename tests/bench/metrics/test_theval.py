"""THEval's dynamics: closed forms, and what the fixed variants no longer depend on."""

from __future__ import annotations

import itertools
import math

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional import theval
from bench.metrics.functional.theval import closeness, eyebrow_changes, eyebrow_dynamics, lip_dynamics
from vfa.errors import InputError


def test_index_sets_have_the_published_sizes() -> None:
    sizes = {"LIPS": 40, "LEFT_BROW": 10, "RIGHT_BROW": 10, "LEFT_EYE": 16, "RIGHT_EYE": 16}
    for name, size in sizes.items():
        index = getattr(theval, name)
        assert len(index) == len(set(index)) == size and list(index) == sorted(index)


def test_lip_dynamics_equals_a_loop_over_pairs() -> None:
    points = make.landmarks478(12) + np.random.default_rng(0).normal(size=(12, 478, 3))
    scaled = points[:, theval.LIPS, :2] * np.array([256 / 400, 256 / 300])
    spreads = [
        np.std([math.dist(frame[a], frame[b]) for frame in scaled]) for a, b in itertools.combinations(range(40), 2)
    ]
    assert len(spreads) == 780
    assert lip_dynamics(points, size=(400, 300)) == pytest.approx(np.mean(spreads))


def test_lip_dynamics_of_the_whole_mouth_growing() -> None:
    """Lips that double in size: each distance d takes the values d and 2d, whose deviation is d / 2."""
    points = make.landmarks478(2)
    points[1] = points[0]
    lips = points[0, theval.LIPS, :2]
    points[1, theval.LIPS, :2] = 2 * lips
    distances = [math.dist(a, b) for a, b in itertools.combinations(lips, 2)]
    assert lip_dynamics(points, size=(256, 256)) == pytest.approx(np.mean(distances) / 2)


def test_fixed_lips_do_not_depend_on_size_aspect_or_zoom() -> None:
    points = make.landmarks478(20)
    base = lip_dynamics(points, size=(256, 256), variant="fixed")
    assert lip_dynamics(points * 3, size=(800, 300), variant="fixed") == pytest.approx(base)
    zoom = points * np.linspace(1, 2, 20)[:, None, None]
    assert lip_dynamics(zoom, size=(256, 256), variant="fixed") == pytest.approx(base)
    assert lip_dynamics(points * 3, size=(256, 256)) == pytest.approx(3 * lip_dynamics(points, size=(256, 256)))


def test_shuffled_frames_have_the_same_lip_dynamics() -> None:
    points = make.landmarks478(20)
    assert lip_dynamics(points[::-1], size=(256, 256)) == pytest.approx(lip_dynamics(points, size=(256, 256)))


def test_eyebrow_dynamics_equals_the_published_accumulation() -> None:
    points = make.landmarks478(15) + np.random.default_rng(0).normal(size=(15, 478, 3))
    points[6] = np.nan
    total, count, last = 0.0, 0, None
    for frame in points[..., :2]:
        if np.isnan(frame).any():
            continue
        left, right = frame[list(theval.LEFT_EYE)].mean(0), frame[list(theval.RIGHT_EYE)].mean(0)
        span = math.dist(left, right)
        now = [
            math.dist(frame[list(brow)].mean(0), eye) / span
            for brow, eye in ((theval.LEFT_BROW, left), (theval.RIGHT_BROW, right))
        ]
        if last is not None:
            total += abs(now[0] - last[0]) + abs(now[1] - last[1])
            count += 2
        last = now
    assert eyebrow_dynamics(points) == pytest.approx(total / count)


def test_fixed_eyebrows_skip_gaps_and_blinks() -> None:
    points = make.landmarks478(10, amplitude=0.0)
    points[5:, list(theval.LEFT_BROW + theval.RIGHT_BROW), 1] -= 8.0
    points[4] = np.nan
    assert eyebrow_dynamics(points) > 0  # the jump across the gap counts once
    assert eyebrow_dynamics(points, variant="fixed") == 0.0
    assert np.isnan(eyebrow_changes(points, variant="fixed")[3:5]).all()
    blink = make.landmarks478(10, amplitude=0.0)
    lids = [i for i in theval.LEFT_EYE + theval.RIGHT_EYE if i not in theval.LEFT_CORNERS + theval.RIGHT_CORNERS]
    blink[5, lids, 1] += 3.0
    assert eyebrow_dynamics(blink) > 0
    assert eyebrow_dynamics(blink, variant="fixed") == pytest.approx(0.0)


def test_fixed_eyebrows_do_not_depend_on_the_frame_rate() -> None:
    """A brow that rises steadily moves as much for each 1/25 s at 50 fps as at 25 fps."""
    slow, fast = make.landmarks478(11, amplitude=0.0), make.landmarks478(21, amplitude=0.0)
    for points in (slow, fast):
        points[:, list(theval.LEFT_BROW + theval.RIGHT_BROW), 1] = np.linspace(60, 40, len(points))[:, None]
    base = eyebrow_dynamics(slow, rate=25.0, variant="fixed")
    assert base == pytest.approx(2.0 / 65.0)  # 2 pixels a frame, the eyes 65 pixels apart
    assert eyebrow_dynamics(fast, rate=50.0, variant="fixed") == pytest.approx(base)
    assert eyebrow_dynamics(fast, rate=50.0) == pytest.approx(eyebrow_dynamics(slow, rate=25.0) / 2, rel=1e-6)


def test_no_face_is_nan_never_zero() -> None:
    nothing = np.full((10, 478, 3), np.nan)
    assert math.isnan(lip_dynamics(nothing, size=(256, 256))) and math.isnan(eyebrow_dynamics(nothing))
    score = create_metric("theval_brow").score({"mesh_native": nothing})
    assert math.isnan(score.value) and score.reason and score.n_missing == 10


def test_closeness_is_one_at_the_truth_and_symmetric_about_it() -> None:
    assert closeness(1.716603, 1.716603) == 1.0
    assert closeness(1.2, 1.0) == pytest.approx(closeness(0.8, 1.0)) == pytest.approx(0.8)
    assert closeness(3.0, 1.0) == -1.0
    with pytest.raises(InputError, match="ground truth"):
        closeness(1.0, 0.0)
    frozen = {"landmarks478": np.repeat(make.landmarks478(1), 10, axis=0)}
    score = create_metric("theval_lip_closeness").score({"landmarks478": make.landmarks478(10)}, frozen)
    assert math.isnan(score.value) and "does not move" in score.reason


def test_the_variant_of_the_public_code_reads_the_squashed_frame() -> None:
    points = make.landmarks478()
    expected = lip_dynamics(points, size=(256, 256))
    assert create_metric("theval_lip")({"mesh_squashed": points}) == pytest.approx(expected)
    with pytest.raises(InputError, match="MediaPipe"):
        lip_dynamics(np.zeros((3, 68, 2)), size=(256, 256))
