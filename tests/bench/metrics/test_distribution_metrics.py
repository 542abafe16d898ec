"""Fréchet distance, KID and Inception Score against closed forms and an independent matrix square root."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metrics.functional.distribution import inception_score, kernel_distance, polynomial_mmd
from bench.metrics.functional.frechet import Moments, frechet_distance, frechet_from_moments
from vfa.errors import InputError


def features(n: int, d: int, seed: int, *, shift: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) / np.sqrt(d) + shift


def reference(first: np.ndarray, second: np.ndarray) -> float:
    """The definition with SciPy's square root of the product of covariances (the usual way, float64)."""
    from scipy.linalg import sqrtm

    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = sqrtm(a @ b)
    difference = first.mean(0) - second.mean(0)
    return float(difference @ difference + np.trace(a) + np.trace(b) - 2 * np.trace(root).real)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 300, 8), (500, 400, 32), (60, 50, 40)])
def test_equals_an_independent_square_root(n: int, m: int, d: int) -> None:
    first, second = features(n, d, 0), features(m, d, 1, shift=0.5)
    expected = reference(first, second)
    assert frechet_distance(first, second) == pytest.approx(expected, abs=1e-6 * max(1, expected))
    moments = frechet_from_moments(Moments.of(first), Moments.of(second))
    assert moments == pytest.approx(expected, abs=1e-6 * max(1, expected))


def test_commuting_gaussians_have_a_closed_form() -> None:
    """Diagonal covariances: the sum of (m1 - m2)^2 + (s1 - s2)^2 over axes."""
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T * np.sqrt(7 / 8)  # unit sample covariance
    first, second = corners * [1.0, 2.0, 3.0], corners * [2.0, 2.0, 0.5] + [1.0, 0.0, -2.0]
    expected = (1 + 0 + 4) + (1 + 0 + 6.25)
    assert frechet_distance(first, second) == pytest.approx(expected, abs=1e-9)
    assert frechet_from_moments(Moments.of(first), Moments.of(second)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [2, 5, 30])
def test_fewer_samples_than_dimensions(n: int) -> None:
    """Singular covariances: features that live in a small subspace give the number of that subspace."""
    small_first, small_second = features(n, 4, 2), features(n + 3, 4, 3, shift=1.0)
    basis = np.linalg.qr(np.random.default_rng(4).normal(size=(100, 4)))[0].T
    expected = frechet_from_moments(Moments.of(small_first), Moments.of(small_second))
    if n > 5:
        assert expected == pytest.approx(reference(small_first, small_second), rel=1e-6)
    first, second = small_first @ basis, small_second @ basis
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_from_moments(Moments.of(first), Moments.of(second)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(100, 10), (10, 100)])
def test_a_set_against_itself_is_zero_and_sides_swap(n: int, d: int) -> None:
    first, second = features(n, d, 0), features(n, d, 1)
    assert frechet_distance(first, first) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)


@pytest.mark.parametrize("d", [6, 80])
def test_three_shards_merge_to_one(d: int) -> None:
    whole, other = features(90, d, 5, shift=3.0), Moments.of(features(70, d, 6))
    parts = [Moments.of(part) for part in (whole[:1], whole[1:40], whole[40:])]
    for order in ((0, 1, 2), (2, 0, 1)):
        merged = parts[order[0]] + parts[order[1]] + parts[order[2]]
        assert merged.count == 90
        np.testing.assert_allclose(merged.mean, whole.mean(0), atol=1e-12)
        np.testing.assert_allclose(merged.covariance, np.cov(whole, rowvar=False), atol=1e-12)
        direct = frechet_from_moments(Moments.of(whole), other)
        assert frechet_from_moments(merged, other) == pytest.approx(direct, rel=1e-9)


def test_single_rows_leave_the_distance_of_the_means() -> None:
    assert frechet_distance(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])) == 25.0


def test_distance_grows_with_the_shift() -> None:
    first = features(50, 12, 0)
    values = [frechet_distance(first, first + level) for level in range(5)]
    np.testing.assert_allclose(values, [12.0 * level**2 for level in range(5)], atol=1e-6)


def test_kernel_distance_equals_a_double_loop() -> None:
    x, y = features(7, 5, 0), features(9, 5, 1)

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / 5 + 1) ** 3

    within_x = np.mean([kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    within_y = np.mean([kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    across = np.mean([kernel(a, b) for a in x for b in y])
    assert polynomial_mmd(x, y) == pytest.approx(within_x + within_y - 2 * across)


def test_kernel_distance_is_centred_on_zero_for_one_distribution() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(400, 6)), generator.normal(size=(400, 6))
    same = kernel_distance(x, y, subsets=20, subset_size=200)
    assert abs(same.mean) < 0.03 and same.n == 20
    assert kernel_distance(x, y + 1, subsets=20, subset_size=200).mean > 1.0
    assert kernel_distance(x, y, subsets=5) == kernel_distance(x, y, subsets=5)


def test_inception_score_of_known_class_mixtures() -> None:
    certain = np.repeat(np.eye(5) * 100.0, 8, axis=0)
    assert inception_score(certain, splits=1).mean == pytest.approx(5.0)
    assert inception_score(np.zeros((20, 7)), splits=2).mean == pytest.approx(1.0)
    # In file order every split holds one class: the score is depressed to 1.
    assert inception_score(certain, splits=5, seed=None).mean == pytest.approx(1.0)
    assert inception_score(certain, splits=5).mean > 2.0


def test_inception_score_equals_the_definition() -> None:
    logits = np.random.default_rng(0).normal(size=(30, 4))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    marginal = p.mean(0)
    divergence = np.mean([sum(row[c] * np.log(row[c] / marginal[c]) for c in range(4)) for row in p])
    assert inception_score(logits, splits=1).mean == pytest.approx(np.exp(divergence))
    assert inception_score(logits + 1000.0, splits=1).mean == pytest.approx(np.exp(divergence))


def test_small_splits_are_dropped() -> None:
    assert inception_score(np.zeros((9, 3)), splits=5).n == 4
    with pytest.raises(InputError, match="fewer than two"):
        inception_score(np.zeros((4, 3)), splits=4)


def test_refuses_what_is_no_feature_set() -> None:
    good = np.zeros((4, 3))
    for bad, message in ((np.zeros((0, 3)), "empty"), (np.zeros(3), "shape"), (np.zeros((4, 2)), "dimensions")):
        with pytest.raises(InputError, match=message):
            frechet_distance(good, bad)
    with pytest.raises(InputError, match="NaN"):
        frechet_distance(good, np.full((4, 3), np.nan))
    with pytest.raises(InputError, match="NaN"):
        Moments.of(np.full((4, 3), np.inf))
