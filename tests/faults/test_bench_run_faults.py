"""Runs of methods that are killed: driver, rank, worker; the same command goes on and ends in the same results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

SLOW_COPY = "import shutil, sys, time\ntime.sleep({seconds})\nshutil.copy(sys.argv[2], sys.argv[1])\n"


def movie(path: Path, seed: int, frames: int = 5, size: int = 32) -> Path:
    """A small H.264 movie of a drifting pattern."""
    from vfa.export.movie import MovieWriter

    pattern = np.random.default_rng(seed).integers(0, 255, (size // 4, size // 4, 3), dtype=np.uint8)
    pattern = pattern.repeat(4, 0).repeat(4, 1)
    with MovieWriter(path, width=size, height=size, rate=Fraction(25)) as writer:
        for frame in range(frames):
            writer.write(np.roll(pattern, frame, axis=1), Fraction(frame, 25))
    return path


def suite(folder: Path, count: int) -> Path:
    for number in range(count):
        movie(folder / "gt_test" / f"v{number:03d}.mp4", number)
    return folder


def slow_method(folder: Path, seconds: float) -> Path:
    """A program that takes its time and copies the driver."""
    (folder / "slow.py").write_text(SLOW_COPY.format(seconds=seconds))
    command = [sys.executable, str(folder / "slow.py"), "{output}", "{video}"]
    (folder / "slow.toml").write_text(f'command = {command!r}\nneeds = ["video"]\n')
    return folder / "slow.toml"


def command(data: Path, out: Path, methods: str, *more: str) -> list[str]:
    return ["-m", "bench", "run", "--suite", "avatar", "--data", str(data), "--out", str(out), "--methods", methods,
            "--metrics", "psnr,mse", *more]  # fmt: skip


def start(arguments: list[str], ranks: int = 1) -> subprocess.Popen:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)] if ranks > 1 else []
    return subprocess.Popen(
        [sys.executable, *launcher, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(arguments: list[str], ranks: int = 1) -> None:
    process = start(arguments, ranks)
    _, said = process.communicate(timeout=1200)
    assert process.returncode == 0, said.decode()[-3000:]


def outcome(out: Path) -> dict[str, bytes]:
    """What a leaderboard is made of, but for times and memory: scores and videos."""
    files = {"results": (out / "scores" / "results.json").read_bytes()}
    return files | {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.glob("*/videos/*"))}


def records(out: Path) -> list[Path]:
    return sorted(out.glob("*/samples/*.json"))


def alive(text: str) -> list[int]:
    """Processes that name a text in their command line or environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            seen = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            gone = ") Z " in (entry / "stat").read_text()
        except OSError:
            continue
        if text.encode() in seen and not gone and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_driver_goes_on_to_the_same_results(tmp_path: Path) -> None:
    data, method = suite(tmp_path / "data", 4), slow_method(tmp_path, 0.3)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(command(data, whole, f"oracle,static,{method}"))
    rng = np.random.default_rng(0)
    for done in (0, 3, 7, 11):
        process = start(command(data, killed, f"oracle,static,{method}"))
        wait_for(lambda done=done, process=process: len(records(killed)) > done or process.poll() is not None)
        time.sleep(float(rng.uniform(0, 0.4)))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        wait_for(lambda: not alive(str(killed)), 20)  # workers and programs end with their driver
    finish(command(data, killed, f"oracle,static,{method}"))
    assert outcome(killed) == outcome(whole)
    assert not list(killed.rglob(".tmp-*"))
    assert not list(killed.glob("*/scratch/*"))


@pytest.mark.slow
def test_a_killed_rank_leaves_finished_samples_and_the_rest_goes_on(tmp_path: Path) -> None:
    data, method = suite(tmp_path / "data", 9), slow_method(tmp_path, 0.5)
    one, three = tmp_path / "one", tmp_path / "three"
    finish(command(data, one, f"static,{method}"))
    process = start(command(data, three, f"static,{method}"), ranks=3)
    wait_for(lambda: len(records(three)) >= 4)
    victims = [pid for pid in alive(str(three)) if b"RANK=1" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")]
    ranks = [pid for pid in victims if b"bench\0run" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(ranks[0], signal.SIGKILL)
    process.communicate(timeout=900)
    assert process.returncode != 0
    kept = {path: path.stat().st_mtime_ns for path in records(three) if json.loads(path.read_text())["status"] == "ok"}
    assert kept
    assert len(kept) < 18
    finish(command(data, three, f"static,{method}"), ranks=3)
    assert all(path.stat().st_mtime_ns == moment for path, moment in kept.items())
    assert outcome(three) == outcome(one)


@pytest.mark.slow
def test_one_two_and_three_ranks_give_the_same_bytes(tmp_path: Path) -> None:
    data = suite(tmp_path / "data", 5)
    finish(command(data, tmp_path / "1", "oracle,static,copy"))
    for ranks in (2, 3):
        finish(command(data, tmp_path / str(ranks), "oracle,static,copy", "--workers", str(ranks - 1)), ranks=ranks)
        assert outcome(tmp_path / str(ranks)) == outcome(tmp_path / "1")


@pytest.mark.slow
def test_a_method_killed_from_outside_costs_one_sample_and_is_done_again(tmp_path: Path) -> None:
    data, method = suite(tmp_path / "data", 3), slow_method(tmp_path, 2.0)
    out = tmp_path / "out"
    process = start(command(data, out, str(method)))
    programs = []

    def running() -> bool:
        programs[:] = [p for p in alive("slow.py") if b"/result.mp4" in Path(f"/proc/{p}/cmdline").read_bytes()]
        return bool(programs)

    wait_for(running)
    os.kill(programs[0], signal.SIGKILL)
    process.communicate(timeout=900)
    assert process.returncode == 5
    causes = [json.loads(path.read_text())["cause"] for path in records(out)]
    assert sorted(causes) == ["", "", "crash"]
    finish(command(data, out, str(method)))
    finish(command(data, tmp_path / "whole", str(method)))
    assert outcome(out) == outcome(tmp_path / "whole")


@pytest.mark.slow
def test_slurm_ranks_share_the_work(tmp_path: Path) -> None:
    data = suite(tmp_path / "data", 4)
    finish(command(data, tmp_path / "one", "static,copy"))
    port = str(20000 + os.getpid() % 20000)
    slurm = {"SLURM_NTASKS": "2", "SLURM_JOB_NUM_NODES": "1", "SLURM_NTASKS_PER_NODE": "2", "SLURM_JOB_ID": "7",
             "SLURM_NODELIST": "localhost", "SLURM_JOB_NAME": "run", "SLURM_NODEID": "0", "MASTER_PORT": port,
             "MASTER_ADDR": "127.0.0.1"}  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, *command(data, tmp_path / "two", "static,copy")], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env={**os.environ, **slurm, "SLURM_PROCID": rank, "SLURM_LOCALID": rank},
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    for process in processes:
        _, said = process.communicate(timeout=900)
        assert process.returncode == 0, said.decode()[-3000:]
    assert outcome(tmp_path / "two") == outcome(tmp_path / "one")


MANY = """
import sys
from pathlib import Path
from bench.distributed import Ranks
from bench.running.engine import RunOptions, generate
from bench.suites.tasks import build_tasks

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

seen = []
data, out = map(Path, sys.argv[1:3])
options = RunOptions(out, "avatar", ("folder:" + str(data / "gt_test"),), workers=2)
if __name__ == "__main__":
    samples = build_tasks("avatar", data, out / "suite")
    made = generate(samples, options, Ranks(), on_progress=lambda done, total, record: seen.append(resident()))
    print(made.n_done, made.n_failed, seen[99], max(seen[900:]))
"""


@pytest.mark.slow
def test_a_thousand_samples_leave_the_driver_as_small_as_a_hundred(tmp_path: Path) -> None:
    data = suite(tmp_path / "data", 1)
    for number in range(1, 1000):
        shutil.copyfile(data / "gt_test" / "v000.mp4", data / "gt_test" / f"v{number:03d}.mp4")
    (tmp_path / "many.py").write_text(MANY)
    run = [sys.executable, str(tmp_path / "many.py"), str(data), str(tmp_path / "out")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=1500, check=True)
    n_done, n_failed, early, late = map(int, done.stdout.split())
    assert (n_done, n_failed) == (1000, 0)
    assert late - early < 8 << 10  # KiB
