"""ArcFace IResNet-100: a 512-d identity embedding of an aligned 112x112 face (Deng et al., CVPR 2019).

Weights: `backbone.pth` of insightface's arcface_torch zoo (a bare state dict).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_EPS = 1e-5


class _Block(nn.Module):
    """Norm, 3x3, norm, PReLU, strided 3x3, norm, plus the input (projected where the shape changes)."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin, eps=_EPS)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout, eps=_EPS)
        self.prelu = nn.PReLU(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout, eps=_EPS)
        self.downsample: nn.Module | None = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride=stride, bias=False), nn.BatchNorm2d(cout, eps=_EPS)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if self.downsample is None else self.downsample(x))


def _stage(cin: int, cout: int, depth: int) -> nn.Sequential:
    return nn.Sequential(_Block(cin, cout, stride=2), *(_Block(cout, cout, stride=1) for _ in range(depth - 1)))


class IResNet(nn.Module):
    """Identity embedding.

    Input of `forward`: `image` float32 [N,3,112,112], RGB in -1..1, aligned by five points (see `arcface_align`).
    """

    def __init__(self, depths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64, eps=_EPS)
        self.prelu = nn.PReLU(64)
        self.layer1 = _stage(64, 64, depths[0])
        self.layer2 = _stage(64, 128, depths[1])
        self.layer3 = _stage(128, 256, depths[2])
        self.layer4 = _stage(256, 512, depths[3])
        self.bn2 = nn.BatchNorm2d(512, eps=_EPS)
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.features = nn.BatchNorm1d(512, eps=_EPS)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`embedding` [N,512], not normalised."""
        x = self.prelu(self.bn1(self.conv1(image)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return {"embedding": self.features(self.fc(self.bn2(x).flatten(1)))}


def iresnet100() -> IResNet:
    """The 100-layer network of the published ArcFace files."""
    return IResNet((3, 13, 30, 3))
