"""Boards as the page shows them: texts, whiskers, positions on the radar; everything plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bench.leaderboard.boards import ALPHA, Board, BoardColumn, Cell
from bench.leaderboard.ranks import Standing, metric_ranks
from bench.leaderboard.runs import SuiteRuns
from bench.paired import p_text
from bench.report.model import number, published_tables

COLOURS = 8
RADAR_AXES = 14
INNER = 0.12
"""Radius on the radar of the worst method of an axis."""

AGGREGATIONS = {"pooled": "pooled over all frames of all samples", "video_mean": "mean over samples"}


def board_view(board: Board, colours: Mapping[str, int], published: bool) -> dict[str, Any]:
    """Everything the template needs of one board."""
    columns = [_column_view(column) for column in board.columns]
    ends = [_ends(column) for column in board.columns]
    order = sorted(
        board.methods,
        key=lambda m: (board.standings[m].mean_rank if m in board.standings else float("inf"), board.methods.index(m)),
    )
    rows = []
    for method in order:
        standing = board.standings.get(method)
        cells = [
            _cell_view(column, method, end, colours[method]) for column, end in zip(board.columns, ends, strict=True)
        ]
        rows.append(
            {
                "method": method,
                "colour": colours[method],
                "standing": standing,
                "whisker": whisker(
                    standing.mean_rank, standing.low, standing.high, 1, len(board.standings), colours[method]
                )
                if standing
                else "",
                "unranked": board.unranked.get(method, "nothing to rank by"),
                "cells": cells,
            }
        )
    tables = published_tables() if published and not board.subset else []
    inside, beside = _references(board, [table for table in tables if table["profile"] == board.profile])
    return {
        "profile": board.profile,
        "title": board.title,
        "subset": board.subset,
        "n_samples": board.n_samples,
        "aggregation": AGGREGATIONS[board.aggregation],
        "columns": columns,
        "rows": rows,
        "n_ranked": sum(column.ranked for column in board.columns),
        "not_ranked": [(c.label, c.why_not) for c in board.columns if c.why_not and _any(c)],
        "empty": [(c.label, _why_empty(c)) for c in board.columns if not _any(c)],
        "inside": inside,
        "beside": beside,
        "shown": any(_any(column) for column in board.columns),
    }


def board_data(board: Board) -> dict[str, Any]:
    """What the scripts of the page draw from: places, radar, comparisons with the best."""
    axes = [c for c in board.columns if c.up is not None and all(x.value is not None for x in c.cells.values())]
    axes = sorted(axes, key=lambda c: not c.ranked)[:RADAR_AXES]
    return {
        "profile": board.profile,
        "subset": board.subset,
        "places": [
            {
                "m": m,
                "mean": _short(s.mean_rank),
                "low": _short(s.low),
                "high": _short(s.high),
                "vico": s.vico,
                "wins": s.wins,
            }
            for m, s in sorted(board.standings.items(), key=lambda item: item[1].mean_rank)
        ],
        "radar": {
            "axes": [{"label": c.label, "texts": {m: number(c.cells[m].value) for m in board.methods}} for c in axes],
            "values": {m: [round(radius(c, m), 4) for c in axes] for m in board.methods},
        },
        "columns": [_column_data(column, board.standings) for column in board.columns if _any(column)],
    }


def radius(column: BoardColumn, method: str) -> float:
    """Place on a spoke: 1 for the best of these methods, INNER for the worst, linear between; 1 when all are equal."""
    values = {m: cell.value for m, cell in column.cells.items() if cell.value is not None}
    best, worst = max(values.values()), min(values.values())
    if not column.up:
        best, worst = worst, best
    if best == worst:
        return 1.0
    return INNER + (1 - INNER) * (values[method] - worst) / (best - worst)


def _column_view(column: BoardColumn) -> dict[str, Any]:
    about = column.about
    return {
        "label": column.label,
        "metric": column.metric,
        "arrow": {True: "↑", False: "↓", None: "≈" if about else ""}[column.up],
        "better": {True: "desc", False: "asc", None: "asc"}[column.up],
        "dagger": bool(about) and (column.stand_in or not about["comparable"]),
        "stand_in": column.stand_in,
        "unit": about.get("unit", ""),
        "definition": about.get("definition", ""),
        "ranked": column.ranked,
        "why_not": column.why_not,
        "reference": number(column.reference) if column.reference is not None else "",
        "any": _any(column),
    }


def _cell_view(column: BoardColumn, method: str, ends: tuple[float, float], colour: int) -> dict[str, Any]:
    cell = column.cells[method]
    if cell.value is None:
        return {
            "text": "–",
            "sort": "",
            "reason": cell.reason,
            "verdict": "",
            "notes": [],
            "whisker": "",
            "interval": "",
        }
    notes = []
    if len(cell.samples) < cell.total:
        notes.append(f"{len(cell.samples)} of {cell.total}")
    if cell.coverage is not None and cell.coverage < 0.9995:
        notes.append(f"{100 * cell.coverage:.0f} % of frames")
    if not cell.enough:
        notes.append("too few frames")
    verdict = column.verdict(method)
    interval = f"{number(cell.low, 3)} to {number(cell.high, 3)}" if cell.low is not None else ""
    return {
        "text": number(cell.value),
        "sort": repr(float(cell.value)),
        "reason": _tooltip(cell, interval, column, method, verdict),
        "verdict": verdict,
        "notes": notes,
        "whisker": whisker(cell.value, cell.low, cell.high, *ends, colour),
        "interval": interval,
    }


def _tooltip(cell: Cell, interval: str, column: BoardColumn, method: str, verdict: str) -> str:
    parts = [f"95 % interval {interval}"] if interval else []
    parts.append(f"{len(cell.samples)} of {cell.total} samples")
    if verdict == "best":
        parts.append("best")
    elif verdict:
        word = "behind the best" if verdict == "behind" else "not told apart from the best"
        parts.append(f"{word} (Wilcoxon, Holm: p = {column.p[method]:.2g})")
    if cell.reason:
        parts.append(cell.reason)
    return "; ".join(parts)


def whisker(value: float, low: float | None, high: float | None, start: float, end: float, colour: int) -> Markup:
    """A dot and its interval on the axis of a column, as SVG."""
    width, pad = 76, 4
    span = (end - start) or 1.0

    def x(place: float) -> str:
        share = (place - start) / span if end > start else 0.5
        return f"{pad + (width - 2 * pad) * min(max(share, 0.0), 1.0):.1f}"

    line = (
        f'<line class="s{colour}" x1="{x(low)}" x2="{x(high)}" y1="4" y2="4"/>'
        if low is not None and high is not None
        else ""
    )
    return Markup(
        f'<svg class="wh" viewBox="0 0 {width} 8" width="{width}" height="8" aria-hidden="true">'
        f'<line class="axis" x1="{pad}" x2="{width - pad}" y1="4" y2="4"/>{line}'
        f'<circle class="f{colour}" cx="{x(value)}" cy="4" r="3"/></svg>'
    )


def _ends(column: BoardColumn) -> tuple[float, float]:
    ends = [x for c in column.cells.values() for x in (c.value, c.low, c.high) if x is not None]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def _any(column: BoardColumn) -> bool:
    return any(cell.value is not None for cell in column.cells.values())


def _why_empty(column: BoardColumn) -> str:
    return next((cell.reason for cell in column.cells.values() if cell.reason), "no method has a number")


def _column_data(column: BoardColumn, standings: Mapping[str, Standing]) -> dict[str, Any]:
    against = []
    for method, pairs in column.against.items():
        against.append(
            {
                "m": method,
                "n": pairs.n,
                "diff": number(pairs.difference, 3),
                "interval": f"{number(pairs.low, 3)} to {number(pairs.high, 3)}",
                "effect": f"{pairs.effect:+.2f}",
                "p": p_text(column.p[method]),
                "tied": column.p[method] >= ALPHA,
            }
        )
    return {
        "id": column.label,
        "label": column.label,
        "metric": column.metric.split("@")[0],
        "up": column.up,
        "unit": column.about.get("unit", ""),
        "definition": column.about.get("definition", ""),
        "source": column.about.get("reference_implementation", ""),
        "why_not": column.why_not,
        "ranks": _ranks(column, standings),
        "best": sorted(column.best),
        "against": against,
        "cells": {
            m: [_short(c.value), _short(c.low), _short(c.high)] for m, c in column.cells.items() if c.value is not None
        },
    }


def _ranks(column: BoardColumn, standings: Mapping[str, Standing]) -> dict[str, float]:
    """Rank of each method that takes part, in a ranked column."""
    if not column.ranked or not standings:
        return {}
    values = [float(column.cells[method].value or 0.0) for method in standings]
    return dict(zip(standings, metric_ranks(values, bool(column.up)), strict=True))


def _references(
    board: Board, tables: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
    """Published rows in the columns of the board, where they name the same columns, and tables of their own else."""
    inside, beside = [], []
    labels = [column.label for column in board.columns]
    for table in tables:
        if not all("column" in column for column in table["columns"]):
            beside.append(table)
            continue
        rows = []
        for row in table["rows"]:
            groups: dict[str, dict[str, str]] = {}
            for column, value in zip(table["columns"], row["values"], strict=True):
                groups.setdefault(column.get("group", ""), {})[column["column"]] = value
            for group, values in groups.items():
                name = f"{row['method']} ({group})" if group else row["method"]
                rows.append({"method": name, "cells": [values.get(label, "") for label in labels]})
        inside.append({"title": table["title"], "mark": table["mark"], "notes": table["notes"], "rows": rows})
    return inside, beside


def suite_values(suite: SuiteRuns, samples: Sequence[str]) -> dict[str, dict[str, list[float | None]]]:
    """Value of each of some samples, by metric and method."""
    metrics = sorted({m.split("@")[0] for e in suite.entries for m, row in e.rows.items() if row["value"] is not None})
    table: dict[str, dict[str, list[float | None]]] = {}
    for metric in metrics:
        for entry in suite.entries:
            values = entry.values(metric)
            if values:
                table.setdefault(metric, {})[entry.label] = [_short(values.get(sample)) for sample in samples]
    return table


def _short(value: float | None) -> float | None:
    """Six digits are enough to draw."""
    return None if value is None else float(f"{value:.6g}")
