"""Whole runs on small videos: the same numbers for any number of workers and any order, resume, failures, coverage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.engine import evaluate, make_groups
from bench.features.reader import VideoReader
from bench.metrics import create_metric
from bench.plan import choose_metrics, make_plan
from bench.results import Options, Outcome
from bench.scoring import Settings
from bench.statistics import bootstrap
from bench.suites import Sample, SampleList, build_samples
from vfa.errors import InputError

WriteVideo = Callable[..., Path]
METRICS = ["psnr", "mse", "psnr_ffmpeg", "cpbd", "dd_lite"]


def run(found: SampleList, out: Path, names: list[str] = METRICS, **how: Any) -> Outcome:
    settings = how.pop("settings", Settings(()))
    metrics = [create_metric(name) for name in names]
    return evaluate(found, metrics, Options(out, settings, **how))


def files_of(out: Path) -> dict[str, bytes]:
    """Everything a run promises to be the same each time."""
    paths = [out / "results.json", out / "videos.jsonl", *sorted((out / "frames").rglob("*.npz"))]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in json.loads((out / "results.json").read_text())["rows"]}


def test_results_are_what_the_formulas_give_on_decoded_frames(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    outcome = run(build_samples("plain", pred, truth), tmp_path / "out", ["psnr", "mse"])
    psnr, mse = [], []
    for name in ("a", "b", "c"):
        pairs = zip(VideoReader(pred / f"{name}.mkv", {"frames"}), VideoReader(truth / f"{name}.mkv", {"frames"}),
                    strict=True)  # fmt: skip
        errors = [((p.features["frames"] / 255.0 - t.features["frames"] / 255.0) ** 2).mean() for p, t in pairs]
        mse.append(errors)
        psnr.append([-10 * np.log10(e) for e in errors])
    rows = rows_of(tmp_path / "out")
    assert rows["psnr_rgb"]["pooled"]["value"] == pytest.approx(np.concatenate(psnr).mean(), rel=1e-9)
    assert rows["psnr_rgb"]["video_mean"]["value"] == pytest.approx(np.mean([np.mean(v) for v in psnr]), rel=1e-9)
    assert rows["mse"]["value"] == pytest.approx(np.concatenate(mse).mean(), rel=1e-9)
    assert rows["mse"]["n_frames"] == sum(map(len, mse))
    assert rows["mse"]["coverage"] == 1
    assert rows["mse"]["higher_is_better"] is False
    low, high = rows["psnr_rgb"]["pooled"]["low"], rows["psnr_rgb"]["pooled"]["high"]
    assert low < rows["psnr_rgb"]["value"] < high
    assert min(np.mean(v) for v in psnr) <= low
    assert high <= max(np.mean(v) for v in psnr)
    assert (outcome.n_scored, outcome.n_failed) == (3, 0)


def test_results_have_the_promised_fields(folders: tuple[Path, Path], tmp_path: Path) -> None:
    run(build_samples("plain", *folders), tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    promised = {"metric", "variant", "value", "higher_is_better", "comparable", "n_videos", "n_frames", "n_missing",
                "status", "reason"}  # fmt: skip
    for row in results["rows"]:
        assert promised <= set(row)
    assert {"versions", "options", "weights", "suite", "schema"} <= set(results)
    assert results["options"]["seed"] == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "videos.jsonl").read_text().splitlines()]
    assert [line["video"] for line in lines] == ["a", "b", "c"]
    with np.load(tmp_path / "out" / lines[0]["arrays"], allow_pickle=False) as arrays:
        assert arrays["psnr_rgb"].shape == (8,)
        assert arrays["pairs"].tolist() == [[i, i] for i in range(8)]


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_any_number_of_workers_gives_the_same_bytes(folders: tuple[Path, Path], tmp_path: Path, workers: int) -> None:
    found = build_samples("plain", *folders)
    run(found, tmp_path / "one")
    run(found, tmp_path / "many", workers=workers)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "many")


def test_the_order_of_samples_does_not_matter(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = build_samples("plain", *folders)
    turned = SampleList(found.suite, found.samples[::-1])
    run(found, tmp_path / "one")
    run(turned, tmp_path / "two")
    one, two = rows_of(tmp_path / "one"), rows_of(tmp_path / "two")
    for name in one:
        if one[name]["value"] is not None:
            assert one[name]["value"] == pytest.approx(two[name]["value"], rel=1e-12)


def test_a_second_run_scores_nothing_and_leaves_the_same_bytes(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = build_samples("plain", *folders)
    first = run(found, tmp_path / "out")
    before = files_of(tmp_path / "out")
    second = run(found, tmp_path / "out")
    assert (first.n_scored, first.decodes) == (3, 6)
    assert (second.n_scored, second.n_kept, second.decodes) == (0, 3, 0)
    assert files_of(tmp_path / "out") == before
    third = run(found, tmp_path / "out", overwrite="always")
    assert (third.n_scored, third.decodes) == (3, 6)
    assert files_of(tmp_path / "out") == before


def test_more_metrics_use_the_features_that_are_there(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = build_samples("plain", *folders)
    run(found, tmp_path / "out", ["psnr", "dd_lite"])
    again = run(found, tmp_path / "out", ["dd_lite"])
    assert (again.n_scored, again.decodes) == (3, 0)


def test_a_changed_video_is_scored_again(folders: tuple[Path, Path], tmp_path: Path, video: WriteVideo) -> None:
    pred, truth = folders
    run(build_samples("plain", pred, truth), tmp_path / "out")
    before = rows_of(tmp_path / "out")["psnr_rgb"]["value"]
    video(pred / "b.mkv", 11, seed=1, noise=40)
    outcome = run(build_samples("plain", pred, truth), tmp_path / "out")
    assert (outcome.n_scored, outcome.n_kept) == (1, 2)
    assert rows_of(tmp_path / "out")["psnr_rgb"]["value"] < before


def test_a_broken_video_is_recorded_and_the_others_are_scored(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    (pred / "b.mkv").write_bytes(b"\x1aE\xdf\xa3 this is no video")
    found = build_samples("plain", pred, truth)
    outcome = run(found, tmp_path / "out")
    assert outcome.n_failed == 1
    row = rows_of(tmp_path / "out")["psnr_rgb"]
    assert (row["n_videos"], row["n_videos_total"], row["status"]) == (2, 3, "partial")
    assert "b.mkv" in row["reason"]
    lines = [json.loads(line) for line in (tmp_path / "out" / "videos.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["ok", "failed", "ok"]
    kept = run(found, tmp_path / "out", overwrite="never")
    assert (kept.n_scored, kept.n_kept) == (0, 3)
    tried = run(found, tmp_path / "out")
    assert (tried.n_scored, tried.n_kept) == (1, 2)


def test_a_broken_truth_leaves_what_needs_none(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pred, truth = folders
    (truth / "a.mkv").write_bytes(b"")
    run(build_samples("plain", pred, truth), tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert rows["psnr_rgb"]["n_videos"] == 2
    assert rows["cpbd_compat"]["n_videos"] == rows["dd_lite"]["n_videos"] or rows["dd_lite"]["n_videos"] == 3


def test_a_video_that_vanishes_during_the_run_costs_itself_only(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bench.extraction as extraction
    from bench.store import file_hash

    def vanish(path: Path) -> str:
        if path == folders[0] / "b.mkv":
            raise InputError("the file cannot be read", path=path, found="gone")
        return file_hash(path)

    monkeypatch.setattr(extraction, "file_hash", vanish)
    outcome = run(build_samples("plain", *folders), tmp_path / "out")
    assert outcome.n_failed == 1
    row = rows_of(tmp_path / "out")["psnr_rgb"]
    assert (row["n_videos"], row["status"]) == (2, "partial")
    assert "gone" in row["reason"]


def test_a_raising_metric_is_recorded_and_the_others_go_on(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.metrics.registry import metric_class

    def fail(self: object, prediction: object, truth: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(metric_class("mse"), "values", fail)
    outcome = run(build_samples("plain", *folders), tmp_path / "out", ["psnr", "mse"])
    rows = rows_of(tmp_path / "out")
    assert rows["psnr_rgb"]["n_videos"] == 3
    assert (rows["mse"]["value"], rows["mse"]["status"]) == (None, "failed")
    assert "on purpose" in rows["mse"]["reason"]
    assert outcome.n_failed == 3


def test_lengths_may_differ_a_little_and_not_a_lot(tmp_path: Path, video: WriteVideo) -> None:
    video(tmp_path / "gt" / "a.mkv", 20)
    video(tmp_path / "p" / "a.mkv", 19)
    video(tmp_path / "gt" / "b.mkv", 20)
    video(tmp_path / "p" / "b.mkv", 12)
    found = build_samples("plain", tmp_path / "p", tmp_path / "gt")
    run(found, tmp_path / "out", ["psnr"])
    lines = [json.loads(line) for line in (tmp_path / "out" / "videos.jsonl").read_text().splitlines()]
    assert lines[0]["alignment"]["n_used"] == 19
    assert lines[0]["alignment"]["n_dropped"] == 1
    assert lines[0]["scores"]["psnr_rgb"]["n_frames"] == 19
    assert lines[1]["scores"]["psnr_rgb"]["value"] is None
    assert "--max-drop" in lines[1]["scores"]["psnr_rgb"]["reason"]
    run(found, tmp_path / "loose", ["psnr"], settings=Settings((), max_drop=0.5))
    assert rows_of(tmp_path / "loose")["psnr_rgb"]["n_videos"] == 2
    run(found, tmp_path / "strict", ["psnr"], settings=Settings((), align="none"))
    row = rows_of(tmp_path / "strict")["psnr_rgb"]
    assert (row["n_videos"], row["status"]) == (0, "failed")
    assert "20 frames" in row["reason"]


def test_other_rate_and_size_are_mended_and_recorded(tmp_path: Path, video: WriteVideo) -> None:
    video(tmp_path / "gt" / "a.mkv", 25, rate=25, size=(64, 48))
    video(tmp_path / "p" / "a.mkv", 30, rate=30, size=(32, 24))
    run(build_samples("plain", tmp_path / "p", tmp_path / "gt"), tmp_path / "out", ["psnr", "psnr_ffmpeg"])
    line = json.loads((tmp_path / "out" / "videos.jsonl").read_text())
    assert line["alignment"]["mode"] == "time"
    assert line["alignment"]["resized"] == "32x24 -> 64x48"
    assert line["alignment"]["n_used"] == 25
    assert line["scores"]["psnr_rgb"]["value"] > 10


def test_one_truth_of_several_methods_is_decoded_once(tmp_path: Path, video: WriteVideo) -> None:
    video(tmp_path / "gt" / "a.mkv", 6, seed=1)
    for i, method in enumerate(("m1", "m2", "m3")):
        video(tmp_path / "p" / method / "a.mkv", 6, seed=1, noise=3.0 * (i + 1))
    found = build_samples("plain", tmp_path / "p", tmp_path / "gt")
    assert [len(group.samples) for group in make_groups(found.samples)] == [3]
    outcome = run(found, tmp_path / "out", ["psnr", "ssim", "mse", "cpbd", "psnr_ffmpeg"])
    assert outcome.decodes == 4
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    psnr = {row["method"]: row["value"] for row in rows if row["id"] == "psnr_rgb"}
    assert psnr["m1"] > psnr["m2"] > psnr["m3"]


def test_vertex_sequences_are_scored(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(7, 30, 3)).astype(np.float32)
    for folder, shift in (("p", 0.5), ("gt", 0.0)):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", truth + np.float32(shift))
    run(build_samples("plain", tmp_path / "p", tmp_path / "gt"), tmp_path / "out", ["mve", "psnr"])
    rows = rows_of(tmp_path / "out")
    assert rows["mve"]["value"] == pytest.approx(0.5 * np.sqrt(3), rel=1e-5)
    assert rows["psnr_rgb"]["status"] == "unavailable"


def test_unavailable_metrics_say_why_and_are_never_zero(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = build_samples("plain", *folders)
    run(found, tmp_path / "out", ["psnr", "aue_u", "mve"])
    rows = rows_of(tmp_path / "out")
    assert rows["aue_u"]["status"] == rows["mve"]["status"] == "unavailable"
    assert rows["aue_u"]["value"] is None
    assert "OpenFace" in rows["aue_u"]["reason"]


def test_plan_counts_without_decoding(folders: tuple[Path, Path]) -> None:
    before = VideoReader.passes
    plan = make_plan(build_samples("plain", *folders), [create_metric("psnr"), create_metric("aue_u")])
    assert VideoReader.passes == before
    assert (plan.n_samples, plan.n_videos) == (3, 6)
    assert [metric.id() for metric in plan.runnable] == ["psnr_rgb"]
    assert list(plan.unavailable) == ["aue_u"]


def test_dtw_refuses_what_cannot_be_warped() -> None:
    with pytest.raises(InputError, match="cpbd"):
        choose_metrics(["psnr", "cpbd"], "dtw")
    assert all(metric.warpable for metric in choose_metrics(["all"], "dtw"))


def test_bootstrap_of_a_mean_matches_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    interval = bootstrap(lambda draw: float(values[draw].mean()), len(values), 0)
    assert interval is not None
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert interval[0] == pytest.approx(values.mean() - half, abs=0.05)
    assert interval[1] == pytest.approx(values.mean() + half, abs=0.05)
    assert bootstrap(lambda draw: 1.0, 1, 0) is None
    assert bootstrap(lambda draw: float(draw.sum()), 5, 3) == bootstrap(lambda draw: float(draw.sum()), 5, 3)


def test_a_shared_cache_serves_another_output_folder(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = build_samples("plain", *folders)
    run(found, tmp_path / "one", cache=tmp_path / "cache")
    other = run(found, tmp_path / "two", cache=tmp_path / "cache")
    assert other.decodes == 0
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert not (tmp_path / "one" / "features").exists()


def test_lost_frames_files_are_no_reason_to_fail_the_report(folders: tuple[Path, Path], tmp_path: Path) -> None:
    from bench.report.model import load_report

    run(build_samples("plain", *folders), tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "frames")
    report = load_report([tmp_path / "out"])
    assert report.runs[0].arrays(report.runs[0].videos[0]) == {}


def test_samples_without_truth_get_the_metrics_that_need_none(tmp_path: Path, video: WriteVideo) -> None:
    path = video(tmp_path / "p" / "a.mkv", 6)
    run(SampleList("plain", (Sample("a", "m", path),)), tmp_path / "out", ["psnr", "dd_lite"])
    rows = rows_of(tmp_path / "out")
    assert rows["psnr_rgb"]["status"] == "unavailable"
    assert rows["dd_lite"]["n_videos"] == 1


def write_odd(path: Path, pixel_format: str, size: tuple[int, int], times: list[int]) -> Path:
    """A lossless video of odd make: pixel format, size, and times in milliseconds."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for time in times:
            image = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


ODD = {
    "grey": ("gray", (64, 48), [0, 40, 80]),
    "10 bit": ("yuv420p10le", (64, 48), [0, 40, 80]),
    "odd size": ("yuv444p", (45, 31), [0, 40, 80]),
    "one frame": ("yuv420p", (64, 48), [0]),
    "variable rate": ("yuv420p", (64, 48), [0, 10, 130, 140, 400]),
    "late start": ("yuv420p", (64, 48), [5000, 5040, 5080]),
    "23.976": ("yuv420p", (64, 48), [0, 42, 83, 125, 167]),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_videos_are_scored_and_identity_is_best(tmp_path: Path, kind: str) -> None:
    path = write_odd(tmp_path / "gt" / "a.mkv", *ODD[kind])
    (tmp_path / "p").mkdir()
    shutil.copy(path, tmp_path / "p" / "a.mkv")
    outcome = run(build_samples("plain", tmp_path / "p", tmp_path / "gt"), tmp_path / "out", ["mse", "psnr_ffmpeg"])
    rows = rows_of(tmp_path / "out")
    assert outcome.n_failed == 0
    assert rows["mse"]["value"] == 0
    assert rows["mse"]["n_frames"] == len(ODD[kind][2])
    assert rows["psnr_ffmpeg"]["n_videos"] == 1


def test_absent_sound_or_face_costs_the_metrics_that_need_it_only(tmp_path: Path, video: WriteVideo) -> None:
    video(tmp_path / "gt" / "a.mkv", 10, tone=True)
    video(tmp_path / "p" / "a.mkv", 10)
    video(tmp_path / "gt" / "b.mkv", 10)
    video(tmp_path / "p" / "b.mkv", 10)
    found = build_samples("plain", tmp_path / "p", tmp_path / "gt")
    run(found, tmp_path / "out", ["psnr", "sync_lite"])
    lines = [json.loads(line) for line in (tmp_path / "out" / "videos.jsonl").read_text().splitlines()]
    assert lines[0]["scores"]["psnr_rgb"]["value"] is not None
    assert "face" in lines[0]["scores"]["sync_lite"]["reason"]
    assert "no sound" in lines[1]["scores"]["sync_lite"]["reason"]
    assert all(line["status"] == "ok" for line in lines)


UPPER = ("01", "02", "04", "05", "06", "07", "09", "45")
LOWER = ("10", "12", "14", "15", "17", "20", "23", "25", "26")


def write_table(path: Path, value: float, space: str, n: int = 6) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f"AU{unit}_r" for unit in UPPER + LOWER]
    head = ",".join(["frame", *(space + name for name in ["face_id", "confidence", "success", *names])])
    rows = [",".join(map(str, [i + 1, 0, 0.98, 1, *[value] * len(names)])) for i in range(n)]
    path.write_text("\n".join([head, *rows]) + "\n")


def test_tables_of_the_talking_head_layout_are_scored(tmp_path: Path, video: WriteVideo) -> None:
    root = tmp_path / "data"
    video(root / "gt_video" / "X.mkv", 6)
    video(root / "pred_video" / "X.mkv", 6, noise=3)
    write_table(root / "gt_au_csv" / "X.csv", 1.0, " ")
    write_table(root / "pred_au_csv" / "X.csv", 2.0, "")
    for side, valence in (("gt", 0.5), ("pred", 0.1)):
        (root / f"{side}_va_csv").mkdir()
        text = "valence,arousal\n" + f"{valence},-0.2\n" * 6
        (root / f"{side}_va_csv" / "X.csv").write_text(text)
    run(build_samples("talking-head", root, None), tmp_path / "out", ["aue_u", "aue_l", "v_rmse", "a_rmse", "v_sagr"])
    found = {name: row["value"] for name, row in rows_of(tmp_path / "out").items()}
    assert found["aue_u"] == pytest.approx(8)
    assert found["aue_l"] == pytest.approx(9)
    assert found["v_rmse"] == pytest.approx(0.4)
    assert found["a_rmse"] == pytest.approx(0)
    assert found["v_sagr"] == 1
