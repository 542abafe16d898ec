"""What runs the networks: the interface, and its PyTorch implementation with every constant folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from vfa.errors import InputError
from vfa.models.config import AnimatorConfig
from vfa.models.flow import FlowField
from vfa.models.folded_encoder import FoldedEncoder
from vfa.models.folded_flow import FoldedFlowGenerator
from vfa.models.folded_generator import FoldedGenerator, SourceTables
from vfa.models.folded_motion import FoldedConvolutions
from vfa.models.folding import Target
from vfa.models.network import AnimatorNetwork

# On a CPU one frame fills all cores and a second one leaves the cache (measured: 2 to 12 % slower per frame).
CPU_BATCH, GPU_BATCH = 1, 16


@dataclass(frozen=True)
class EncodedSource:
    """A source frame, encoded once for a clip.

    Attributes:
        latent: ``w`` [1, latent].
        motion: ``a`` [1, motion].
        content: what the engine's generators need of the source.
        basis: [W, 3, S, S], float32, see `vfa.models.motion_basis`; None without one.
    """

    latent: Tensor
    motion: Tensor
    content: Any
    basis: Tensor | None = None


class Engine(Protocol):
    """Runs the three networks for inference.

    Attributes:
        config: the architecture.
        device: where frames are computed.
        directions: Q [latent, motion], the orthonormal motion dictionary, float32.
        batch_size: how many frames at a time are fastest there.
        description: what runs and where, for a log.
    """

    config: AnimatorConfig
    device: torch.device
    directions: Tensor
    batch_size: int
    description: str

    def encode_source(self, source: Tensor) -> EncodedSource:
        """Encode one frame [1, C, H, W] completely."""
        ...

    def encode_motion(self, frames: Tensor) -> Tensor:
        """The motion weights ``a`` [B, motion] of frames [B, C, H, W]."""
        ...

    def generate(self, latent: Tensor, source: EncodedSource) -> tuple[Tensor, FlowField]:
        """RGBD frames [B, 4, H, W] and the dense flow for latents ``z`` [B, latent]."""
        ...


class TorchEngine:
    """PyTorch on a CPU or a GPU.

    Args:
        network: the trained network; it is read, not changed.
        device: for example ``cpu`` or ``cuda:0``.
        dtype: float32, bfloat16 or float16. Styles, sampling grids and latents stay in float32.
    """

    def __init__(self, network: AnimatorNetwork, device: str | torch.device, dtype: torch.dtype) -> None:
        self.device = torch.device(device)
        if dtype not in (torch.float32, torch.bfloat16, torch.float16):
            raise InputError("unknown precision", expected="float32, bfloat16 or float16", found=str(dtype))
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise InputError("there is no usable GPU", found=f"device {device}", hint="use device cpu")
        self.config = network.config
        self.batch_size = CPU_BATCH if self.device.type == "cpu" else GPU_BATCH
        target = Target(self.device, dtype)
        with torch.no_grad():
            self._encoder = FoldedEncoder(target, network.enc, self.config.size)
            self._generator = FoldedGenerator(target, network.dec, self.config.resolutions)
            self._flow = FoldedFlowGenerator(target, network.student_dec, self.config.size)
            self._motion = FoldedConvolutions(target, network.motion_enc) if self.config.motion_channels else None
            self._basis = FoldedConvolutions(target, network.motion_basis) if self.config.basis_channels else None
        self.directions = self._generator.directions
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        self.description = f"PyTorch {torch.__version__}, {name}, {str(dtype).removeprefix('torch.')}"

    @torch.inference_mode()
    def encode_source(self, source: Tensor) -> EncodedSource:
        """See `Engine.encode_source`."""
        latent, features = self._encoder.features(source)
        content: tuple[SourceTables, Tensor] = (self._generator.prepare(features), self._flow.prepare(source))
        basis = None if self._basis is None else self._basis(source)[0]
        return EncodedSource(latent, self._encoder.motion(latent), content, basis)

    @torch.inference_mode()
    def encode_motion(self, frames: Tensor) -> Tensor:
        """See `Engine.encode_motion`."""
        if self._motion is not None:
            return self._motion(frames)
        return self._encoder.motion(self._encoder.latent(frames))

    @torch.inference_mode()
    def generate(self, latent: Tensor, source: EncodedSource) -> tuple[Tensor, FlowField]:
        """See `Engine.generate`."""
        tables, rows = source.content
        generated = self._generator(latent, tables)
        return generated.rgbd, self._flow(generated.flow_logits, latent, rows)
