"""Checkpoints that must load, and checkpoints that must be refused with the file, the fault and the remedy named."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import save_file

from vfa.errors import EXIT_ASSET, EXIT_INPUT, AssetError, CheckpointError
from vfa.models import AnimatorConfig, VersatileFaceAnimator
from vfa.models.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from vfa.models.convert import convert
from vfa.models.network import AnimatorNetwork

CONFIG = AnimatorConfig(
    size=16, channel_multiplier=1 / 32, max_channels=32, latent_dim_style=24, latent_dim_motion=6, flow_channels=4,
    flow_blocks=1,
)  # fmt: skip
State = dict[str, torch.Tensor]


@pytest.fixture
def state() -> State:
    torch.manual_seed(0)
    return AnimatorNetwork(CONFIG).state_dict()


def save(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def refused(path: Path, *words: str, kind: type[Exception] = CheckpointError) -> str:
    with pytest.raises(kind) as error:
        load_checkpoint(path)
    message = str(error.value)
    assert str(path) in message
    for word in words:
        assert word in message, message
    return message


def test_published_layout_loads(state: State, tmp_path: Path) -> None:
    """Weights under `gen`, optimisers and the training arguments beside them."""
    optimiser = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 2e-4, "betas": (0.0, 0.99)}]}
    arguments = argparse.Namespace(size=16, exp_name="x", latent_dim_style=24, nested=argparse.Namespace(a=None))
    content = {"gen": state, "g_optim": optimiser, "args": arguments}
    loaded = load_checkpoint(save(tmp_path / "VFA.pt", content))
    assert loaded.config == CONFIG
    assert loaded.normalization == "range"
    assert list(loaded.state) == list(state)
    assert all(torch.equal(loaded.state[name], value) for name, value in state.items())


def test_old_torch_format_loads(state: State, tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save({"gen": state}, path, _use_new_zipfile_serialization=False)
    assert load_checkpoint(path).config == CONFIG


def test_bare_state_dict_loads(state: State, tmp_path: Path) -> None:
    assert load_checkpoint(save(tmp_path / "bare.pt", state)).config == CONFIG


def test_module_prefix_is_dropped(state: State, tmp_path: Path) -> None:
    prefixed = {f"module.{name}": value for name, value in state.items()}
    loaded = load_checkpoint(save(tmp_path / "ddp.pt", {"gen": prefixed}))
    assert list(loaded.state) == list(state)


def test_half_precision_becomes_float32(state: State, tmp_path: Path) -> None:
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    loaded = load_checkpoint(save(tmp_path / "half.pt", {"gen": half}))
    assert all(value.dtype in (torch.float32, torch.int64) for value in loaded.state.values())
    assert all(torch.allclose(loaded.state[name], value, atol=2e-3) for name, value in state.items())


def test_safetensors_keeps_configuration_and_normalisation(state: State, tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save_checkpoint(state, CONFIG, path, normalization="foreground")
    loaded = load_checkpoint(path)
    assert loaded.config == CONFIG and loaded.normalization == "foreground"
    assert all(torch.equal(loaded.state[name], value) for name, value in state.items())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert VersatileFaceAnimator.from_checkpoint(path).normalization == "foreground"


def test_configuration_in_the_header_wins_over_guessing(tmp_path: Path) -> None:
    """Widths that no shape reveals: 0.3 of 64 channels is 19, of 128 is 38, of 256 is 77."""
    config = replace(CONFIG, size=64, channel_multiplier=0.3 / 16, max_channels=500)
    network = AnimatorNetwork(config)
    path = tmp_path / "odd.safetensors"
    save_checkpoint(network.state_dict(), config, path)
    assert load_checkpoint(path).config == config


def test_animates_like_the_network_it_was_saved_from(state: State, tmp_path: Path) -> None:
    path = save(tmp_path / "VFA.pt", {"gen": state})
    frame = torch.rand(1, 4, 16, 16) * 2 - 1
    out = VersatileFaceAnimator.from_checkpoint(path).animate(frame, frame)
    assert torch.allclose(out.rgbd, VersatileFaceAnimator.from_official(state).animate(frame, frame).rgbd)


def test_conversion_from_the_command_line(state: State, tmp_path: Path) -> None:
    source, target = save(tmp_path / "VFA.pt", {"gen": state}), tmp_path / "out dir" / "VFA.safetensors"
    target.parent.mkdir()
    command = [sys.executable, "-m", "vfa.models.convert", str(source), str(target), "--half"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert load_checkpoint(target).config == CONFIG
    assert target.stat().st_size < 0.7 * source.stat().st_size


def test_failed_conversion_exits_with_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "VFA.pt"
    source.write_bytes(b"")
    with pytest.raises(typer.Exit) as error:
        convert(source, tmp_path / "x.safetensors", half=False)
    assert error.value.exit_code == EXIT_INPUT and str(source) in capsys.readouterr().err


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_truncated(state: State, tmp_path: Path, share: float, kind: str) -> None:
    path = tmp_path / f"cut.{kind}"
    if kind == "pt":
        save(path, {"gen": state})
    else:
        save_checkpoint(state, CONFIG, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "truncated")


def test_empty_and_random_bytes(tmp_path: Path) -> None:
    path = tmp_path / "VFA.pt"
    path.write_bytes(b"")
    refused(path, "empty")
    path.write_bytes(np.random.default_rng(0).bytes(4096))
    refused(path, "unknown file type", ".pt or .safetensors")


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html><html>Quota exceeded</html>", "\n<html><body>404", "<?xml version='1'?>"]
)
def test_web_page(tmp_path: Path, page: str) -> None:
    path = tmp_path / "VFA.pt"
    path.write_text(page)
    refused(path, "web page", "download", kind=AssetError)


def test_git_lfs_pointer(tmp_path: Path) -> None:
    path = tmp_path / "VFA.pt"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1000\n")
    refused(path, "Git LFS pointer", "git lfs pull", kind=AssetError)


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "absent.pt", "no such checkpoint", kind=AssetError)


def test_missing_entry(state: State, tmp_path: Path) -> None:
    del state["dec.conv1.noise.weight"]
    refused(save(tmp_path / "VFA.pt", {"gen": state}), "1 of", "missing", "dec.conv1.noise.weight")


def test_missing_flow_generator_is_explained(state: State, tmp_path: Path) -> None:
    name = "student_dec.final.0.weight"
    only = {key: value for key, value in state.items() if key != name}
    assert "distillation" in refused(save(tmp_path / "VFA.pt", {"gen": only}), name)


def test_extra_entry(state: State, tmp_path: Path) -> None:
    state["dec.extra.weight"] = torch.zeros(1)
    refused(save(tmp_path / "VFA.pt", {"gen": state}), "1 entries are unknown", "dec.extra.weight")


def test_wrong_shape_is_named_before_a_device_is_touched(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(*_: object) -> None:
        raise AssertionError("a device was used before the checkpoint was checked")

    monkeypatch.setattr("vfa.models.animator.TorchEngine", touched)
    monkeypatch.setattr(torch.cuda, "init", touched)
    state["dec.convs.1.conv.weight"] = torch.zeros(1, 5, 5, 3, 3)
    path = save(tmp_path / "VFA.pt", {"gen": state})
    with pytest.raises(CheckpointError) as error:
        VersatileFaceAnimator.from_checkpoint(path, device="cuda:0")
    width = CONFIG.channels(8)
    for word in ("another architecture", "dec.convs.1.conv.weight", "[1, 5, 5, 3, 3]", f"[1, {width}, {width}, 3, 3]"):
        assert word in str(error.value)


def test_another_network(tmp_path: Path) -> None:
    path = save(tmp_path / "resnet.pt", {"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.bias": torch.zeros(10)})
    refused(path, "not an animator's checkpoint", "conv1.weight")


def test_weights_under_another_key(state: State, tmp_path: Path) -> None:
    refused(save(tmp_path / "VFA.pt", {"model": state}), "'gen'", "model")
    refused(save(tmp_path / "list.pt", [state]), "'gen'", "list")


def test_more_than_tensors(state: State, tmp_path: Path) -> None:
    path = save(tmp_path / "VFA.pt", {"gen": {**state, "note": "hello"}})
    refused(path, "more than tensors", "note")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(state: State, tmp_path: Path, value: float) -> None:
    state["enc.fc.2.weight"][3, 4] = value
    refused(save(tmp_path / "VFA.pt", {"gen": state}), "not finite", "enc.fc.2.weight")


class _Attack:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.marker}'",)


@pytest.mark.parametrize("layout", ["zip", "old", "plain pickle"])
def test_malicious_pickle_is_not_run(state: State, tmp_path: Path, layout: str) -> None:
    marker, path = tmp_path / "owned", tmp_path / "VFA.pt"
    content = {"gen": state, "args": _Attack(marker)}
    if layout == "plain pickle":
        path.write_bytes(pickle.dumps({"gen": {}, "args": _Attack(marker)}))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=layout == "zip")
    message = refused(path, "objects other than weights")
    assert "weights_only" not in message
    assert layout == "plain pickle" or "system" in message
    assert not marker.exists()


def test_wrong_hash(state: State, tmp_path: Path) -> None:
    path = save(tmp_path / "VFA.pt", {"gen": state})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_checkpoint(path, sha256=digest.upper()).config == CONFIG
    with pytest.raises(CheckpointError, match="wrong hash") as error:
        load_checkpoint(path, sha256="0" * 64)
    assert digest in str(error.value)
    beside = tmp_path / "VFA.pt.sha256"
    beside.write_text(f"{digest}  VFA.pt\n")
    assert load_checkpoint(path).config == CONFIG
    beside.write_text("0" * 64)
    refused(path, "wrong hash")


@pytest.mark.parametrize("header", ["not json", "[]", '{"size": "big"}', '{"size": 100}', '{"unknown": 1}', "null"])
def test_invalid_header(state: State, tmp_path: Path, header: str) -> None:
    path = tmp_path / "VFA.safetensors"
    save_file(state, path, metadata={"vfa_config": header})
    refused(path, "configuration in the header")


def test_header_of_another_architecture(state: State, tmp_path: Path) -> None:
    path = tmp_path / "VFA.safetensors"
    other = replace(CONFIG, latent_dim_motion=7)
    save_file(state, path, metadata={"vfa_config": json.dumps(other.to_dict())})
    refused(path, "another architecture", "enc.fc.4.weight")


def test_saving_a_wrong_state_leaves_no_file(state: State, tmp_path: Path) -> None:
    del state["enc.fc.0.bias"]
    with pytest.raises(CheckpointError):
        save_checkpoint(state, CONFIG, tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_search_order(tmp_path: Path) -> None:
    with pytest.raises(AssetError) as error:
        find_checkpoint(root=tmp_path)
    assert error.value.exit_code == EXIT_ASSET
    assert "VFA.pt" in str(error.value) and "landmarks" in str(error.value)
    small, folder = (tmp_path / "saved_models" / name for name in ("VFA-small", "VFA"))
    small.mkdir(parents=True)
    folder.mkdir()
    (small / "vfa_small.safetensors").write_bytes(b"x")
    assert find_checkpoint(root=tmp_path).name == "vfa_small.safetensors"
    (folder / "VFA.pt").write_bytes(b"x")
    assert find_checkpoint(root=tmp_path).name == "VFA.pt"


@pytest.mark.parametrize("name", ["a b.pt", "it's.pt", "$(touch x).pt", "-rf.pt", "ü" * 60 + ".pt"])
def test_any_file_name(state: State, tmp_path: Path, name: str) -> None:
    assert load_checkpoint(save(tmp_path / name, {"gen": state})).config == CONFIG


def test_a_safetensors_header_may_be_as_long_as_a_pickle_begins(state: State, tmp_path: Path) -> None:
    """The length of the header comes first in the file; its lowest byte may be 0x80, the first byte of a pickle."""
    path = tmp_path / "x.safetensors"
    for filler in range(0, 400, 8):
        save_checkpoint(state, CONFIG, path, normalization="skin", record={"filler": "x" * filler})
        if path.read_bytes()[0] == 0x80:
            break
    assert path.read_bytes()[0] == 0x80, "no header of such a length came about"
    assert load_checkpoint(path).normalization == "skin"
    path.write_bytes(path.read_bytes()[:300])
    assert "truncated" in refused(path)
