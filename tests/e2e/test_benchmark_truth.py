"""The whole benchmark on a small synthetic suite: who must win where, in one run."""

from __future__ import annotations

import json
import math
import sys

import pytest

from bench.cli import main

pytestmark = pytest.mark.slow

METHODS = "oracle,static,copy,vfa-landmarks,vfa-retarget,reference-retarget"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict]]:
    """Rows of results.json by metric and method."""
    out = tmp_path_factory.mktemp("run")
    patch = pytest.MonkeyPatch()
    patch.setenv("BENCH_FLOW", "exact")
    arguments = ["bench", "run", "--methods", METHODS, "--out", str(out), "--people", "2", "--frames", "24"]
    patch.setattr(sys, "argv", [*arguments, "--size", "128", "--seed", "1", "--workers", "2"])
    with pytest.raises(SystemExit) as caught:
        main()
    patch.undo()
    assert caught.value.code == 0
    rows: dict[str, dict[str, dict]] = {}
    for row in json.loads((out / "scores" / "results.json").read_text())["rows"]:
        rows.setdefault(row["id"], {})[row["method"]] = row
    return rows


def value(table: dict, metric: str, method: str) -> float:
    found = table[metric][method]["value"]
    return math.nan if found is None else found


def test_the_oracle_is_best_in_every_full_reference_metric(table: dict) -> None:
    seen = 0
    for metric, rows in table.items():
        best, better = rows["oracle"], rows["oracle"]["higher_is_better"]
        if not best["paired"] or best["status"] == "unavailable" or better is None or best["value"] is None:
            continue
        for method in rows:
            other = value(table, metric, method)
            if not math.isnan(other):
                assert (best["value"] >= other) if better else (best["value"] <= other), (metric, method)
        seen += 1
    assert seen > 20


def test_static_does_not_perform_and_copy_is_somebody_else(table: dict) -> None:
    for metric in ("lve_sq_max", "mod", "flow_error", "landmark_error"):
        assert value(table, metric, "static") > value(table, metric, "vfa-landmarks")
    for metric in ("akd_l1", "mse"):
        assert value(table, metric, "copy") > 2 * value(table, metric, "static")
    assert value(table, "identity_kept", "copy") < 0.3
    assert value(table, "identity_kept", "oracle") == 1
    assert value(table, "identity_kept", "vfa-landmarks") > 0.6


def test_landmarks_lie_between(table: dict) -> None:
    for metric in ("mve", "lve_sq_max", "flow_error", "vertex_error", "landmark_error", "lmd_centered", "ssim_wang"):
        between = [value(table, metric, method) for method in ("oracle", "vfa-landmarks", "static")]
        assert sorted(between) in (between, between[::-1]), metric


def test_ours_and_the_originals_retargeting_from_the_same_flow(table: dict) -> None:
    for metric in ("flow_error", "landmark_error", "mse"):
        assert value(table, metric, "vfa-retarget") < value(table, metric, "reference-retarget")
