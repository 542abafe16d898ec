"""Fewer draws: the intervals of made-up runs are tested where they are computed."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and boards with 40 draws in place of hundreds."""
    monkeypatch.setattr("bench.statistics.RESAMPLES", 40)
    monkeypatch.setattr("bench.leaderboard.ranks.RESAMPLES", 60)
