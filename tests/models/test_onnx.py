"""Networks exported to ONNX give the same numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from network_cases import SMALL, frames, relative, small_network

from vfa.errors import AssetError, CheckpointError, InputError
from vfa.models import VersatileFaceAnimator
from vfa.models.export import export_onnx

FILES = ("animator.json", "directions.npy", "encoder.onnx", "flow.onnx", "generator.onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx")
    export_onnx(small_network(), path)
    return path


def test_writes_complete_files_only(folder: Path) -> None:
    assert tuple(sorted(path.name for path in folder.iterdir())) == FILES


def test_same_results(folder: Path) -> None:
    torch_model = VersatileFaceAnimator.from_network(small_network())
    onnx_model = VersatileFaceAnimator.from_onnx(folder)
    assert "ExecutionProvider" in onnx_model.engine.description
    assert onnx_model.config == SMALL
    for count in (1, 3):
        source, driving, start = frames(1, 1), frames(count, 2), frames(1, 3)
        out, expected = onnx_model.animate(source, driving, start), torch_model.animate(source, driving, start)
        for name in ("rgbd", "flow", "mask", "warped", "inpainted"):
            assert relative(getattr(out, name), getattr(expected, name)) < 1e-3
    assert relative(onnx_model.encode_motion(driving), torch_model.encode_motion(driving)) < 1e-3


def test_incomplete_folder_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"vfa\.models\.export"):
        VersatileFaceAnimator.from_onnx(tmp_path)


def test_unknown_provider_lists_the_known(folder: Path) -> None:
    with pytest.raises(InputError, match="CPUExecutionProvider"):
        VersatileFaceAnimator.from_onnx(folder, provider="WishfulExecutionProvider")


@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    for file in FILES:
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    (tmp_path / name).write_bytes((folder / name).read_bytes()[:40])
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        VersatileFaceAnimator.from_onnx(tmp_path)


def test_dictionary_of_another_network_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in FILES:
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    np.save(tmp_path / "directions.npy", np.zeros((3, 2), np.float32))
    with pytest.raises(CheckpointError, match="dictionary"):
        VersatileFaceAnimator.from_onnx(tmp_path)


def test_configuration_is_readable(folder: Path) -> None:
    assert json.loads((folder / "animator.json").read_text())["config"] == SMALL.to_dict()


def test_motion_encoder_of_its_own(tmp_path: Path) -> None:
    config = replace(SMALL, size=64, latent_dim_motion=12, motion_channels=4)
    network = small_network(config)
    export_onnx(network, tmp_path)
    onnx_model, torch_model = VersatileFaceAnimator.from_onnx(tmp_path), VersatileFaceAnimator.from_network(network)
    driving = frames(3, 2, config)
    expected = network.motion(driving).detach()
    assert relative(torch_model.encode_motion(driving), expected) < 1e-4
    assert relative(onnx_model.encode_motion(driving), expected) < 1e-3
    (tmp_path / "motion.onnx").unlink()
    with pytest.raises(AssetError, match="motion.onnx"):
        VersatileFaceAnimator.from_onnx(tmp_path)


def test_motion_basis(tmp_path: Path) -> None:
    """The module, the folded network and ONNX Runtime read the same basis off a source."""
    config = replace(SMALL, size=64, latent_dim_motion=12, motion_channels=4, basis_channels=4)
    network = small_network(config)
    export_onnx(network, tmp_path)
    source = frames(1, 3, config)
    expected = network.motion_basis(source)[0].detach()
    assert expected.shape == (6, 3, 64, 64)
    for model in (VersatileFaceAnimator.from_network(network), VersatileFaceAnimator.from_onnx(tmp_path)):
        basis = model.prepare(source).source.basis
        assert basis is not None and relative(basis, expected) < 1e-3
    (tmp_path / "basis.onnx").unlink()
    with pytest.raises(AssetError, match="basis.onnx"):
        VersatileFaceAnimator.from_onnx(tmp_path)
