"""Names of metrics: defaults, variants, aliases, collisions, hints, outside packages."""

from __future__ import annotations

import math
import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import bench.metrics.registry as registry
from bench.metrics import Metric, PerFrameMetric, VideoScore, all_metrics, create_metric, register_metric
from bench.metrics.rows import aggregate, merge_rows, row_of
from vfa.errors import InputError


@pytest.fixture(autouse=True)
def _clean_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    registry._load_all()
    monkeypatch.setattr(registry, "_metrics", dict(registry._metrics))
    monkeypatch.setattr(registry, "_names", dict(registry._names))


class Toy(PerFrameMetric):
    name, variant, default, aliases = "toy", "plain", True, ("plaything",)
    needs, paired = ("frames",), True
    definition = "zero"

    def values(self, prediction, truth):  # type: ignore[no-untyped-def]
        return np.zeros(len(prediction["frames"]))


def test_default_variant_alias_and_spellings() -> None:
    register_metric(Toy)
    for name in ("toy", "toy_plain", "plaything", "Toy-Plain", "toy:plain", " toy "):
        assert create_metric(name).id() == "toy_plain"
    assert registry.names_of(Toy) == ["toy_plain", "plaything", "toy"]
    register_metric(Toy)


def test_colliding_names_name_both_owners() -> None:
    register_metric(Toy)

    class Other(Toy):
        name, variant, aliases = "game", "", ("toy",)

    with pytest.raises(ValueError, match=r"'toy'.*Other.*Toy"):
        register_metric(Other)

    class Same(Toy):
        pass

    with pytest.raises(ValueError, match="toy_plain"):
        register_metric(Same)


def test_unknown_name_gives_near_ones() -> None:
    with pytest.raises(InputError) as caught:
        create_metric("pnsr")
    assert "psnr" in str(caught.value.expected)
    with pytest.raises(InputError, match="bench list metrics"):
        create_metric("")


def test_wrong_options_are_an_input_error() -> None:
    with pytest.raises(InputError, match="does not take"):
        create_metric("psnr", nonsense=3)


def test_outside_packages_register_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Outside(Toy):
        name, variant, aliases = "outside", "", ()

    module = types.ModuleType("outside_metrics")
    module.Outside = Outside  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "outside_metrics", module)
    point = EntryPoint("outside", "outside_metrics:Outside", "bench.metrics")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == "bench.metrics" else [])
    monkeypatch.setattr(registry, "_loaded", False)
    assert create_metric("outside").id() == "outside"


@pytest.mark.parametrize("cls", all_metrics(), ids=lambda cls: cls.id())
def test_every_metric_says_what_it_is(cls: type[Metric]) -> None:
    assert cls.definition, "definition"
    assert cls.reference, "reference"
    assert cls.needs, "needs"
    assert cls.range[0] < cls.range[1]
    assert cls.minimal_n >= 1
    if cls.id().endswith("_lite"):
        assert not cls.comparable
    if cls.warpable:
        assert cls.paired
    create_metric(cls.id())


def test_a_score_without_value_has_a_reason() -> None:
    assert VideoScore(math.nan, 0).reason
    assert VideoScore(math.nan, 3).reason
    score = VideoScore(2.0, 3, frames=np.array([1.0, np.nan, 3.0]))
    assert score.statistics == (4.0, 2.0)
    assert VideoScore(2.0, 1).statistics == (2.0, 1.0)
    assert VideoScore.missing("no face", 4).statistics == (0.0, 0.0)


@pytest.mark.slow
def test_states_of_ranks_merge_to_the_same_bits() -> None:
    from bench.metrics.state import MetricState

    metric = create_metric("psnr")
    rng = np.random.default_rng(0)
    scores = [VideoScore(float(v.mean()), 7, frames=v) for v in rng.uniform(20, 40, (9, 7))]
    whole = merge_rows([row_of(i, score) for i, score in enumerate(scores)])
    expected = float(np.concatenate([s.frames for s in scores]).mean())  # type: ignore[misc]
    assert aggregate(metric, whole)["pooled"] == pytest.approx(expected, rel=1e-12)
    for size in (2, 3):
        parts = [MetricState(metric) for _ in range(size)]
        for i in rng.permutation(len(scores)):
            parts[i % size].update(int(i), scores[i])
        merged = MetricState(metric)
        width = max(part.width for part in parts)
        for part in parts:
            part.pad(width)
            merged.rows += part.rows  # type: ignore[operator]
        assert aggregate(metric, merged.merged()) == aggregate(metric, whole)
        np.testing.assert_array_equal(merged.merged().statistics, whole.statistics)


def test_without_videos_there_is_no_value() -> None:
    assert math.isnan(aggregate(create_metric("psnr"), merge_rows([]))["pooled"])
