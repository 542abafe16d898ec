"""Two methods against each other, metric by metric, over the samples both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.leaderboard.runs import Entry, load_run, notices
from bench.paired import FEWEST, Paired, common_values, compare_pairs, holm, p_text, pair_seed
from bench.report.model import number
from vfa.errors import InputError

ALPHA = 0.05


@dataclass
class Duel:
    """Two methods by one metric.

    Attributes:
        metric: id. about: its row of results.json. a, b: means over the common samples, or the value of all videos
            together where a single one has none. n: common samples.
        by_distance: the values are distances from the ground truth's own value, since nothing else has a direction.
        pairs: None where nothing was tested, for a `note`. p_holm: corrected for the number of metrics tested.
    """

    metric: str
    about: dict[str, Any]
    a: float | None
    b: float | None
    n: int
    by_distance: bool = False
    pairs: Paired | None = None
    p_holm: float | None = None
    note: str = ""

    @property
    def direction(self) -> str:
        """Which way is better."""
        if self.by_distance:
            return "≈"
        return {True: "↑", False: "↓", None: "·"}[self.about["higher_is_better"]]

    @property
    def ahead(self) -> str:
        """`A` or `B` whose mean is better, empty when equal or without a direction."""
        up = False if self.by_distance else self.about["higher_is_better"]
        if up is None or self.a is None or self.b is None or self.a == self.b:
            return ""
        return "A" if (self.a > self.b) == up else "B"

    @property
    def winner(self) -> str:
        """Who is better beyond chance (corrected p under 0.05); empty when nobody."""
        return self.ahead if self.p_holm is not None and self.p_holm < ALPHA else ""


@dataclass
class Pairing:
    """Everything about one pair of methods; `warnings` say what makes their numbers hard to compare."""

    a: str
    b: str
    rows: list[Duel]
    only_a: list[str]
    only_b: list[str]
    warnings: list[str]

    def tally(self) -> dict[str, int]:
        """In how many metrics A, B or nobody is better beyond chance, and how many were not tested."""
        counts = {"A": 0, "B": 0, "open": 0, "untested": 0}
        for row in self.rows:
            counts["untested" if row.p_holm is None else row.winner or "open"] += 1
        return counts


def find_entry(path: Path) -> Entry:
    """The method a path names: `RUN/METHOD`, or a run with one method only.

    Raises:
        InputError: no such run or method, or it is open which one.
    """
    if any((path / name).is_file() for name in ("results.json", "scores/results.json")):
        entries = load_run(path).entries
        if len(entries) == 1:
            return entries[0]
        names = ", ".join(entry.method for entry in entries) or "none"
        raise InputError(
            "the run holds more than one method" if entries else "the run holds no method",
            path=path,
            expected="RUN/METHOD",
            found=names,
            hint=f"{path}/{entries[0].method}" if entries else None,
        )
    run, entries = path.parent, []
    if any((run / name).is_file() for name in ("results.json", "scores/results.json")):
        entries = load_run(run).entries
        for entry in entries:
            if entry.method == path.name:
                return entry
    raise InputError(
        "no such method" if entries else "no run here",
        path=path,
        expected="a folder made by bench run or bench evaluate, or RUN/METHOD",
        found=", ".join(entry.method for entry in entries) if entries else None,
    )


def compare_methods(first: Path, second: Path, seed: int = 0) -> Pairing:
    """Compares two methods; see `find_entry` for the paths.

    Raises:
        InputError: a path names no method, or the two have no sample or no metric in common.
    """
    a, b = find_entry(first), find_entry(second)
    runs = [load_run(entry.folder) for entry in (a, b)]
    suites = sorted({run.suite for run in runs})
    warnings = notices(runs, [a, b])
    if len(suites) > 1:
        warnings.append(f"The runs are of different suites: {', '.join(suites)}.")
    if not a.records.keys() & b.records.keys():
        raise InputError(
            "the two methods have no sample in common",
            path=second,
            expected=_some(a.records),
            found=_some(b.records),
        )
    metrics = [metric for metric, row in a.rows.items() if metric in b.rows and _has_value(row, b.rows[metric])]
    if not metrics:
        raise InputError("the two methods have no metric in common", path=second, expected=_some(a.rows))
    rows = [_duel(a, b, metric, seed) for metric in metrics]
    tested = [row for row in rows if row.pairs is not None]
    for row, p in zip(tested, holm([row.pairs.p for row in tested if row.pairs]), strict=True):
        row.p_holm = p
    names = (a.method, b.method)
    if names[0] == names[1]:
        names = (f"{a.folder.resolve().name}/{a.method}", f"{b.folder.resolve().name}/{b.method}")
    lone_a, lone_b = (sorted(x.records.keys() - y.records.keys()) for x, y in ((a, b), (b, a)))
    return Pairing(names[0], names[1], rows, lone_a, lone_b, warnings)


def _has_value(*rows: dict[str, Any]) -> bool:
    return all(row["value"] is not None for row in rows)


def _some(names: Sequence[str] | dict[str, Any], limit: int = 4) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:limit]) + (f", ... ({len(ordered)})" if len(ordered) > limit else "")


def _duel(a: Entry, b: Entry, metric: str, seed: int) -> Duel:
    about = a.rows[metric]
    values = [entry.comparable_values(metric) for entry in (a, b)]
    if not all(values):
        shared = len(a.values(metric).keys() & b.values(metric).keys())
        same = a.values(metric).keys() == b.values(metric).keys()
        note = "one number of all videos together: no test" + ("" if same else "; not the same samples")
        return Duel(metric, about, about["value"], b.rows[metric]["value"], shared, note=note)
    truth = a.references(metric) | b.references(metric)
    by_distance = about["higher_is_better"] is None and bool(truth)
    if by_distance:
        values = [{name: abs(v - truth[name]) for name, v in some.items() if name in truth} for some in values]
    first, second = common_values(*values)
    n = len(first)
    if n == 0:
        return Duel(metric, about, None, None, 0, by_distance, note="no sample has a number by both")
    found = Duel(metric, about, sum(first) / n, sum(second) / n, n, by_distance)
    if n < FEWEST:
        found.note = f"{n} common samples, {FEWEST} are needed for a test"
    elif about["higher_is_better"] is None and not by_distance:
        found.note = "has no direction, and the truth's own value is not known"
    else:
        found.pairs = compare_pairs(first, second, pair_seed(metric, a.label, b.label, seed))
    return found


FIELDS = ("metric", "unit", "better", "n", "a", "b", "difference", "low", "high", "effect", "d",
          "p_wilcoxon", "p_holm", "p_bootstrap", "winner", "comparable", "note")  # fmt: skip


def records(pairing: Pairing) -> list[dict[str, Any]]:
    """One flat record a metric, with all numbers as they are."""
    out = []
    for row in pairing.rows:
        pairs = row.pairs
        known = [row.a, row.b]
        difference = known[0] - known[1] if known[0] is not None and known[1] is not None else None
        better = (
            "closer" if row.by_distance else {True: "higher", False: "lower", None: ""}[row.about["higher_is_better"]]
        )
        values = (
            row.metric, row.about["unit"], better, row.n, row.a, row.b, difference,
            pairs and pairs.low, pairs and pairs.high, pairs and pairs.effect, pairs and pairs.d,
            pairs and pairs.p, row.p_holm, pairs and pairs.p_bootstrap, row.winner, row.about["comparable"], row.note,
        )  # fmt: skip
        out.append(dict(zip(FIELDS, values, strict=True)))
    return out


HEAD = ("metric", "", "A", "B", "A - B", "95 %", "effect", "p", "p (Holm)", "n", "")


def cells(row: Duel) -> list[str]:
    """A row of the table for people, in the order of HEAD."""
    dagger = "" if row.about["comparable"] else " †"
    pairs = row.pairs
    difference = None if row.a is None or row.b is None else row.a - row.b
    interval = f"{number(pairs.low, 3)} to {number(pairs.high, 3)}" if pairs else ""
    return [
        f"{row.metric}{dagger}",
        row.direction,
        number(row.a),
        number(row.b),
        number(difference, 3),
        interval,
        f"{pairs.effect:+.2f}" if pairs else "",
        p_text(pairs.p) if pairs else "",
        p_text(row.p_holm) if row.p_holm is not None else "",
        str(row.n),
        f"{row.winner} better" if row.winner else row.note,
    ]
