"""Networks that come as files with a graph of their own: TorchScript archives and ONNX."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from bench.networks import build_network, load_network
from bench.networks.arcface_onnx import ArcFaceONNX
from vfa.errors import AssetError, CheckpointError, InputError

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")


class _FakeI3D(torch.nn.Module):
    """Signature of the published archive; the logits are the mean of each channel, repeated."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(
        self, x: torch.Tensor, rescale: bool = True, resize: bool = True, return_features: bool = True
    ) -> torch.Tensor:
        if rescale:
            x = x / 255 * 2 - 1
        return x.mean(dim=(1, 2, 3, 4))[:, None].repeat(1, self.width)


class _FakeLayers(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(1, 2, 3))[:, None].repeat(1, 2048)


class _FakeInception(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = _FakeLayers()

    def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        return self.layers((x - 128) / 128)


def _script(module: torch.nn.Module, path: Path) -> Path:
    torch.jit.script(module.eval()).save(str(path))
    return path


def test_i3d_archive(tmp_path: Path) -> None:
    path = _script(_FakeI3D(400), tmp_path / "i3d_torchscript.pt")
    loaded = load_network("i3d", path)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    clip = torch.full((2, 3, 16, 8, 8), 255, dtype=torch.uint8)
    assert torch.equal(loaded.network(clip)["logits"], torch.ones(2, 400))
    assert torch.equal(loaded.network(clip / 255, rescale=False)["logits"], torch.ones(2, 400))


def test_another_archive_is_refused(tmp_path: Path) -> None:
    path = _script(_FakeI3D(1024), tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not the I3D archive"):
        load_network("i3d", path).network(torch.zeros(1, 3, 16, 8, 8))


def test_inception_archive(tmp_path: Path) -> None:
    network = load_network("fid_inception_ts", _script(_FakeInception(), tmp_path / "inception.pt")).network
    image = torch.full((2, 3, 10, 10), 192 / 255)
    torch.testing.assert_close(network(image)["features"], torch.full((2, 2048), 0.5))
    torch.testing.assert_close(network.forward_normalized(image)["features"], torch.full((2, 2048), 192 / 255))


def test_damaged_archives(tmp_path: Path) -> None:
    data = _script(_FakeI3D(400), tmp_path / "whole.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: len(data) // 2])
    (tmp_path / "page.pt").write_bytes(b"<html>quota exceeded</html>")
    for name in ("cut.pt", "page.pt"):
        with pytest.raises(CheckpointError):
            load_network("i3d", tmp_path / name)
    with pytest.raises(AssetError):
        load_network("i3d", tmp_path / "none.pt")
    with pytest.raises(InputError, match="not built from a state dict"):
        build_network("i3d", {})


def test_weights_of_an_archive_are_read_as_a_state_dict(tmp_path: Path) -> None:
    """CLIP is published as a TorchScript archive in half precision."""

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((1, 768), 2.0).half())
            self.bias = torch.nn.Parameter(torch.tensor([0.25]).half())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.weight.T + self.bias

    loaded = load_network("laion_aesthetic", _script(Tower(), tmp_path / "archive.pt"))
    assert loaded.network.weight.dtype == torch.float32
    assert loaded.network.bias.item() == 0.25


def _onnx_network(path: Path, *, normalises: bool, batch: int | str, side: int = 112) -> Path:
    """Embedding = mean of each channel, after (x - 127.5) / 127.5 where the graph normalises."""
    nodes, name = [], "input"
    if normalises:
        nodes += [helper.make_node("Sub", ["input", "mean"], ["a"]), helper.make_node("Mul", ["a", "factor"], ["b"])]
        name = "b"
    nodes.append(helper.make_node("GlobalAveragePool", [name], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["embedding"]))
    graph = helper.make_graph(
        nodes,
        "arcface",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, side, side])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 3])],
        [
            helper.make_tensor("mean", TensorProto.FLOAT, [1], [127.5]),
            helper.make_tensor("factor", TensorProto.FLOAT, [1], [1 / 127.5]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("normalises", [True, False])
@pytest.mark.parametrize("batch", ["N", 1])
def test_onnx_embedding(tmp_path: Path, normalises: bool, batch: int | str) -> None:
    loaded = load_network("arcface_onnx", _onnx_network(tmp_path / "net.onnx", normalises=normalises, batch=batch))
    network = loaded.network
    assert isinstance(network, ArcFaceONNX) and network.normalises is normalises and network.provider
    image = torch.zeros(3, 3, 112, 112)
    image[:, 0], image[1, 1], image[2, 2] = 0.5, -1.0, 1.0
    embedding = network(image)["embedding"]
    expected = [[0.5, 0, 0], [0.5, -1, 0], [0.5, 0, 1]]
    np.testing.assert_allclose(embedding.numpy(), expected, atol=1e-6)


def test_onnx_files_that_are_no_arcface(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not an ArcFace network"):
        load_network("arcface_onnx", _onnx_network(tmp_path / "other.onnx", normalises=False, batch=1, side=64))
    (tmp_path / "noise.onnx").write_bytes(np.random.default_rng(0).bytes(2000))
    with pytest.raises(CheckpointError, match="not a readable ONNX"):
        load_network("arcface_onnx", tmp_path / "noise.onnx")
