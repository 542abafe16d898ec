"""Frames find their partners by number, by time and along a warp."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from bench.features.alignment import AlignmentReport, Pairer, Stamp, pairs_by_time, timeline_pairs
from bench.features.base import SampleFeatures, VideoFeatures
from bench.features.warp import dtw_path, lip_trajectory, partners_of, path_report


def test_equal_rates_pair_by_number_and_cut_to_the_shorter() -> None:
    pairs = timeline_pairs(np.arange(7) / 25, np.arange(5) / 25, by_time=False)
    assert pairs.tolist() == [[i, i] for i in range(5)]
    pairs = timeline_pairs(np.arange(3) / 25, np.arange(5) / 25, by_time=False)
    assert pairs.tolist() == [[i, i] for i in range(3)]


@pytest.mark.parametrize(("source", "target"), [(30, 25), (25, 30), (50, 25), (10, 25), (24, 25)])
def test_other_rates_pair_with_the_nearest_time(source: int, target: int) -> None:
    prediction, truth = np.arange(4 * source) / source, np.arange(3 * target) / target
    pairs = timeline_pairs(prediction, truth, by_time=True)
    assert len(pairs) == len(truth)
    distance = np.abs(prediction[None] - truth[:, None])
    chosen = np.abs(prediction[pairs[:, 0]] - truth[pairs[:, 1]])
    np.testing.assert_allclose(chosen, distance.min(1), atol=2e-6)
    assert (np.diff(pairs[:, 0]) >= 0).all()


def test_truth_beyond_the_end_of_the_prediction_has_no_partner() -> None:
    pairs = timeline_pairs(np.arange(20) / 20, np.arange(50) / 25, by_time=True)
    last = pairs[-1]
    assert last[0] == 19
    assert 0.95 <= last[1] / 25 <= 0.976


def test_variable_frame_rate_pairs_by_time_stamp() -> None:
    pairs = timeline_pairs(np.array([0, 0.02, 0.3, 0.32, 0.4]), np.array([0, 0.1, 0.2, 0.3, 0.4]), by_time=True)
    assert pairs[:, 0].tolist() == [0, 1, 2, 2, 4]


def test_each_frame_of_the_prediction_is_pulled_once() -> None:
    pulled: list[int] = []

    def source() -> object:
        for i in range(30):
            pulled.append(i)
            yield Stamp(i, Fraction(i, 30))

    pairer = Pairer(source(), by_time=True)  # type: ignore[arg-type]
    for i in range(25):
        pairer.push(Stamp(i, Fraction(i, 25)))
    assert pulled == sorted(set(pulled))


def test_rates_within_a_thousandth_count_as_equal() -> None:
    assert not pairs_by_time(Fraction(25), Fraction(25025, 1001), "resample")
    assert pairs_by_time(Fraction(30000, 1001), Fraction(25), "resample")
    assert not pairs_by_time(Fraction(30), Fraction(25), "trim")
    assert pairs_by_time(Fraction(24000, 1001), Fraction(24), "resample") is False


def test_dropped_share_counts_the_longer_side() -> None:
    assert AlignmentReport("index", 8, 2, 8, 10, 25, 25).dropped_share == pytest.approx(0.2)
    assert AlignmentReport("index", 8, 0, 16, 8, 25, 25).dropped_share == pytest.approx(0.5)
    assert AlignmentReport("time", 25, 0, 30, 25, 30, 25).dropped_share == pytest.approx(0)


def brute_force(a: np.ndarray, b: np.ndarray) -> float:
    """Smallest path cost by trying all monotone paths."""
    best = np.inf

    def walk(i: int, j: int, cost: float) -> None:
        nonlocal best
        cost += float(np.linalg.norm(a[i] - b[j]))
        if (i, j) == (len(a) - 1, len(b) - 1):
            best = min(best, cost)
            return
        for di, dj in ((1, 1), (1, 0), (0, 1)):
            if i + di < len(a) and j + dj < len(b):
                walk(i + di, j + dj, cost)

    walk(0, 0, 0.0)
    return best


@pytest.mark.parametrize(("n", "m"), [(5, 5), (4, 6), (6, 4)])
def test_warp_finds_the_cheapest_path(n: int, m: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
        path = dtw_path(a, b, 10)
        cost = sum(np.linalg.norm(a[i] - b[j]) for i, j in path)
        assert cost == pytest.approx(brute_force(a, b))


def test_warp_is_monotone_with_fixed_ends_and_stays_in_the_band() -> None:
    rng = np.random.default_rng(3)
    for n, m, radius in itertools.product((20, 33), (20, 27), (0, 2, 5)):
        path = dtw_path(rng.normal(size=(n, 3)), rng.normal(size=(m, 3)), radius)
        assert path[0].tolist() == [0, 0]
        assert path[-1].tolist() == [n - 1, m - 1]
        steps = np.diff(path, axis=0)
        assert ((steps >= 0) & (steps <= 1)).all()
        assert (steps.sum(1) >= 1).all()
        reach = radius + (int(np.ceil(max((n - 1) / (m - 1), 1))) - 1 if n != m else 0)
        assert (np.abs(path[:, 0] - path[:, 1] * (n - 1) / (m - 1)) <= reach + 0.5).all()


def test_identical_sequences_and_zero_radius_give_the_diagonal() -> None:
    a = np.random.default_rng(0).normal(size=(30, 4))
    diagonal = np.repeat(np.arange(30)[:, None], 2, 1)
    assert (dtw_path(a, a, 6) == diagonal).all()
    assert (dtw_path(a, a[::-1], 0) == diagonal).all()


def test_a_late_prediction_has_its_lag_as_warp_cost() -> None:
    truth = np.cumsum(np.random.default_rng(1).normal(size=(200, 4)), 0)
    late = np.concatenate([np.repeat(truth[:1], 4, 0), truth[:-4]])
    report = path_report(dtw_path(late, truth, 8), 25, 8, (200, 200))
    assert report["warp_lag_ms"] == pytest.approx(160, rel=0.05)
    assert report["warp_band_hits"] < 0.1


def test_frames_without_a_face_do_not_break_the_warp() -> None:
    truth = np.cumsum(np.random.default_rng(1).normal(size=(50, 4)), 0)
    holes = truth.copy()
    holes[10:14] = np.nan
    path = dtw_path(holes, truth, 5)
    assert path[-1].tolist() == [49, 49]


def test_lip_trajectory_ignores_place_scale_and_tilt() -> None:
    points = np.random.default_rng(0).normal(size=(6, 68, 2))
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = 3.0 * points @ turn.T + (20, -7)
    np.testing.assert_allclose(lip_trajectory(moved), lip_trajectory(points), atol=1e-9)


def test_a_plateau_counts_once_per_frame_of_the_truth() -> None:
    truth = VideoFeatures("t", times=np.arange(3) / 25)
    pairs = np.array([[0, 0], [1, 1], [2, 1], [3, 1], [4, 2]])
    sample = SampleFeatures("s", VideoFeatures("p"), truth, pairs)
    np.testing.assert_allclose(sample.per_reference(np.array([1.0, 2, 4, 6, 9])), [1, 4, 9])
    np.testing.assert_allclose(sample.per_reference(np.array([1.0, 2, np.nan, 6, 9])), [1, 4, 9])
    assert partners_of(pairs, 3) == [[0], [1, 2, 3], [4]]


def test_pixel_coordinates_are_scaled_to_the_truths_size() -> None:
    prediction = VideoFeatures("p", 100, 50, arrays={"x": np.full((2, 3, 2), 10.0)}, pixel_xy=frozenset({"x"}))
    truth = VideoFeatures("t", 200, 200, arrays={"x": np.zeros((2, 3, 2))})
    sample = SampleFeatures("s", prediction, truth, np.array([[0, 0], [1, 1]]))
    assert sample.aligned("x")[0][0, 0].tolist() == [20, 40]
