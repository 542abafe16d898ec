"""Two processes (Gloo) do what one would. They are forks of this one, in the surroundings that torchrun makes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from training_cases import TINY_OPTIONS

from vfa.training.checkpointing import LAST, read_run
from vfa.training.module import TrainingModule
from vfa.training.options import RunOptions
from vfa.training.run import Outcome, train
from vfa.training.tracing import LOSSES, SPEED, VALIDATION, read_table
from vfa.training.watching import DivergedError, Watch

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="a process that has used a GPU cannot be forked; see test_distributed.py"
)


def options(faces: Path, folder: Path, **more: Any) -> RunOptions:
    common: dict[str, Any] = {
        "exp_path": folder, "exp_name": "r", "dataset": (f"kinect={faces}",), "iterations": 4, "batch_size": 4,
        "warmup": 0, "lr": 1e-3, "save_freq": 2, "display_freq": 100, "log_freq": 1, "workers": 0,
        "accelerator": "cpu", "model": TINY_OPTIONS, "data_options": {"source": "random"},
        "stage_options": {"perceptual": "gradients_lite"}, "validation_samples": 5,
    }  # fmt: skip
    return RunOptions(**{**common, **more})


def _one_of(rank: int, world: int, port: int, work: Callable[[], Any]) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world),
        "GROUP_RANK": "0", "GROUP_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    torch.set_num_threads(1)
    work()


def together(work: Callable[[], Any], world: int = 2) -> None:
    """Runs `work` in several processes at once; all must end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_one_of, args=(rank, world, port, work)) for rank in range(world)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        if process.is_alive():
            process.kill()
    assert [process.exitcode for process in processes] == [0] * world


def trace(folder: Path, name: str = LOSSES) -> list[dict[str, float]]:
    return [{n: v for n, v in row.items() if n not in SPEED} for row in read_table(folder / "r" / name)]


def test_two_processes_have_the_gradients_of_one_with_the_doubled_batch(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(self: TrainingModule, optimizer: Any) -> None:
        found = {n: p.grad.clone() for n, p in self.network.named_parameters() if p.grad is not None}
        torch.save(found, self.trainer.default_root_dir + f"/gradients{self.trainer.global_rank}.pt")

    monkeypatch.setattr(TrainingModule, "on_before_optimizer_step", keep)
    train(options(faces, tmp_path / "one", iterations=1))
    together(lambda: train(options(faces, tmp_path / "two", iterations=1)))
    files = [tmp_path / "one/r/gradients0.pt", tmp_path / "two/r/gradients0.pt", tmp_path / "two/r/gradients1.pt"]
    one, first, second = (torch.load(path, weights_only=True) for path in files)
    assert list(one) == list(first) and len(one) > 50
    for name, value in one.items():
        assert torch.equal(first[name], second[name])
        difference = float((value - first[name]).abs().max())
        assert difference <= 1e-5 * max(1.0, float(value.abs().max())), (name, difference)


def test_two_processes_train_like_one_whatever_the_workers(faces: Path, tmp_path: Path) -> None:
    train(options(faces, tmp_path / "one"))
    together(lambda: train(options(faces, tmp_path / "two", workers=1)))
    together(lambda: train(options(faces, tmp_path / "workers", workers=2)))
    assert trace(tmp_path / "two") == trace(tmp_path / "workers")
    for name in (LOSSES, VALIDATION):
        pairs = zip(trace(tmp_path / "one", name), trace(tmp_path / "two", name), strict=True)
        for alone, shared in pairs:
            assert shared == pytest.approx(alone, rel=1e-4)
    one, two = (read_run(tmp_path / name / "r" / LAST)["state_dict"] for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=1e-4, rtol=1e-3)


def test_a_signal_to_one_process_stops_both_and_both_continue(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Watch.on_train_batch_end

    def hook(self: Watch, trainer: Any, *rest: Any) -> None:
        if trainer.global_step == 3 and trainer.global_rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        original(self, trainer, *rest)

    def stopped() -> None:
        outcome: Outcome = train(options(faces, tmp_path, iterations=6))
        assert outcome.signal == "SIGTERM" and outcome.step in (3, 4) and outcome.leads == (os.environ["RANK"] == "0")

    with monkeypatch.context() as patch:
        patch.setattr(Watch, "on_train_batch_end", hook)
        together(stopped)
    together(lambda: train(options(faces, tmp_path, iterations=6, resume_ckpt="last")))
    together(lambda: train(options(faces, tmp_path / "whole", iterations=6)))
    assert trace(tmp_path) == trace(tmp_path / "whole")


def test_all_processes_say_which_of_them_diverged(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Watch.on_train_batch_end

    def hook(self: Watch, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        if trainer.global_step == 2 and trainer.global_rank == 1:
            outputs["loss"].fill_(float("nan"))
        original(self, trainer, module, outputs, batch, index)

    def diverges() -> None:
        with pytest.raises(DivergedError, match="process 1: perceptual") as error:
            train(options(faces, tmp_path))
        assert "process 0" in str(error.value) and "driving_frame [" in str(error.value)

    monkeypatch.setattr(Watch, "on_train_batch_end", hook)
    together(diverges)


def test_a_batch_that_cannot_be_shared_out(faces: Path, tmp_path: Path) -> None:
    from vfa.errors import InputError

    def refused() -> None:
        with pytest.raises(InputError, match="divisible by 2"):
            train(options(faces, tmp_path, batch_size=3))

    together(refused)
