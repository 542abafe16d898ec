"""Alignment of landmark sets: planted similarities come back, weights count, mirrored sets do not mirror the result."""

from __future__ import annotations

import numpy as np
import pytest
from drivers import turn

from vfa.motion.rigid import Similarity, fit_similarity, rotation_about, upright

POINTS = np.random.default_rng(0).normal(size=(12, 3))


@pytest.mark.parametrize("angles", [(0, 0, 0), (40, 0, 0), (-20, 35, 170), (0, 0, 90)])
@pytest.mark.parametrize("scale", [1.0, 0.02, 300.0])
def test_a_planted_similarity_comes_back(angles, scale) -> None:
    planted = Similarity(scale, turn(*angles), np.array([3.0, -50.0, 7.0]))
    found = fit_similarity(POINTS, planted.apply(POINTS))
    np.testing.assert_allclose(found.scale, scale, rtol=1e-12)
    np.testing.assert_allclose(found.rotation, planted.rotation, atol=1e-12)
    np.testing.assert_allclose(found.translation, planted.translation, atol=1e-9)


def test_apply_is_the_formula_and_invert_its_way_back() -> None:
    quarter = Similarity(2.0, turn(roll=90), np.array([10.0, 0, 0]))
    np.testing.assert_allclose(quarter.apply(np.array([[1.0, 0, 5.0]])), [[10, 2, 10]], atol=1e-12)
    np.testing.assert_allclose(quarter.invert(quarter.apply(POINTS)), POINTS, atol=1e-12)


def test_points_without_weight_do_not_count() -> None:
    planted = Similarity(1.5, turn(20, 10, 5), np.ones(3))
    target = planted.apply(POINTS)
    target[3] += 100
    weight = np.ones(12)
    weight[3] = 0
    np.testing.assert_allclose(fit_similarity(POINTS, target, weight).rotation, planted.rotation, atol=1e-12)


def test_least_squares_of_three_points_by_hand() -> None:
    """Points at 0, 1, 2 on x go to 0, 2, 4 +- noise that is orthogonal to the fit: scale 2."""
    source = np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0]])
    target = 2 * source + np.array([[0, 0, 0.3]] * 5)
    found = fit_similarity(source, target)
    assert found.scale == pytest.approx(2)
    np.testing.assert_allclose(found.translation, [0, 0, 0.3], atol=1e-12)


def test_a_mirror_image_is_met_by_a_rotation() -> None:
    found = fit_similarity(POINTS, POINTS * [-1, 1, 1])
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_no_other_similarity_fits_better() -> None:
    rng = np.random.default_rng(1)
    target = Similarity(1.2, turn(30), np.zeros(3)).apply(POINTS) + rng.normal(0, 0.1, (12, 3))
    best = fit_similarity(POINTS, target)
    error = ((best.apply(POINTS) - target) ** 2).sum()
    for _ in range(50):
        other = Similarity(
            best.scale * np.exp(rng.normal(0, 0.02)),
            turn(*rng.normal(0, 1, 3)) @ best.rotation,
            best.translation + rng.normal(0, 0.02, 3),
        )
        assert ((other.apply(POINTS) - target) ** 2).sum() >= error


def test_rotation_about_a_pivot_keeps_it() -> None:
    pivot, shift = np.array([4.0, -2.0, 9.0]), np.array([0.5, 0, 0])
    pose = rotation_about(turn(30, 20, 10), pivot, shift)
    np.testing.assert_allclose(pose @ [*pivot, 1], [*(pivot + shift), 1], atol=1e-12)
    half = rotation_about(turn(roll=180), np.array([1.0, 0, 0]), np.zeros(3))
    np.testing.assert_allclose(half @ [0, 0, 0, 1], [2, 0, 0, 1], atol=1e-12)


def test_upright_turns_about_x_by_half_a_turn() -> None:
    np.testing.assert_array_equal(upright(np.array([[1.0, 2, 3]])), [[1, -2, -3]])
