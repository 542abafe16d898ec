"""`bench list datasets` and the methods of the field: tables from the catalogue."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from bench.catalogue import LISTS, Dataset, FieldMethod, datasets, field_methods, matching
from vfa.errors import EXIT_OK, InputError

COLUMNS: dict[str, dict[str, str]] = {
    "datasets": {
        "key": "dataset", "year": "year", "environment": "recorded", "subjects": "people", "size": "size",
        "resolution": "resolution", "holds": "holds", "access": "access", "licence": "licence",
    },
    "methods": {
        "key": "method", "year": "year", "venue": "venue", "family": "kind", "driven_by": "driven by", "needs": "needs",
        "size": "size", "licence": "licence", "recipe": "bench run",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Filters:
    """Which entries of the catalogue to list; see `bench.catalogue.matching`."""

    search: str = ""
    since: int = 0
    until: int = 9999
    listed_in: str = ""


def print_catalogue(topic: str, filters: Filters, verbose: bool) -> int:
    """Prints the data sets or the methods of the field and returns the exit code.

    Raises:
        InputError: nothing matches, or no such list.
    """
    if filters.listed_in and filters.listed_in not in LISTS:
        raise InputError("no such list", expected=", ".join(LISTS), found=filters.listed_in)
    entries: Sequence[Dataset | FieldMethod]
    how = vars(filters)
    entries = matching(datasets(), **how) if topic == "datasets" else matching(field_methods(), **how)
    if not entries:
        raise InputError(f"no {topic} match", hint="fewer words, or a wider range of years")
    if verbose:
        print("\n\n".join(block(entry) for entry in entries))
    else:
        _print_table(topic, entries)
    return EXIT_OK


def block(entry: Dataset | FieldMethod) -> str:
    """Everything known of an entry, a line each."""
    lines = [f"{entry.name} ({entry.key})"]
    for field in fields(entry):
        value = getattr(entry, field.name)
        if field.name in ("key", "name", "licence_checked") or value in ("", None):
            continue
        lines.append(f"  {field.name.replace('_', ' '):<12} {shown(entry, field.name)}")
    return "\n".join(lines)


def shown(entry: Dataset | FieldMethod, name: str) -> str:
    """A value for people; a licence that was not read at its source is marked."""
    value: Any = getattr(entry, name)
    if name == "licence":
        return f"{value}{'' if entry.licence_checked else ' (?)'}" if value else "?"
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else f"{value:,}" if name == "subjects" else str(value)


def _print_table(topic: str, entries: Sequence[Dataset | FieldMethod]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = COLUMNS[topic]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, head in columns.items():
        number = name in ("year", "subjects")
        table.add_column(head, justify="right" if number else "left", no_wrap=name in ("key", "year"), overflow="fold")
    for entry in entries:
        table.add_row(*(Text(shown(entry, name)) for name in columns))
    console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)
    console.print(table)
    console.print(Text(f"{len(entries)} {topic} of the field; (?) licence not read at its source; -v shows everything"))
