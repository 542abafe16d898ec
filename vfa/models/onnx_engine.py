"""The networks run by ONNX Runtime, from the files that ``python -m vfa.models.export`` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vfa.errors import AssetError, CheckpointError, InputError
from vfa.models.config import AnimatorConfig
from vfa.models.engine import CPU_BATCH, GPU_BATCH, EncodedSource
from vfa.models.export import FLOW_OUTPUTS, feature_names
from vfa.models.flow import FlowField

PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")


class OnnxEngine:
    """`Engine` on ONNX Runtime; frames come and go as CPU tensors in float32.

    Args:
        folder: what the export wrote.
        provider: an execution provider; None takes CUDA where it is present, else the CPU.

    Raises:
        AssetError: a file is missing.
        CheckpointError: a file is damaged.
        InputError: the provider is not available.
    """

    def __init__(self, folder: str | Path, provider: str | None = None) -> None:
        import onnxruntime

        folder = Path(folder)
        for name in ("animator.json", "directions.npy", "encoder.onnx", "generator.onnx", "flow.onnx"):
            _present(folder, name)
        available = onnxruntime.get_available_providers()
        if provider is None:
            provider = next(name for name in PREFERRED if name in available)
        elif provider not in available:
            raise InputError("unknown execution provider", expected=", ".join(available), found=provider)
        try:
            manifest = json.loads((folder / "animator.json").read_text())
            self.config = AnimatorConfig.from_dict(manifest["config"])
            self.normalization = str(manifest["normalization"])
            directions = np.load(folder / "directions.npy", allow_pickle=False)
        except (ValueError, KeyError, TypeError, InputError) as error:
            raise CheckpointError("the exported networks are damaged", path=folder, found=str(error)[:160]) from error
        expected = (self.config.latent_dim_style, self.config.latent_dim_motion)
        if directions.shape != expected:
            raise CheckpointError(
                "the motion dictionary does not fit the configuration",
                path=folder / "directions.npy",
                expected=f"shape {list(expected)}",
                found=f"shape {list(directions.shape)}",
            )
        self.device = torch.device("cpu")
        self.directions = torch.from_numpy(directions.astype(np.float32))
        self._names = feature_names(self.config)
        self._encoder = self._open(folder / "encoder.onnx", provider)
        self._generator = self._open(folder / "generator.onnx", provider)
        self._flow = self._open(folder / "flow.onnx", provider)
        wanted = {"motion": self.config.motion_channels, "basis": self.config.basis_channels}
        more = {name: self._open(_present(folder, f"{name}.onnx"), provider) for name in wanted if wanted[name]}
        self._motion, self._basis = more.get("motion", self._encoder), more.get("basis")
        used = self._generator.get_providers()[0]
        self.batch_size = CPU_BATCH if used == "CPUExecutionProvider" else GPU_BATCH
        self.description = f"ONNX Runtime {onnxruntime.__version__}, {used}, float32"

    @staticmethod
    def _open(path: Path, provider: str) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # ONNX Runtime raises its own classes, one per failure, without a common base
            raise CheckpointError(
                "the network cannot be opened", path=path, found=(str(error).splitlines() or [""])[0][:160]
            ) from error

    @staticmethod
    def _run(session: Any, outputs: list[str] | None, inputs: dict[str, Tensor]) -> list[Tensor]:
        arrays = {name: tensor.detach().contiguous().numpy() for name, tensor in inputs.items()}
        return [torch.from_numpy(array) for array in session.run(outputs, arrays)]

    def encode_source(self, source: Tensor) -> EncodedSource:
        """See `Engine.encode_source`."""
        latent, motion, *features = self._run(self._encoder, None, {"frames": source})
        basis = None if self._basis is None else self._run(self._basis, None, {"source": source})[0][0]
        return EncodedSource(latent, motion, (dict(zip(self._names, features, strict=True)), source), basis)

    def encode_motion(self, frames: Tensor) -> Tensor:
        """See `Engine.encode_motion`."""
        return self._run(self._motion, ["motion"], {"frames": frames})[0]

    def generate(self, latent: Tensor, source: EncodedSource) -> tuple[Tensor, FlowField]:
        """See `Engine.generate`."""
        features, frame = source.content
        rgbd, logits = self._run(self._generator, None, {"latent": latent, **features})
        inputs = {"flow_logits": logits, "latent": latent, "source": frame}
        return rgbd, FlowField(*self._run(self._flow, list(FLOW_OUTPUTS), inputs))


def _present(folder: Path, name: str) -> Path:
    """A file of the export."""
    if not (folder / name).is_file():
        hint = "write it with: python -m vfa.models.export CHECKPOINT FOLDER"
        raise AssetError("the exported networks are incomplete", path=folder, expected=name, hint=hint)
    return folder / name
