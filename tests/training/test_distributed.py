"""The launchers themselves: torchrun and Lightning start several processes with Gloo on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from training_cases import ROOT, command, run

from vfa.training.tracing import LOSSES, SPEED, read_table

pytestmark = pytest.mark.slow

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def trace(folder: Path) -> list[dict[str, float]]:
    return [{n: v for n, v in row.items() if n not in SPEED} for row in read_table(folder / "r" / LOSSES)]


def close(one: list[dict[str, float]], other: list[dict[str, float]], rel: float) -> None:
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        assert first == pytest.approx(second, rel=rel)


def test_torchrun_trains_like_one_process(faces: Path, tmp_path: Path) -> None:
    alone = run(command(faces, tmp_path / "one"))
    assert alone.returncode == 0, alone.stderr
    together = run([*TORCHRUN, *command(faces, tmp_path / "two", "--workers", "1")[1:]])
    assert together.returncode == 0, together.stderr
    close(trace(tmp_path / "one"), trace(tmp_path / "two"), 1e-4)
    assert (tmp_path / "two" / "r" / "animator.safetensors").is_file()
    assert together.stdout.count("steps done") == 1  # one process speaks
    figures = [read_table(tmp_path / name / "r" / "validation.csv") for name in ("one", "two")]
    close(*figures, 1e-3)  # type: ignore[arg-type]


def test_lightning_starts_the_processes(faces: Path, tmp_path: Path) -> None:
    alone = run(command(faces, tmp_path / "one"))
    assert alone.returncode == 0, alone.stderr
    together = run(command(faces, tmp_path / "two", "--devices", "2", "--strategy", "ddp"))
    assert together.returncode == 0, together.stderr
    close(trace(tmp_path / "one"), trace(tmp_path / "two"), 1e-4)


def test_a_signal_to_one_process_stops_all_and_the_run_continues(faces: Path, tmp_path: Path) -> None:
    arguments: Any = [*TORCHRUN, *command(faces, tmp_path, steps=2000)[1:]]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        losses = tmp_path / "r" / LOSSES
        for _ in range(1200):
            if losses.is_file() and losses.read_text().count("\n") > 3:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    steps = [int(row["step"]) for row in read_table(losses)]
    assert (tmp_path / "r" / "last.ckpt").is_file(), errors
    result = run([*TORCHRUN, *command(faces, tmp_path, "--resume_ckpt", "last", steps=steps[-1] + 4)[1:]])
    assert result.returncode == 0, result.stderr
    assert [int(row["step"]) for row in read_table(losses)] == list(range(1, steps[-1] + 5))
