"""`bench list`: metrics, methods, suites, weights, data sets."""

from __future__ import annotations

import math
import sys
from typing import Any

from bench.commands.catalogue import Filters, print_catalogue
from vfa.errors import EXIT_OK


def run_list(topic: str, verbose: bool, filters: Filters | None = None) -> int:
    """Prints one table and returns the exit code; of methods, those that can be run here and those of the field.

    Args:
        filters: which entries of the catalogue; with any, what can be run here is left out.
    """
    chosen = filters or Filters()
    if topic == "datasets" or (topic == "methods" and chosen != Filters()):
        return print_catalogue(topic, chosen, verbose)
    _print_table(topic, verbose)
    if topic == "methods":
        print()
        return print_catalogue(topic, chosen, verbose)
    return EXIT_OK


def _print_table(topic: str, verbose: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    head, rows = {"metrics": _metrics, "methods": _methods, "suites": _suites, "weights": _weights}[topic](verbose)
    table = Table(box=None, pad_edge=False)
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(table, markup=False, highlight=False)


def _metrics(verbose: bool) -> tuple[list[str], list[list[str]]]:
    from bench.metrics.registry import all_metrics, names_of

    rows = []
    for cls in all_metrics():
        arrow = {True: "up", False: "down", None: "near"}[cls.higher_is_better]
        low, high = (f"{end:g}" if math.isfinite(end) else "-" for end in cls.range)
        row = [
            cls.id(),
            ", ".join(names_of(cls)[1:]),
            arrow,
            f"{low} .. {high}",
            cls.unit,
            "truth" if cls.paired else "",
            ", ".join((*cls.needs, *(f"weights {key}" for key in cls.weights))),
            "" if cls.comparable else "not comparable",
        ]
        if verbose:
            row += [cls.definition, cls.reference]
        rows.append(row)
    head = ["metric", "also", "better", "range", "unit", "against", "needs", "note"]
    return head + (["definition", "source"] if verbose else []), rows


def _methods(verbose: bool) -> tuple[list[str], list[list[str]]]:
    from bench.methods.registry import create_method, method_names

    rows = [["folder:PATH", "", "here", "existing videos by the samples' names; FILE.toml: a program"]]
    for name in method_names():
        method = create_method(name)
        needs = " or ".join(" + ".join(part) for part in method.needs if part)
        why = method.missing()
        title = method.title + (f"; {why}" if why and verbose else "")
        rows.append([name, needs, "missing" if why else "here", title])
    return ["method", "needs", "state", "what it is"], rows


def _suites(verbose: bool) -> tuple[list[str], list[list[str]]]:
    from bench.suites import SUITES

    rows = [[name, _first_lines(builder)] for name, builder in sorted(SUITES.items())]
    made = "made by bench run from a seed: sources, drivers, and the truth of self- and cross-identity reenactment"
    return ["suite", "layout"], [*rows, ["synthetic", made]]


def _first_lines(thing: Any) -> str:
    return " ".join((thing.__doc__ or "").split())


def _weights(verbose: bool) -> tuple[list[str], list[list[str]]]:
    from bench.weights import MANIFEST, find, folder

    rows = []
    for item in MANIFEST:
        path = find(item.key)
        state = "here" if path else "missing" if item.url else "by hand"
        row = [item.key, item.file, state, f"{item.megabytes:g}", item.licence, item.commercial, item.needed_by]
        row.append(item.source)
        if verbose:
            row += [item.known_hash or "not stated", item.url or item.steps]
        rows.append(row)
    head = ["key", "file", "state", "MB", "licence", "commercial use", "needed by", "published at"]
    head += ["sha256, or its first digits", "address, or what to do"] if verbose else []
    rows.append([*[""] * (len(head) - 1), f"looked for in {folder()}"])
    return head, rows
