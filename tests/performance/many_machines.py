"""What docs/many-machines.md states of large runs: `python -m tests.performance.many_machines`.

Simulated: how evenly samples of different length spread over ranks (the run's own rule on made-up lengths; nothing is
generated). Measured: the leaderboard of made-up scores, time and memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.distributed import Ranks
from bench.leaderboard.site import write_site
from bench.metrics import create_metric
from bench.statistics import describe
from bench.store import SCHEMA

METRICS = ("psnr_rgb", "ssim_wang", "mae", "mse", "lmd_centered", "cpbd_compat", "csim_lite", "niqe_gt_lite")


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance.many_machines", description=__doc__)
    parser.add_argument("--videos", type=int, default=100_000, help="videos spread over ranks")
    parser.add_argument("--scored", type=int, default=5_000, help="samples of the leaderboard, by three methods")
    arguments = parser.parse_args()
    print(f"{arguments.videos} videos of 2 to 30 s: longest rank over mean rank, seconds of a core to share them out")
    for size in (2, 16, 64, 512):
        slowest, seconds = sharing(arguments.videos, size)
        print(f"  {size:4d} ranks  {slowest:.6f}  {seconds:.2f} s", flush=True)
    seconds, megabytes, page = leaderboard(arguments.scored)
    print(
        f"leaderboard of {arguments.scored} samples, 3 methods, {len(METRICS)} metrics: {seconds:.1f} s of a core, "
        f"{megabytes:.0f} MB at most, page {page / 1e6:.2f} MB"
    )


def sharing(videos: int, size: int) -> tuple[float, float]:
    """How much longer the slowest rank works than the mean one, and the seconds it takes to decide that."""
    lengths = np.random.default_rng(0).uniform(2, 30, videos)
    costs = [float(x) for x in lengths]
    began = time.process_time()
    mine = Ranks(0, size).share(range(videos), costs)
    seconds = time.process_time() - began
    loads = [sum(costs[i] for i in mine)]
    loads += [sum(costs[i] for i in Ranks(rank, size).share(range(videos), costs)) for rank in range(1, min(size, 4))]
    return max(loads) / (sum(costs) / size), seconds


def leaderboard(samples: int) -> tuple[float, float, int]:
    """Seconds and peak megabytes of a leaderboard of made-up scores, and the bytes of its page."""
    with tempfile.TemporaryDirectory() as name:
        run = made_up(Path(name) / "run", samples)
        began = time.process_time()
        site = write_site([run], Path(name) / "site", videos="none")
        seconds = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return seconds, peak / 1e6, site.page.stat().st_size


def made_up(folder: Path, samples: int) -> Path:
    """A folder as `bench evaluate` leaves it, with random scores of three methods."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    rows = []
    with (folder / "videos.jsonl").open("w") as file:
        for k, method in enumerate(("first", "second", "third")):
            table = {metric: rng.normal(10 - k, 2, samples) for metric in METRICS}
            for metric, values in table.items():
                number = {
                    "value": float(values.mean()),
                    "low": float(values.mean()) - 0.1,
                    "high": float(values.mean()) + 0.1,
                }
                rows.append(
                    describe(create_metric(metric))
                    | {"method": method, "value": number["value"], "aggregation": "pooled", "pooled": number}
                    | {"video_mean": number, "n_videos": samples, "n_videos_total": samples, "n_frames": samples}
                    | {"n_missing": 0, "coverage": 1.0, "enough": True, "reference": None, "details": {}}
                    | {"status": "ok", "reason": ""}
                )
            for i in range(samples):
                scores = {m: {"value": float(v[i]), "n_frames": 1, "reason": ""} for m, v in table.items()}
                record = {"method": method, "video": f"clip{i:06d}", "prediction": f"{i}.mp4", "truth": None}
                file.write(json.dumps(record | {"faults": [], "status": "ok", "scores": scores}) + "\n")
    options = {"align": "resample", "max_drop": 0.1, "band": 0.2, "reference": True, "seed": 0}
    results = {"schema": SCHEMA, "suite": "plain", "n_samples": 3 * samples, "unmatched": [], "options": options}
    (folder / "results.json").write_text(json.dumps(results | {"versions": {}, "weights": {}, "rows": rows}))
    return folder


if __name__ == "__main__":
    main()
