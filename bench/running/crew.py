"""Worker processes that outlive what methods do to them: one that dies or hangs costs its sample, not the run."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import wait

from bench.running.records import SampleRecord
from bench.running.worker import Job, serve
from bench.store import StoreError

GRACE = 30.0
"""Seconds beyond a method's time limit after which its worker is ended from outside; programs are ended from inside."""


class _Worker:
    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.link, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other,), daemon=True)
        self.process.start()
        other.close()
        self.job: Job | None = None
        self.ready = False
        self.began, self.deadline = 0.0, float("inf")

    def greet(self) -> None:
        """Takes its first message: it has loaded what it needs, and the time of a sample may begin.

        Raises:
            StoreError: it ended before.
        """
        try:
            self.link.recv()
        except (EOFError, OSError) as error:
            raise StoreError("a worker process could not be started", path="bench.running.worker") from error
        self.ready = True

    def send(self, job: Job) -> None:
        self.job, self.began = job, time.monotonic()
        self.deadline = self.began + job.seconds + GRACE if job.seconds else float("inf")
        with suppress(OSError):  # one that has died meanwhile is noticed when its answer is waited for
            self.link.send(job)

    def end(self) -> None:
        """Ends the process at once; programs that it started end with it."""
        self.process.kill()
        self.process.join()
        self.link.close()

    def dismiss(self) -> None:
        """Lets it close its method and go."""
        with suppress(OSError):
            self.link.send(None)
            self.process.join(10)
        self.end()


def run_crew(jobs: Sequence[Job], workers: int) -> Iterator[SampleRecord]:
    """Does all jobs and yields their records as they come; jobs of one method should stand together.

    Args:
        jobs: given out in order. workers: processes, each of which works on one sample at a time.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    todo = deque(jobs)
    crew: list[_Worker] = []
    try:
        while todo or any(worker.job for worker in crew):
            crew = [w for w in crew if w.job is not None or not w.ready or w.process.is_alive()]
            while todo and len(crew) < min(workers, len(jobs)):
                crew.append(_Worker())
            for worker in crew:
                if worker.ready and worker.job is None and todo:
                    worker.send(todo.popleft())
            waited = {worker.link: worker for worker in crew if worker.job is not None or not worker.ready}
            nearest = min(worker.deadline for worker in waited.values())
            left = None if nearest == float("inf") else max(nearest - time.monotonic(), 0.0)
            ready = [waited[link] for link in wait(list(waited), left)]  # type: ignore[index]
            late = [w for w in waited.values() if w not in ready and time.monotonic() >= w.deadline]
            for worker in [*ready, *late]:
                if not worker.ready:
                    worker.greet()
                    continue
                record = _record_of(worker, worker in late)
                worker.job, worker.deadline = None, float("inf")
                yield record
    finally:
        for worker in crew:
            if worker.job is None and worker.ready:
                worker.dismiss()
            else:
                worker.end()


def _record_of(worker: _Worker, late: bool) -> SampleRecord:
    """The record a worker sent, or one that says how it ended."""
    job = worker.job
    assert job is not None
    if not late:
        try:
            return worker.link.recv()
        except (EOFError, OSError):
            worker.process.join(5)
    code = worker.process.exitcode
    worker.end()
    record = SampleRecord(job.method, job.sample.id, "failed", fingerprint=job.fingerprint)
    record.seconds = time.monotonic() - worker.began
    if late:
        record.cause, record.reason = "timeout", f"no result after {record.seconds:.0f} s; the method was ended"
    else:
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        record.cause, record.reason = "crash", f"the method's process ended unexpectedly ({how})"
        record.exit_code = code
    if job.folder.log(job.sample.id).is_file():
        record.log = job.folder.inside(job.folder.log(job.sample.id))
    shutil.rmtree(job.folder.scratch(job.sample.id), ignore_errors=True)
    return record
