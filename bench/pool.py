"""Worker processes on one machine: a worker that dies costs its group, not the run."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any

from bench.records import reason_of
from bench.store import StoreError

Task = Callable[[Any, Callable[[Any], None]], Any]
"""A job: (item, tell) -> result; `tell` sends a message while it runs."""


@dataclass(frozen=True)
class Event:
    """The end of a job: its result, or why its worker died (then `result` is None)."""

    item: int
    result: Any = None
    died: str = ""


def prepare_process() -> None:
    """Settings that make numbers independent of the number of cores, and one job use one core."""
    import cv2

    cv2.setNumThreads(1)


def _work(link: Connection, task: Task) -> None:
    """Body of a worker: jobs come over the link until None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_process()
    while True:
        try:
            job = link.recv()
        except EOFError:
            return
        if job is None:
            return
        index, item = job
        try:
            result = ("done", index, task(item, partial(_tell, link, index)))
        except StoreError as error:
            result = ("fatal", index, error.args)
        except Exception as error:
            result = ("died", index, reason_of(error))
        link.send(result)


def _tell(link: Connection, index: int, message: Any) -> None:
    link.send(("message", index, message))


class _Worker:
    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self.link, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other, task), daemon=True)
        self.process.start()
        other.close()
        self.job: int | None = None

    def send(self, index: int, item: Any) -> None:
        self.job = index
        self.link.send((index, item))

    def stop(self) -> None:
        self.process.terminate()
        self.process.join(5)
        self.link.close()


def run_jobs(task: Task, items: Sequence[Any], workers: int, on_message: Callable[[Any], None]) -> Iterator[Event]:
    """Runs a job for each item and yields their ends as they come.

    Args:
        task: a function that can be sent to another process. items: jobs, given out in order.
        workers: 1 runs them in this process.
        on_message: called with what jobs tell while they run, in this process.

    Raises:
        StoreError: raised by a job: its results cannot be written, so the run cannot go on.
    """
    if workers <= 1:
        prepare_process()
        for index, item in enumerate(items):
            try:
                event = Event(index, task(item, on_message))
            except StoreError:
                raise
            except Exception as error:
                event = Event(index, died=reason_of(error))
            yield event
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    todo = deque(enumerate(items))
    crew = [_Worker(task) for _ in range(min(workers, len(items)))]
    try:
        for worker in crew:
            worker.send(*todo.popleft())
        while busy := {worker.link: worker for worker in crew if worker.job is not None}:
            for link in wait(list(busy)):
                worker = busy[link]  # type: ignore[index]
                assert worker.job is not None
                try:
                    kind, index, value = worker.link.recv()
                except (EOFError, ConnectionResetError):
                    worker.process.join(5)
                    code = worker.process.exitcode
                    yield Event(worker.job, died=f"the worker process ended unexpectedly (exit code {code})")
                    crew.remove(worker)
                    worker.stop()
                    if todo:
                        crew.append(_Worker(task))
                        crew[-1].send(*todo.popleft())
                    continue
                if kind == "message":
                    on_message(value)
                    continue
                if kind == "fatal":
                    raise StoreError(str(value[0]) if value else "a worker failed")
                yield Event(index, value) if kind == "done" else Event(index, died=value)
                worker.job = None
                if todo:
                    worker.send(*todo.popleft())
    finally:
        for worker in crew:
            worker.stop()
