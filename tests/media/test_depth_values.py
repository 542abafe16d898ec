"""Depth units, validity and resampling against closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.media.depth import MILLIMETRES, DepthStatistics, DepthUnits, clean, probe, resize_depth


def test_range_ends_and_half_step() -> None:
    units = DepthUnits.for_range(0.3, 0.7)
    step = 0.4 / 65534
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.3, 0.7, (64, 64)).astype(np.float32)
    back = units.to_metres(units.to_steps(depth))
    assert np.abs(back.astype(float) - depth).max() <= step / 2 + 6e-8  # plus the rounding of float32 at 0.7
    assert units.to_steps(np.array([0.3, 0.7, 0.1, 0.9])).tolist() == [1, 65535, 1, 65535]


def test_what_is_no_depth_becomes_zero_and_back_nan() -> None:
    units = DepthUnits.for_range(0.3, 0.7)
    steps = units.to_steps(np.array([np.nan, np.inf, -np.inf, 0.0, -1.0]))
    assert steps.tolist() == [0] * 5
    assert np.isnan(units.to_metres(steps)).all()


def test_every_step_survives_the_way_through_metres() -> None:
    """The steps of 0.16 m are 2.4 um, far above float32's 0.03 um at half a metre."""
    steps = np.arange(65536, dtype=np.uint16)
    units = DepthUnits.for_range(0.40, 0.56)
    np.testing.assert_array_equal(units.to_steps(units.to_metres(steps)), steps)


def test_metadata_round_trip_is_exact() -> None:
    units = DepthUnits.for_range(0.123456789, 0.987654321)
    assert DepthUnits.from_metadata({key.upper(): value for key, value in units.metadata().items()}) == units
    assert DepthUnits.from_metadata({"encoder": "x"}) is None
    assert DepthUnits.from_metadata({"depth_unit": "mm"}) == MILLIMETRES
    assert MILLIMETRES.to_metres(np.array([1500], np.uint16))[0] == np.float32(1.5)


@pytest.mark.parametrize("metadata", [{"depth_unit": "inch"}, {"depth_scale": "x"}, {"depth_scale": "-1"}])
def test_unknown_units_are_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(InputError, match="units"):
        DepthUnits.from_metadata(metadata)


def test_statistics_count_what_is_missing() -> None:
    statistics = DepthStatistics()
    depth = np.full((4, 5), 0.5, np.float32)
    depth[0, :] = np.nan
    statistics.update(depth)
    statistics.update(np.full((4, 5), 0.25, np.float32))
    assert statistics.invalid_share == 5 / 40
    assert (statistics.nearest, statistics.farthest) == (0.25, 0.5)


def test_probe_tells_metres_from_millimetres() -> None:
    rng = np.random.default_rng(1)
    metres = rng.uniform(0.3, 0.6, (8, 8)).astype(np.float32)
    nothing = np.full((8, 8), np.nan, np.float32)
    assert probe(Path("x"), [nothing, metres]) == 1.0
    assert probe(Path("x"), [metres * 1000]) == 1e-3


@pytest.mark.parametrize(
    ("depth", "found"),
    [
        (np.zeros((4, 4)), "zero, NaN"),
        (np.full((4, 4), np.nan), "zero, NaN"),
        (np.full((4, 4), np.inf), "zero, NaN"),
        (np.full((4, 4), 0.5), "one value 0.5"),
        (np.where(np.arange(16).reshape(4, 4) == 3, 0.5, 0.0), "at most 1 valid"),
    ],
)
def test_probe_refuses_what_has_no_shape(depth: np.ndarray, found: str) -> None:
    with pytest.raises(InputError, match=found):
        probe(Path("clip"), [clean(depth)] * 3)


def test_resampling_is_exact_on_a_plane_and_never_mixes_surfaces() -> None:
    """A plane in pixel-centre coordinates stays that plane; at a step only values of either side appear."""
    x = np.arange(16) + 0.5
    plane = (0.4 + 0.001 * x[None, :] + 0.0005 * x[:, None]).astype(np.float32)
    fine = (np.arange(32) + 0.5) / 2
    expected = 0.4 + 0.001 * fine[None, :] + 0.0005 * fine[:, None]
    np.testing.assert_allclose(resize_depth(plane, 32, 32)[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-6)
    step = np.where(x[None, :] < 8, np.float32(0.4), np.float32(0.9)) * np.ones((16, 1), np.float32)
    resampled = resize_depth(step, 37, 41)
    assert np.minimum(np.abs(resampled - 0.4), np.abs(resampled - 0.9)).max() < 1e-6
    holes = plane.copy()
    holes[4:8, 4:8] = np.nan
    share = np.isnan(resize_depth(holes, 32, 32)).mean()
    assert share == pytest.approx(16 / 256, abs=1e-9)


def test_resampling_to_the_same_size_changes_nothing() -> None:
    depth = np.random.default_rng(2).uniform(0.3, 2, (5, 7)).astype(np.float32)
    assert resize_depth(depth, 5, 7) is depth
