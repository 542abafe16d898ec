"""`train.py`: its options, the configuration file, and how it ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import typer
from training_cases import command, write_faces
from typer.testing import CliRunner

from vfa.commands import train as command_module
from vfa.commands.train_config import pairs
from vfa.errors import InputError
from vfa.training.sources import DataSet, build_sources

APP = typer.Typer()
APP.command()(command_module.train)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The options `train.py` would run with."""
    caught: list[Any] = []

    def stop(options: Any) -> None:
        caught.append(options)
        raise SystemExit(0)

    monkeypatch.setattr("vfa.training.run.train", stop)
    return caught


def call(*arguments: str) -> Any:
    return CliRunner().invoke(APP, list(arguments))


def test_the_originals_options(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    text = (
        "--exp_path e --exp_name n --resume_ckpt c.pt --distilling --dataset MMFace4D=/d --size 128 --batch_size 8 "
        "--iter 90 --lr 0.1 --lambda_loss_l1 1 --channel_multiplier 0.5 --latent_dim_style 64 --latent_dim_motion 10 "
        "--latent_dim_depth_motion 3 --display_freq 7 --save_freq 9 --addr 10.0.0.1 --port 1234"
    )
    result = call(*text.split())
    assert result.exit_code == 0, result.output
    options = seen[0]
    assert options.folder == Path("e/n") and options.stage == "distilling" and options.resume_ckpt == "c.pt"
    assert options.dataset == ("MMFace4D=/d",) and (options.iterations, options.batch_size, options.lr) == (90, 8, 0.1)
    config = options.config()
    assert (config.size, config.channel_multiplier, config.latent_dim_style) == (128, 0.5, 64)
    assert (config.latent_dim_motion, config.latent_dim_depth_motion) == (10, 3)
    assert options.stage_options == {"weight_l1": 1.0} and options.warmup == 9
    assert os.environ["MASTER_ADDR"] == "10.0.0.1" and os.environ["MASTER_PORT"] == "1234"
    monkeypatch.delenv("MASTER_ADDR")
    monkeypatch.delenv("MASTER_PORT")


def test_all_weights_of_losses(seen: list[Any]) -> None:
    text = "--lambda_loss_l1 1 --lambda_loss_sm 2 --lambda_loss_gr 3 --lambda_loss_sp 4 --stage_option noise=true"
    assert call(*text.split()).exit_code == 0
    assert seen[0].stage_options == {
        "weight_l1": 1, "weight_smoothness": 2, "weight_gradient": 3, "weight_structure": 4, "noise": "true"
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["yaml", "toml"])
def test_a_configuration_file_gives_defaults(kind: str, seen: list[Any], tmp_path: Path) -> None:
    path = tmp_path / f"run.{kind}"
    if kind == "yaml":
        path.write_text("iter: 30\nlr: 1.0e-3\ndataset: [synthetic@2, kinect=/k@1]\nstage_option: {noise: true}\n"
                        "distilling: false\nexp_name: from file\n")  # fmt: skip
    else:
        path.write_text('iter = 30\nlr = 1e-3\ndataset = ["synthetic@2", "kinect=/k@1"]\nexp_name = "from file"\n'
                        "[stage_option]\nnoise = true\n")  # fmt: skip
    result = call("--config", str(path), "--lr", "0.5")
    assert result.exit_code == 0, result.output
    options = seen[0]
    assert options.iterations == 30 and options.exp_name == "from file" and options.lr == 0.5
    assert options.dataset == ("synthetic@2", "kinect=/k@1") and options.stage_options == {"noise": "True"}


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [("a.yaml", "iterr: 3", "iterr"), ("a.yaml", "a: [", "damaged"), ("a.toml", "a = ", "damaged"),
     ("a.yaml", "- 1", "no table"), ("a.json", "{}", "unknown kind"), ("a.yaml", "lr: [1, 2]", "one value"),
     ("a.yaml", "!!python/object/apply:os.system ['false']", "damaged")],
)  # fmt: skip
def test_unfit_configurations(name: str, text: str, word: str, seen: list[Any], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    result = call("--config", str(path))
    assert result.exit_code == 3 and word in result.output and str(path) in result.output
    assert "Traceback" not in result.output and not seen
    assert call("--config", str(tmp_path / "none.yaml")).exit_code == 3


@pytest.mark.parametrize("name", ["../../etc", "/tmp/x", "", "a" * 300, "a\nb", "-rf", ".", "a/b", "x "])
def test_names_that_would_leave_the_folder(name: str, tmp_path: Path) -> None:
    result = call("--exp_path", str(tmp_path), f"--exp_name={name}")
    assert result.exit_code == 3 and "--exp_name" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [("--iter 0", "--iterations"), ("--batch_size 0", "batch_size"), ("--stage drawing", "animator"),
     ("--dataset faces", "NAME[=FOLDER]"), ("--dataset MMFace4D", "where is"), ("--dataset kinect=/k@-1", "weight"),
     ("--stage_option noise", "NAME=VALUE"), ("--stage_option pace=1", "pace"), ("--schedule slow", "schedule"),
     ("--weights_only", "--resume_ckpt"), ("--normalization x", "range"), ("--size 100", "power of two"),
     ("--model_option width=3", "width"), ("--dataset kinect=/none", "/none"), ("--resume_ckpt none.pt", "none.pt"),
     ("--dataset kinect=/ --data_option colour=1", "colour"), ("--lr nan", "learning rate")],
)  # fmt: skip
def test_unfit_options_end_with_a_message(text: str, word: str, tmp_path: Path) -> None:
    """Before anything expensive: `make` of the network is never reached."""
    result = call("--exp_path", str(tmp_path), *([] if "--dataset" in text else ["--dataset", "kinect=/k"]),
                  *text.split())  # fmt: skip
    assert result.exit_code in (3, 4) and word in result.output, result.output
    assert "Traceback" not in result.output


def test_a_stopped_run_ends_with_130_and_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vfa.training.watching import Watch

    original = Watch.on_train_batch_end

    def hook(self: Watch, trainer: Any, *rest: Any) -> None:
        if trainer.global_step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        original(self, trainer, *rest)

    data = write_faces(tmp_path / "data")
    monkeypatch.setattr(Watch, "on_train_batch_end", hook)
    result = call(*command(data, tmp_path / "with spaces & 'quotes'")[2:])
    assert result.exit_code == 130, result.output
    assert "--resume_ckpt last" in result.output and "SIGTERM" in result.output
    monkeypatch.undo()
    result = call(*command(data, tmp_path / "with spaces & 'quotes'", "--resume_ckpt", "last")[2:])
    assert result.exit_code == 0, result.output
    assert "infer.py --motion vfa --checkpoint" in result.output and "6 steps done" in result.output


def test_data_sets_as_written() -> None:
    assert DataSet.parse("synthetic") == DataSet("synthetic", None, 1.0)
    assert DataSet.parse("kinect=/a=b/c@d@0.25") == DataSet("kinect", Path("/a=b/c@d"), 0.25)
    assert DataSet.parse("MMFace4D@2", Path("/d")) == DataSet("MMFace4D", Path("/d"), 2.0)
    assert DataSet.parse("kinect=/a/b@c/d") == DataSet("kinect", Path("/a/b@c/d"), 1.0)
    assert DataSet("kinect", Path("/secret/place/faces")).description == "kinect, folder faces"


def test_sources_take_the_options_they_know(tmp_path: Path) -> None:
    dataset = DataSet("kinect", tmp_path)
    (source,) = build_sources([dataset], size=32, seed=4, convention="range",
                              options={"test_share": "0.5", "source": "random"})  # fmt: skip
    assert source.test_share == 0.5 and source.seed == 4  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="test_share has an unfit"):
        build_sources([dataset], size=32, seed=4, convention="range", options={"test_share": "half"})
    with pytest.raises(InputError, match="exact truth"):
        build_sources([dataset], size=32, seed=4, convention="range", truth="generator")


def test_pairs_of_names_and_values() -> None:
    assert pairs("--x", ["a=1", "b=c=d"]) == {"a": "1", "b": "c=d"}
    with pytest.raises(InputError, match="--x"):
        pairs("--x", ["=1"])
