"""Reports as text: markdown, CSV, LaTeX."""

from __future__ import annotations

import csv
import io
from typing import Any

from bench.report.compare import comparisons
from bench.report.model import MetricLine, Report, arrow, escape_cell, number, published_tables, safe_cell
from bench.report.profile_view import Cell, ProfileView, profile_views

LATEX_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "≈": r"$\approx$", "–": "--",
}  # fmt: skip

WARP_COSTS = ("warp_abs_ms", "warp_lag_ms", "warp_off_diagonal", "warp_band_hits")
CSV_FIELDS = (
    "method", "metric", "variant", "id", "value", "unit", "higher_is_better", "comparable", "aggregation",
    "pooled", "pooled_low", "pooled_high", "video_mean", "video_mean_low", "video_mean_high", "reference",
    "n_videos", "n_videos_total", "n_frames", "n_missing", "coverage", "unaligned", "warp_abs_ms", "warp_lag_ms",
    "warp_off_diagonal", "warp_band_hits", "status", "reason",
)  # fmt: skip


def markdown(report: Report, *, published: bool) -> str:
    """A table per group of metrics, metrics in rows; then what is missing; then published tables."""
    out = [f"# Benchmark results ({report.title})", ""]
    for view in profile_views(report):
        out += [f"## {view.title}", "", *_markdown_profile(view), ""]
    for title, lines in report.grouped():
        out += [f"## {title}", "", *_markdown_table(report, lines), ""]
    out += [
        "Value pooled over all frames, 95 % bootstrap interval over videos in brackets; **bold**: best. "
        "↑ higher is better, ↓ lower is better, ≈ closeness to the ground truth's own value. "
        "† own definition or substitute, not comparable with published numbers. "
        "Coverage in per cent of frames where not all counted.",
        "",
    ]
    pairs = comparisons(report)
    if pairs:
        head = ["metric", "better", "than", "videos", "difference", "95 %", "p (Wilcoxon, uncorrected)"]
        out += ["## Which differences hold", "", _line(head), _rule(len(head))]
        for c in pairs:
            interval = f"{number(c.low, 3)} to {number(c.high, 3)}"
            cells = [c.line.id, c.better, c.worse, str(c.n), number(c.difference), interval, f"{c.p:.2g}"]
            out.append(_line(cells))
        out.append("")
    costs = warp_costs(report)
    if costs:
        names = list(next(iter(costs.values())))
        out += [
            "## Cost of the warp",
            "",
            _line(["method", *(n.replace("_", " ") for n in names)]),
            _rule(1 + len(names)),
        ]
        out += [_line([method, *(number(cost[name], 3) for name in names)]) for method, cost in costs.items()]
        out.append("")
    if report.unavailable:
        out += ["## Not computed", ""]
        out += [f"- {', '.join(names)}: {escape_cell(reason)}" for reason, names in report.unavailable.items()]
        out.append("")
    for run in report.runs:
        for text in run.results["unmatched"]:
            out.append(f"- unmatched: {escape_cell(text)}")
        for video in run.videos:
            out += [
                f"- {escape_cell(video['label'])}/{escape_cell(video['video'])}: {escape_cell(text)}"
                for text in video["faults"]
            ]
    if published:
        for table in published_tables():
            head = [f"{c['name']} {'↑' if c['direction'] == 'up' else '↓'}" for c in table["columns"]]
            out += ["", f"## {table['title']} ({table['mark']})", "", _line(["", *head]), _rule(len(head) + 1)]
            out += [_line([row["method"], *row["values"]]) for row in table["rows"]]
            out += ["", *(f"> {note}" for note in table["notes"])]
    return "\n".join(out).rstrip() + "\n"


def _markdown_profile(view: ProfileView) -> list[str]:
    head = ["method", *(f"{head.label} {head.arrow}".strip() for head in view.heads)]
    table = [_line(head), _rule(len(head))]
    for method, cells in view.rows:
        table.append(_line([method, *map(_profile_cell, cells)]))
    return table + ([_line(["ground truth", *view.truth])] if view.truth else [])


def _profile_cell(cell: Cell) -> str:
    dagger = " †" if cell.value is not None and (cell.stand_in or not cell.comparable) else ""
    return (f"**{cell.text}**" if cell.best else cell.text) + dagger


def warp_costs(report: Report) -> dict[str, dict[str, float]]:
    """What the warp of each method cost, where there was one: an aligned score without it ranks nothing."""
    costs: dict[str, dict[str, float]] = {}
    for line in report.lines:
        for method, row in line.cells.items():
            known = {name: row["details"][name] for name in WARP_COSTS if row["details"].get(name) is not None}
            if known:
                costs.setdefault(method, known)
    return costs


def _markdown_table(report: Report, lines: list[MetricLine]) -> list[str]:
    show_truth = any(line.reference is not None for line in lines)
    head = ["metric", *report.methods, *(["ground truth"] if show_truth else [])]
    table = [_line(head), _rule(len(head))]
    for line in lines:
        best = line.best()
        cells = [_markdown_cell(line.cells.get(method), method in best) for method in report.methods]
        name = f"{line.id}{'' if line.about['comparable'] else ' †'} {arrow(line.about['higher_is_better'])}"
        unit = f" ({line.about['unit']})" if line.about["unit"] else ""
        table.append(_line([name + unit, *cells, *([number(line.reference)] if show_truth else [])]))
    return table


def _markdown_cell(row: dict[str, Any] | None, best: bool) -> str:
    if row is None or row["value"] is None:
        return "–"
    text = f"**{number(row['value'])}**" if best else number(row["value"])
    if row["pooled"]["low"] is not None:
        text += f" [{number(row['pooled']['low'], 3)}, {number(row['pooled']['high'], 3)}]"
    if row["details"].get("unaligned") is not None:
        text += f" (unaligned {number(row['details']['unaligned'])})"
    if row["n_missing"]:
        text += f" {row['coverage']:.0%}"
    if row["n_videos"] < row["n_videos_total"]:
        text += f" ({row['n_videos']}/{row['n_videos_total']} videos)"
    return text


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(escape_cell(cell) for cell in cells) + " |"


def _rule(n: int) -> str:
    return "|" + " --- |" * n


def comma_separated(report: Report) -> str:
    """One line per method and metric with every number of results.json; text cells cannot start a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    for run in report.runs:
        for row in run.results["rows"]:
            flat = dict(row)
            flat["method"] = row["label"]
            for name in ("pooled", "video_mean"):
                flat |= {name: row[name]["value"], f"{name}_low": row[name]["low"], f"{name}_high": row[name]["high"]}
            flat |= {name: row["details"].get(name) for name in ("unaligned", *WARP_COSTS)}
            writer.writerow([safe_cell(flat[name]) for name in CSV_FIELDS])
    return buffer.getvalue()


def latex(report: Report) -> str:
    """A booktabs table per group; the best value bold, intervals below."""
    out = ["% needs \\usepackage{booktabs}"]
    for view in profile_views(report):
        out += _latex_profile(view)
    for title, lines in report.grouped():
        show_truth = any(line.reference is not None for line in lines)
        head = ["", *report.methods, *(["ground truth"] if show_truth else [])]
        out += [
            "\\begin{table}[t]",
            "\\centering",
            f"\\caption{{{_tex(title)}. Pooled over frames; 95\\,\\% bootstrap intervals over videos.}}",
            "\\begin{tabular}{l" + "r" * (len(head) - 1) + "}",
            "\\toprule",
            " & ".join(_tex(cell) for cell in head) + " \\\\",
            "\\midrule",
        ]
        for line in lines:
            best = line.best()
            cells = [_tex(f"{line.id} {arrow(line.about['higher_is_better'])}")]
            for method in report.methods:
                cells.append(_latex_cell(line.cells.get(method), method in best))
            if show_truth:
                cells.append(_tex(number(line.reference)))
            out.append(" & ".join(cells) + " \\\\")
        out += ["\\bottomrule", "\\end{tabular}", "\\end{table}", ""]
    return "\n".join(out)


def _latex_profile(view: ProfileView) -> list[str]:
    head = ["", *(f"{head.label} {head.arrow}".strip() for head in view.heads)]
    aggregation = "Mean over videos" if view.aggregation == "video_mean" else "Pooled over all frames"
    lines = [
        "\\begin{table*}[t]",
        "\\centering",
        f"\\caption{{{_tex(view.title)}. {aggregation}. $\\dagger$: not comparable with published numbers.}}",
        "\\begin{tabular}{l" + "r" * (len(head) - 1) + "}",
        "\\toprule",
        " & ".join(_tex(cell) for cell in head) + " \\\\",
        "\\midrule",
    ]
    for method, cells in view.rows:
        texts = [f"\\textbf{{{_tex(cell.text)}}}" if cell.best else _tex(cell.text) for cell in cells]
        for i, cell in enumerate(cells):
            if cell.value is not None and (cell.stand_in or not cell.comparable):
                texts[i] += "$^\\dagger$"
        lines.append(" & ".join([_tex(method), *texts]) + " \\\\")
    return [*lines, "\\bottomrule", "\\end{tabular}", "\\end{table*}", ""]


def _latex_cell(row: dict[str, Any] | None, best: bool) -> str:
    if row is None or row["value"] is None:
        return "--"
    text = number(row["value"])
    text = f"\\textbf{{{text}}}" if best else text
    low, high = row["pooled"]["low"], row["pooled"]["high"]
    text = text if low is None else f"{text} {{\\scriptsize [{number(low, 3)}, {number(high, 3)}]}}"
    plain = row["details"].get("unaligned")
    return text if plain is None else f"{text} {{\\scriptsize (unaligned {number(plain)})}}"


def _tex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(c, c) for c in text)
