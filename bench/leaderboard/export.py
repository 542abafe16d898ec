"""The boards as plain data, for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.leaderboard.boards import Board
from bench.leaderboard.runs import SuiteRuns

LEADERBOARD_SCHEMA = 1


def plain_boards(suites: Sequence[SuiteRuns], boards: Sequence[Sequence[Board]]) -> dict[str, Any]:
    """Every number of the page by suite, profile and subset of samples."""
    return {
        "schema": LEADERBOARD_SCHEMA,
        "suites": [
            {
                "suite": suite.suite,
                "runs": [run.label for run in suite.runs],
                "n_samples": len(suite.samples),
                "notices": suite.notices,
                "boards": [_board(board) for board in some],
            }
            for suite, some in zip(suites, boards, strict=True)
        ],
    }


def _board(board: Board) -> dict[str, Any]:
    return {
        "profile": board.profile,
        "subset": board.subset or "all",
        "n_samples": board.n_samples,
        "aggregation": board.aggregation,
        "standings": {method: asdict(standing) for method, standing in board.standings.items()},
        "unranked": board.unranked,
        "columns": [
            {
                "label": column.label,
                "metric": column.metric,
                "stand_in": column.stand_in,
                "higher_is_better": column.up,
                "ranked": column.ranked,
                "why_not": column.why_not,
                "best": sorted(column.best),
                "reference": column.reference,
                "methods": {
                    method: {
                        "value": cell.value,
                        "low": cell.low,
                        "high": cell.high,
                        "n_samples": len(cell.samples),
                        "n_total": cell.total,
                        "coverage": cell.coverage,
                        "reason": cell.reason,
                        "p_against_best": column.p.get(method),
                    }
                    for method, cell in column.cells.items()
                },
            }
            for column in board.columns
        ],
    }
