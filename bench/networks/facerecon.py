"""Deep3DFaceRecon's regressor: 257 coefficients of a morphable face from one aligned crop.

Deng et al. (CVPRW 2019), PyTorch edition. Published files (`epoch_20.pth`) hold the weights under `net_recon`, beside
the state of the optimiser. The coefficients need neither the licensed face model nor a renderer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

# Heads in file order; together they are the 257 coefficients.
HEADS = {
    "identity": 80,
    "expression": 64,
    "texture": 80,
    "angle": 3,
    "illumination": 27,
    "translation_xy": 2,
    "depth": 1,
}
# Slices of the coefficient vector, as Deep3DFaceRecon and its users name them. Angles are radians.
LAYOUT = {
    "identity": slice(0, 80),
    "expression": slice(80, 144),
    "texture": slice(144, 224),
    "angle": slice(224, 227),
    "illumination": slice(227, 254),
    "translation": slice(254, 257),
}


class _Backbone(ResNet):
    """ResNet-50 down to the pooled map [N,2048,1,1]."""

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3])
        del self.fc

    def forward(self, image: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        return self.avgpool(self.layer4(self.layer3(self.layer2(self.layer1(x)))))


class FaceReconResNet50(nn.Module):
    """Coefficients of a face.

    Input of `forward`: `image` float32 [N,3,224,224], RGB in 0..1, aligned (see `facerecon_align`), no mean removed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = _Backbone()
        self.final_layers = nn.ModuleList(nn.Conv2d(2048, width, 1) for width in HEADS.values())

    @staticmethod
    def adapt_state(state: Mapping[str, Any]) -> dict[str, Any]:
        """Take the regressor out of a published training checkpoint; a bare state dict passes unchanged."""
        inner = state.get("net_recon", state)
        return dict(inner)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`coeffs` [N,257]."""
        pooled = self.backbone(image)
        return {"coeffs": torch.cat([layer(pooled) for layer in self.final_layers], dim=1).flatten(1)}


def split_coefficients(coefficients: Tensor) -> dict[str, Tensor]:
    """Name the parts of coefficient vectors [...,257] (numpy arrays work as well).

    Returns:
        identity [...,80], expression [...,64], texture [...,80], angle [...,3] (radians, x y z),
        illumination [...,27], translation [...,3].
    """
    if coefficients.shape[-1] != 257:
        raise ValueError(f"expected 257 coefficients, got {coefficients.shape[-1]}")
    return {name: coefficients[..., part] for name, part in LAYOUT.items()}
