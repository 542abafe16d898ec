"""Mesh metrics: torchmetrics' lip vertex error, closed forms, Chamfer against a loop, alignment in time."""

from __future__ import annotations

import math
from pathlib import Path

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.mesh import (
    face_dynamics,
    face_dynamics_deviation,
    lip_vertex_error,
    mean_vertex_error,
    mouth_opening,
)
from bench.metrics.functional.surface import (
    chamfer_distance,
    hausdorff_distance,
    sample_surface,
    surface_f_score,
)
from vfa.errors import InputError


def test_lve_equals_torchmetrics_and_its_published_number() -> None:
    import torch
    from torchmetrics.functional.multimodal import lip_vertex_error as reference

    first = torch.randn(10, 100, 3, generator=torch.manual_seed(42))
    second = torch.randn(10, 100, 3, generator=torch.manual_seed(43))
    ours = lip_vertex_error(first.numpy(), second.numpy(), np.arange(5)).mean()
    assert ours == pytest.approx(12.7688, abs=1e-4)
    assert ours == pytest.approx(float(reference(first, second, mouth_map=[0, 1, 2, 3, 4])), rel=1e-6)


def test_variants_of_lve_on_one_moved_vertex() -> None:
    truth = np.zeros((2, 6, 3))
    moved = truth.copy()
    moved[1, 2] = [0, 3, 4]
    lips = np.array([1, 2, 3, 4])
    assert lip_vertex_error(moved, truth, lips).tolist() == [0, 25]
    assert lip_vertex_error(moved, truth, lips, variant="l2-max").tolist() == [0, 5]
    assert lip_vertex_error(moved, truth, lips, variant="l2-mean").tolist() == [0, 1.25]
    assert lip_vertex_error(moved, truth, np.array([0, 5])).tolist() == [0, 0]
    assert mean_vertex_error(moved, truth).tolist() == [0, 5 / 6]


def test_metres_to_millimetres_squares_the_squared_one() -> None:
    first, second = make.vertices(), make.vertices() + 0.01
    lips = [1, 2]
    for name, power in (("lve_sq_max", 2), ("lve_l2_max", 1), ("lve_l2_mean", 1)):
        metric = create_metric(name, lips=lips)
        base = metric({"vertices": first}, {"vertices": second})
        large = metric({"vertices": first * 1e3}, {"vertices": second * 1e3})
        assert large == pytest.approx(base * 1e3**power, rel=1e-4)


def test_fdd_of_a_vertex_that_swings() -> None:
    """Distance 1 and 3 from rest: squared 1 and 9, deviation 4."""
    truth = np.zeros((4, 2, 3))
    truth[:, 0, 1] = [1, 3, 1, 3]
    still = np.zeros((4, 2, 3))
    neutral, upper = np.zeros((2, 3)), np.array([0])
    assert face_dynamics(truth, upper, neutral, variant="signed") == pytest.approx(4.0)
    assert face_dynamics_deviation(still, truth, upper, neutral, variant="signed") == pytest.approx(4.0)
    assert face_dynamics_deviation(truth, still, upper, neutral, variant="signed") == pytest.approx(-4.0)
    assert face_dynamics_deviation(truth, still, upper, neutral) == pytest.approx(4.0)
    assert face_dynamics(truth, upper, None, variant="l2") == 0.0  # always at distance 1 from the mean


def test_signed_errors_cancel_over_clips_and_absolute_ones_do_not() -> None:
    from bench.metrics.state import MetricState

    lively, still = make.vertices(), np.repeat(make.vertices(1), 60, axis=0)
    options = {"upper": [21, 22], "neutral": make.vertices(1)[0]}
    totals = {}
    for name in ("fdd_signed", "fdd_abs"):
        state = MetricState(create_metric(name, **options))
        for i, (p, t) in enumerate([(lively, still), (still, lively)]):
            state.update(i, create_metric(name, **options).score({"vertices": p}, {"vertices": t}))
        totals[name] = state.compute()["pooled"]
    assert totals["fdd_signed"] == pytest.approx(0.0, abs=1e-12) and totals["fdd_abs"] > 0


def test_mouth_opening_is_the_vertical_extent() -> None:
    points = np.zeros((1, 4, 3))
    points[0, :, 1] = [-2, 5, 1, 100]
    assert mouth_opening(points, np.array([0, 1, 2])).tolist() == [7.0]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_mtm_finds_a_pure_shift(frames: int) -> None:
    long = make.vertices(160)
    score = create_metric("mtm", lip_gap=(0, 39)).score(
        {"vertices": long[10 - frames : 150 - frames]}, {"vertices": long[10:150]}
    )
    assert score.value == pytest.approx(40.0 * frames, abs=8.0)
    assert score.details["match_rate"] > 0.7


def test_chamfer_and_hausdorff_equal_loops() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(30, 3)), generator.normal(size=(45, 3))
    there = [min(math.dist(p, q) for q in b) for p in a]
    back = [min(math.dist(p, q) for p in a) for q in b]
    assert chamfer_distance(a, b) == pytest.approx(np.mean(there) + np.mean(back))
    assert chamfer_distance(a, b, variant="l2-half") == pytest.approx((np.mean(there) + np.mean(back)) / 2)
    assert chamfer_distance(a, b, variant="sq") == pytest.approx(np.mean(np.square(there)) + np.mean(np.square(back)))
    assert hausdorff_distance(a, b) == pytest.approx(max(*there, *back))
    precision, recall = np.mean(np.array(there) < 0.5), np.mean(np.array(back) < 0.5)
    assert surface_f_score(a, b, threshold=0.5) == pytest.approx(2 * precision * recall / (precision + recall))
    assert surface_f_score(a, a + 100, threshold=0.5) == 0.0


def test_surface_samples_lie_on_the_surface_and_follow_its_area() -> None:
    vertices = np.array([[0.0, 0, 0], [3, 0, 0], [0, 1, 0], [10, 0, 5], [11, 0, 5], [10, 1, 5]])
    points = sample_surface(vertices, np.array([[0, 1, 2], [3, 4, 5]]), 4000, seed=1)
    flat = points[:, 2] == 0
    assert flat.mean() == pytest.approx(0.75, abs=0.03)  # areas 1.5 and 0.5
    assert (points[flat, 0] / 3 + points[flat, 1] <= 1 + 1e-12).all() and (points[:, :2] >= 0).all()
    np.testing.assert_array_equal(points, sample_surface(vertices, np.array([[0, 1, 2], [3, 4, 5]]), 4000, seed=1))


def test_chamfer_needs_no_correspondence() -> None:
    order = np.random.default_rng(0).permutation(40)
    shuffled = make.vertices()[:, order]
    assert create_metric("chamfer")({"vertices": shuffled}, {"vertices": make.vertices()}) == 0.0
    assert create_metric("mve")({"vertices": shuffled}, {"vertices": make.vertices()}) > 0.1


def test_regions_come_from_options_files_or_beside_the_vertices(tmp_path: Path) -> None:
    truth, moved = make.vertices(4), make.vertices(4)
    moved[:, 3] += 1.0
    (tmp_path / "lips.txt").write_text("1, 2\n3")
    np.save(tmp_path / "lips.npy", np.array([1, 2, 3]))
    beside = {"vertices": truth, "lips": np.array([1, 2, 3])}
    values = [create_metric("lve", lips=lips)({"vertices": moved}, {"vertices": truth})
              for lips in ([1, 2, 3], tmp_path / "lips.txt", str(tmp_path / "lips.npy"))]  # fmt: skip
    values.append(create_metric("lve")({"vertices": moved}, beside))
    np.testing.assert_allclose(values, 3.0)


def test_missing_and_wrong_regions_are_refused(tmp_path: Path) -> None:
    both = {"vertices": make.vertices(4)}, {"vertices": make.vertices(4)}
    with pytest.raises(InputError, match="lips=FILE"):
        create_metric("lve")(*both)
    with pytest.raises(InputError, match="0 to 39"):
        create_metric("lve", lips=[40])(*both)
    with pytest.raises(InputError, match="does not fit"):
        create_metric("lve", lips=[-1])(*both)
    (tmp_path / "lips.txt").write_text("<html>")
    with pytest.raises(InputError, match="lips.txt"):
        create_metric("lve", lips=tmp_path / "lips.txt")(*both)
    with pytest.raises(InputError, match="lip gap"):
        create_metric("mtm", lip_gap=(3531, 3504))(*both)


def test_other_topologies_are_refused_where_correspondence_is_needed() -> None:
    with pytest.raises(InputError, match="differ"):
        create_metric("mve")({"vertices": make.vertices(4, 30)}, {"vertices": make.vertices(4, 40)})
