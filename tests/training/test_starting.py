"""What a run may start from and with: other checkpoints, other stages, mixed data, half precision, other processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from training_cases import TINY, run_options, write_faces

from vfa.models.checkpoint import load_checkpoint, save_checkpoint
from vfa.models.network import AnimatorNetwork
from vfa.training.checkpointing import BEST, LAST, read_run, read_start
from vfa.training.run import train
from vfa.training.tracing import LOSSES, VALIDATION, read_table
from vfa.training.trainer import leading

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def whole(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("whole")
    train(run_options(faces, folder))
    return folder / "r"


def test_distilling_starts_from_the_teacher_and_leaves_it_alone(faces: Path, whole: Path, tmp_path: Path) -> None:
    teacher = whole / BEST
    outcome = train(
        run_options(
            faces,
            tmp_path,
            stage="distilling",
            resume_ckpt=str(teacher),
            iterations=40,
            save_freq=20,
            model={},
            stage_options={"perceptual": "gradients_lite"},
        )  # fmt: skip
    )
    before, after = read_start(teacher).state, load_checkpoint(outcome.exported).state  # type: ignore[arg-type]
    for name, value in before.items():
        if not name.startswith("student_dec."):
            assert torch.equal(value, after[name]), name
    assert not torch.equal(before["student_dec.final.0.weight"], after["student_dec.final.0.weight"])
    rows = read_table(tmp_path / "r" / LOSSES)
    assert np.mean([row["loss"] for row in rows[-5:]]) < 0.85 * rows[0]["loss"]
    assert set(rows[0]) >= {"perceptual", "l1", "perceptual_masked", "l1_masked"}
    assert outcome.figures["psnr_to_teacher"] > read_table(tmp_path / "r" / VALIDATION)[0]["psnr_to_teacher"] - 1
    history = load_checkpoint(outcome.exported).record["history"]  # type: ignore[arg-type]
    assert [entry["stage"] for entry in history] == ["animator"]


@pytest.mark.parametrize("kind", ["official", "before distillation", "safetensors", "weights of a run"])
def test_what_can_be_started_from(kind: str, faces: Path, whole: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    state = AnimatorNetwork(TINY).state_dict()
    path = tmp_path / "start.pt"
    if kind == "official":
        torch.save({"gen": state, "g_optim": {}}, path)
    elif kind == "before distillation":
        torch.save({"gen": {n: v for n, v in state.items() if not n.startswith("student_dec.")}}, path)
    elif kind == "safetensors":
        path = tmp_path / "start.safetensors"
        save_checkpoint(state, TINY, path)
    else:
        path, state = whole / LAST, read_start(whole / LAST).state
    outcome = train(
        run_options(
            faces,
            tmp_path,
            resume_ckpt=str(path),
            iterations=1,
            warmup=0,
            lr=1e-9,
            ema=0.0,
            weights_only=kind == "weights of a run",
        )  # fmt: skip
    )
    after = load_checkpoint(outcome.exported).state  # type: ignore[arg-type]
    assert outcome.step == 1
    for name, value in state.items():
        if not name.startswith("student_dec.") or kind != "before distillation":
            torch.testing.assert_close(after[name], value, atol=1e-6, rtol=1e-5)


def test_mixed_data_sets(faces: Path, tmp_path: Path) -> None:
    other = write_faces(tmp_path / "other", people=2, frames=3)
    mixed = run_options(faces, tmp_path, dataset=(f"kinect={faces}@3", f"kinect={other}@1"), iterations=4)
    record = load_checkpoint(train(mixed).exported).record  # type: ignore[arg-type]
    assert "(75%)" in record["data"] and "(25%)" in record["data"]


def test_half_precision(faces: Path, tmp_path: Path) -> None:
    outcome = train(run_options(faces, tmp_path, iterations=2, precision="bf16-mixed", half=True))
    with safe_open(outcome.exported, framework="pt") as file:
        assert file.get_tensor("enc.fc.0.weight").dtype == torch.float16
    assert all(
        v.dtype == torch.float32
        for v in read_run(tmp_path / "r" / LAST)["state_dict"].values()
        if v.is_floating_point()
    )
    assert np.isfinite(list(outcome.figures.values())).all()


@pytest.mark.parametrize(
    ("environment", "leads"),
    [({}, True), ({"LOCAL_RANK": "1"}, False), ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
     ({"LOCAL_RANK": "0", "RANK": "4"}, False), ({"SLURM_PROCID": "0", "LOCAL_RANK": "0"}, True),
     ({"SLURM_PROCID": "3"}, False)],
)  # fmt: skip
def test_one_process_leads(environment: dict[str, str], leads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert leading() == leads


def test_options_that_changed_are_told(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(run_options(faces, tmp_path, iterations=2))
    capsys.readouterr()
    train(run_options(faces, tmp_path, iterations=3, lr=5e-3, log_freq=2, resume_ckpt="last"))
    told = capsys.readouterr().err
    assert "lr 0.01 -> 0.005" in told and "iterations 2 -> 3" in told and "log_freq" not in told
