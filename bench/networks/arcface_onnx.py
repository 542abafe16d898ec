"""Any ArcFace network in ONNX form, such as `w600k_r50.onnx` of insightface's packs, by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfa.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

_SIDE = 112
# A graph that begins with these operations removes mean and deviation itself.
_NORMALISING = {"Sub", "Mul"}
_FIRST_NODES = 8


class ArcFaceONNX:
    """Identity embedding, called like the torch network.

    Attributes:
        provider: where onnxruntime runs it.
        normalises: whether the graph itself maps 0..255 to the network's range.
        width: numbers in an embedding.
    """

    def __init__(self, path: str | Path) -> None:
        import onnx
        import onnxruntime

        self.path = Path(path)
        try:
            graph = onnx.load(str(path)).graph
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            # One thread: scores may not depend on the cores of the machine.
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=onnxruntime.get_available_providers()
            )
        # onnxruntime and protobuf raise types of their own for damaged files, with no common base but Exception.
        except Exception as error:
            raise CheckpointError(
                "not a readable ONNX network",
                path=path,
                expected="an ArcFace network in ONNX form",
                found=" ".join(str(error).split())[:160],
                hint="fetch the file again, then run: bench weights verify",
            ) from error
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 4 or list(shape[1:]) != [3, _SIDE, _SIDE]:
            raise CheckpointError(
                "not an ArcFace network", path=path, expected="one input [N,3,112,112]", found=str(shape)
            )
        self.provider = self._session.get_providers()[0]
        self.normalises = {node.op_type for node in graph.node[:_FIRST_NODES]} >= _NORMALISING
        self._single = isinstance(shape[0], int) and shape[0] == 1
        name = self._session.get_inputs()[0].name
        self.width = int(self._session.run(None, {name: np.zeros((1, 3, _SIDE, _SIDE), np.float32)})[0].shape[1])

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Embed faces.

        Args:
            image: float32 [N,3,112,112], RGB in -1..1, aligned.
        Returns:
            `embedding` [N,D], not normalised.
        """
        import torch

        values = image.detach().cpu().numpy().astype(np.float32)
        if self.normalises:
            values = (values + 1.0) * 127.5
        name = self._session.get_inputs()[0].name
        batches = [values[i : i + 1] for i in range(len(values))] if self._single else [values]
        outputs = [self._session.run(None, {name: batch})[0] for batch in batches]
        return {"embedding": torch.from_numpy(np.concatenate(outputs))}
