"""Boards: one suite by the columns of one profile, with intervals, coverage, significance and places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.leaderboard.ranks import Standing, standings
from bench.leaderboard.runs import Entry, SuiteRuns
from bench.paired import FEWEST, Paired, common_values, compare_pairs, holm, pair_seed
from bench.profiles import PROFILES, Column, Profile
from bench.statistics import bootstrap, seed_of

ALPHA = 0.05
"""Corrected p under which a difference from the best counts as one."""


TRUTH = Profile(
    "truth",
    "against exact truth: motion, geometry, identity, then pictures",
    "pooled",
    (
        Column("Vertex error", "vertex_error"),
        Column("Flow error", "flow_error"),
        Column("Landmark error", "landmark_error"),
        Column("Head turn", "head_turn_error"),
        Column("MVE", "mve"),
        Column("LVE", "lve_sq_max"),
        Column("MOD", "mod"),
        Column("FDD", "fdd_abs"),
        Column("MTM", "mtm"),
        Column("Identity kept", "identity_kept"),
        Column("LMD", "lmd_centered"),
        Column("PSNR", "psnr_rgb"),
        Column("SSIM", "ssim_wang"),
    ),
)
"""What a suite with exact truth is read by first; shown where a method has the first column."""


@dataclass(frozen=True)
class Cell:
    """A number on the board.

    Attributes:
        value: None where there is none, for a `reason`. low, high: 95 % bootstrap interval over samples.
        samples: those that gave a number; total: all that should have. coverage: share of frames that counted.
        enough: rests on as many frames as the metric asks for.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    samples: frozenset[str] = frozenset()
    total: int = 0
    coverage: float | None = None
    enough: bool = True
    reason: str = ""


@dataclass
class BoardColumn:
    """A metric on the board.

    Attributes:
        label: as the profile prints it. metric: id; empty where nothing here computes it. about: its row of
            results.json. stand_in: a metric without weights in the place of the real one.
        cells: by label of the method. best: who is best; nobody when the samples differ or nothing tells them apart.
        against: every other method against the best, over the samples both have; p: Holm's, within the column.
        ranked: whether it counts in the places; why_not: else, why.
        reference: the ground truth's own value.
    """

    label: str
    metric: str
    about: Mapping[str, Any] = field(default_factory=dict)
    stand_in: bool = False
    cells: dict[str, Cell] = field(default_factory=dict)
    best: set[str] = field(default_factory=set)
    against: dict[str, Paired] = field(default_factory=dict)
    p: dict[str, float] = field(default_factory=dict)
    ranked: bool = False
    why_not: str = ""
    reference: float | None = None

    @property
    def up(self) -> bool | None:
        """Whether higher is better; None where only closeness to the truth means something."""
        return self.about.get("higher_is_better")

    def verdict(self, method: str) -> str:
        """`best`, `tied` (no difference from the best is shown), `behind`, or nothing can be said (empty)."""
        if method in self.best:
            return "best"
        if method not in self.p:
            return ""
        return "behind" if self.p[method] < ALPHA else "tied"


@dataclass
class Board:
    """One table: `columns` by `methods`, and the places of those that can be ranked."""

    suite: str
    profile: str
    title: str
    aggregation: str
    methods: list[str]
    columns: list[BoardColumn]
    subset: str = ""
    n_samples: int = 0
    standings: dict[str, Standing] = field(default_factory=dict)
    unranked: dict[str, str] = field(default_factory=dict)


def make_board(suite: SuiteRuns, profile: Profile, subset: str = "", samples: frozenset[str] | None = None) -> Board:
    """The board of one suite by one profile.

    Args:
        samples: only these; the values are then means over them, with their own intervals, and metrics that have no
            value by sample fall out. subset: what to call them.
    """
    methods = [entry.label for entry in suite.entries]
    aggregation = profile.aggregation if samples is None else "video_mean"
    n = len(suite.samples) if samples is None else len(samples)
    columns = [_column(suite.entries, column, aggregation, samples) for column in profile.columns]
    board = Board(suite.suite, profile.name, profile.title, aggregation, methods, columns, subset, n)
    _rank(board, suite.entries)
    for column in board.columns:
        _find_best(column, suite.entries, samples)
    if profile.name == "all":
        board.columns.sort(key=lambda column: not column.ranked)
    return board


def profiles_of(suite: SuiteRuns) -> list[Profile]:
    """Profiles in which at least one method has a number, exact truth first, and all metrics at the end."""
    found = []
    have = {m for entry in suite.entries for m, row in entry.rows.items() if row["value"] is not None}
    bare = {metric.split("@")[0] for metric in have}
    if TRUTH.columns[0].metric in bare:
        found.append(TRUTH)
    for profile in PROFILES.values():
        if any(column.metric in bare or column.stand_in in bare for column in profile.columns):
            found.append(profile)
    known = [row for entry in suite.entries for m, row in entry.rows.items() if m in have]
    order = {row["id"]: (not row["paired"], not row["comparable"], row["id"]) for row in known}
    columns = tuple(Column(metric, metric) for metric in sorted(have, key=lambda metric: order[metric]))
    return [*found, Profile("all", "every metric that has a number", "pooled", columns)]


def _column(entries: Sequence[Entry], column: Column, aggregation: str, samples: frozenset[str] | None) -> BoardColumn:
    metric, stand_in = _choose(entries, column)
    rows = {entry.label: entry.rows[metric] for entry in entries if metric in entry.rows}
    found = BoardColumn(column.label, metric, next(iter(rows.values()), {}), stand_in)
    for entry in entries:
        row = rows.get(entry.label)
        if row is None:
            why = column.reason or str(entry.about.get("reason") or "") or "not scored in this run"
            found.cells[entry.label] = Cell(None, reason=why)
        else:
            found.cells[entry.label] = _cell(entry, row, aggregation, samples)
    references = [row["reference"] for row in rows.values() if row["reference"] is not None]
    found.reference = references[0] if references else None
    return found


def _choose(entries: Sequence[Entry], column: Column) -> tuple[str, bool]:
    """The metric of a column, or its stand-in where no method has a number by it; the same for all methods."""
    for name, stand_in in ((column.metric, False), (column.stand_in, True)):
        for entry in entries:
            for metric, row in entry.rows.items():
                if name and metric.split("@")[0] == name.split("@")[0] and row["value"] is not None:
                    return metric, stand_in
    return column.metric, False


def _cell(entry: Entry, row: Mapping[str, Any], aggregation: str, samples: frozenset[str] | None) -> Cell:
    have = entry.samples_with(row["id"], samples)
    if samples is not None:
        values = entry.comparable_values(row["id"])
        return _subset_cell(row, [values[name] for name in sorted(have) if name in values], have, len(samples))
    shown = row[aggregation] if row[aggregation]["value"] is not None else row["pooled"]
    return Cell(
        shown["value"],
        shown["low"],
        shown["high"],
        have,
        entry.asked or row["n_videos_total"],
        row["coverage"],
        row["enough"],
        row["reason"],
    )


def _subset_cell(row: Mapping[str, Any], values: list[float], have: frozenset[str], total: int) -> Cell:
    if not values:
        return Cell(None, total=total, reason=row["reason"] or "no value by sample")
    numbers = np.array(values)
    seed = seed_of(0, row["method"], row["id"])
    low, high = bootstrap(lambda draw: float(numbers[draw].mean()), len(numbers), seed) or (None, None)
    return Cell(float(numbers.mean()), low, high, have, total)


def _rank(board: Board, entries: Sequence[Entry]) -> None:
    """Says which methods and columns can be ranked, and ranks them.

    A method takes part that has a number in at least half of the columns in which any has one. A column counts when it
    has a direction and all who take part have a number on the same samples, made by the same version.
    """
    filled = [c for c in board.columns if any(cell.value is not None for cell in c.cells.values())]
    by_label = {entry.label: entry for entry in entries}
    taking_part = []
    for method in board.methods:
        has = sum(column.cells[method].value is not None for column in filled)
        if filled and 2 * has >= len(filled):
            taking_part.append(method)
        else:
            board.unranked[method] = f"has {has} of {len(filled)} metrics"
    for column in board.columns:
        column.why_not = _why_not(column, taking_part, by_label)
        column.ranked = not column.why_not
    ranked = [column for column in board.columns if column.ranked]
    if len(taking_part) < 2 or not ranked:
        return
    table = {m: [float(c.cells[m].value or 0.0) for c in ranked] for m in taking_part}
    board.standings = standings(
        table,
        [bool(column.up) for column in ranked],
        _by_sample(ranked, taking_part, by_label),
        seed_of(0, board.suite, board.profile, board.subset),
    )


def _why_not(column: BoardColumn, methods: Sequence[str], entries: Mapping[str, Entry]) -> str:
    cells = {method: column.cells[method] for method in methods}
    without = [method for method, cell in cells.items() if cell.value is None]
    if len(without) == len(cells):
        return "no method has a number"
    if column.up is None:
        return "only closeness to the truth's own value means something"
    if without:
        return f"no number for {', '.join(without)}"
    if len({cell.samples for cell in cells.values()}) > 1:
        counts = ", ".join(f"{method} {len(cell.samples)}" for method, cell in cells.items())
        return f"not the same samples ({counts})"
    if not all(cell.enough for cell in cells.values()):
        return "too few frames"
    if len({entries[method].rows[column.metric]["version"] for method in methods}) > 1:
        return "scored by different versions"
    return ""


def _by_sample(
    columns: Sequence[BoardColumn], methods: Sequence[str], entries: Mapping[str, Entry]
) -> dict[str, np.ndarray] | None:
    """Values [K,N] of the samples that all columns have, by method; a metric of whole sets stays at its one number.
    None where there are fewer than two such samples."""
    values = {m: [entries[m].comparable_values(column.metric) for column in columns] for m in methods}
    single = [any(not values[m][k] for m in methods) for k in range(len(columns))]
    sets = [column.cells[m].samples for k, column in enumerate(columns) if not single[k] for m in methods]
    ordered = sorted(frozenset.intersection(*sets)) if sets else []
    if len(ordered) < 2:
        return None
    table = {}
    for method in methods:
        rows = [
            [column.cells[method].value] * len(ordered) if single[k] else [values[method][k][name] for name in ordered]
            for k, column in enumerate(columns)
        ]
        table[method] = np.array(rows, float)
    return table


def _find_best(column: BoardColumn, entries: Sequence[Entry], samples: frozenset[str] | None) -> None:
    """Marks the best methods of a ranked column and tests the others against the first of them."""
    if not column.ranked:
        return
    known = {m: cell.value for m, cell in column.cells.items() if cell.value is not None and cell.enough}
    shared = {column.cells[method].samples for method in known}
    if len(known) < 2 or len(shared) > 1:
        return
    target = max(known.values()) if column.up else min(known.values())
    winners = {method for method, value in known.items() if value == target}
    if len(winners) == len(known):
        return
    column.best = winners
    best = min(winners)
    table = {entry.label: entry.comparable_values(column.metric) for entry in entries}
    if samples is not None:
        table = {m: {name: v for name, v in values.items() if name in samples} for m, values in table.items()}
    for method in known:
        a, b = common_values(table[best], table[method])
        if method not in winners and len(a) >= FEWEST:
            column.against[method] = compare_pairs(a, b, pair_seed(column.metric, best, method))
    names = list(column.against)
    column.p = dict(zip(names, holm([column.against[name].p for name in names]), strict=True))


def common_samples(board: Board) -> frozenset[str] | None:
    """The samples for which every method that takes part has a number in the columns where they differ in that; None
    when they differ in no column, or have nearly nothing in common."""
    part = [method for method in board.methods if method not in board.unranked]
    every: frozenset[str] = frozenset()
    differing: list[frozenset[str]] = []
    for column in board.columns:
        sets = [cell.samples for m in part if (cell := column.cells[m]).value is not None and cell.samples]
        every = every.union(*sets)
        if len(set(sets)) > 1:
            differing += sets
    shared = every.intersection(*differing)
    return shared if differing and len(shared) >= 2 else None


def subsets(suite: SuiteRuns) -> list[tuple[str, frozenset[str]]]:
    """The kinds of samples of a suite, where there is more than one."""
    kinds = sorted({kind for kind in suite.kinds.values() if kind})
    if len(kinds) < 2:
        return []
    return [(kind, frozenset(s for s, k in suite.kinds.items() if k == kind)) for kind in kinds]
