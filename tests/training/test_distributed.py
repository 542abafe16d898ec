"""Several processes (Gloo, on this machine) do what one would: gradients, traces, launching, stopping."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from training_cases import ROOT, command, run, write_faces

from vfa.training.tracing import LOSSES, SPEED, read_table

pytestmark = pytest.mark.slow

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
GRADIENTS = """
import sys, torch
torch.set_num_threads(1)
from vfa.training.module import TrainingModule
target = sys.argv.pop(1)
def keep(self, optimizer):
    if self.trainer.is_global_zero:
        torch.save({n: p.grad.clone() for n, p in self.network.named_parameters() if p.grad is not None}, target)
TrainingModule.on_before_optimizer_step = keep
from vfa.commands.train import main
main()
"""


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("faces"))


def trace(folder: Path) -> list[dict[str, float]]:
    return [{n: v for n, v in row.items() if n not in SPEED} for row in read_table(folder / "r" / LOSSES)]


def close(one: list[dict[str, float]], other: list[dict[str, float]], rel: float) -> None:
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        assert first == pytest.approx(second, rel=rel)


def gradients(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


def test_gradients_of_two_processes_are_those_of_one_with_the_doubled_batch(faces: Path, tmp_path: Path) -> None:
    script = tmp_path / "gradients.py"
    script.write_text(GRADIENTS)
    environment = {"PYTHONPATH": str(ROOT)}
    os.environ.update(environment)
    for launch, name in (([sys.executable], "one"), (TORCHRUN, "two")):
        arguments = command(faces, tmp_path / name, steps=1)[2:]
        result = run([*launch, str(script), str(tmp_path / f"{name}.pt"), *arguments])
        assert result.returncode == 0, result.stderr
    one, two = gradients(tmp_path / "one.pt"), gradients(tmp_path / "two.pt")
    assert list(one) == list(two) and len(one) > 50
    for name in one:
        assert float((one[name] - two[name]).abs().max()) <= 1e-5 * float(one[name].abs().max() + 1e-6), name


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


@pytest.mark.parametrize("workers", ["1", "2"])
def test_lightning_starts_the_processes(workers: str, faces: Path, tmp_path: Path) -> None:
    common = ("--devices", "2", "--strategy", "ddp")
    none = run(command(faces, tmp_path / "none", *common))
    some = run(command(faces, tmp_path / "some", *common, "--workers", workers))
    assert none.returncode == 0 and some.returncode == 0, none.stderr + some.stderr
    assert trace(tmp_path / "none") == trace(tmp_path / "some")


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
