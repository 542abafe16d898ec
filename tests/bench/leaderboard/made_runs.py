"""Small run folders with chosen scores, the same bytes each time, as `bench run` and `bench evaluate` leave them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.metrics import create_metric
from bench.metrics.base import VideoScore
from bench.metrics.rows import merge_rows
from bench.metrics.rows import row_of as numbers_of
from bench.records import score_record
from bench.statistics import row_of
from bench.store import SCHEMA, dumps

Values = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""method -> metric id -> sample -> value."""

FRAMES = 50


def write_scores(folder: Path, values: Values, *, suite: str = "plain", paths: Mapping[str, str] | None = None) -> Path:
    """A folder of `bench evaluate` with these values by sample; every sample has 50 frames.

    Args:
        values: None gives no number. paths: `method/sample` -> prediction, `sample` -> truth.
    """
    paths = paths or {}
    folder.mkdir(parents=True, exist_ok=True)
    rows, lines = [], []
    for method, metrics in sorted(values.items()):
        scores: dict[str, dict[str, Any]] = {}
        for metric, by_sample in metrics.items():
            for sample, value in by_sample.items():
                score = VideoScore.missing("no face", FRAMES) if value is None else VideoScore(value, FRAMES)
                if value is not None:
                    score.statistics = (value * FRAMES, FRAMES)
                scores.setdefault(sample, {})[metric] = score_record(score) | {"reference": None}
            known = [VideoScore(v if v is not None else np.nan, FRAMES if v is not None else 0,
                                0 if v is not None else FRAMES, reason="" if v is not None else "no face",
                                statistics=(v * FRAMES, FRAMES) if v is not None else (0.0, 0.0))
                     for v in by_sample.values()]  # fmt: skip
            merged = merge_rows([numbers_of(i, score) for i, score in enumerate(known)])
            rows.append(row_of(create_metric(metric), method, merged, [scores[s][metric] for s in by_sample], 0))
        for sample, some in sorted(scores.items()):
            lines.append({
                "method": method, "video": sample, "prediction": paths.get(f"{method}/{sample}", f"{sample}.mp4"),
                "truth": paths.get(sample), "status": "ok", "faults": [], "warnings": [], "alignment": None,
                "arrays": "", "scores": some,
            })  # fmt: skip
    options = {"suite": suite, "align": "resample", "max_drop": 0.1, "band": 0.2, "reference": True, "seed": 0}
    results = {"schema": SCHEMA, "suite": suite, "n_samples": len(lines), "n_faulty": 0, "unmatched": [],
               "options": options, "versions": {"results": str(SCHEMA)}, "weights": {}, "rows": rows}  # fmt: skip
    (folder / "results.json").write_text(dumps(results, indent=1))
    (folder / "videos.jsonl").write_text("".join(dumps(line) + "\n" for line in lines))
    about = {"schema": SCHEMA, "seconds": 12.0, "workers": 2, "ranks": 1, "scored": len(lines), "kept": 0}
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def write_run(
    folder: Path,
    values: Values,
    *,
    suite: str = "synthetic",
    seconds: Mapping[str, float] | None = None,
    videos: Mapping[str, bytes] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Path:
    """A folder of `bench run` with these values.

    Args:
        seconds: of generation by method. videos: the bytes of a method's videos. kinds: of samples.
    """
    samples = sorted({sample for metrics in values.values() for some in metrics.values() for sample in some})
    paths = {f"{m}/{s}": str(folder / m / "videos" / f"{s}.mp4") for m in values for s in samples}
    paths |= {s: str(folder / "suite" / f"{s}.mp4") for s in samples}
    write_scores(folder / "scores", values, suite=suite, paths=paths)
    listed = [{"id": s, "kind": (kinds or {}).get(s, ""), "truth": f"suite/{s}.mp4", "driving": f"suite/{s}.mp4"}
              for s in samples]  # fmt: skip
    (folder / "run.json").write_text(json.dumps({"schema": 1, "suite": suite, "samples": listed, "methods": []}))
    for s in samples:
        _write(folder / "suite" / f"{s}.mp4", (videos or {}).get("truth", b""))
    for method in values:
        _write(folder / method / "method.json", json.dumps({"name": method, "status": "ok"}).encode())
        for i, s in enumerate(samples):
            video = (videos or {}).get(method, b"")
            _write(folder / method / "videos" / f"{s}.mp4", video)
            took = (seconds or {}).get(method, 1.0) * (1 + 0.1 * i)
            record = {"schema": 1, "method": method, "sample": s, "status": "ok", "cause": "", "reason": "",
                      "seconds": took, "stages": {"drive": 0.75 * took, "encode": 0.25 * took},
                      "peak_bytes": 200_000_000 + 1_000_000 * i, "video": f"videos/{s}.mp4", "video_bytes": len(video),
                      "frames": FRAMES, "rate": "25", "width": 64, "height": 64}  # fmt: skip
            _write(folder / method / "samples" / f"{s}.json", json.dumps(record).encode())
    return folder


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
