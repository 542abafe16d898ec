"""Parts of AMT: the two encoders, the decoders, the correlation volume of both directions and its update block."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_RADIUS = 3
_LEVELS = 4


def resize(x: Tensor, factor: float) -> Tensor:
    """Bilinear resize by a factor, corners not aligned."""
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def backward_warp(image: Tensor, flow: Tensor) -> Tensor:
    """Sample an image at positions moved by a flow; outside counts as the border.

    Args:
        image: [N,C,H,W].
        flow: [N,2,H,W], x and y in pixels.
    """
    height, width = flow.shape[-2:]
    y, x = torch.meshgrid(
        torch.linspace(-1.0, 1.0, height, device=flow.device, dtype=flow.dtype),
        torch.linspace(-1.0, 1.0, width, device=flow.device, dtype=flow.dtype),
        indexing="ij",
    )
    grid = torch.stack((x + flow[:, 0] / ((width - 1) / 2), y + flow[:, 1] / ((height - 1) / 2)), dim=-1)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=True)


def _conv_prelu(cin: int, cout: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(cin, cout, 3, stride=stride, padding=1), nn.PReLU(cout))


class PyramidEncoder(nn.Module):
    """Feature maps at 1/2, 1/4, 1/8 and 1/16 size."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = len(channels)
        width = 3
        for i, channel in enumerate(channels, start=1):
            level = nn.Sequential(_conv_prelu(width, channel, stride=2), _conv_prelu(channel, channel))
            self.add_module(f"pyramid{i}", level)
            width = channel

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for i in range(1, self.levels + 1):
            x = getattr(self, f"pyramid{i}")(x)
            maps.append(x)
        return maps


class _ResidualBlock(nn.Module):
    """Five convolutions; the last `side` channels pass through two further ones of their own."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.conv1, self.conv2 = _conv_prelu(width, width), _conv_prelu(side, side)
        self.conv3, self.conv4 = _conv_prelu(width, width), _conv_prelu(side, side)
        self.conv5 = nn.Conv2d(width, width, 3, padding=1)
        self.prelu = nn.PReLU(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)
        y = self.conv3(torch.cat((y[:, : -self.side], self.conv2(y[:, -self.side :])), dim=1))
        y = self.conv5(torch.cat((y[:, : -self.side], self.conv4(y[:, -self.side :])), dim=1))
        return self.prelu(x + y)


class Decoder(nn.Module):
    """Maps to maps of twice the size."""

    def __init__(self, cin: int, width: int, cout: int, side: int) -> None:
        super().__init__()
        self.convblock = nn.Sequential(
            _conv_prelu(cin, width),
            _ResidualBlock(width, side),
            nn.ConvTranspose2d(width, cout, 4, stride=2, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.convblock(x)


class _Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with instance norms that carry no weights, plus the input."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        quarter = cout // 4
        self.conv1 = nn.Conv2d(cin, quarter, 1)
        self.conv2 = nn.Conv2d(quarter, quarter, 3, padding=1, stride=stride)
        self.conv3 = nn.Conv2d(quarter, cout, 1)
        self.downsample: nn.Module | None = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride=stride), nn.InstanceNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(F.instance_norm(self.conv1(x)))
        y = F.relu(F.instance_norm(self.conv2(y)))
        y = F.relu(F.instance_norm(self.conv3(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class FeatureEncoder(nn.Module):
    """RAFT's small encoder: features [N,out,H/8,W/8] for the correlation."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3)
        self.layer1 = nn.Sequential(_Bottleneck(32, 32, 1), _Bottleneck(32, 32, 1))
        self.layer2 = nn.Sequential(_Bottleneck(32, 64, 2), _Bottleneck(64, 64, 1))
        self.layer3 = nn.Sequential(_Bottleneck(64, 96, 2), _Bottleneck(96, 96, 1))
        self.conv2 = nn.Conv2d(96, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.instance_norm(self.conv1(x)))
        return self.conv2(self.layer3(self.layer2(self.layer1(x))))


class UpdateBlock(nn.Module):
    """Correction of features and flows from the correlation, computed at 1/8 size.

    Args:
        width: channels of the features.
        scale: how many times finer than 1/8 the features are.
    """

    def __init__(self, width: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.convc1 = nn.Conv2d(2 * _LEVELS * (2 * _RADIUS + 1) ** 2, 64, 1)
        self.convf1 = nn.Conv2d(4, 40, 7, padding=3)
        self.convf2 = nn.Conv2d(40, 20, 3, padding=1)
        self.conv = nn.Conv2d(84, 68, 3, padding=1)
        self.gru = _two_convolutions(68 + 4 + width, 76)
        self.feat_head = _two_convolutions(76, width)
        self.flow_head = _two_convolutions(76, 4)

    def forward(self, features: Tensor, flows: Tensor, correlation: Tensor) -> tuple[Tensor, Tensor]:
        """Changes of features and flows, at the size of `features`."""
        if self.scale != 1:
            features = resize(features, 1 / self.scale)
        looked = _leaky(self.convc1(correlation))
        moved = _leaky(self.convf2(_leaky(self.convf1(flows))))
        joint = _leaky(self.conv(torch.cat((looked, moved), dim=1)))
        hidden = self.gru(torch.cat((joint, flows, features), dim=1))
        features_change, flow_change = self.feat_head(hidden), self.flow_head(hidden)
        if self.scale != 1:
            features_change = resize(features_change, self.scale)
            flow_change = self.scale * resize(flow_change, self.scale)
        return features_change, flow_change


def _two_convolutions(cin: int, cout: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(cin, 76, 3, padding=1), nn.LeakyReLU(0.1, inplace=True), nn.Conv2d(76, cout, 3, padding=1)
    )


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1)


class CorrelationPyramid:
    """All-pairs correlation of two feature maps, in both directions, at four sizes of the side looked at."""

    def __init__(self, features0: Tensor, features1: Tensor) -> None:
        count, width, self.height, self.width = features0.shape
        volume = features0.flatten(2).transpose(1, 2) @ features1.flatten(2) / math.sqrt(width)
        self.from0 = self._levels(volume)
        self.from1 = self._levels(volume.transpose(1, 2))

    def look_up(self, flows: Tensor, time: float, scale: int) -> tuple[Tensor, Tensor]:
        """Correlation in a window around where each pixel goes, assuming linear motion.

        Args:
            flows: [N,4,h,w], from the middle frame to the first and to the second.
            time: position of the middle frame between 0 and 1.
            scale: how many times finer than 1/8 the flows are.
        Returns:
            Looked-up values [N,392,H/8,W/8] and the flows at that size.
        """
        if scale != 1:
            flows = resize(flows, 1 / scale) / scale
        y, x = torch.meshgrid(
            torch.arange(self.height, device=flows.device, dtype=flows.dtype),
            torch.arange(self.width, device=flows.device, dtype=flows.dtype),
            indexing="ij",
        )
        here = torch.stack((x, y))
        towards1 = self._sample(self.from0, here + flows[:, 2:] / time)
        towards0 = self._sample(self.from1, here + flows[:, :2] / (1.0 - time))
        return torch.cat((towards1, towards0), dim=1), flows

    def _levels(self, volume: Tensor) -> list[Tensor]:
        levels = [volume.reshape(-1, 1, self.height, self.width)]
        for _ in range(_LEVELS - 1):
            levels.append(F.avg_pool2d(levels[-1], 2))
        return levels

    def _sample(self, levels: list[Tensor], positions: Tensor) -> Tensor:
        """Values [N,196,h,w] around positions [N,2,h,w]."""
        steps = torch.arange(-_RADIUS, _RADIUS + 1, device=positions.device, dtype=positions.dtype)
        # As in RAFT, the first index of the window moves x: the published weights expect this order.
        window = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1)
        centres = positions.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
        sampled = []
        for level, volume in enumerate(levels):
            size = torch.tensor(volume.shape[:1:-1], device=positions.device, dtype=positions.dtype)
            grid = 2.0 * (centres / 2**level + window) / (size - 1.0) - 1.0
            values = F.grid_sample(volume, grid, align_corners=True)
            sampled.append(values.reshape(len(positions), self.height, self.width, -1))
        return torch.cat(sampled, dim=-1).permute(0, 3, 1, 2)
