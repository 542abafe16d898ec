"""The process in which methods work: opened once, one sample after another, everything that goes wrong is a record."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bench.methods.base import Method, MethodFailed, Result, Task
from bench.methods.registry import create_method
from bench.running.output import check_output
from bench.running.records import MethodFolder, SampleRecord
from bench.store import file_hash
from bench.suites.run_sample import RunSample
from vfa.errors import AssetError, InputError, VFAError


@dataclass(frozen=True)
class Job:
    """One sample for one method, on its way to a worker.

    Attributes:
        spec: of the method, as `create_method` takes it. folder: of the method in the run. fingerprint: for the record.
        cache: shared by all. seconds: time limit, 0 for none.
    """

    spec: str
    method: str
    sample: RunSample
    folder: MethodFolder
    fingerprint: str
    cache: Path
    seconds: float
    cost: float


def serve(link: Connection) -> None:
    """Body of a worker process: jobs come over the link until None or its end; records go back."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    from bench.pool import prepare_process

    prepare_process()
    bench = _Bench()
    link.send(None)  # ready
    while True:
        try:
            job = link.recv()
        except (EOFError, OSError):
            break
        if job is None:
            break
        link.send(bench.work(job))
    bench.close()


class _Bench:
    """The method at hand."""

    def __init__(self) -> None:
        self.spec: str | None = None
        self.method: Method | None = None
        self.fault: VFAError | None = None

    def work(self, job: Job) -> SampleRecord:
        """Does one job; never raises for what a method does."""
        record = SampleRecord(job.method, job.sample.id, fingerprint=job.fingerprint)
        result = Result()
        scratch = job.folder.scratch(job.sample.id).absolute()
        began = time.perf_counter()
        try:
            method = self._opened(job, result)
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            log = job.folder.log(job.sample.id)
            log.unlink(missing_ok=True)
            _forget_peak()
            began = time.perf_counter()
            gives_motion = "motion" in method.gives and job.sample.points is not None
            # Methods write beside the scratch folder's own space, so that nothing half-done is ever in place.
            output, motion = scratch / "result.mp4", scratch / "result.npz" if gives_motion else None
            task = Task(job.sample, output, motion, scratch, log, job.cache.absolute(), job.seconds)
            made = method.generate(task)
            record.seconds = time.perf_counter() - began
            result.stages |= made.stages
            record.notes, record.exit_code = made.notes, made.exit_code
            record.peak_bytes = made.peak_bytes if made.peak_bytes is not None else peak_bytes()
            self._accept(job, method, task, record)
        except MethodFailed as error:
            record.status, record.cause, record.reason = "failed", error.cause, error.reason
            record.exit_code = error.exit_code
            record.peak_bytes = record.peak_bytes or error.peak_bytes or peak_bytes()
        except AssetError as error:
            record.status, record.cause, record.reason = "unavailable", "asset", str(error)
        except InputError as error:
            record.status, record.cause, record.reason = "failed", "input", str(error)
        except MemoryError:
            record.status, record.cause, record.reason = "failed", "memory", "the memory did not suffice"
        except Exception as error:
            text = str(error) if isinstance(error, VFAError) else f"{type(error).__name__}: {error}"
            record.status, record.cause, record.reason = "failed", "error", text[:2000]
        if record.status != "ok":
            record.seconds = record.seconds or time.perf_counter() - began
        record.stages = result.stages
        if job.folder.log(job.sample.id).is_file():
            record.log = job.folder.inside(job.folder.log(job.sample.id))
        shutil.rmtree(scratch, ignore_errors=True)
        return record

    def _opened(self, job: Job, result: Result) -> Method:
        if self.spec != job.spec:
            self.close()
            self.spec, self.fault = job.spec, None
            try:
                method = create_method(job.spec)
                with result.stage("open"):
                    method.open()
                self.method = method
            except VFAError as error:
                self.fault = error
        if self.fault is not None:
            raise self.fault
        assert self.method is not None
        return self.method

    def _accept(self, job: Job, method: Method, task: Task, record: SampleRecord) -> None:
        """Checks the result and moves it into place."""
        checked = check_output(task.output, task.scratch, job.sample, method.output)
        record.frames, record.rate = checked.frames, str(checked.rate)
        record.width, record.height, record.video_bytes = checked.width, checked.height, checked.size
        record.sha256 = file_hash(task.output)
        video, motion = job.folder.video(job.sample.id), job.folder.motion(job.sample.id)
        if task.motion is not None and task.motion.is_file():
            motion.parent.mkdir(parents=True, exist_ok=True)
            os.replace(task.motion, motion)
            record.motion = job.folder.inside(motion)
        else:
            motion.unlink(missing_ok=True)
        video.parent.mkdir(parents=True, exist_ok=True)
        os.replace(task.output, video)
        record.video = job.folder.inside(video)

    def close(self) -> None:
        """Closes the method at hand."""
        if self.method is not None:
            self.method.close()
        self.spec, self.method = None, None


def _die_with_parent() -> None:
    """Asks the kernel to end this process when the driver ends, however it does (Linux)."""
    import ctypes

    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _forget_peak() -> None:
    """Sets the kernel's mark of the highest memory back to the present (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # the mark then covers the samples before, too


def peak_bytes() -> int:
    """Highest resident memory of this process since `_forget_peak`."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
