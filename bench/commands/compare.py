"""`bench compare`: two methods by all metrics they share, with tests that are corrected for their number."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.leaderboard.pairwise import FIELDS, HEAD, Duel, Pairing, cells, compare_methods, records
from bench.report.model import escape_cell, safe_cell
from bench.store import plain_json, write_text
from vfa.errors import EXIT_OK

if TYPE_CHECKING:
    from markupsafe import Markup

LEGEND = (
    "Means over the samples both have; A - B with its 95 % paired bootstrap interval; effect: matched-pairs "
    "rank-biserial correlation (-1..1, positive when A is larger); p: two-sided Wilcoxon signed-rank test, with "
    "Holm's correction over metrics. ↑ higher is better, ↓ lower, ≈ the distance from the truth's own value (lower "
    "is better). † not comparable with published numbers."
)


def run_compare(first: Path, second: Path, format: str, out: Path | None, seed: int) -> int:
    """Prints or writes the comparison and returns the exit code."""
    pairing = compare_methods(first, second, seed)
    if format == "table":
        if out is None:
            _print(pairing)
            return EXIT_OK
        format = out.suffix.lstrip(".") if out.suffix in (".md", ".csv", ".html", ".json") else "md"
    text = {"md": markdown, "csv": comma_separated, "html": html, "json": as_json}[format](pairing)
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)
        print(out)
    return EXIT_OK


def summary(pairing: Pairing) -> str:
    """What came out, in one sentence."""
    tally = pairing.tally()
    tested = tally["A"] + tally["B"] + tally["open"]
    text = f"Of {tested} metrics tested, A is better in {tally['A']}, B in {tally['B']}"
    text += f", and {tally['open']} show no difference."
    return text + (f" {tally['untested']} could not be tested." if tally["untested"] else "")


def remarks(pairing: Pairing) -> list[str]:
    """Warnings, and the samples that only one of them has."""
    found = list(pairing.warnings)
    for name, lone in (("A", pairing.only_a), ("B", pairing.only_b)):
        if lone:
            shown = ", ".join(lone[:4]) + (", ..." if len(lone) > 4 else "")
            found.append(f"{len(lone)} samples only {name} has do not count: {shown}")
    return found


def markdown(pairing: Pairing) -> str:
    """A table for a page."""
    rule = "| --- | --- |" + " ---: |" * (len(HEAD) - 3) + " --- |"
    lines = [f"# A: {escape_cell(pairing.a)} against B: {escape_cell(pairing.b)}", "", summary(pairing), ""]
    lines += ["| " + " | ".join(HEAD) + " |", rule]
    lines += ["| " + " | ".join(escape_cell(cell) for cell in cells(row)) + " |" for row in pairing.rows]
    lines += ["", LEGEND, *(f"\n> {escape_cell(text)}" for text in remarks(pairing))]
    return "\n".join(lines) + "\n"


def comma_separated(pairing: Pairing) -> str:
    """Every number as it is; text cells cannot start a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("method_a", "method_b", *FIELDS))
    for record in records(pairing):
        writer.writerow([safe_cell(cell) for cell in (pairing.a, pairing.b, *record.values())])
    return buffer.getvalue()


def as_json(pairing: Pairing) -> str:
    """Everything, for programs."""
    about = {"a": pairing.a, "b": pairing.b, "rows": records(pairing), "tally": pairing.tally()}
    about |= {"only_a": pairing.only_a, "only_b": pairing.only_b, "warnings": pairing.warnings}
    return json.dumps(plain_json(about), indent=1, ensure_ascii=False) + "\n"


def html(pairing: Pairing) -> str:
    """One page that needs nothing else."""
    from bench.leaderboard.page import render_template

    return render_template(
        "compare.html.j2",
        pairing=pairing,
        rows=[(row, cells(row), _effect(row)) for row in pairing.rows],
        head=HEAD,
        summary=summary(pairing),
        remarks=remarks(pairing),
        legend=LEGEND,
    )


def _effect(row: Duel) -> Markup:
    """The effect on an axis from A to B: towards whoever is better."""
    from markupsafe import Markup

    if row.pairs is None:
        return Markup("")
    up = False if row.by_distance else bool(row.about["higher_is_better"])
    place = 66 + 60 * (-row.pairs.effect if up else row.pairs.effect)
    colour = {"A": 0, "B": 1}.get(row.winner or row.ahead, 7)
    fill = f'class="f{colour}"' if row.winner else f'class="s{colour}" fill="none" stroke-width="1.5"'
    return Markup(
        '<svg class="forest" viewBox="0 0 132 12" width="132" height="12" role="img" aria-label="effect">'
        '<line class="axis" x1="6" x2="126" y1="6" y2="6"/><line class="zero" x1="66" x2="66" y1="0" y2="12"/>'
        f'<line class="s{colour}" x1="66" x2="{place:.1f}" y1="6" y2="6"/>'
        f'<circle {fill} cx="{place:.1f}" cy="6" r="4"/></svg>'
    )


def _print(pairing: Pairing) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for i, name in enumerate(HEAD):
        table.add_column(name, justify="left" if i in (0, 1, len(HEAD) - 1) else "right", overflow="fold")
    for row in pairing.rows:
        style = {"A": "green", "B": "magenta", "": "" if row.pairs else "dim"}[row.winner]
        table.add_row(*(Text(cell, style=style) for cell in cells(row)))
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    console.print(Text(f"A  {pairing.a}\nB  {pairing.b}\n"))
    console.print(table)
    console.print()
    for text in (summary(pairing), *remarks(pairing), LEGEND):
        console.print(Text(text))
