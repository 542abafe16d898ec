"""The tables of all profiles over re-encoded real clips with seeded weights: cost per video and peak memory.

    python -m tests.performance.profiles OUT [--frames 32] [--clips 2] [--workers 1] [--memory]

Needs ffmpeg and the clips of ../shared/real. Writes into OUT the seeded weight files, the clips (256 pixels wide; a
ground truth and two qualities as methods), one run of all metrics, one run of each profile from its features, and their
HTML reports; prints the cost: processor seconds of one thread for a second of video (25 frames) of each profile and
extractor, without the opening of networks. With --memory every profile also runs anew on one clip, for the peak of its
memory. The same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.commands.evaluate import run_evaluate
from bench.commands.report import run_report
from bench.costs import LOADING, Costs
from bench.store import Journal

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "real"
CLIPS = ("performance_rgb_256", "talking_with_audio")
QUALITIES = (30, 45)
TRUTH_QUALITY = 12
PROFILES = ("avatar", "talking-head", "micro", "survey", "theval")


def encode_clips(out: Path, frames: int, clips: Sequence[str]) -> tuple[Path, Path]:
    """Re-encodes the first frames of the clips: predictions (a method for each quality) and the ground truth."""
    for clip in clips:
        for folder, quality in (("gt", TRUTH_QUALITY), *((f"pred/crf{q}", q) for q in QUALITIES)):
            target = out / folder / f"{clip}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_file():
                continue
            cut = ["-frames:v", str(frames), "-shortest", "-t", str(frames / (30 if "256" in clip else 25))]
            code = [
                "-vf",
                "scale=256:-2",
                "-c:v",
                "libx264",
                "-crf",
                str(quality),
                "-pix_fmt",
                "yuv420p",
                "-c:a",
                "aac",
            ]
            source = str(REAL / f"{clip}.mp4")
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, *cut, *code, str(target)], check=True)
    return out / "pred", out / "gt"


def score(pred: Path, truth: Path, profile: str, out: Path, **how: Any) -> None:
    """Scores by a profile and writes the report, in this process."""
    options = {"suite": "plain", "metrics": "all", "workers": 1, "align": "resample", "band": 0.2, "max_drop": 0.1,
               "overwrite": "missing", "reference": True, "cache": None, "seed": 0, "plan_only": False}  # fmt: skip
    run_evaluate(pred=pred, truth=truth, profile=profile, out=out, **{**options, **how})
    run_report([out], format="html", out=None, published=True, pictures=True)


def spent(folder: Path) -> tuple[dict[str, float], float]:
    """Processor seconds by name, and the peak of memory in MB, of all that was ever run into a folder."""
    costs, peak = Costs(), 0.0
    for path in sorted((folder / "journal").glob("*.jsonl")):
        for line in Journal.read(path):
            if line.get("kind") == "costs":
                costs.add(line["wall"], line["cpu"])
                peak = max(peak, line["peak_megabytes"])
    return costs.cpu, peak


def costs_by_profile(cpu: dict[str, float], seconds: float) -> None:
    """Prints the processor seconds for a second of video by extractor, and their sums by profile."""
    from bench.inputs import wanted_extractors
    from bench.metrics import create_metric
    from bench.profiles import find_profile

    cost = {name: value / seconds for name, value in cpu.items() if name != LOADING}
    print("\nextractor or metric | CPU s per second of video\n--- | ---")
    for name, value in sorted(cost.items(), key=lambda item: -item[1]):
        if value >= 0.05:
            print(f"{name} | {value:.2f}")
    print("\nprofile | CPU s per second of video\n--- | ---")
    for name in (*PROFILES, "all"):
        metrics = [create_metric(key) for key in find_profile(name).metrics()]
        wanted = {extractor.name for extractor in wanted_extractors(metrics)}
        wanted |= {f"metric:{metric.id()}" for metric in metrics}
        print(f"{name} | {sum(value for key, value in cost.items() if key in wanted):.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--clips", type=int, default=len(CLIPS), help="how many of the clips")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    out = given.out.resolve()
    weights, cache = out / "weights", out / "features"
    pred, truth = encode_clips(out, given.frames, CLIPS[: given.clips])
    if not weights.is_dir():
        subprocess.run([sys.executable, ROOT / "tests/bench/networks/seeded_files.py", weights], check=True)
    os.environ.update(BENCH_WEIGHTS=str(weights), BENCH_ANY_HASH="1", OMP_NUM_THREADS="1")
    for profile in ("all", *PROFILES):
        score(pred, truth, profile, out / profile, cache=cache, workers=given.workers)
    cpu, peak = spent(out / "all")
    videos = given.clips * (1 + len(QUALITIES))
    costs_by_profile(cpu, videos * given.frames / 25)
    print(f"\nall: {sum(cpu.values()):.0f} CPU s for {videos} videos, {cpu[LOADING]:.0f} of them to open networks; "
          f"peak {peak:.0f} MB a process")  # fmt: skip
    if given.memory:
        small = out / "small"
        for folder in ("gt", f"pred/crf{QUALITIES[0]}"):
            (small / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(out / folder / f"{CLIPS[given.clips - 1]}.mp4", small / folder)
        for profile in (*PROFILES, "all"):
            # A process of its own, whose peak is that of this profile alone.
            command = [sys.executable, "-m", "bench", "evaluate", "--pred", small / "pred", "--gt", small / "gt",
                       "--profile", profile, "--out", small / profile, "--overwrite", "always"]  # fmt: skip
            subprocess.run(list(map(str, command)), cwd=ROOT, check=True)
            print(f"{profile}: peak {spent(small / profile)[1]:.0f} MB")


if __name__ == "__main__":
    main()
