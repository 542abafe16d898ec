"""`bench report`: shows one or more runs as markdown, CSV, LaTeX or one HTML file."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.report.model import load_report
from bench.report.tables import comma_separated, latex, markdown
from bench.store import write_text
from vfa.errors import EXIT_OK


def run_report(folders: list[Path], format: str, out: Path | None, published: bool, pictures: bool) -> int:
    """Writes or prints the report and returns the exit code."""
    report = load_report(folders)
    if format == "html":
        from bench.report.html import render

        target = out or report.runs[0].folder / "report.html"
        write_text(target, render(report, published=published, pictures=pictures))
        print(target)
        return EXIT_OK
    if format == "md":
        text = markdown(report, published=published)
    elif format == "csv":
        text = comma_separated(report)
    else:
        text = latex(report)
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)
        print(out)
    return EXIT_OK
