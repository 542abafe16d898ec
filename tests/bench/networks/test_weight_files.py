"""Weight files as users have them: whole, wrapped, wrong, cut short, or not weights at all."""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from seeded_weights import parity_inputs, seeded_state, state_list

from bench.networks import build_network, load_network, network_names
from bench.networks.checkpoint import read_checkpoint
from vfa.errors import AssetError, CheckpointError, InputError

NAME = "syncnet"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(value) for key, value in seeded_state(state_list(NAME)).items()}


@pytest.fixture(scope="module")
def audio(state: dict[str, torch.Tensor]) -> torch.Tensor:
    return build_network(NAME, state)(audio=_audio())["audio"]


def _audio() -> torch.Tensor:
    return torch.from_numpy(parity_inputs(NAME)["audio"])


def test_every_way_of_saving_gives_the_same_network(
    state: dict[str, torch.Tensor], audio: torch.Tensor, tmp_path: Path
) -> None:
    variants = {
        "plain.pth": state,
        "parallel.pth": {f"module.{key}": value for key, value in state.items()},
        "wrapped.pth": {"state_dict": state, "epoch": 3, "args": argparse.Namespace(lr=0.1, path="x")},
        "scored.pth": {"state_dict": state, "best": np.float64(31.5), "last": np.float32(2.0)},
        "parallel_wrapped.pth": {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        "before_counters.pth": {key: value for key, value in state.items() if "num_batches" not in key},
    }
    for name, content in variants.items():
        torch.save(content, tmp_path / name)
    for name in ("plain", "wrapped", "scored"):
        torch.save(variants[f"{name}.pth"], tmp_path / f"old_{name}.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "plain.safetensors")
    for path in sorted(tmp_path.iterdir()):
        loaded = load_network(NAME, path)
        assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert torch.equal(loaded.network(audio=_audio())["audio"], audio), path.name


def test_half_precision_is_widened(state: dict[str, torch.Tensor], audio: torch.Tensor) -> None:
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    network = build_network(NAME, half)
    assert all(value.dtype == torch.float32 for value in network.parameters())
    result = network(audio=_audio())["audio"]
    assert result.dtype == torch.float32
    assert (result - audio).abs().max() < 2e-2 * audio.abs().max()


def test_facerecon_checkpoint_with_optimiser_state() -> None:
    inner = seeded_state(state_list("facerecon_resnet50"))
    network = build_network("facerecon_resnet50", {"net_recon": inner, "opt_00": {"state": {}}, "sched_00": {}})
    np.testing.assert_array_equal(network.final_layers[6].bias.numpy(), inner["final_layers.6.bias"])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s: s.pop("netcnnaud.0.weight"), ["1 missing (netcnnaud.0.weight)"]),
        (lambda s: s.update(extra=torch.zeros(1)), ["1 unexpected (extra)"]),
        (lambda s: s.update({"netcnnaud.0.weight": torch.zeros(64, 1, 5, 5)}), ["[64, 1, 3, 3]", "[64, 1, 5, 5]"]),
        (lambda s: s.update({"netcnnaud.0.bias": torch.full((64,), float("nan"))}), ["netcnnaud.0.bias", "64 of 64"]),
        (lambda s: s.update({"netcnnaud.0.bias": "text"}), ["netcnnaud.0.bias", "str"]),
        (lambda s: s.clear(), ["missing"]),
    ],
)
def test_wrong_entries_are_named(state: dict[str, torch.Tensor], spoil, words: list[str]) -> None:
    wrong = dict(state)
    spoil(wrong)
    with pytest.raises(CheckpointError) as caught:
        build_network(NAME, wrong)
    for word in words:
        assert word in str(caught.value)


def test_another_networks_weights_are_refused(state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(CheckpointError, match="do not belong to hopenet"):
        build_network("hopenet", state)
    with pytest.raises(CheckpointError, match=r"emo_fc_2\.3\.weight"):
        build_network("emonet_8", seeded_state(state_list("emonet_5")))


def test_unknown_name_lists_near_names() -> None:
    with pytest.raises(InputError, match="did you mean hopenet"):
        build_network("hopnet", {})
    assert {"fid_inception", "syncnet", "emonet_5"} <= set(network_names())


class _Attack:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.marker),)


def _write_bad_files(folder: Path, state: dict[str, torch.Tensor], marker: Path) -> None:
    torch.save(state, folder / "whole.pth")
    data = (folder / "whole.pth").read_bytes()
    (folder / "cut.pth").write_bytes(data[: len(data) // 2])
    (folder / "whole.pth").unlink()
    (folder / "empty.pth").write_bytes(b"")
    (folder / "page.pth").write_bytes(b"\n<!DOCTYPE html><html><body>Google Drive - Virus scan warning</body></html>")
    (folder / "pointer.pth").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    (folder / "noise.pth").write_bytes(np.random.default_rng(0).bytes(4096))
    (folder / "noise.safetensors").write_bytes(np.random.default_rng(1).bytes(4096))
    (folder / "text.pth").write_text("these are not weights\n")
    (folder / "list.pth").write_bytes(b"")
    torch.save([1, 2, 3], folder / "list.pth")
    (folder / "attack.pkl").write_bytes(pickle.dumps(_Attack(marker)))
    torch.save({"state_dict": state, "x": _Attack(marker)}, folder / "attack_zip.pth")
    torch.save({"x": _Attack(marker)}, folder / "attack_old.pth", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(folder / "plain_zip.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
def test_files_that_are_no_weights(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    marker, folder = tmp_path / "executed", tmp_path / "files"
    folder.mkdir()
    _write_bad_files(folder, state, marker)
    for path in sorted(folder.iterdir()):
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(path)
        assert str(caught.value).startswith(str(path))
        assert not marker.exists()


def test_absent_file_is_a_missing_asset(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="not found"):
        load_network(NAME, tmp_path / "none.pth")
    with pytest.raises(AssetError, match="a folder"):
        load_network(NAME, tmp_path)


def test_hash_is_checked_before_decoding(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_network(NAME, path, sha256=digest[:8]).sha256 == digest
    with pytest.raises(CheckpointError, match="not the published one"):
        load_network(NAME, path, sha256="0" * 64)
