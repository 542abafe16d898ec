"""`bench leaderboard`: one page for the runs of many methods, with their videos beside it."""

from __future__ import annotations

import sys
from pathlib import Path

from vfa.errors import EXIT_OK

WARNINGS = 5
"""Shown at most."""


def run_leaderboard(
    folders: list[Path], out: Path, title: str, videos: str, max_samples: int, published: bool, cost_of: int
) -> int:
    """Writes the page, says where it is and what more videos would cost, and returns the exit code."""
    from bench.leaderboard.cost import cost_table, estimate
    from bench.leaderboard.site import write_site

    warnings: list[str] = []
    site = write_site(
        folders,
        out,
        title=title,
        videos=videos,
        max_samples=max_samples,
        published=published,
        cost_of=cost_of,
        warn=warnings.append,
    )
    for text in warnings[:WARNINGS]:
        print(f"warning: {text}", file=sys.stderr)
    if len(warnings) > WARNINGS:
        print(f"warning: and {len(warnings) - WARNINGS} more", file=sys.stderr)
    for suite in site.suites:
        costs = estimate(suite.runs)
        if costs:
            print(cost_table(costs, cost_of))
    print(site.page)
    return EXIT_OK
