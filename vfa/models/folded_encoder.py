"""The encoder ready for inference: scales, gains and the linear motion head folded into packed convolutions."""

from __future__ import annotations

import torch
from torch import Tensor

from vfa.models.encoder import Encoder, ResidualBlock
from vfa.models.folding import FoldedConv, FoldedFir, Target, activated_conv
from vfa.models.layers import SQRT2, EqualConv2d


class _FoldedBlock:
    """A residual block; the division by sqrt 2 cancels the second activation's gain and scales the skip's weight."""

    def __init__(self, target: Target, block: ResidualBlock, size: int) -> None:
        conv2, skip = block.conv2, block.skip.conv
        self.conv1 = activated_conv(target, block.conv1, size=size, partial_sums=True)
        self.blur = FoldedFir(target, conv2.fir.kernel, conv2.conv.weight.shape[1], size=size, padding=2)
        self.conv2 = activated_conv(target, conv2, size=size + 1, gain=1.0, partial_sums=True)
        # Only every second pixel of the filtered skip is used: filter and stride in one.
        self.shrink = FoldedFir(target, block.skip.fir.kernel, skip.weight.shape[1], size=size, down=2)
        self.skip = FoldedConv(target, skip.effective_weight() / SQRT2, size=size // 2)

    def __call__(self, x: Tensor) -> Tensor:
        return self.conv2(self.blur(self.conv1(x))).add_(self.skip(self.shrink(x)))


class FoldedEncoder:
    """`Encoder` with constants folded; built from it, and to be rebuilt when its weights change."""

    def __init__(self, target: Target, encoder: Encoder, size: int) -> None:
        self.target = target
        first, *blocks, last = encoder.net_app.convs
        self.first = activated_conv(target, first, size=size)
        self.blocks = [_FoldedBlock(target, block, size >> level) for level, block in enumerate(blocks)]
        assert isinstance(last, EqualConv2d)
        self.last = FoldedConv(target, last.effective_weight(), size=4, partial_sums=True)
        # The motion head has no activation: its five layers are one affine map.
        slope = torch.eye(encoder.fc[0].weight.shape[1], dtype=torch.float64)
        offset = torch.zeros(slope.shape[0], dtype=torch.float64)
        for layer in encoder.fc:
            weight = layer.weight.detach().double().cpu() * layer.scale
            slope, offset = weight @ slope, weight @ offset + layer.bias.detach().double().cpu()
        self.head_weight = slope.float().to(target.device)
        self.head_bias = offset.float().to(target.device)

    def latent(self, frames: Tensor) -> Tensor:
        """The latent ``w`` [B, latent] in float32 of frames [B, C, size, size]."""
        return self._run(frames)[-1]

    def motion(self, latent: Tensor) -> Tensor:
        """The motion weights ``a`` [B, motion] of a latent."""
        return torch.addmm(self.head_bias, latent, self.head_weight.T)

    def features(self, frame: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The latent and the features of 8, 16, ..., size pixels, coarse to fine."""
        outputs = self._run(frame)
        return outputs[-1], outputs[-3::-1]

    def _run(self, frames: Tensor) -> list[Tensor]:
        outputs = [self.first(self.target.place(frames))]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        outputs.append(self.last(outputs[-1]).flatten(1).float())
        return outputs
