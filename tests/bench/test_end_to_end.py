"""Real clips, re-encoded by ffmpeg: agreement with ffmpeg's own filters, monotone scores, speed, memory, the report."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.commands.process import run_process
from bench.commands.report import run_report
from bench.engine import evaluate
from bench.metrics import create_metric
from bench.plan import choose_metrics, make_plan
from bench.results import Options, Outcome
from bench.scoring import Settings
from bench.suites import build_samples

REAL = Path(__file__).parents[2].parent / "shared" / "real"
CLIP = REAL / "performance_rgb_256.mp4"
FFMPEG = shutil.which("ffmpeg") or ""
CHROMIUM = shutil.which("chromium") or ""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FFMPEG, reason="needs ffmpeg"),
    pytest.mark.skipif(not CLIP.is_file(), reason="needs the real clips"),
]


def encode(source: Path, target: Path, *options: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([FFMPEG, "-v", "error", "-y", "-i", str(source), *options, str(target)], check=True)
    return target


def lossless(source: Path, target: Path, *options: str) -> Path:
    return encode(source, target, *options, "-an", "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p")


def score(pred: Path, truth: Path, out: Path, names: list[str], **how: object) -> Outcome:
    found = build_samples("plain", pred, truth)
    metrics = [create_metric(name) for name in names]
    return evaluate(found, metrics, Options(out, Settings((), **how)))  # type: ignore[arg-type]


def values(out: Path) -> dict[str, dict[str, float]]:
    """Value by metric and method."""
    table: dict[str, dict[str, float]] = {}
    for row in json.loads((out / "results.json").read_text())["rows"]:
        table.setdefault(row["id"], {})[row["method"]] = row["value"]
    return table


@pytest.mark.parametrize("crf", ["18", "30", "42"])
@pytest.mark.parametrize("clip", ["performance_rgb_256", "talking_with_audio"])
def test_ffmpeg_variants_equal_ffmpegs_filters(tmp_path: Path, crf: str, clip: str) -> None:
    truth = lossless(REAL / f"{clip}.mp4", tmp_path / "gt" / "a.mp4", "-t", "2")
    pred = encode(truth, tmp_path / "p" / "a.mp4", "-c:v", "libx264", "-crf", crf)
    score(pred.parent, truth.parent, tmp_path / "out", ["psnr_ffmpeg", "ssim_ffmpeg"])
    with np.load(next((tmp_path / "out" / "frames").rglob("*.npz")), allow_pickle=False) as saved:
        psnr, ssim = saved["psnr_ffmpeg"], saved["ssim_ffmpeg"]
    pooled = -10 * np.log10(np.mean(10 ** (-psnr / 10)))
    for name, ours in (("psnr", pooled), ("ssim", ssim.mean())):
        graph = f"[0:v]settb=AVTB,setpts=N[a];[1:v]settb=AVTB,setpts=N[b];[a][b]{name}"
        command = [FFMPEG, "-i", str(pred), "-i", str(truth), "-lavfi", graph, "-f", "null", "-"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        found = re.search(r"average:([\d.]+)" if name == "psnr" else r"All:([\d.]+)", said)
        assert found
        assert ours == pytest.approx(float(found[1]), abs=1e-3)


FILTERS = {
    "blur": [("-vf", f"gblur=sigma={s}") for s in (0.5, 1, 2, 4, 8)],
    "noise": [("-vf", f"noise=alls={s}:allf=t:all_seed=1") for s in (4, 10, 20, 40, 80)],
    "compression": [("-crf", str(c)) for c in (20, 28, 36, 44, 51)],
    "shift": [("-vf", f"tpad=start={k}:start_mode=clone,trim=end_frame=60,setpts=N/30/TB") for k in (1, 2, 4, 7, 11)],
}


@pytest.mark.parametrize("kind", FILTERS)
def test_paired_scores_fall_as_quality_falls(tmp_path: Path, kind: str) -> None:
    truth = lossless(CLIP, tmp_path / "gt" / "a.mp4", "-frames:v", "60")
    for level, options in enumerate(FILTERS[kind]):
        quality = () if kind == "compression" else ("-qp", "0")
        encode(truth, tmp_path / "p" / str(level) / "a.mp4", "-c:v", "libx264", *quality, *options)
    names = ["psnr", "ssim", "mse", "mae", "psnr_ffmpeg", "ssim_ffmpeg"]
    if kind == "shift":
        names += ["lmd", "akd"]
    score(tmp_path / "p", truth.parent, tmp_path / "out", names)
    for name, by_level in values(tmp_path / "out").items():
        ordered = np.array([by_level[str(level)] for level in range(5)])
        step = np.diff(ordered) if create_metric(name).higher_is_better else -np.diff(ordered)
        assert (step < 0).all(), (kind, name, ordered)


def test_a_real_video_against_itself_is_perfect(tmp_path: Path) -> None:
    truth = lossless(CLIP, tmp_path / "gt" / "a.mp4", "-frames:v", "40")
    score(truth.parent, truth.parent, tmp_path / "out", ["psnr", "ssim", "mse", "lmd", "akd", "ssim_ffmpeg", "ma"])
    found = {name: next(iter(by.values())) for name, by in values(tmp_path / "out").items()}
    assert found["mse"] == found["lmd_centered"] == found["akd_l1"] == 0
    for name in ("ssim_wang", "ssim_ffmpeg"):
        assert found[name] == pytest.approx(1)
    assert next(value for name, value in found.items() if name.startswith("ma_")) == pytest.approx(1)


def test_warping_undoes_a_shift_and_says_its_cost(tmp_path: Path) -> None:
    truth = lossless(CLIP, tmp_path / "gt" / "a.mp4", "-frames:v", "90")
    late = "tpad=start=3:start_mode=clone,trim=end_frame=90,setpts=N/30/TB"
    lossless(truth, tmp_path / "p" / "a.mp4", "-vf", late)
    score(tmp_path / "p", truth.parent, tmp_path / "out", ["lmd", "psnr"], align="dtw")
    row = next(r for r in json.loads((tmp_path / "out" / "results.json").read_text())["rows"] if r["metric"] == "lmd")
    assert row["id"] == "lmd_centered@dtw(r=200ms,lip)"
    assert row["value"] < 0.3 * row["details"]["unaligned"]
    assert row["details"]["warp_lag_ms"] == pytest.approx(100, abs=25)
    score(truth.parent, truth.parent, tmp_path / "same", ["lmd", "psnr"], align="dtw", band=0.0)
    score(truth.parent, truth.parent, tmp_path / "plain", ["lmd", "psnr"])
    warped, plain = values(tmp_path / "same"), values(tmp_path / "plain")
    assert list(warped["psnr_rgb@dtw(r=0ms,lip)"].values()) == list(plain["psnr_rgb"].values())


def test_all_metrics_together_are_five_times_faster_than_one_by_one(tmp_path: Path) -> None:
    truth = lossless(CLIP, tmp_path / "gt" / "a.mp4", "-frames:v", "90")
    encode(truth, tmp_path / "p" / "a.mp4", "-c:v", "libx264", "-crf", "28")
    found = build_samples("plain", tmp_path / "p", truth.parent)
    metrics = list(make_plan(found, choose_metrics(["all"], "resample")).runnable)

    def seconds(some: list[object]) -> float:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        began = time.process_time()
        outcome = evaluate(found, some, Options(tmp_path / "out", Settings(())))  # type: ignore[arg-type]
        assert outcome.decodes == 2
        return time.process_time() - began

    seconds(metrics)
    together = seconds(metrics)
    one_by_one = sum(seconds([metric]) for metric in metrics)
    print(f"{len(metrics)} metrics: {together:.1f} s together, {one_by_one:.1f} s one by one")
    assert one_by_one > 5 * together


def test_no_metric_depends_on_chunks_or_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bench.features.stream as stream

    for name, start in (("a", "0"), ("b", "2")):
        truth = lossless(CLIP, tmp_path / "gt" / f"{name}.mp4", "-ss", start, "-frames:v", "45")
        encode(truth, tmp_path / "p" / f"{name}.mp4", "-c:v", "libx264", "-crf", "30")
    found = build_samples("plain", tmp_path / "p", tmp_path / "gt")
    metrics = choose_metrics(["all"], "resample")

    def files(name: str, workers: int) -> dict[str, bytes]:
        out = tmp_path / name
        evaluate(found, metrics, Options(out, Settings(()), workers=workers))
        paths = [out / "results.json", out / "videos.jsonl", *sorted((out / "frames").rglob("*.npz"))]
        return {str(path.relative_to(out)): path.read_bytes() for path in paths}

    usual = files("usual", 1)
    assert files("workers", 2) == usual
    monkeypatch.setattr(stream, "CHUNK_FRAMES", 7)
    assert files("chunks", 1) == usual


def peak_megabytes(pred: Path, truth: Path, out: Path) -> float:
    program = (
        "import resource, sys; sys.argv = ['bench', *sys.argv[1:]]\n"
        "from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    arguments = ["evaluate", "--pred", str(pred), "--gt", str(truth), "--out", str(out)]
    arguments += ["--metrics", "psnr,ssim_ffmpeg,lmd,diversity_lite,dd_lite"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = re.search(r"PEAK ([\d.]+)", done.stdout)
    assert found
    return float(found[1])


def test_memory_is_flat_in_clip_length(tmp_path: Path) -> None:
    peaks = {}
    for seconds in (10, 100):
        truth = tmp_path / str(seconds) / "gt" / "a.mp4"
        encode(CLIP, truth, "-c:v", "libx264", "-preset", "ultrafast")
        loop = encode(CLIP, tmp_path / str(seconds) / "loop.mp4", "-c:v", "libx264", "-preset", "ultrafast")
        command = [FFMPEG, "-v", "error", "-y", "-stream_loop", "-1", "-i", str(loop), "-t", str(seconds), "-r", "25"]
        subprocess.run([*command, "-c:v", "libx264", "-preset", "ultrafast", str(truth)], check=True)
        pred = encode(truth, tmp_path / str(seconds) / "p" / "a.mp4", "-c:v", "libx264", "-preset", "ultrafast")
        peaks[seconds] = peak_megabytes(pred.parent, truth.parent, tmp_path / str(seconds) / "out")
    print(f"peak memory: {peaks[10]:.0f} MB for 10 s, {peaks[100]:.0f} MB for 100 s")
    assert peaks[100] < peaks[10] + 60


@pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
def test_faces_are_cut_scored_and_reported(tmp_path: Path) -> None:
    for name in ("expressive_a", "talking_with_audio"):
        encode(REAL / f"{name}.mp4", tmp_path / "gt_test" / f"{name}.mp4", "-t", "1.5", "-c:v", "libx264", "-qp", "0")
    assert run_process(tmp_path / "gt_test", tmp_path, "mediapipe", 256, False, True, False) == 0
    for method, crf in (("good", "24"), ("bad", "44")):
        for path in (tmp_path / "face_videos").glob("*.mp4"):
            encode(path, tmp_path / "made" / method / path.name, "-c:v", "libx264", "-crf", crf)
    names = ["psnr", "ssim", "lmd", "sync_lite"]
    score(tmp_path / "made", tmp_path / "face_videos", tmp_path / "out", names)
    table = values(tmp_path / "out")
    assert table["psnr_rgb"]["good"] > table["psnr_rgb"]["bad"] + 3
    assert run_report([tmp_path / "out"], "html", None, True, True) == 0
    page, shot = tmp_path / "out" / "report.html", tmp_path / "shot.png"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1300,2000"]  # fmt: skip
    command = [CHROMIUM, *flags, f"--screenshot={shot}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    import cv2

    picture = cv2.imread(str(shot))
    assert picture.shape[:2] == (2000, 1300)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 500
