"""The report as one HTML file that needs nothing else: no scripts, no addresses, pictures inside."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np

from bench.report.compare import comparisons
from bench.report.model import MetricLine, Report, arrow, number, published_tables
from bench.report.pictures import WORST_METRICS, Strip, strips, worst_frames
from bench.report.profile_view import profile_views
from bench.report.svg import axis, intervals, lines

PLOT_VIDEOS = 6
COLOURS = 8


def render(report: Report, *, published: bool, pictures: bool) -> str:
    """The page as text; every name is escaped by the template."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(number=number, arrow=arrow)
    source = (resources.files("bench.report") / "template.html.j2").read_text(encoding="utf-8")
    colour = {method: i % COLOURS for i, method in enumerate(report.methods)}
    return environment.from_string(source).render(
        report=report,
        colour=colour,
        profiles=profile_views(report),
        groups=[
            (title, any(line.reference is not None for line in some), [_line(report, line, colour) for line in some])
            for title, some in report.grouped()
        ],
        plots=[plot for line in _first_known(report.lines) if (plot := _plots(report, line, colour))],
        ordered=_first_known(report.lines),
        per_video=_per_video(report),
        comparisons=comparisons(report),
        worst=worst_frames(report) if pictures else [],
        strips=strips(report) if pictures else list[Strip](),
        faults=[(v["label"], v["video"], text) for run in report.runs for v in run.videos for text in v["faults"]],
        warnings=[(v["label"], v["video"], text) for run in report.runs for v in run.videos for text in v["warnings"]],
        alignments=_alignments(report),
        published=published_tables() if published else [],
        n_frames=max((c["n_frames"] for line in report.lines for c in line.cells.values()), default=0),
    )


def _first_known(lines_: list[MetricLine]) -> list[MetricLine]:
    """The metrics that readers look for first, then the others."""
    order = {name: i for i, name in enumerate(WORST_METRICS)}
    return sorted(lines_, key=lambda line: (order.get(line.id.split("@")[0], len(order)), line.id))


def _line(report: Report, line: MetricLine, colour: dict[str, int]) -> dict[str, Any]:
    """A row of the score table: cells, interval plot, who is best."""
    cells = [(method, line.cells.get(method)) for method in report.methods]
    known = [c for _, c in cells if c is not None and c["value"] is not None]
    ends = [x for c in known for x in (c["value"], c["pooled"]["low"], c["pooled"]["high"]) if x is not None]
    if line.reference is not None:
        ends.append(line.reference)
    rows = [(colour[m], c["value"], c["pooled"]["low"], c["pooled"]["high"]) for m, c in cells if c is not None]
    picture = intervals(rows, min(ends), max(ends)) if ends else ""
    return {"line": line, "cells": cells, "best": line.best(), "picture": picture}


def _plots(report: Report, line: MetricLine, colour: dict[str, int]) -> dict[str, Any] | None:
    """Values over time of one metric: one panel a video, one line a method."""
    panels: dict[str, tuple[dict[int, np.ndarray], float]] = {}
    for run in report.runs:
        for video in run.videos:
            if video["label"] not in line.cells or (video["video"] not in panels and len(panels) >= PLOT_VIDEOS):
                continue
            arrays = run.arrays(video)
            values = arrays.get(line.id.split("@")[0])
            if values is None or len(values) < 2 or not np.isfinite(values).any():
                continue
            seconds = float(arrays["times"][-1]) if len(arrays.get("times", [])) else 0.0
            panels.setdefault(video["video"], ({}, seconds))[0][colour[video["label"]]] = _thick(values)
    if not panels:
        return None
    low, high, ticks = axis([values for series, _ in panels.values() for values in series.values()])
    drawn = [
        lines(series, seconds, low=low, high=high, title=name, ticks=ticks)
        for name, (series, seconds) in panels.items()
    ]
    return {"line": line, "panels": drawn}


def _thick(values: np.ndarray) -> np.ndarray:
    """Joins the points of metrics that score each so-many-th frame, so that a line can be drawn."""
    seen = np.flatnonzero(np.isfinite(values))
    if len(seen) < 2:
        return values
    gaps = np.diff(seen)
    if gaps.min() > 1 and gaps.max() == gaps.min():
        return np.interp(np.arange(len(values)), seen, values[seen])
    return values


def _per_video(report: Report) -> list[dict[str, Any]]:
    """A row for each sample: the values of all metrics in the order of `_first_known`, with the reason of a gap."""
    rows = []
    for run in report.runs:
        for video in run.videos:
            cells = []
            for line in _first_known(report.lines):
                belongs = video["label"] in line.cells
                score = video["scores"].get(line.id.split("@")[0], {}) if belongs else {}
                cells.append((score.get("value"), score.get("reason", "")))
            rows.append({"label": video["label"], "video": video["video"], "cells": cells})
    return rows


def _alignments(report: Report) -> list[dict[str, Any]]:
    """How the samples of each method were paired, in a line each."""
    out = []
    for method in report.methods:
        some = [v["alignment"] for run in report.runs for v in run.videos if v["label"] == method and v["alignment"]]
        if not some:
            continue
        resized = sum(bool(a["resized"]) for a in some)
        by_time = sum(a["mode"] == "time" for a in some)
        warp = [a["warp"] for a in some if a["warp"]]
        out.append(
            {
                "method": method,
                "n": len(some),
                "by_time": by_time,
                "resized": resized,
                "used": sum(a["n_used"] for a in some),
                "dropped": sum(a["n_dropped"] for a in some),
                "warp": {name: float(np.mean([w[name] for w in warp])) for name in warp[0]} if warp else {},
            }
        )
    return out
