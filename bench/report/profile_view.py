"""The table of a profile for reports: methods in rows, columns in the order and by the aggregation of its authors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.profiles import PROFILES, Column, Profile, find_profile
from bench.report.closeness import ABOUT_FINAL, FINAL, with_closeness
from bench.report.model import Report, Run, arrow, number


@dataclass(frozen=True)
class Cell:
    """A number of the table; `text` is a dash where there is none, for a `reason`.

    Attributes:
        metric: id of what was computed: the column's own metric or its stand-in.
        interval: 95 % bootstrap interval as text, empty without.
        comparable: whether it may stand beside published numbers.
        doubts: what a reader should know of it, such as frames that did not count.
    """

    value: float | None
    text: str
    metric: str = ""
    interval: str = ""
    comparable: bool = True
    stand_in: bool = False
    best: bool = False
    doubts: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Head:
    """The head of a column: its label, arrow, and what it is."""

    label: str
    arrow: str
    about: str


@dataclass(frozen=True)
class ProfileView:
    """A filled-in table: `rows` by method; `truth` the ground truth's own numbers; `gaps` why columns are empty."""

    name: str
    title: str
    aggregation: str
    heads: list[Head]
    rows: list[tuple[str, list[Cell]]]
    truth: list[str]
    gaps: list[tuple[str, list[str]]]


def profile_views(report: Report) -> list[ProfileView]:
    """The tables of the profiles that the runs were asked for, in order of appearance; all of them for `all`."""
    views = []
    for profile in _profiles(report):
        asked = [run for run in report.runs if _asked(run) in (profile.name, "all")]
        rows = [row for run in asked for row in run.results["rows"]]
        views.append(profile_view(profile, rows, report.methods))
    return views


def profile_order(report: Report) -> dict[str, int]:
    """Place of each metric in the profiles of the runs; a stand-in follows what it stands for. Empty where no run was
    asked for one profile."""
    order: dict[str, int] = {}
    for run in report.runs:
        for column in find_profile(_asked(run)).columns if _asked(run) not in ("", "all") else ():
            for key in filter(None, (column.metric, column.stand_in)):
                order.setdefault(key, len(order))
    return order


def _asked(run: Run) -> str:
    return str(run.results["options"].get("profile") or "")


def _profiles(report: Report) -> list[Profile]:
    names = [name for run in report.runs for name in (PROFILES if _asked(run) == "all" else [_asked(run)]) if name]
    return [find_profile(name) for name in dict.fromkeys(names)]


def profile_view(profile: Profile, rows: Sequence[Mapping[str, Any]], methods: Sequence[str] = ()) -> ProfileView:
    """Fills in a profile.

    Args:
        profile: what to show. rows: of results.json, with `label` where methods of one name come from several runs.
        methods: their order; those without a row are left out, others follow sorted.
    """
    by_method: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        by_method.setdefault(row.get("label", row["method"]), {})[row["id"]] = row
    order = [m for m in methods if m in by_method] + sorted(m for m in by_method if m not in methods)
    columns = [[_cell(by_method[m], column, profile.aggregation) for m in order] for column in profile.columns]
    marked = [_mark_best(cells, by_method, order) for cells in columns]
    gaps: dict[str, list[str]] = {}
    for column, cells in zip(profile.columns, marked, strict=True):
        for cell in cells:
            if (cell.value is None or cell.stand_in) and cell.reason:
                labels = gaps.setdefault(cell.reason, [])
                if column.label not in labels:
                    labels.append(column.label)
    heads = [_head(column) for column in profile.columns]
    table = [(method, [cells[i] for cells in marked]) for i, method in enumerate(order)]
    truth = _truth(profile, by_method)
    if profile.closeness:
        heads.append(Head(FINAL, arrow(True), ABOUT_FINAL))
        table = with_closeness(table, by_method)
        truth = [*truth, "1"] if truth else truth
    return ProfileView(profile.name, profile.title, profile.aggregation, heads, table, truth, list(gaps.items()))


def _head(column: Column) -> Head:
    from bench.metrics.registry import metric_class

    if not column.metric:
        return Head(column.label, "", column.reason)
    metric = metric_class(column.metric)
    return Head(column.label, arrow(metric.higher_is_better), f"{column.metric}: {metric.definition}")


def _cell(found: Mapping[str, Mapping[str, Any]], column: Column, aggregation: str) -> Cell:
    reason = column.reason
    for name in filter(None, (column.metric, column.stand_in)):
        row = found.get(name)
        if row is None:
            continue
        given = row[aggregation] if _known(row[aggregation]["value"]) or name != column.metric else row["pooled"]
        if not _known(given["value"]):
            reason = reason or row["reason"]
            continue
        return Cell(
            given["value"],
            _text(given["value"], column),
            name,
            _interval(given["low"], given["high"], column),
            row["comparable"],
            name == column.stand_in,
            doubts=_doubts(row),
            reason=reason,
        )
    return Cell(None, "–", reason=reason or "not computed in this run")


def _known(value: float | None) -> bool:
    """Whether there is a number; rows hold NaN in the process that made them, and null when they are read back."""
    return value is not None and math.isfinite(value)


def _text(value: float, column: Column) -> str:
    return f"{100 * value:.2f}%" if column.percent else number(value)


def _interval(low: float | None, high: float | None, column: Column) -> str:
    if low is None or high is None:
        return ""
    if column.percent:
        return f"{100 * low:.1f}–{100 * high:.1f}%"
    return f"{number(low, 3)}–{number(high, 3)}"


def _doubts(row: Mapping[str, Any]) -> tuple[str, ...]:
    parts = []
    if row["n_videos"] < row["n_videos_total"]:
        parts.append(f"{row['n_videos']} of {row['n_videos_total']} videos")
    if row["n_missing"] and row["coverage"] is not None:
        parts.append(f"{100 * row['coverage']:.0f} % of frames")
    if not row["enough"]:
        parts.append("few frames")
    return tuple(parts)


def _mark_best(
    cells: list[Cell], by_method: Mapping[str, Mapping[str, Mapping[str, Any]]], order: Sequence[str]
) -> list[Cell]:
    """Marks the best of a column, by the rule of `MetricLine.best`: one metric, enough frames, the same videos."""
    rows = [by_method[m].get(cell.metric) for m, cell in zip(order, cells, strict=True)]
    known = [(cell, row) for cell, row in zip(cells, rows, strict=True) if row is not None and row["enough"]]
    if len(known) < 2 or len({(cell.metric, row["n_videos"]) for cell, row in known}) > 1:
        return cells
    up = known[0][1]["higher_is_better"]
    values = [cell.value for cell, _ in known if cell.value is not None]
    if up is None or len(set(values)) < 2:
        return cells
    best = max(values) if up else min(values)
    usable = {id(cell) for cell, _ in known}
    return [replace(cell, best=True) if id(cell) in usable and cell.value == best else cell for cell in cells]


def _truth(profile: Profile, by_method: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """What the ground truth itself scores in each column; empty when nothing is known of it."""
    out = []
    for column in profile.columns:
        shown = ""
        for name in filter(None, (column.metric, column.stand_in)):
            own = [row[name]["reference"] for row in by_method.values() if name in row]
            known = [value for value in own if _known(value)]
            if known and not shown:
                shown = _text(known[0], column)
        out.append(shown)
    return out if any(out) else []
