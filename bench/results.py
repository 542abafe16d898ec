"""What a run is asked for and what it leaves: results.json, videos.jsonl, run.json."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.costs import Costs
from bench.plan import Plan
from bench.scoring import Settings
from bench.store import SCHEMA, dumps, file_hash, write_text
from bench.suites.sample import SampleList

PACKAGES = ("versatile-face-animator", "numpy", "scipy", "opencv-contrib-python-headless", "av", "mediapipe", "torch")


@dataclass(frozen=True)
class Options:
    """How to run; scores depend on `settings` and `seed` only.

    Attributes:
        out: results; cache: features, `out/features` when None. workers: processes of this rank.
        overwrite: never (keep every record), missing (do what is absent or failed), always (do all again).
        seed: of the bootstrap. profile: the table that was asked for, so that reports keep its order.
    """

    out: Path
    settings: Settings
    cache: Path | None = None
    workers: int = 1
    overwrite: str = "missing"
    seed: int = 0
    profile: str = ""

    @property
    def features(self) -> Path:
        """Folder of the feature cache."""
        return self.cache or self.out / "features"


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        rows: of results.json (empty on ranks that do not lead). n_failed: samples with faults.
        n_scored, n_kept: samples scored now, and kept from an earlier run. decodes: passes over videos.
        costs: time by extractor and streamed metric, of this rank. peak_megabytes: memory of its largest process.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    n_samples: int = 0
    n_failed: int = 0
    n_usable: int = 0
    n_scored: int = 0
    n_kept: int = 0
    decodes: int = 0
    seconds: float = 0.0
    costs: Costs = field(default_factory=Costs)
    peak_megabytes: float = 0.0


def versions() -> dict[str, str]:
    """Versions of what computes the numbers."""
    found = {"python": platform.python_version(), "results": str(SCHEMA)}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def write_results(
    found: SampleList,
    plan: Plan,
    records: Mapping[tuple[str, str], dict[str, Any]],
    outcome: Outcome,
    options: Options,
    settings: Settings,
    n_ranks: int,
) -> None:
    """Writes the results; run.json holds what differs from run to run."""
    from bench.weights import require

    ordered = [records[sample.method, sample.id] for sample in found.samples]
    write_text(options.out / "videos.jsonl", "".join(dumps(record) + "\n" for record in ordered))
    weights = {key: file_hash(require(key)) for key in sorted({k for m in plan.runnable for k in m.weights})}
    chosen = {
        "suite": found.suite,
        "align": settings.align,
        "max_drop": settings.max_drop,
        "band": settings.band,
        "reference": settings.reference,
        "seed": options.seed,
        "profile": options.profile,
        "metrics": list(settings.metrics),
    }
    results = {
        "schema": SCHEMA,
        "suite": found.suite,
        "n_samples": len(found.samples),
        "n_faulty": outcome.n_failed,
        "unmatched": list(found.unmatched),
        "options": chosen,
        "versions": versions(),
        "weights": weights,
        "rows": outcome.rows,
    }
    write_text(options.out / "results.json", dumps(results, indent=1) + "\n")
    run = {
        "schema": SCHEMA,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(outcome.seconds, 3),
        "workers": options.workers,
        "ranks": n_ranks,
        "scored": outcome.n_scored,
        "kept": outcome.n_kept,
        "decoding_passes": outcome.decodes,
        "peak_megabytes": round(outcome.peak_megabytes),
        "costs": outcome.costs.as_record(),
        "machine": platform.machine(),
        "system": platform.platform(),
    }
    write_text(options.out / "run.json", dumps(run, indent=1) + "\n")
