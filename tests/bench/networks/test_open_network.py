"""Networks are found in the weights folder, checked, and opened once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import published_layouts as layouts
import pytest
import torch
from seeded_weights import fill_like

from bench.networks import open_network
from vfa.errors import AssetError, CheckpointError, InputError


@pytest.fixture(autouse=True)
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    return tmp_path


def _save(layout: layouts.Layout, path: Path) -> None:
    torch.save({key: torch.from_numpy(value) for key, value in fill_like(layout).items()}, path)


def test_opened_once_and_again_after_a_change(weights: Path) -> None:
    path = weights / "sa_0_4_vit_l_14_linear.pth"
    _save(layouts.laion_aesthetic(), path)
    first = open_network("laion_aesthetic")
    assert open_network("laion_aesthetic") is first
    assert list(first.hashes) == [path.name] and len(first.sha256) == 64
    torch.save({"weight": torch.zeros(1, 768), "bias": torch.ones(1)}, path)
    second = open_network("laion_aesthetic")
    assert second.sha256 != first.sha256 and second.network.bias.item() == 1.0


def test_a_missing_file_says_how_to_get_it(weights: Path) -> None:
    with pytest.raises(AssetError) as caught:
        open_network("amt_s")
    text = str(caught.value)
    assert str(weights / "amt-s.pth") in text and "CC BY-NC 4.0" in text and "bench weights fetch amt_s" in text
    with pytest.raises(AssetError, match="Google Drive"):
        open_network("facerecon_resnet50")


def test_a_file_that_is_not_the_published_one(weights: Path) -> None:
    _save(layouts.lpips("alex"), weights / "alexnet-owt-7be5be79.pth")
    with pytest.raises(CheckpointError, match="sha256 7be5be79"):
        open_network("lpips_alex")


def test_other_names_and_keys(weights: Path) -> None:
    with pytest.raises(InputError, match="musiq_spaq"):
        open_network("musiq", key="musiq_ava")
    with pytest.raises(InputError, match="no published file"):
        open_network("nothing")
    (weights / "backbone.pth").write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match="web page"):
        open_network("arcface_iresnet100")


def test_importing_the_package_is_light() -> None:
    code = "import sys, bench.networks, bench.weights.manifest; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
