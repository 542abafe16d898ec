"""Inception-v3 of FID: torchvision's network with the three pooling changes of the 2015 TensorFlow graph.

Weights: `pt_inception-2015-12-05-6726825d.pth` of pytorch-fid. The blocks with average pooling leave the padding out
of the mean, the last block pools by maximum, and there are 1008 classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import inception as tv


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _maximum(x: Tensor) -> Tensor:
    return F.max_pool2d(x, kernel_size=3, stride=1, padding=1)


class _FIDInceptionA(tv.InceptionA):
    def _forward(self, x: Tensor) -> list[Tensor]:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, self.branch_pool(_average(x))]


class _FIDInceptionC(tv.InceptionC):
    def _forward(self, x: Tensor) -> list[Tensor]:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return [self.branch1x1(x), single, double, self.branch_pool(_average(x))]


class _FIDInceptionE1(tv.InceptionE):
    """7b: average pooling without the padding."""

    pool = staticmethod(_average)

    def _forward(self, x: Tensor) -> list[Tensor]:
        single = self.branch3x3_1(x)
        single = torch.cat([self.branch3x3_2a(single), self.branch3x3_2b(single)], 1)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        double = torch.cat([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)], 1)
        return [self.branch1x1(x), single, double, self.branch_pool(self.pool(x))]


class _FIDInceptionE2(_FIDInceptionE1):
    """7c: maximum pooling, as the original graph has it by mistake."""

    pool = staticmethod(_maximum)


class FIDInception(tv.Inception3):
    """Features of FID, KID, IS and edge-FID.

    Input of `forward`: `image` float32 [N,3,H,W], RGB in 0..1, of any size; it is resized to 299x299 (bilinear, no
    antialiasing, corners not aligned) and scaled to -1..1, which is the recipe of pytorch-fid.
    """

    size = 299

    def __init__(self) -> None:
        super().__init__(num_classes=1008, aux_logits=False, transform_input=False, init_weights=False)
        self.Mixed_5b = _FIDInceptionA(192, pool_features=32)
        self.Mixed_5c = _FIDInceptionA(256, pool_features=64)
        self.Mixed_5d = _FIDInceptionA(288, pool_features=64)
        self.Mixed_6b = _FIDInceptionC(768, channels_7x7=128)
        self.Mixed_6c = _FIDInceptionC(768, channels_7x7=160)
        self.Mixed_6d = _FIDInceptionC(768, channels_7x7=160)
        self.Mixed_6e = _FIDInceptionC(768, channels_7x7=192)
        self.Mixed_7b = _FIDInceptionE1(1280)
        self.Mixed_7c = _FIDInceptionE2(2048)
        self.dropout = nn.Identity()

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Images in 0..1 -> `features` [N,2048]."""
        if image.shape[-2:] != (self.size, self.size):
            image = F.interpolate(image, (self.size, self.size), mode="bilinear", align_corners=False)
        return self.forward_normalized(2.0 * image - 1.0)

    @torch.no_grad()
    def forward_normalized(self, image: Tensor) -> dict[str, Tensor]:
        """Images [N,3,299,299] already in the network's range (about -1..1) -> `features` [N,2048]."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(image)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return {"features": self.avgpool(x).flatten(1)}

    @torch.no_grad()
    def logits(self, features: Tensor, *, bias: bool = False) -> Tensor:
        """Class scores [N,1008] of pooled features; the Inception Score of the references leaves the bias out."""
        return F.linear(features, self.fc.weight, self.fc.bias if bias else None)
