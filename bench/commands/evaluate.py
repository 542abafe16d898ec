"""`bench evaluate`: says the plan, runs the engine, says what came out."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from bench.engine import evaluate
from bench.plan import Plan, choose_metrics, make_plan
from bench.profiles import Profile, find_profile, profile_table
from bench.results import Options, Outcome
from bench.scoring import Settings
from bench.store import write_text
from bench.suites import build_samples
from vfa.errors import EXIT_ASSET, EXIT_INPUT, EXIT_OK, EXIT_PARTIAL, InputError


def run_evaluate(
    *,
    pred: Path,
    truth: Path | None,
    suite: str,
    metrics: str,
    profile: str,
    out: Path,
    workers: int,
    align: str,
    band: float,
    max_drop: float,
    overwrite: str,
    reference: bool,
    cache: Path | None,
    seed: int,
    plan_only: bool,
) -> int:
    """Runs the command and returns its exit code: 0; 3 when no sample gave a number (4 when weights are missing for
    that); 5 when some failed."""
    from bench.distributed import launch

    names = [name.strip() for name in metrics.split(",") if name.strip()]
    if profile:
        if names != ["all"]:
            raise InputError("--metrics and --profile exclude each other", expected="one of them")
        names = names if profile == "all" else find_profile(profile).metrics()
    if not names:
        raise InputError("--metrics names nothing", expected="names with commas, or all", hint="bench list metrics")
    chosen = choose_metrics(names, align)
    found = build_samples(suite, pred, truth)
    if plan_only:
        print_plan(make_plan(found, chosen), found.unmatched)
        return EXIT_OK
    settings = Settings((), align, max_drop, band, reference)
    options = Options(out, settings, cache, workers, overwrite, seed, profile)
    ranks = launch()
    progress = Progress(quiet=not ranks.leads)
    outcome = evaluate(
        found,
        chosen,
        options,
        on_plan=lambda plan: print_plan(plan, found.unmatched),
        on_progress=progress,
        ranks=ranks,
    )
    if not ranks.leads:
        return EXIT_OK
    print_outcome(outcome, out)
    if profile and profile != "all":
        print_profile(find_profile(profile), outcome.rows, out)
    if outcome.n_usable == 0:
        unmet = {row["id"] for row in outcome.rows if row["status"] == "unavailable"}
        return EXIT_ASSET if any(metric.weights and metric.id() in unmet for metric in chosen) else EXIT_INPUT
    return EXIT_PARTIAL if outcome.n_failed else EXIT_OK


class Progress:
    """One line per scored sample, on standard error."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, done: int, total: int, name: str) -> None:
        if not self.quiet:
            import typer

            typer.echo(f"[{done}/{total}] {printable(name)}", err=True)


def print_plan(plan: Plan, unmatched: tuple[str, ...]) -> None:
    """Says what will run, what cannot and why, and about how long it takes."""
    print(
        f"{plan.n_samples} samples in {plan.n_videos} videos, about {plan.n_frames} frames; "
        f"about {_duration(plan.seconds)} on one worker, {max(plan.megabytes, 1):.0f} MB of features"
    )
    print(f"metrics ({len(plan.runnable)}): " + (", ".join(metric.id() for metric in plan.runnable) or "none"))
    by_reason: dict[str, list[str]] = {}
    for name, reason in plan.unavailable.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        print(f"unavailable: {', '.join(names)}: {reason}")
    for line in unmatched[:20]:
        print("unmatched: " + printable(line))
    if len(unmatched) > 20:
        print(f"unmatched: ... and {len(unmatched) - 20} more (all are in results.json)")


def print_outcome(outcome: Outcome, out: Path) -> None:
    """A short table of the results and the next command to run."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("method", "metric", "", "value", "95 %", "videos", "frames", "note"):
        table.add_column(name, justify="right" if name in ("value", "95 %", "videos", "frames") else "left")
    for row in outcome.rows:
        if row["status"] != "unavailable":
            table.add_row(*_cells(row))
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table, markup=False, highlight=False)
    for line in warp_lines(outcome.rows):
        print(line)
    skipped = sum(row["status"] == "unavailable" for row in outcome.rows)
    print(
        f"{outcome.n_scored} samples scored, {outcome.n_kept} kept from before, {outcome.decodes} decoding passes, "
        f"{outcome.seconds:.1f} s; {outcome.n_failed} samples with faults, {skipped} rows unavailable"
    )
    print(f"results: {out}/results.json, videos.jsonl\nnext: bench report {_quoted(out)} --format html")


def print_profile(profile: Profile, rows: list[dict[str, Any]], out: Path) -> None:
    """The table of a profile, printed and kept as `<name>.md` beside the results."""
    table = profile_table(profile, rows)
    lines = [" | ".join(printable(cell) for cell in line) for line in table]
    lines.insert(1, " | ".join("---" for _ in table[0]))
    text = "\n".join(f"| {line} |" for line in lines)
    note = "† not comparable with published numbers (a stand-in, an own definition, or other weights); – no number"
    write_text(out / f"{profile.name}.md", f"# {profile.title}\n\n{text}\n\n{note}\n")
    print(f"\n{profile.title}\n{text}\n{note}")


def warp_lines(rows: list[dict[str, Any]]) -> list[str]:
    """What the warp of each method cost, under `--align dtw`; such scores rank nothing without it."""
    said: dict[str, str] = {}
    for row in rows:
        cost = row["details"]
        if cost.get("warp_abs_ms") is not None and row["method"] not in said:
            said[row["method"]] = (
                f"warp of {printable(row['method'])}: {cost['warp_abs_ms']:.0f} ms off the diagonal on average, "
                f"lag {cost['warp_lag_ms']:+.0f} ms, {cost['warp_off_diagonal']:.0%} of steps off it, "
                f"{cost['warp_band_hits']:.0%} at the band's border"
            )
    return list(said.values())


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    arrow = {True: "up", False: "down", None: "near"}[row["higher_is_better"]]
    low, high = row["pooled"]["low"], row["pooled"]["high"]
    interval = "" if low is None else f"{number(low)} .. {number(high)}"
    plain = row["details"].get("unaligned")
    interval += "" if plain is None else f" (unaligned {number(plain)})"
    note = row["reason"].split("\n")[0][:60] if row["status"] != "ok" else "" if row["comparable"] else "not comparable"
    frames = f"{row['n_frames']}" + (f" (-{row['n_missing']})" if row["n_missing"] else "")
    videos = f"{row['n_videos']}/{row['n_videos_total']}"
    return printable(row["method"]), row["id"], arrow, number(row["value"]), interval, videos, frames, printable(note)


def number(value: float | None) -> str:
    """A number with four significant digits, a dash for none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:.3e}"


def printable(text: str) -> str:
    """Text without control characters, so that file names cannot drive the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
