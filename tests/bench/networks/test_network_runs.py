"""Whole runs with metrics of networks: pooled sets, several workers, missing and substituted weights, profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seeded_files import ToyI3D, write_weights
from typer.testing import CliRunner

from bench.cli import app
from bench.engine import evaluate
from bench.features.reader import VideoReader
from bench.metrics import create_metric
from bench.metrics.functional.frechet import frechet_distance
from bench.metrics.registry import metric_class
from bench.plan import choose_metrics
from bench.profiles import PROFILES, find_profile
from bench.results import Options
from bench.scoring import Settings
from bench.suites import SampleList, build_samples
from bench.weights import entry, substituted

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")


@pytest.fixture(autouse=True)
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("BENCH_ANY_HASH", raising=False)
    return tmp_path / "weights"


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in json.loads((out / "results.json").read_text())["rows"]}


def run(found: SampleList, out: Path, names: list[str], **how: Any) -> dict[str, dict[str, Any]]:
    evaluate(found, [create_metric(name) for name in names], Options(out, Settings(()), **how))
    return rows_of(out)


def i3d_of(path: Path) -> np.ndarray:
    """The toy network on a whole video, prepared by hand: the frames are upscaled alike in both directions."""
    from bench.features.network_motion import common_input

    frames = [common_input(frame.features["frames"]) for frame in VideoReader(path, {"frames"})]
    return ToyI3D()(torch.stack(frames, dim=1)[None], rescale=False).numpy()


def test_pooled_sets_workers_and_order(folders: tuple[Path, Path], tmp_path: Path, weights: Path) -> None:
    write_weights(weights, "i3d")
    found = build_samples("plain", *folders)
    rows = run(found, tmp_path / "one", ["fvd_common", "psnr"])
    row = rows["fvd_common"]
    names = ("b", "c")  # a has 8 frames, and I3D needs 10
    pred, truth = (np.concatenate([i3d_of(side / f"{name}.mkv") for name in names]) for side in folders)
    assert row["value"] == pytest.approx(frechet_distance(pred, truth), rel=1e-4)
    assert (row["n_videos"], row["n_videos_total"], row["status"]) == (2, 3, "partial")
    assert row["video_mean"]["value"] is None
    assert row["resamples"] == 200
    assert row["pooled"]["low"] <= row["value"] <= row["pooled"]["high"]
    assert row["comparable"]
    assert not row["enough"]
    backwards = SampleList(found.suite, found.samples[::-1], found.unmatched)
    assert run(backwards, tmp_path / "two", ["fvd_common", "psnr"], workers=2)["fvd_common"]["value"] == row["value"]
    # A second run keeps every record and pools the stored sets.
    assert run(found, tmp_path / "one", ["fvd_common", "psnr"])["fvd_common"]["value"] == row["value"]


def test_without_weights_the_rest_runs(folders: tuple[Path, Path], tmp_path: Path) -> None:
    rows = run(build_samples("plain", *folders), tmp_path / "out", ["fid", "csim", "lpips", "mse"])
    assert rows["mse"]["status"] == "ok"
    for name, key in (("fid_pt", "fid_inception"), ("lpips_alex", "alexnet")):
        assert rows[name]["status"] == "unavailable"
        assert rows[name]["value"] is None
        assert f"bench weights fetch {key}" in rows[name]["reason"]
    assert "backbone.pth" in rows["csim_aligned"]["reason"]


def test_a_file_that_is_not_the_published_one(
    folders: tuple[Path, Path], tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_weights(weights, "alexnet")
    found = build_samples("plain", *folders)
    found = SampleList(found.suite, found.samples[:1], found.unmatched)
    row = run(found, tmp_path / "refused", ["lpips", "mse"])["lpips_alex"]
    assert row["value"] is None
    assert "sha256" in row["reason"]
    monkeypatch.setenv("BENCH_ANY_HASH", "1")
    row = run(found, tmp_path / "taken", ["lpips", "mse"])["lpips_alex"]
    assert row["value"] > 0
    assert not row["comparable"]
    # Of a file whose published hash is not known, nobody can tell; with any hash accepted it does not count either.
    write_weights(weights, "i3d")
    assert substituted("i3d")
    monkeypatch.delenv("BENCH_ANY_HASH")
    assert not substituted("i3d")
    assert substituted("alexnet")
    (weights / entry("alexnet").file).write_bytes(b"<html>moved</html>")
    row = run(found, tmp_path / "page", ["lpips", "mse"])["lpips_alex"]
    assert row["status"] == "unavailable"
    assert "web page" in row["reason"]


def test_profiles_name_metrics_that_exist() -> None:
    for profile in PROFILES.values():
        for column in profile.columns:
            assert bool(column.metric) != bool(column.reason)
            for name in filter(None, (column.metric, column.stand_in)):
                assert metric_class(name).id() == name
            if column.stand_in:
                assert not metric_class(column.stand_in).comparable
                assert metric_class(column.metric).weights
    assert [c.label for c in PROFILES["avatar"].columns] == [
        "SC", "BC", "MS", "DD", "AQ", "IQ", "FID", "FVD", "SSIM", "PSNR", "E-FID", "CSIM",
    ]  # fmt: skip
    assert len(find_profile("all").columns) == len(choose_metrics(["all"], "resample"))
    assert find_profile("avatar").weights() == [
        "dino", "clip_b32", "amt_s", "raft", "clip_l14", "laion", "musiq_spaq", "fid_inception", "i3d", "arcface",
    ]  # fmt: skip


def test_commands_know_profiles(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner = CliRunner()
    doctor = runner.invoke(app, ["doctor", "--profile", "micro"])
    assert doctor.exit_code == 4
    assert "ok  PSNR: psnr_ffmpeg" in doctor.output
    assert "NO  Sync: lse_c" in doctor.output
    assert "meanwhile sync_lite" in doctor.output
    theval = runner.invoke(app, ["weights", "fetch", "--profile", "theval", "--offline"])
    assert theval.exit_code == 4
    for key in ("topiq_iaa", "musiq_koniq", "topiq_face", "retinaface_preact", "facexformer", "silero_vad"):
        assert f"{key}: " in theval.output
    offline = runner.invoke(app, ["weights", "fetch", "--profile", "micro", "--offline"])
    assert offline.exit_code == 4
    out = tmp_path / "out"
    pred, truth = map(str, folders)
    scored = runner.invoke(app, ["evaluate", "--pred", pred, "--gt", truth, "--profile", "micro", "--out", str(out)])
    assert scored.exit_code == 0
    table = (out / "micro.md").read_text()
    assert "| method | Sync ↑ | PSNR ↑ | SSIM ↑ | FID ↓ | IS ↑ |" in table
    assert "†" in table.splitlines()[4]
    both = runner.invoke(app, ["evaluate", "--pred", pred, "--profile", "micro", "--metrics", "psnr"])
    assert both.exit_code != 0
