"""One run of a program: its process group, its log, its end."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.methods.base import MethodFailed
from bench.methods.launcher import CANNOT, landlock_version

LAUNCHER = Path(__file__).with_name("launcher.py")
MARK = "BENCH_TASK"
"""Variable by which everything that a task started is known, whatever process group it has moved to."""
TAIL = 64 << 10
"""Bytes of the end of a log that are kept beyond the cap."""
OUT_OF_MEMORY = (b"MemoryError", b"bad_alloc", b"out of memory", b"Cannot allocate memory", b"OutOfMemory")


@dataclass(frozen=True)
class Limits:
    """Attributes: seconds of wall time, memory (address space) and file in bytes, log in bytes; 0 = no limit."""

    seconds: float = 0.0
    memory: int = 0
    file: int = 0
    log: int = 1 << 20


class Program:
    """Runs commands one after another under common limits.

    Args:
        folder: where they run. environment: all that they see. limits: for all of them together (seconds) or each.
        log: file for what they print. mark: what the leftovers are known by. writable: what they may change.

    Attributes:
        peak_bytes: largest memory of one process. exit_code: of the last command. notes: for the record.
    """

    def __init__(
        self, folder: Path, environment: dict[str, str], limits: Limits, log: Path, mark: Path, *, writable: list[str]
    ) -> None:
        self.folder, self.limits, self.log, self.writable = folder, limits, log, writable
        self.environment = {**environment, MARK: str(mark)}
        self.peak_bytes: int | None = None
        self.exit_code: int | None = None
        self.notes: list[str] = []
        if not landlock_version():
            self.notes.append("writing was not confined to the sample's folder: the kernel has no Landlock")
        self._ends = time.monotonic() + limits.seconds if limits.seconds else float("inf")

    def run(self, command: list[str]) -> None:
        """Runs a command to its end.

        Raises:
            MethodFailed: it could not be started, took too long, or ended with an error.
        """
        limits: dict[str, object] = {"parent": os.getpid(), "writable": self.writable}
        limits |= {"memory": self.limits.memory, "file": self.limits.file}
        start = [sys.executable, "-I", str(LAUNCHER), json.dumps(limits), *command]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log.write(("$ " + " ".join(command) + "\n").encode(errors="replace"))
            log.flush()
            process = subprocess.Popen(
                start, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            assert process.stdout is not None
            reader = _LogReader(process.stdout, log, self.limits.log)
            late = not self._wait(process)
            end_leftovers(Path(self.environment[MARK]))
            reader.finish()
        self._judge(late, reader, command[0])

    def _wait(self, process: subprocess.Popen) -> bool:
        """Waits for the end; False when the time was over first. Either way the whole process group is ended."""
        in_time, delay, seen = True, 0.005, 0
        while True:
            seen = max(seen, _peak_so_far(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() >= self._ends:
                in_time = False
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                _, status, usage = os.wait4(process.pid, 0)
                break
            time.sleep(delay)
            delay = min(delay * 1.5, 0.2)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        self.exit_code = os.waitstatus_to_exitcode(status)
        process.returncode = self.exit_code
        # The kernel counts what this process held when it started the program; beyond that the number is the program's.
        inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak = usage.ru_maxrss * 1024 if usage.ru_maxrss > inherited or not seen else seen
        self.peak_bytes = max(self.peak_bytes or 0, peak)
        return in_time

    def _judge(self, late: bool, reader: _LogReader, program: str) -> None:
        """Raises for anything but an end without error."""
        code = self.exit_code
        if reader.cut:
            self.notes.append(f"the log was cut: {reader.seen} bytes were printed")
        if late:
            limit = self.limits.seconds
            raise MethodFailed(
                "timeout", f"no end within {limit:g} s; ended with all it started", code, self.peak_bytes
            )
        if code == 0:
            return
        last = reader.last_line()
        if self.limits.memory and any(word in reader.tail() for word in OUT_OF_MEMORY):
            raise MethodFailed(
                "memory", f"more than {self.limits.memory / (1 << 30):g} GB: {last}", code, self.peak_bytes
            )  # fmt: skip
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
            raise MethodFailed("crash", f"ended by {name}: {last}", code, self.peak_bytes)
        what = "could not be started within its limits" if code == CANNOT else f"exit code {code}"
        raise MethodFailed("exit", f"{os.path.basename(program)}: {what}: {last}", code, self.peak_bytes)


def _peak_so_far(pid: int) -> int:
    """Largest memory of a running process in bytes since its program began; 0 where that cannot be read."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) * 1024 for words in lines), 0)


class _LogReader:
    """Drains what a program prints, keeps its beginning in a file and its end in memory."""

    def __init__(self, pipe: IO[bytes], log: IO[bytes], cap: int) -> None:
        self._pipe, self._log, self._cap = pipe, log, cap
        self._end = b""
        self.seen, self._written = 0, 0
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    @property
    def cut(self) -> bool:
        """Whether something was left out."""
        return self.seen > self._written

    def _drain(self) -> None:
        with suppress(OSError, ValueError):
            while block := self._pipe.read1(1 << 16):  # type: ignore[attr-defined]
                self.seen += len(block)
                kept = block[: max(self._cap - self._written, 0)]
                self._written += len(kept)
                self._log.write(kept)
                self._log.flush()
                self._end = (self._end + block)[-TAIL:]

    def finish(self) -> None:
        """Waits for the rest; adds the end where the middle was left out."""
        self._thread.join(5)
        left_out = self.seen - self._written
        if left_out:
            end = self._end[-min(left_out, len(self._end)) :]
            self._log.write(f"\n... {left_out - len(end)} bytes left out ...\n".encode() + end)
            self._log.flush()
        with suppress(OSError):
            self._pipe.close()

    def tail(self) -> bytes:
        """The end of what was printed."""
        return self._end

    def last_line(self) -> str:
        """The last line that is not empty."""
        lines = [line for line in self._end.decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else "nothing was printed"


def end_leftovers(mark: Path) -> int:
    """Ends processes that a task left behind, also of an earlier run that was killed; returns how many there were."""
    wanted = f"{MARK}={mark}".encode()
    ended = 0
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError, ValueError):
            if wanted in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)
                ended += 1
    return ended
