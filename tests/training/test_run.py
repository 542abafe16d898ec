"""Whole runs of the smallest animator: what they leave behind, and that stopping them changes nothing."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from training_cases import ROOT, TINY, command, run, run_options

from vfa.errors import InputError
from vfa.models.animator import VersatileFaceAnimator
from vfa.models.checkpoint import load_checkpoint
from vfa.models.network import AnimatorNetwork
from vfa.training.checkpointing import BEST, LAST, read_run, read_start
from vfa.training.options import RunOptions
from vfa.training.run import Outcome, train
from vfa.training.tracing import LOSSES, SPEED, VALIDATION, Table, read_table
from vfa.training.watching import DivergedError, Watch

STEPS = 8
pytestmark = pytest.mark.usefixtures("one_thread")


class Killed(BaseException):
    """Stands for a kill: nothing catches it and nothing is saved after it."""


def options(faces: Path, folder: Path, **more: Any) -> RunOptions:
    """Two steps between checkpoints."""
    return run_options(faces, folder, **{"iterations": STEPS, **more})


@pytest.fixture(scope="module")
def whole(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    torch.set_num_threads(1)
    train(options(faces, folder))
    return folder / "r"


def trace(folder: Path) -> list[dict[str, float]]:
    """All that is logged, in full precision, but for speed."""
    rows = read_table(folder / LOSSES)
    return [{name: value for name, value in row.items() if name not in SPEED} for row in rows]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_run(folder / LAST)["state_dict"]


def same(one: Path, other: Path) -> None:
    """Bit for bit the same losses, figures and weights."""
    assert trace(one) == trace(other)
    assert (one / VALIDATION).read_bytes() == (other / VALIDATION).read_bytes()
    first, second = weights(one), weights(other)
    assert list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def at_step(step: int, action: Callable[[Any, Any], None]) -> Any:
    """`Watch.on_train_batch_end` with something done first at a step."""
    original = Watch.on_train_batch_end

    def hook(self: Watch, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        if trainer.global_step == step:
            action(module, outputs)
        original(self, trainer, module, outputs, batch, index)

    return hook


def test_what_a_run_leaves_behind(faces: Path, tmp_path: Path) -> None:
    outcome = train(options(faces, tmp_path, display_freq=4))
    folder = tmp_path / "r"
    assert isinstance(outcome, Outcome) and outcome.step == STEPS and not outcome.signal
    assert [row["step"] for row in read_table(folder / LOSSES)] == list(range(1, STEPS + 1))
    for row in read_table(folder / LOSSES):
        terms = [value for name, value in row.items() if name not in ("step", "loss", "lr", *SPEED)]
        assert len(terms) == 4 and row["loss"] == pytest.approx(sum(terms), rel=1e-6)
    assert [row["step"] for row in read_table(folder / VALIDATION)] == [2, 4, 6, 8]
    assert sorted(path.name for path in (folder / "sheets").iterdir()) == ["0000004.png", "0000008.png"]
    assert list((folder / "tensorboard").glob("events*"))
    assert not [path for path in folder.rglob("*") if ".part" in path.name]
    figures = [row[outcome.best["figure"]] for row in read_table(folder / VALIDATION)]
    assert outcome.best["value"] == min(figures)
    best = read_start(folder / BEST)
    assert best.step == outcome.best["step"] == 2 * (1 + figures.index(min(figures)))
    from PIL import Image

    assert np.asarray(Image.open(folder / "sheets" / "0000008.png")).std() > 20


def test_the_result_is_a_checkpoint_for_use(whole: Path) -> None:
    path = whole / "animator.safetensors"
    loaded = load_checkpoint(path)
    assert loaded.config == TINY
    best = read_start(whole / BEST)
    assert all(torch.equal(loaded.state[name], value) for name, value in best.state.items())
    record = loaded.record
    assert record["stage"] == "animator" and record["licence"] == "test" and record["step"] == best.step
    assert record["notes"] == {"perceptual": "gradients_lite"}
    assert "psnr" in record["figures"] and record["hours"] > 0 and record["data"].startswith("kinect")
    with safe_open(path, framework="pt") as file:
        assert str(ROOT) not in str(file.metadata())
    in_place = load_checkpoint(whole / BEST)
    assert in_place.config == TINY and all(torch.equal(in_place.state[n], v) for n, v in loaded.state.items())
    frame = torch.zeros(1, 4, 16, 16)
    assert VersatileFaceAnimator.from_checkpoint(path).animate(frame, frame).rgbd.shape == (1, 4, 16, 16)


def test_only_what_learns_changes(faces: Path, whole: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    fresh = AnimatorNetwork(TINY).state_dict()
    after = weights(whole)
    moved = {name for name in fresh if not torch.equal(after[f"network.{name}"], fresh[name])}
    still = {name for name in fresh if name.startswith("student_dec.") or "kernel" in name or "to_rgb1" in name}
    assert moved and not moved & still
    learning = {name for name, parameter in AnimatorNetwork(TINY).named_parameters() if parameter.requires_grad}
    assert learning - moved - still == set()
    assert any(not torch.equal(after[f"network.{name}"], after[f"average.{name}"]) for name in moved)


@pytest.mark.parametrize("step", sorted(np.random.default_rng(11).choice(np.arange(1, STEPS + 1), 5, replace=False)))
def test_a_killed_run_continues_bit_for_bit(
    step: int, faces: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(module: Any, outputs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Watch, "on_train_batch_end", at_step(int(step), kill))
        with pytest.raises(Killed):
            train(options(faces, tmp_path))
    saved = tmp_path / "r" / LAST
    assert saved.is_file() == (step > 2)
    train(options(faces, tmp_path, resume_ckpt="last"))
    same(tmp_path / "r", whole)


SCRIPT = """
import os, signal, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("mediapipe", "trimesh", "av"):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
import torch
torch.set_num_threads(1)
from vfa.training.watching import Watch
before, last = Watch.on_train_batch_end, int(sys.argv[1])
def hook(self, trainer, *rest):
    if trainer.global_step == last:
        os.kill(os.getpid(), signal.SIGKILL)
    before(self, trainer, *rest)
Watch.on_train_batch_end = hook
sys.argv = ["train.py", *sys.argv[2:]]
from vfa.commands.train import main
main()
"""


def killed_for_real(step: int, faces: Path, folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    lines = ["batch_size: 4", "warmup: 2", "lr: 0.01", "ema: 0.9", "stage_option: {noise: true}", "licence: test"]
    config.write_text("\n".join(lines))
    drop = ("--batch_size", "4")
    arguments = command(faces, folder, "--config", str(config), steps=STEPS)[2:]
    place = arguments.index(drop[0])
    return run([sys.executable, "-c", SCRIPT, str(step), *arguments[:place], *arguments[place + 2 :]])


def test_kill_9_on_a_machine_without_video_and_mesh_libraries(faces: Path, whole: Path, tmp_path: Path) -> None:
    """The real signal, the real command line with a configuration file; neither mediapipe, trimesh nor PyAV there."""
    result = killed_for_real(5, faces, tmp_path, tmp_path / "c.yaml")
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert [row["step"] for row in read_table(tmp_path / "r" / LOSSES)] == [1, 2, 3, 4]
    train(options(faces, tmp_path, resume_ckpt="last"))
    same(tmp_path / "r", whole)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 3, 4, 6, 8])
def test_kill_9_at_any_step(step: int, faces: Path, whole: Path, tmp_path: Path) -> None:
    assert killed_for_real(step, faces, tmp_path, tmp_path / "c.yaml").returncode == -signal.SIGKILL
    train(options(faces, tmp_path, resume_ckpt="last"))
    same(tmp_path / "r", whole)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_saves_and_stops(
    name: str, faces: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        send = at_step(3, lambda module, outputs: os.kill(os.getpid(), getattr(signal, name)))
        patch.setattr(Watch, "on_train_batch_end", send)
        outcome = train(options(faces, tmp_path))
    assert outcome.signal == name and outcome.exported is None and outcome.step in (3, 4)
    assert read_start(tmp_path / "r" / LAST).step == outcome.step
    assert signal.getsignal(signal.SIGTERM) is before
    assert train(options(faces, tmp_path, resume_ckpt="last")).step == STEPS
    assert trace(tmp_path / "r") == trace(whole)


def test_a_signal_to_the_workers_too_saves_and_stops(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SLURM signals every process of a job; a worker that dies of it must not take the run along."""

    def send(module: Any, outputs: Any) -> None:
        workers = [child.pid for child in multiprocessing.active_children()]
        assert len(workers) == 1
        # From elsewhere: PyTorch's workers end quietly when it is their own process that sends it.
        subprocess.run(["kill", "-TERM", *map(str, (*workers, os.getpid()))], check=True)
        time.sleep(0.5)  # a worker that dies is noticed at once

    monkeypatch.setattr(Watch, "on_train_batch_end", at_step(3, send))
    outcome = train(options(faces, tmp_path, workers=1))
    assert outcome.signal == "SIGTERM" and read_start(tmp_path / "r" / LAST).step == outcome.step


def test_a_loss_that_is_no_number_stops_the_run(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(module: Any, outputs: Any) -> None:
        outputs["loss"].fill_(float("nan"))

    monkeypatch.setattr(Watch, "on_train_batch_end", at_step(5, spoil))
    with pytest.raises(DivergedError) as error:
        train(options(faces, tmp_path))
    message = str(error.value)
    for word in ("step 5", "driving_frame [", "person [", "perceptual ", str(tmp_path / "r" / LAST)):
        assert word in message
    assert read_start(tmp_path / "r" / LAST).step == 4


def test_weights_that_are_no_numbers_are_not_saved(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(module: Any, outputs: Any) -> None:
        module.network.enc.fc[0].bias.data[0] = float("inf")

    monkeypatch.setattr(Watch, "on_train_batch_end", at_step(4, spoil))
    with pytest.raises(DivergedError, match="enc.fc.0.bias"):
        train(options(faces, tmp_path))
    assert read_start(tmp_path / "r" / LAST).step == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers: int, faces: Path, whole: Path, tmp_path: Path) -> None:
    train(options(faces, tmp_path, workers=workers))
    assert trace(tmp_path / "r") == trace(whole)


def test_a_finished_run_is_not_trained_again_but_may_be_prolonged(faces: Path, whole: Path, tmp_path: Path) -> None:
    short = options(faces, tmp_path, iterations=4, schedule="constant", warmup=0)
    train(short)
    with pytest.raises(InputError, match="--resume_ckpt last"):
        train(short)
    written = (tmp_path / "r" / LAST).stat().st_mtime_ns
    assert train(dataclasses.replace(short, resume_ckpt="last")).step == 4
    assert (tmp_path / "r" / LAST).stat().st_mtime_ns == written
    train(dataclasses.replace(short, resume_ckpt="last", iterations=6))
    longer = dataclasses.replace(short, exp_name="longer", iterations=6)
    train(longer)
    assert trace(tmp_path / "r") == trace(tmp_path / "longer")


def test_a_table_survives_a_half_written_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table = Table(path, 0)
    for step in range(1, 5):
        table.add(step, {"a": step / 3, "b": -1e-30})
    with path.open("a") as file:
        file.write("5,0.3")
    Table(path, 3).add(4, {"a": 7.0})
    rows = read_table(path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[1] == {"step": 2, "a": 2 / 3, "b": -1e-30} and rows[3] == {"step": 4, "a": 7.0}
