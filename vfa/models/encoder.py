"""The encoder: an RGBD frame to its latent, its skip features and its motion weights."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from vfa.models.config import AnimatorConfig
from vfa.models.layers import ConvLayer, EqualConv2d, EqualLinear


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, the second halving the size, plus a filtered 1x1 skip, divided by sqrt 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = ConvLayer(in_channels, in_channels, 3)
        self.conv2 = ConvLayer(in_channels, out_channels, 3, halve=True)
        self.skip = ConvLayer(in_channels, out_channels, 1, halve=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2.0)


class AppearanceEncoder(nn.Module):
    """Frame ``[B, input_channels, size, size]`` to the latent ``w`` and the feature pyramid."""

    def __init__(self, config: AnimatorConfig) -> None:
        super().__init__()
        self.convs: Any = nn.ModuleList([ConvLayer(config.input_channels, config.channels(config.size), 1)])
        resolution = config.size
        while resolution > 4:
            self.convs.append(ResidualBlock(config.channels(resolution), config.channels(resolution // 2)))
            resolution //= 2
        self.convs.append(EqualConv2d(config.channels(4), config.latent_dim_style, 4))

    def forward(self, frame: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Returns ``w`` [B, latent] and the features of 8, 16, ..., ``size`` pixels, coarse to fine."""
        outputs = [frame]
        for conv in self.convs:
            outputs.append(conv(outputs[-1]))
        latent = outputs[-1].flatten(1)
        return latent, outputs[-3:0:-1]


class Encoder(nn.Module):
    """Appearance network (``net_app``) and the motion head (``fc``) on its latent."""

    def __init__(self, config: AnimatorConfig) -> None:
        super().__init__()
        width = config.latent_dim_style
        self.net_app = AppearanceEncoder(config)
        self.fc: Any = nn.Sequential(
            *(EqualLinear(width, width) for _ in range(4)), EqualLinear(width, config.latent_dim_motion)
        )

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Encode frames.

        Args:
            frame: [B, input_channels, size, size] in [-1, 1].

        Returns:
            The latent ``w`` [B, latent], the motion weights ``a`` [B, motion] and the features, coarse to fine.
        """
        latent, features = self.net_app(frame)
        return latent, self.fc(latent), features
