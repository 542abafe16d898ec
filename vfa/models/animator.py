"""The animator for use: frames in, animated frames and flow out, with all that is constant over a clip computed once.

    model = VersatileFaceAnimator.from_checkpoint()
    clip = model.prepare(source, start)             # once per clip
    for driving in batches:                         # [B, 4, H, W] in [-1, 1]
        out = clip.animate(driving)

``z = w_source + Q a_driving`` (absolute) or ``w_source + Q (a_driving - a_start + a_source)`` (relative); Q is the
orthonormal motion dictionary, ``a`` the motion weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vfa.errors import InputError
from vfa.models.checkpoint import check_state, find_checkpoint, load_checkpoint
from vfa.models.config import AnimatorConfig
from vfa.models.engine import EncodedSource, Engine, TorchEngine
from vfa.models.network import AnimatorNetwork


@dataclass(frozen=True)
class AnimatorOutput:
    """Animated frames, float32, on the animator's device.

    Attributes:
        rgbd: [N, 4, H, W], generated colour (-1..1, not clamped) and depth.
        flow: [N, 2, H, W], where in the source (x, y in [-1, 1]) each output pixel is sampled.
        mask: [N, 1, H, W] in (0, 1), how far that sample is trusted.
        warped: [N, 3, H, W], the source's colours sampled along the flow.
        inpainted: [N, 3, H, W], the flow generator's image.
    """

    rgbd: Tensor
    flow: Tensor
    mask: Tensor
    warped: Tensor
    inpainted: Tensor

    @classmethod
    def concatenate(cls, parts: list[AnimatorOutput]) -> AnimatorOutput:
        """Join outputs along the batch."""
        names = ("rgbd", "flow", "mask", "warped", "inpainted")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


class VersatileFaceAnimator:
    """The networks ready for inference; made by `from_checkpoint`, `from_official`, `from_network` or `from_onnx`.

    Attributes:
        engine: what runs the networks.
        normalization: how frames are to be brought to [-1, 1], see `vfa.media.normalize`.
    """

    def __init__(self, engine: Engine, normalization: str = "range") -> None:
        self.engine, self.normalization = engine, normalization

    @classmethod
    def from_network(
        cls, network: AnimatorNetwork, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
    ) -> VersatileFaceAnimator:
        """Fold a network that is in memory, for example one being trained; later changes to it are not seen."""
        return cls(TorchEngine(network, device, dtype))

    @classmethod
    def from_official(
        cls,
        state_dict: Mapping[str, Tensor],
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        config: AnimatorConfig | None = None,
    ) -> VersatileFaceAnimator:
        """Load a state dict with the published names, strictly.

        Args:
            state_dict: name to tensor, on any device, in any precision.
            device: where to run.
            dtype: float32, bfloat16 or float16.
            config: the architecture; None reads it off the shapes.

        Raises:
            CheckpointError: an entry is missing, unknown, of another shape, or not finite.
        """
        checkpoint = check_state(state_dict, config=config)
        with torch.device("meta"):  # no random weights, no second copy
            network = AnimatorNetwork(checkpoint.config)
        network.load_state_dict(checkpoint.state, strict=True, assign=True)
        return cls.from_network(network.eval(), device=device, dtype=dtype)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path | None = None,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        sha256: str | None = None,
    ) -> VersatileFaceAnimator:
        """Load a ``.pt`` or ``.safetensors`` file; None takes the default one, see `checkpoint.find_checkpoint`.

        Raises:
            AssetError: there is no such file.
            CheckpointError: the file is damaged, unsafe or of another architecture.
        """
        checkpoint = load_checkpoint(find_checkpoint(path), sha256=sha256)
        animator = cls.from_official(checkpoint.state, device=device, dtype=dtype, config=checkpoint.config)
        animator.normalization = checkpoint.normalization
        return animator

    @classmethod
    def from_onnx(cls, folder: str | Path, *, provider: str | None = None) -> VersatileFaceAnimator:
        """Run what ``python -m vfa.models.export`` wrote, with ONNX Runtime.

        Args:
            folder: holds ``encoder.onnx``, ``generator.onnx``, ``flow.onnx`` and ``animator.json``.
            provider: an execution provider's name; None takes CUDA where it is present, else the CPU.
        """
        from vfa.models.onnx_engine import OnnxEngine

        engine = OnnxEngine(folder, provider)
        return cls(engine, engine.normalization)

    @property
    def config(self) -> AnimatorConfig:
        """The architecture."""
        return self.engine.config

    def prepare(self, source: Tensor, start: Tensor | None = None) -> PreparedClip:
        """Compute what is constant over a clip.

        Args:
            source: [1, C, H, W] in [-1, 1], the face to animate.
            start: [1, C, H, W], the driver's frame that stands for the source's own pose; None: absolute motion.

        Raises:
            InputError: a frame has another size or holds NaN.
        """
        encoded = self.engine.encode_source(self._frames(source, "source", single=True))
        clip = PreparedClip(self, encoded, encoded.latent)
        return (
            clip if start is None else clip.relative_to(self.encode_motion(self._frames(start, "start", single=True)))
        )

    def animate(
        self, source: Tensor, driving: Tensor, start: Tensor | None = None, *, batch_size: int | None = None
    ) -> AnimatorOutput:
        """Animate a source with a clip that is in memory; for a long clip use `prepare`.

        Args:
            source: [1, C, H, W] in [-1, 1].
            driving: [N, C, H, W] in [-1, 1].
            start: [1, C, H, W] or None, see `prepare`.
            batch_size: frames computed at a time; None takes what is fastest on the device.
        """
        driving = self._frames(driving, "driving")
        return self.prepare(source, start).animate(driving, batch_size=batch_size)

    def encode_motion(self, frames: Tensor, *, batch_size: int | None = None) -> Tensor:
        """The motion weights ``a`` [N, motion] of frames [N, C, H, W] in [-1, 1]."""
        batches = self._frames(frames, "frames").split(batch_size or self.engine.batch_size)
        return torch.cat([self.engine.encode_motion(batch) for batch in batches])

    def _frames(self, frames: Any, name: str, *, single: bool = False) -> Tensor:
        """Check frames and bring them to the device."""
        size, channels = self.config.size, self.config.input_channels
        count = "1" if single else "N"
        expected = f"[{count}, {channels}, {size}, {size}]"
        frames = torch.as_tensor(frames)
        if frames.dim() != 4 or tuple(frames.shape[1:]) != (channels, size, size) or (single and len(frames) != 1):
            raise InputError(
                f"the {name} frames do not fit the network",
                expected=expected,
                found=f"{list(frames.shape)}",
                hint="resize the frames" if frames.dim() == 4 and frames.shape[1] == channels else None,
            )
        if len(frames) == 0:
            raise InputError(f"there are no {name} frames", expected=f"{expected} with N >= 1", found="N = 0")
        if not frames.is_floating_point():
            raise InputError(f"the {name} frames are not floating point", expected="-1..1", found=str(frames.dtype))
        frames = frames.to(self.engine.device, torch.float32)
        finite = torch.isfinite(frames).all(dim=(2, 3)).all(dim=0).tolist()
        if not all(finite):
            which = [("red", "green", "blue", "depth")[i] for i in range(channels) if not finite[i]]
            raise InputError(
                f"the {name} frames hold NaN or infinite values in {', '.join(which)}",
                expected="finite values; the background's depth is -1",
                hint="fill missing depth before the network",
            )
        return frames


class PreparedClip:
    """A source, encoded, ready to be animated.

    Attributes:
        source: the encoded source.
        base: [1, latent], everything of ``z`` but ``Q a_driving``.
    """

    def __init__(self, animator: VersatileFaceAnimator, source: EncodedSource, base: Tensor) -> None:
        self.animator, self.source, self.base = animator, source, base

    def relative_to(self, start: Tensor) -> PreparedClip:
        """The same source, moved as the driver moves away from its motion weights ``a_start`` [1, motion]."""
        directions = self.animator.engine.directions
        base = self.source.latent + (self.source.motion - start.to(directions)) @ directions.T
        return PreparedClip(self.animator, self.source, base)

    def animate(self, driving: Tensor, *, batch_size: int | None = None) -> AnimatorOutput:
        """Animate driving frames [N, C, H, W], a batch at a time."""
        motion = self.animator.encode_motion(driving, batch_size=batch_size)
        return self.animate_motion(motion, batch_size=batch_size)

    def animate_motion(self, motion: Tensor, *, batch_size: int | None = None) -> AnimatorOutput:
        """Animate from motion weights ``a`` [N, motion] of driving frames."""
        engine = self.animator.engine
        latents = self.base + motion.to(engine.directions) @ engine.directions.T
        parts = []
        for latent in latents.split(batch_size or engine.batch_size):
            rgbd, field = engine.generate(latent, self.source)
            parts.append(AnimatorOutput(rgbd.float(), *(tensor.float() for tensor in field)))
        return parts[0] if len(parts) == 1 else AnimatorOutput.concatenate(parts)
