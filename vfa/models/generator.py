"""The RGBD generator: a latent and the source's features to the animated colour, depth and flow, coarse to fine."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vfa.models.config import AnimatorConfig
from vfa.models.layers import (
    ConvLayer,
    Fir,
    ModulatedConv2d,
    StyledConv,
    orthonormal,
    sample,
    sampling_grid,
    standard_normal,
)


class MotionDictionary(nn.Module):
    """The learned motion directions; their orthonormal factor Q maps motion weights ``a`` to a motion code ``Q a``.

    Args:
        latent_dim: length of the latent.
        motion_dim: number of directions.
        held: of these, how many of the last lead nowhere, see `AnimatorConfig.basis_channels`.
    """

    def __init__(self, latent_dim: int, motion_dim: int, held: int = 0) -> None:
        super().__init__()
        self.weight, self.held = standard_normal(latent_dim, motion_dim), held

    def directions(self) -> Tensor:
        """Q, ``[latent, motion]``, orthonormal columns; those held are zero."""
        directions = orthonormal(self.weight)
        if not self.held:
            return directions
        return torch.cat((directions[:, : -self.held], torch.zeros_like(directions[:, -self.held :])), 1)

    def forward(self, motion: Tensor) -> Tensor:
        """``a`` [B, motion] to ``Q a`` [B, latent]."""
        return motion @ self.directions().T.to(motion.dtype)


class ConstantInput(nn.Module):
    """The learned 4x4 map every generation starts from."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = standard_normal(1, channels, 4, 4)

    def forward(self, batch: int) -> Tensor:
        return self.input.expand(batch, -1, -1, -1)


class FlowHead(nn.Module):
    """Trunk to raw flow logits: x and y displacement before tanh, mask before sigmoid."""

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(channels, 3, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.upsample = Fir(up=2)

    def forward(self, trunk: Tensor, style: Tensor, previous: Tensor | None) -> Tensor:
        logits = self.conv(trunk, style) + self.bias
        return logits if previous is None else logits + self.upsample(previous)


class ImageHead(nn.Module):
    """Features to an image, added to the upsampled image of the coarser level."""

    def __init__(self, channels: int, out_channels: int, *, upsample: bool = True) -> None:
        super().__init__()
        self.conv = ConvLayer(channels, out_channels, 1)
        self.bias = nn.Parameter(torch.zeros(1, out_channels, 1, 1))
        self.upsample = Fir(up=2) if upsample else None

    def forward(self, features: Tensor, previous: Tensor | None) -> Tensor:
        image = self.conv(features) + self.bias
        return image if previous is None or self.upsample is None else image + self.upsample(previous)


class DepthMotion(nn.Module):
    """Trunk to depth-motion logits, and these to a feature map: a softmax mixture of orthonormal directions."""

    def __init__(self, channels: int, style_dim: int, motion_dim: int) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(channels, motion_dim, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, motion_dim, 1, 1))
        self.motion_dictionary = standard_normal(channels, motion_dim)
        self.upsample = Fir(up=2)

    def directions(self) -> Tensor:
        """The orthonormal factor of the dictionary, ``[C, motion]``."""
        return orthonormal(self.motion_dictionary)

    def forward(self, trunk: Tensor, style: Tensor, previous: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the feature map ``m`` [B, C, H, W] and the logits [B, motion, H, W]."""
        logits = self.conv(trunk, style) + self.bias
        if previous is not None:
            logits = logits + self.upsample(previous)
        return torch.einsum("bkhw,ck->bchw", logits.softmax(1), self.directions().to(logits.dtype)), logits


class Generated(NamedTuple):
    """What the RGBD generator puts out.

    Attributes:
        rgbd: [B, 4, H, W].
        flow_logits: [B, 3, H, W], raw, of the finest level.
        pyramid: [B, 3, r, r] for r = 8, 16, ..., H, the raw flow logits of every level, coarse to fine; empty where
            only the finest is kept.
    """

    rgbd: Tensor
    flow_logits: Tensor
    pyramid: tuple[Tensor, ...] = ()


class RGBDGenerator(nn.Module):
    """StyleGAN2's trunk with a flow, colour and depth head per level."""

    def __init__(self, config: AnimatorConfig) -> None:
        super().__init__()
        style = config.latent_dim_style
        self.direction = MotionDictionary(style, config.latent_dim_motion, config.held_motion)
        self.input = ConstantInput(config.channels(4))
        self.conv1 = StyledConv(config.channels(4), config.channels(4), style)
        # Stored in every checkpoint but never used; without gradients it does not stall distributed training.
        self.to_rgb1 = ImageHead(config.channels(4), config.input_channels, upsample=False).requires_grad_(False)
        self.convs: Any = nn.ModuleList()  # StyledConv, two per level
        self.to_rgbs: Any = nn.ModuleList()  # ImageHead
        self.to_flows: Any = nn.ModuleList()  # FlowHead
        self.to_depths: Any = nn.ModuleList()  # ImageHead
        self.motion_in_depths: Any = nn.ModuleList()  # DepthMotion
        for resolution in config.resolutions:
            coarse, width = config.channels(resolution // 2), config.channels(resolution)
            self.convs.append(StyledConv(coarse, width, style, upsample=True))
            self.convs.append(StyledConv(width, width, style))
            self.to_rgbs.append(ImageHead(width, 3))
            self.to_flows.append(FlowHead(width, style))
            self.to_depths.append(ImageHead(width, 1))
            self.motion_in_depths.append(DepthMotion(width, style, config.latent_dim_depth_motion))

    def forward(self, latent: Tensor, features: list[Tensor]) -> Generated:
        """Generate frames.

        Args:
            latent: ``z`` [B, latent].
            features: the source's skip features [B, C, r, r] for r = 8, 16, ..., size.
        """
        trunk = self.conv1(self.input(latent.shape[0]), latent)
        flow: Any = None
        rgb: Any = None
        depth: Any = None
        logits: Any = None
        pyramid = []
        for level, feature in enumerate(features):
            trunk = self.convs[2 * level + 1](self.convs[2 * level](trunk, latent), latent)
            flow = self.to_flows[level](trunk, latent, flow)
            pyramid.append(flow)
            mask = torch.sigmoid(flow[:, 2:])
            warped = sample(feature, sampling_grid(torch.tanh(flow[:, :2]))) * mask
            trunk = warped + trunk * (1 - mask)
            rgb = self.to_rgbs[level](warped, rgb)
            motion, logits = self.motion_in_depths[level](trunk, latent, logits)
            depth = self.to_depths[level](warped + motion, depth)
        return Generated(torch.cat((rgb, depth), 1), flow, tuple(pyramid))
