"""What the commands of this folder share: exit codes, messages, progress."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from dataset.workers import Outcome, exit_code
from vfa.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, VFAError


@contextmanager
def guarded(debug: bool) -> Iterator[None]:
    """Turns failures into one message and the project's exit codes; `debug` lets the traceback through."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("interrupted; start the same command again to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except VFAError as error:
        if debug:
            raise
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if debug:
            raise
        typer.echo(f"internal error: {type(error).__name__}: {error} (--debug shows where)", err=True)
        raise typer.Exit(EXIT_INTERNAL) from None


def report(outcomes: Iterable[Outcome[Any, bool]], total: int, *, done: str, kept: str) -> int:
    """Prints a line for each outcome as it comes; returns the exit code of the whole run."""
    all_outcomes = []
    for number, outcome in enumerate(outcomes, 1):
        all_outcomes.append(outcome)
        label = getattr(outcome.job, "label", str(outcome.job))
        if outcome.failure is not None:
            print(f"[{number}/{total}] {label}: failed: {outcome.failure}", file=sys.stderr, flush=True)
        else:
            print(f"[{number}/{total}] {label}: {done if outcome.result else kept}", flush=True)
    return exit_code(all_outcomes)
