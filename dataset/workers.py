"""Runs independent jobs over processes; one that fails does not stop the others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vfa.errors import EXIT_INTERNAL, EXIT_OK, EXIT_PARTIAL, VFAError

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Job, Result]):
    """What became of one job: a result, or the text and exit code of its failure."""

    job: Job
    result: Result | None
    failure: str | None = None
    exit_code: int = EXIT_OK


def run_jobs(
    work: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int = 1, debug: bool = False
) -> Iterator[Outcome[Job, Result]]:
    """Yields the outcome of every job, in the order in which they end.

    Args:
        work: a function of a module (processes are started afresh and import it).
        jobs: its arguments.
        workers: processes; 1 runs in this one. More than one job per process is never in memory.
        debug: let unexpected exceptions through with their traceback.
    """
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield _attempt(work, job, debug)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_attempt, work, job, debug) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _attempt(work: Callable[[Job], Result], job: Job, debug: bool) -> Outcome[Job, Result]:
    try:
        return Outcome(job, work(job))
    except VFAError as error:
        return Outcome(job, None, str(error), error.exit_code)
    except Exception as error:
        if debug:
            raise
        return Outcome(job, None, f"{type(error).__name__}: {error} (--debug shows where)", EXIT_INTERNAL)


def exit_code(outcomes: Sequence[Outcome[Job, Result]]) -> int:
    """0 when all went well, 5 when some failed, the failure's own code when all did."""
    failed = [outcome for outcome in outcomes if outcome.failure is not None]
    if not failed:
        return EXIT_OK
    return EXIT_PARTIAL if len(failed) < len(outcomes) else failed[0].exit_code


def default_workers() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
