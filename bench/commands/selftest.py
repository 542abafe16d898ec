"""`bench selftest`: each metric's best possible value on real videos, and what it reacts to."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from bench.commands.evaluate import Progress, number, print_plan
from bench.controls import KINDS, control_samples
from bench.engine import evaluate
from bench.plan import choose_metrics
from bench.results import Options
from bench.scoring import Settings
from bench.suites.sample import VIDEO_SUFFIXES, contents, files_by_stem
from vfa.errors import EXIT_INPUT, EXIT_OK, InputError

SAME = 1e-6
"""Relative change below which a metric is called blind to a control."""


def run_selftest(truth: Path, out: Path, metrics: str, workers: int, limit: int) -> int:
    """Runs the command: writes the controls, scores them, prints a table of metric by control."""
    videos = list(files_by_stem(truth, VIDEO_SUFFIXES).values())[:limit]
    if not videos:
        raise InputError("no videos here", path=truth, expected=", ".join(VIDEO_SUFFIXES), found=contents(truth))
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    chosen = choose_metrics(names, "resample")
    found = control_samples(videos, out / "controls")
    options = Options(out, Settings((), "trim", max_drop=1.0), workers=workers)
    progress = Progress(quiet=False)
    outcome = evaluate(found, chosen, options, on_plan=lambda plan: print_plan(plan, ()), on_progress=progress)
    table: dict[str, dict[str, float]] = {}
    for row in outcome.rows:
        if row["status"] != "unavailable" and row["value"] is not None:
            table.setdefault(row["id"], {})[row["method"]] = row["value"]
    print_table(table)
    if len(videos) < 2:
        print("one video only: no shuffled control", file=sys.stderr)
    return EXIT_OK if table else EXIT_INPUT


def print_table(table: dict[str, dict[str, float]]) -> None:
    """One line a metric: the real video's value, the controls' values, and those it does not notice."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False)
    shown.add_column("metric")
    for kind in KINDS:
        shown.add_column(kind, justify="right")
    shown.add_column("blind to")
    for name, values in sorted(table.items()):
        floor = values.get("real", math.nan)
        blind = [
            kind
            for kind in KINDS[1:]
            if kind in values and abs(values[kind] - floor) <= SAME * max(abs(floor), abs(values[kind]), 1e-12)
        ]
        shown.add_row(name, *(number(values.get(kind)) for kind in KINDS), ", ".join(blind))
    Console(width=None if sys.stdout.isatty() else 120).print(shown, markup=False, highlight=False)
