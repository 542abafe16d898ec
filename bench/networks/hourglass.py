"""What the face alignment networks share: the residual block, the recursive hourglass, and the stack of hourglasses.

Bulat & Tzimiropoulos (ICCV 2017). The 68-point FAN has four hourglasses and averages, EmoNet has two and takes maxima.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _conv3x3(cin: int, cout: int) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, 3, padding=1, bias=False)


class ConvBlock(nn.Module):
    """Three pre-activated 3x3 convolutions of 1/2, 1/4 and 1/4 of the width, concatenated, plus the input."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        half, quarter = cout // 2, cout // 4
        self.bn1, self.conv1 = nn.BatchNorm2d(cin), _conv3x3(cin, half)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), _conv3x3(half, quarter)
        self.bn3, self.conv3 = nn.BatchNorm2d(quarter), _conv3x3(quarter, quarter)
        self.downsample: nn.Module | None = None
        if cin != cout:
            self.downsample = nn.Sequential(nn.BatchNorm2d(cin), nn.ReLU(), nn.Conv2d(cin, cout, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(F.relu(self.bn1(x)))
        second = self.conv2(F.relu(self.bn2(first)))
        third = self.conv3(F.relu(self.bn3(second)))
        return torch.cat((first, second, third), 1) + (x if self.downsample is None else self.downsample(x))


class Hourglass(nn.Module):
    """Encoder-decoder of `depth` halvings with a residual block on every path; children carry the published names.

    Args:
        pool: halves a map; FAN averages (`F.avg_pool2d`), EmoNet takes the maximum (`F.max_pool2d`).
    """

    def __init__(self, pool: Callable[..., Tensor], depth: int = 4, width: int = 256) -> None:
        super().__init__()
        self.pool = pool
        self.depth = depth
        for level in range(depth, 0, -1):
            self.add_module(f"b1_{level}", ConvBlock(width, width))
            self.add_module(f"b2_{level}", ConvBlock(width, width))
            self.add_module(f"b3_{level}", ConvBlock(width, width))
        self.b2_plus_1 = ConvBlock(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self._level(self.depth, x)

    def _level(self, level: int, x: Tensor) -> Tensor:
        skip = getattr(self, f"b1_{level}")(x)
        low = getattr(self, f"b2_{level}")(self.pool(x, 2))
        low = self._level(level - 1, low) if level > 1 else self.b2_plus_1(low)
        low = getattr(self, f"b3_{level}")(low)
        return skip + F.interpolate(low, scale_factor=2, mode="nearest")


class HourglassStack(nn.Module):
    """A stem and hourglasses that each give heatmaps of 68 points; children carry the published names.

    Args:
        pool: halves a map, in the stem as in the hourglasses.
        count: hourglasses.
    """

    points = 68

    def __init__(self, pool: Callable[..., Tensor], count: int) -> None:
        super().__init__()
        self.pool, self.count = pool, count
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2, self.conv3, self.conv4 = ConvBlock(64, 128), ConvBlock(128, 128), ConvBlock(128, 256)
        for i in range(count):
            self.add_module(f"m{i}", Hourglass(pool))
            self.add_module(f"top_m_{i}", ConvBlock(256, 256))
            self.add_module(f"conv_last{i}", nn.Conv2d(256, 256, 1))
            self.add_module(f"bn_end{i}", nn.BatchNorm2d(256))
            self.add_module(f"l{i}", nn.Conv2d(256, self.points, 1))
            if i < count - 1:
                self.add_module(f"bl{i}", nn.Conv2d(256, 256, 1))
                self.add_module(f"al{i}", nn.Conv2d(self.points, 256, 1))

    def stem(self, image: Tensor) -> Tensor:
        """Features [N,256,64,64] of `image` [N,3,256,256]."""
        x = F.relu(self.bn1(self.conv1(image)))
        return self.conv4(self.conv3(self.pool(self.conv2(x), 2)))

    def align(self, trunk: Tensor) -> tuple[list[Tensor], Tensor]:
        """Features [N,256,64,64] that each hourglass hands on, and the last heatmaps [N,68,64,64]."""
        features, heatmap = [], trunk
        for i in range(self.count):
            x = getattr(self, f"top_m_{i}")(getattr(self, f"m{i}")(trunk))
            x = F.relu(getattr(self, f"bn_end{i}")(getattr(self, f"conv_last{i}")(x)))
            heatmap = getattr(self, f"l{i}")(x)
            if i < self.count - 1:
                x = getattr(self, f"bl{i}")(x)
                trunk = trunk + x + getattr(self, f"al{i}")(heatmap)
            features.append(x)
        return features, heatmap
