"""Training on bad data and from bad checkpoints: one message, the right exit code, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from training_cases import TINY, TINY_OPTIONS, write_faces

from vfa.errors import AssetError, CheckpointError, InputError, VFAError
from vfa.models.network import AnimatorNetwork
from vfa.training.checkpointing import LAST, AtomicIO, read_run, read_start
from vfa.training.options import RunOptions
from vfa.training.run import train


def attempt(tmp_path: Path, dataset: str, **more: Any) -> str:
    """The message of a run that must not begin."""
    common: dict[str, Any] = {
        "exp_path": tmp_path / "exps", "exp_name": "r", "dataset": (dataset,), "iterations": 2, "batch_size": 2,
        "warmup": 0, "workers": 0, "accelerator": "cpu", "model": TINY_OPTIONS,
        "stage_options": {"perceptual": "gradients_lite"},
    }  # fmt: skip
    with pytest.raises(InputError) as error:
        train(RunOptions(**{**common, **more}))
    assert not list((tmp_path / "exps").rglob("*.ckpt"))
    return str(error.value)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    message = attempt(tmp_path, f"kinect={tmp_path / 'data'}")
    assert "no clips" in message and str(tmp_path / "data") in message and "color_<i>.png" in message


def test_another_layout(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data")
    assert "no clips" in attempt(tmp_path, f"MMFace4D={data}")


def test_half_written_pictures(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data")
    victim = data / "train" / "p0" / "take" / "color_2.png"
    victim.write_bytes(victim.read_bytes()[:60])
    assert str(victim) in attempt(tmp_path, f"kinect={data}")


def test_a_folder_without_depth(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data")
    for path in data.rglob("depth_*.png"):
        path.unlink()
    assert "no clips" in attempt(tmp_path, f"kinect={data}")


def test_pictures_smaller_than_the_frames(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data", side=12)
    assert "16x16" in attempt(tmp_path, f"kinect={data}")


def test_nobody_to_validate_with(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data")
    for path in sorted((data / "test").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert "nobody for test" in attempt(tmp_path, f"kinect={data}")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "exps").write_text("a file")
    data = write_faces(tmp_path / "data")
    assert str(tmp_path / "exps") in attempt(tmp_path, f"kinect={data}")


HOLDER = """
import fcntl, sys
lock = open(sys.argv[1], "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "exps" / "r"
    folder.mkdir(parents=True)
    holder = [sys.executable, "-S", "-c", HOLDER, str(folder / ".lock")]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        assert "another run" in attempt(tmp_path, "kinect=/none")
        process.communicate("")


def test_a_run_is_not_overwritten_by_one_that_starts_from_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "exps" / "r"
    folder.mkdir(parents=True)
    last = save(folder / LAST, run_checkpoint())
    other = save(tmp_path / "other.ckpt", run_checkpoint())
    for start, stage in ((str(other), "animator"), ("last", "distilling"), (str(last), "distilling")):
        options = RunOptions(
            exp_path=tmp_path / "exps",
            exp_name="r",
            dataset=("kinect=/none",),
            iterations=2,
            warmup=0,
            resume_ckpt=start,
            stage=stage,
            stage_options={"perceptual": "gradients_lite"},
        )
        with pytest.raises(InputError, match="another --exp_name"):
            train(options)


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data")
    message = attempt(tmp_path, f"kinect={data}", accelerator="abacus")
    assert "--accelerator" in message and "abacus" in message


def test_a_batch_no_data_set_has(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data")
    assert "expected" in attempt(tmp_path, f"kinect={data}", stage_options={"perceptual": "lpips"})


def test_an_architecture_other_than_the_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "VFA.pt"
    torch.save({"gen": AnimatorNetwork(TINY).state_dict()}, path)
    message = attempt(tmp_path, "kinect=/none", resume_ckpt=str(path), model={"size": 32})
    assert "another size" in message and "16" in message


def test_a_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no such checkpoint"):
        read_start(tmp_path / "none.ckpt")


class _Attack:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.marker}'",)


def run_checkpoint(**more: Any) -> dict[str, Any]:
    state = {f"average.{name}": value for name, value in AnimatorNetwork(TINY).state_dict().items()}
    entry = {"format": 1, "config": TINY.to_dict(), "normalization": "range", "stage": "animator", "step": 3}
    return {"state_dict": state, "optimizer_states": [], "loops": {}, "vfa": entry, **more}


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def test_a_good_checkpoint_of_a_run(tmp_path: Path) -> None:
    start = read_start(save(tmp_path / LAST, run_checkpoint()))
    assert start.config == TINY and start.step == 3 and start.stage == "animator"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_checkpoint(share: float, tmp_path: Path) -> None:
    path = save(tmp_path / LAST, run_checkpoint())
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError, match="truncated|empty"):
        read_start(path)


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    path = save(tmp_path / LAST, run_checkpoint(callbacks=_Attack(tmp_path / "owned")))
    with pytest.raises(CheckpointError, match="other than weights"):
        read_start(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [({"vfa": {"format": 2}}, "version"), ({"state_dict": {}}, "missing"),
     ({"vfa": {"format": 1, "config": TINY.to_dict()}}, "lacks"), ({"vfa": None}, "weights|entries|tensors")],
)  # fmt: skip
def test_checkpoints_that_lack_something(change: dict[str, Any], word: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=word):
        read_start(save(tmp_path / LAST, run_checkpoint(**change)))


def test_a_checkpoint_with_values_that_are_not_finite(tmp_path: Path) -> None:
    content = run_checkpoint()
    content["state_dict"]["average.enc.fc.0.bias"][0] = float("nan")
    with pytest.raises(CheckpointError, match="not finite"):
        read_start(save(tmp_path / LAST, content))


def test_a_checkpoint_without_its_optimiser_cannot_be_continued(tmp_path: Path) -> None:
    content = run_checkpoint()
    del content["optimizer_states"]
    path = save(tmp_path / LAST, content)
    assert read_start(path).step == 3  # its weights can be used
    with pytest.raises(CheckpointError, match="optimizer_states"):
        read_run(path)


def test_only_a_run_can_be_continued(tmp_path: Path) -> None:
    path = save(tmp_path / "VFA.pt", {"gen": AnimatorNetwork(TINY).state_dict()})
    with pytest.raises(CheckpointError, match="no checkpoint of a training run"):
        read_run(path)


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / LAST
    AtomicIO().save_checkpoint({"a": torch.zeros(3)}, path)
    before = path.read_bytes()

    def full(content: Any, file: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(VFAError, match="No space left"):
        AtomicIO().save_checkpoint({"a": torch.ones(3)}, path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [LAST]
