"""The flow generator (the distilled student): raw flow logits to one dense flow, the warped source, its inpainting."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vfa.models.config import AnimatorConfig
from vfa.models.layers import ConvLayer, Fir, ModulatedConv2d, sample, sampling_grid


class BatchNormBlock(nn.Module):
    """Plain residual block: convolution, BatchNorm, ReLU, convolution, BatchNorm, plus the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))


class FlowField(NamedTuple):
    """What the flow generator puts out.

    Attributes:
        flow: [B, 2, H, W], where in the source (x, y in [-1, 1]) each output pixel is sampled.
        mask: [B, 1, H, W] in (0, 1), how far the sample is trusted.
        warped: [B, 3, H, W], the source's colours sampled along the flow.
        inpainted: [B, 3, H, W], ``warped * mask`` with the rest filled in.
    """

    flow: Tensor
    mask: Tensor
    warped: Tensor
    inpainted: Tensor


class FlowGenerator(nn.Module):
    """Dense flow at full resolution, 1.7 M parameters at full width."""

    def __init__(self, config: AnimatorConfig) -> None:
        super().__init__()
        width = config.flow_channels
        self.style_conv = ModulatedConv2d(3, 3, 3, config.latent_dim_style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.first = ConvLayer(3, width, 7)
        self.down_blocks: Any = nn.ModuleList(
            [ConvLayer(width, 2 * width, 3, halve=True), ConvLayer(2 * width, 4 * width, 3, halve=True)]
        )
        self.down_mask: Any = nn.Sequential(Fir(down=2), Fir(down=2))
        self.res_blocks: Any = nn.Sequential(*(BatchNormBlock(4 * width) for _ in range(config.flow_blocks)))
        self.up_blocks: Any = nn.Sequential(
            nn.Sequential(ConvLayer(4 * width, 2 * width, 3), Fir(up=2)),
            nn.Sequential(ConvLayer(2 * width, width, 3), Fir(up=2)),
        )
        self.final = ConvLayer(width, 3, 7)
        self._start_as_given()
        self.bias2 = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def _start_as_given(self) -> None:
        """Until it has learned better, the flow is the generator's own: the identity, whatever the style."""
        conv = self.style_conv
        if conv.weight.is_meta:
            return
        with torch.no_grad():
            conv.modulation.weight.zero_()
            conv.weight.zero_()
            conv.weight[0, :, :, 1, 1] = torch.eye(3) / conv.scale

    def forward(self, flow_logits: Tensor, latent: Tensor, source: Tensor) -> FlowField:
        """Refine the generator's flow.

        Args:
            flow_logits: [B, 3, H, W], raw, as the RGBD generator puts them out.
            latent: ``z`` [B, latent].
            source: [B, 3 or 4, H, W] in [-1, 1].
        """
        logits = self.style_conv(flow_logits, latent) + self.bias
        flow = sampling_grid(torch.tanh(logits[:, :2]))
        mask = torch.sigmoid(logits[:, 2:])
        warped = sample(source[:, :3], flow)
        hidden = self.first(warped)
        for block in self.down_blocks:
            hidden = block(hidden)
        hidden = hidden * (1 - torch.sigmoid(self.down_mask(mask)))
        filled = self.final(self.up_blocks(self.res_blocks(hidden))) + self.bias2
        return FlowField(flow, mask, warped, warped * mask + filled)
