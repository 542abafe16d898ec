"""The site: `index.html`, the same tables as `leaderboard.json`, and the videos in `media/`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench.leaderboard.boards import Board, common_samples, make_board, profiles_of, subsets
from bench.leaderboard.cost import Cost, bytes_text, estimate, hours_text
from bench.leaderboard.export import plain_boards
from bench.leaderboard.media import chosen_samples, place_media
from bench.leaderboard.page import render_page
from bench.leaderboard.runs import Run, SuiteRuns, load_suites
from bench.leaderboard.view import COLOURS, INNER, board_data, board_view, suite_values
from bench.paired import FEWEST
from bench.report.model import number
from bench.store import dumps, write_text

PAGE = "index.html"
PARTS = 6
"""Parts of a stage that the page names."""


@dataclass(frozen=True)
class Site:
    """What was written: the page, and what it was made from."""

    page: Path
    suites: list[SuiteRuns]
    boards: list[list[Board]]


def write_site(
    folders: Sequence[Path],
    out: Path,
    *,
    title: str = "Leaderboard",
    videos: str = "copy",
    max_samples: int = 200,
    published: bool = True,
    cost_of: int = 100_000,
    warn: Callable[[str], None] = lambda text: None,
) -> Site:
    """Writes the site of some runs; the same runs give the same bytes, and videos that lie there stay.

    Args:
        folders: made by `bench run` or `bench evaluate`. out: gets `index.html`, `leaderboard.json` and `media/`.
        videos: `copy`, `link` or `none`. max_samples: with players and single values; the tables count all samples.
        published: show the tables that others published. cost_of: videos for which time and space are estimated.

    Raises:
        InputError: a folder holds no scores. StoreError: `out` cannot be written.
    """
    suites = load_suites(folders)
    boards = [suite_boards(suite) for suite in suites]
    data: dict[str, Any] = {"inner": INNER, "suites": [], "boards": []}
    views = []
    for i, (suite, some) in enumerate(zip(suites, boards, strict=True)):
        samples = chosen_samples(suite.samples, max_samples)
        media = place_media(suite, samples, out, videos, warn)
        colours = {entry.label: k % COLOURS for k, entry in enumerate(suite.entries)}
        costs = estimate(suite.runs)
        data["suites"].append(_suite_data(suite, some, samples, media, colours, costs))
        views.append(_suite_view(suite, some, samples, colours, costs, cost_of, published, len(data["boards"])))
        sets = dict(_subsets(suite, some))
        for board in some:
            about = board_data(board) | {"suite": i}
            chosen = sets.get(board.subset)
            if chosen is not None:
                about["subset_samples"] = [k for k, sample in enumerate(samples) if sample in chosen]
            data["boards"].append(about)
    page = render_page(
        data,
        title=title,
        suites=views,
        n_methods=sum(len(suite.entries) for suite in suites),
        n_samples=sum(len(suite.samples) for suite in suites),
        n_metrics=len({m for s in suites for e in s.entries for m, row in e.rows.items() if row["value"] is not None}),
        cost_of=cost_of,
        fewest=FEWEST,
    )
    write_text(out / "leaderboard.json", dumps(plain_boards(suites, boards), indent=1) + "\n")
    write_text(out / PAGE, page)
    return Site(out / PAGE, suites, boards)


def suite_boards(suite: SuiteRuns) -> list[Board]:
    """All boards of a suite: each profile by all samples, by those that all methods have, and by each kind."""
    profiles = profiles_of(suite)
    whole = [make_board(suite, profile) for profile in profiles]
    parts = [make_board(suite, p, name, some) for name, some in _subsets(suite, whole) for p in profiles]
    return [*whole, *parts]


def _subsets(suite: SuiteRuns, boards: Sequence[Board]) -> list[tuple[str, frozenset[str]]]:
    every = next(board for board in boards if board.profile == "all" and not board.subset)
    common = common_samples(every)
    return [*([("common", common)] if common else []), *subsets(suite)]


def _suite_data(
    suite: SuiteRuns,
    boards: Sequence[Board],
    samples: Sequence[str],
    media: dict[str, dict[str, str]],
    colours: dict[str, int],
    costs: Sequence[Cost],
) -> dict[str, Any]:
    made = {cost.method: cost for cost in costs if cost.stage == "generate"}
    methods = []
    for label in _by_place(boards, list(colours)):
        cost, colour = made.get(label), colours[label]
        methods.append(
            {
                "label": label,
                "colour": colour,
                "seconds": cost.seconds if cost else None,
                "memory": cost.peak_bytes if cost else None,
            }
        )
    return {
        "name": suite.suite,
        "profiles": list(dict.fromkeys(board.profile for board in boards)),
        "subsets": list(dict.fromkeys(board.subset for board in boards)),
        "methods": methods,
        "samples": [{"id": s, "kind": suite.kinds[s], "media": media[s]} for s in samples],
        "values": suite_values(suite, samples),
        "rate": _rate(suite),
    }


def _by_place(boards: Sequence[Board], labels: list[str]) -> list[str]:
    """Methods by their place over all metrics, then those without one."""
    places = next(board.standings for board in boards if board.profile == "all")
    return sorted(labels, key=lambda m: (places[m].mean_rank if m in places else float("inf"), labels.index(m)))


def _rate(suite: SuiteRuns) -> float:
    """Frames per second by which the players step: that of the first recorded video, else 25."""
    rates = (record["rate"] for entry in suite.entries for record in entry.made.values() if record.get("rate"))
    return float(Fraction(str(next(rates, 25))))


def _suite_view(
    suite: SuiteRuns,
    boards: Sequence[Board],
    samples: Sequence[str],
    colours: dict[str, int],
    costs: Sequence[Cost],
    cost_of: int,
    published: bool,
    first: int,
) -> dict[str, Any]:
    views = []
    for k, board in enumerate(boards):
        view = board_view(board, colours, published)
        view["titles"] = {entry.label: entry.title or entry.label for entry in suite.entries}
        view["index"] = first + k
        view["n_shown"] = sum(column["any"] for column in view["columns"])
        view["has_dagger"] = any(column["dagger"] and column["any"] for column in view["columns"])
        view["has_stand_in"] = any(column["stand_in"] and column["any"] for column in view["columns"])
        view["has_reference"] = any(column["reference"] for column in view["columns"])
        views.append(view)
    labels = {"": f"all {len(suite.samples)} samples"}
    labels |= {board.subset: f"{board.subset} ({board.n_samples})" for board in boards if board.subset}
    return {
        "name": suite.suite,
        "profiles": [
            (name, "all metrics" if name == "all" else name)
            for name in dict.fromkeys(board.profile for board in boards)
        ],
        "subsets": list(labels.items()),
        "subset_labels": labels,
        "boards": views,
        "samples": list(samples),
        "n_samples": len(suite.samples),
        "notices": suite.notices,
        "costs": [_cost_view(cost, colours, cost_of) for cost in costs],
        "runs": [{"label": run.label, "facts": _facts(run)} for run in suite.runs],
        "unmatched": [text for run in suite.runs for text in run.results["unmatched"]],
        "failures": failures(suite),
    }


def failures(suite: SuiteRuns) -> list[tuple[str, str, str]]:
    """Method, sample and reason of everything that went wrong, in making or in scoring."""
    found = []
    for entry in suite.entries:
        if entry.about.get("status") == "unavailable":
            found.append((entry.label, "all samples", f"unavailable: {entry.about.get('reason', '')}"))
        for sample, record in sorted(entry.made.items()):
            if record.get("status") != "ok":
                found.append((entry.label, sample, f"{record.get('cause') or 'failed'}: {record.get('reason', '')}"))
        for sample, scored in sorted(entry.records.items()):
            found += [(entry.label, sample, fault) for fault in scored.faults]
    return found


def _cost_view(cost: Cost, colours: dict[str, int], cost_of: int) -> dict[str, Any]:
    return {
        "stage": cost.stage,
        "method": cost.method,
        "colour": colours.get(cost.method),
        "n": cost.n,
        "seconds": number(cost.seconds, 3),
        "spread": f"{number(cost.low, 3)} to {number(cost.high, 3)}" if cost.low is not None else "",
        "cpu": number(cost.cpu, 3) if cost.cpu is not None else "",
        "real_time": number(cost.real_time, 3) if cost.real_time is not None else "",
        "memory": bytes_text(cost.peak_bytes) if cost.peak_bytes else "",
        "bytes": bytes_text(cost.bytes),
        "hours": hours_text(cost.total_hours(cost_of)),
        "total_bytes": bytes_text(cost.total_bytes(cost_of)),
        "parts": ", ".join(f"{name} {number(took, 2)} s" for name, took in _dear(cost)),
    }


def _dear(cost: Cost) -> list[tuple[str, float]]:
    """The parts of a stage that are worth naming: those of a hundredth of the dearest at least."""
    return [(name, took) for name, took in cost.parts[:PARTS] if took >= 0.01 * cost.parts[0][1] and took >= 1e-4]


def _facts(run: Run) -> str:
    options = run.results["options"]
    facts = [
        f"align {options.get('align')}",
        f"seed {options.get('seed')}",
        f"{run.results['n_samples']} videos scored",
    ]
    facts += [f"{name} {version}" for name, version in sorted(run.results["versions"].items()) if name != "results"]
    facts += [f"weights {name} {digest[:12]}" for name, digest in sorted(run.results["weights"].items())]
    machine = run.about.get("machine")
    if isinstance(machine, dict):
        facts += [f"{name} {value}" for name, value in sorted(machine.items()) if name != "started"]
    elif isinstance(machine, str):
        facts.append(machine)
    return ", ".join(facts)
