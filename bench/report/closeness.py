"""THEval's way of reading its table: how close each number comes to the ground truth's, and the mean of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench.metrics.functional.theval import closeness, final_score
from bench.report.model import number

if TYPE_CHECKING:
    from bench.report.profile_view import Cell

Row = tuple[str, list["Cell"]]
FINAL = "Final"
ABOUT_FINAL = "mean of 1 - |value - truth| / |truth| over all columns; the ground truth scores 1"


def with_closeness(rows: Sequence[Row], by_method: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[Row]:
    """Puts below each method's numbers how close they come to the truth's, and a final score at the end of both.

    The final score exists where every column has a number of the method and of the ground truth; it is comparable
    where none of them is a stand-in.

    Args:
        rows: methods with the cells of a profile. by_method: rows of results.json by method and metric.
    """
    table: list[Row] = []
    for method, cells in rows:
        close = [_close(cell, by_method[method]) for cell in cells]
        final = _final(close)
        table += [(method, [*cells, replace(final, value=None, text="", reason="")])]
        table += [(f"{method}, closeness", [*close, final])]
    return table


def _close(cell: Cell, found: Mapping[str, Mapping[str, Any]]) -> Cell:
    truth = found[cell.metric]["reference"] if cell.metric in found else None
    if cell.value is None or truth is None or not abs(truth) > 1e-9:
        reason = cell.reason or "the ground truth has no number to compare with"
        return replace(cell, value=None, text="–", interval="", best=False, reason=reason)
    value = closeness(cell.value, truth)
    return replace(cell, value=value, text=number(value), interval="", best=False)


def _final(close: Sequence[Cell]) -> Cell:
    values = [cell.value for cell in close if cell.value is not None]
    own = all(cell.comparable and not cell.stand_in for cell in close)
    plain = replace(close[0], metric="", interval="", best=False, doubts=(), stand_in=False, comparable=own)
    if len(values) < len(close):
        why = f"a final score needs all {len(close)} columns, and {len(values)} have a number"
        return replace(plain, value=None, text="–", reason=why)
    mean = final_score(values)
    return replace(plain, value=mean, text=number(mean), reason="")
