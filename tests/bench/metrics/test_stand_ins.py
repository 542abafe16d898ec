"""Hand-made descriptors and the stand-ins built on them."""

from __future__ import annotations

import math

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.descriptors import (
    ALIGNED_SIZE,
    TEMPLATE,
    aligned_face,
    edge_image,
    expression_shape,
    face_signature,
    frame_descriptor,
    gradient_similarity,
)
from bench.metrics.functional.frechet import Moments
from bench.metrics.state import MetricState


def noisy(clip: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=clip.shape) * sigma
    return np.clip(np.rint(clip + noise), 0, 255).astype(np.uint8)


def test_frame_descriptor_holds_shares() -> None:
    descriptor = frame_descriptor(make.frames(1)[0]).reshape(3, 21)
    np.testing.assert_allclose(descriptor[:, :12].reshape(3, 3, 4).sum(-1), 1.0)
    np.testing.assert_allclose(descriptor[:, 12:20].sum(-1), 1.0, rtol=1e-6)
    flat = frame_descriptor(np.full((40, 50, 3), (10, 100, 250), np.uint8)).reshape(3, 21)
    assert flat[0, :12].tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    assert not flat[:, 12:].any()


def test_edges_are_black_or_white() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[20:40, 20:40] = 255
    edges = edge_image(image)
    assert set(np.unique(edges)) == {0, 255} and edges.shape == image.shape
    assert not edges[28:32, 28:32].any() and edges[18:22, 30].any()


def test_gradient_similarity_equals_a_loop() -> None:
    from scipy.ndimage import correlate

    clip = make.frames(2, 24)
    lengths = []
    for image in clip:
        gray = np.round(image @ np.array([0.299, 0.587, 0.114]))
        before = np.pad(gray, ((1, 0), (1, 0)), mode="reflect")
        halved = ((before[:-1, :-1] + before[1:, :-1] + before[:-1, 1:] + before[1:, 1:]) / 4)[::2, ::2]
        prewitt = np.array([[1, 0, -1]] * 3) / 3
        across, down = (correlate(halved, kernel, mode="mirror") for kernel in (prewitt, prewitt.T))
        lengths.append(np.hypot(across, down))
    a, b = lengths
    expected = np.mean((2 * a * b + 170) / (a**2 + b**2 + 170))
    assert gradient_similarity(clip[0], clip[1]) == pytest.approx(
        expected, abs=2e-3
    )  # OpenCV rounds luma in fixed point
    assert gradient_similarity(clip[0], clip[0]) == pytest.approx(1.0)


def test_alignment_puts_the_five_points_on_the_template() -> None:
    """A white dot at each of five points of a turned, scaled, shifted template lands where the template says."""
    turn = 1.7 * np.exp(0.4j)
    z = TEMPLATE @ np.array([1, 1j]) * turn + (40 - 30j)
    five = np.stack([z.real, z.imag], axis=1)
    landmarks = np.zeros((68, 2))
    landmarks[36:42], landmarks[42:48] = five[0], five[1]
    landmarks[30], landmarks[48], landmarks[54] = five[2:]
    for i, (x, y) in enumerate(five):
        image = np.zeros((300, 300, 3), np.uint8)
        image[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
        face = aligned_face(image, landmarks)
        assert face is not None and face.shape == (ALIGNED_SIZE, ALIGNED_SIZE)
        peak = np.unravel_index(face.argmax(), face.shape)
        assert math.dist(peak, TEMPLATE[i, ::-1]) < 1.2
    assert aligned_face(image, np.full((68, 2), np.nan)) is None
    assert aligned_face(image, np.zeros((68, 2))) is None


def test_signature_has_unit_length_and_ignores_lighting() -> None:
    face = np.random.default_rng(0).integers(30, 120, (112, 112), dtype=np.uint8)
    signature = face_signature(face)
    assert signature.shape == (490,) and np.linalg.norm(signature) == pytest.approx(1.0)
    np.testing.assert_array_equal(face_signature(face * 2 + 5), signature)
    flat = face_signature(np.full((112, 112), 9, np.uint8)).reshape(49, 10)
    np.testing.assert_allclose(flat[:, 8], 1 / 7)  # all neighbours equal: eight ones, no change


def test_packed_moments_of_parts_unpack_to_the_whole() -> None:
    whole = np.random.default_rng(0).normal(size=(50, 6)) + 2
    rows = np.stack([Moments.of(part).pack() for part in (whole[:1], whole[1:30], whole[30:])])
    merged = Moments.unpack(rows)
    assert merged.count == 50
    np.testing.assert_allclose(merged.mean, whole.mean(0), atol=1e-12)
    np.testing.assert_allclose(merged.covariance, np.cov(whole, rowvar=False), atol=1e-12)


def test_pooled_distance_is_that_of_all_frames_together() -> None:
    """Videos that each differ from their truth, but not together, are told apart by the two aggregations."""
    metric = create_metric("fd_lite")
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=(2, 80, 63))
    state = MetricState(metric)
    state.update(0, metric.score({"frame_descriptor": first}, {"frame_descriptor": second}))
    state.update(1, metric.score({"frame_descriptor": second}, {"frame_descriptor": first}))
    state.update(2, metric.score({"frame_descriptor": first[:1]}, {"frame_descriptor": first}))
    result = state.compute()
    assert result["pooled"] == pytest.approx(0.0, abs=1e-9) and result["video_mean"] > 1.0


@pytest.mark.parametrize("metric", ["fd_lite", "fvd_lite"])
def test_distances_of_frames_grow_with_noise(metric: str) -> None:
    clip = np.concatenate([make.frames(24, 96), make.frames(24, 96, start=7.0)])
    made = create_metric(metric)
    values = [made(noisy(clip, sigma), clip) for sigma in (0.0, 6.0, 12.0, 24.0, 48.0)]
    assert values[0] == pytest.approx(0.0, abs=1e-9)
    assert (np.diff(values) > 0).all(), values


def test_short_clips_give_a_reason() -> None:
    clip = make.frames(20, 96)
    score = create_metric("fvd_lite").score(clip, clip)
    assert math.isnan(score.value) and "clips of 16" in score.reason


def test_angles_differ_the_short_way_round() -> None:
    truth = {"pose": np.array([[179.0, 0.0, 0.0]])}
    assert create_metric("apd_lite")({"pose": np.array([[-179.0, 0.0, 4.0]])}, truth) == pytest.approx((2 + 0 + 4) / 3)


def test_expression_shape_knows_no_pose_and_no_face() -> None:
    """Turned, enlarged, moved, and of another head: the same displacements."""
    points = make.landmarks68(9) + np.random.default_rng(0).normal(size=(9, 68, 2))
    shape = expression_shape(points)
    assert shape.shape == (9, 60)
    assert np.median(shape, axis=0) == pytest.approx(0, abs=1e-12)
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    assert expression_shape(3 * points @ turn.T + [40.0, -7.0]) == pytest.approx(shape)
    still = np.repeat(points[:1], 3, axis=0)
    still[1, 48, 1] += 6.5
    eyes = points[0, 42:48].mean(0) - points[0, 36:42].mean(0)
    moved = expression_shape(still)[1]
    assert np.linalg.norm(moved) == pytest.approx(6.5 / np.linalg.norm(eyes))
    assert np.flatnonzero(np.abs(moved) > 1e-9).size <= 2
    points[4] = np.nan
    assert np.isnan(expression_shape(points)[4]).all() and np.isfinite(expression_shape(points)[5]).all()
