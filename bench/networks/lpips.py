"""LPIPS v0.1: perceptual distance of two images on AlexNet or VGG-16 features (Zhang et al., CVPR 2018).

Two files make one network: torchvision's trunk (`alexnet-owt-7be5be79.pth`, `vgg16-397923af.pth`) and the linear heads
(`alex.pth`, `vgg.pth` of the lpips wheel; torchmetrics carries the same).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import alexnet, vgg16

from vfa.errors import AssetError

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
# Layers of `features` (all ReLU) whose outputs are compared, and their widths.
_TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
_WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


class _Head(nn.Module):
    """One number per position from squared differences; named `model.1` because a dropout came first in training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(width, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class LPIPS(nn.Module):
    """Distance of image pairs.

    Inputs of `forward`: `image` and `reference`, float32 [N,3,H,W], RGB in 0..1, of equal size.

    Args:
        trunk: "alex" or "vgg"; the two give different numbers.
    """

    def __init__(self, trunk: str) -> None:
        super().__init__()
        features = (alexnet if trunk == "alex" else vgg16)(weights=None).features
        self.features = features[: _TAPS[trunk][-1] + 1]
        for layer in self.features:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self.taps = _TAPS[trunk]
        for i, width in enumerate(_WIDTHS[trunk]):
            self.add_module(f"lin{i}", _Head(width))

    @staticmethod
    def adapt_state(state: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out the trunk's classifier, which the distance does not use."""
        return {key: value for key, value in state.items() if not key.startswith("classifier.")}

    @torch.no_grad()
    def forward(self, image: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """`distance` [N]: 0 for equal images."""
        if image.shape != reference.shape:
            raise ValueError(f"LPIPS compares equal sizes, got {list(image.shape)} and {list(reference.shape)}")
        total = image.new_zeros(image.shape[0])
        for i, (a, b) in enumerate(zip(self._tapped(image), self._tapped(reference), strict=True)):
            difference = (_unit(a) - _unit(b)).square()
            total = total + getattr(self, f"lin{i}")(difference).mean(dim=(1, 2, 3))
        return {"distance": total}

    def _tapped(self, image: Tensor) -> list[Tensor]:
        shift, scale = image.new_tensor(_SHIFT)[:, None, None], image.new_tensor(_SCALE)[:, None, None]
        x = (2.0 * image - 1.0 - shift) / scale
        outputs = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                outputs.append(x)
        return outputs


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def lpips_alex() -> LPIPS:
    """LPIPS on AlexNet."""
    return LPIPS("alex")


def lpips_vgg() -> LPIPS:
    """LPIPS on VGG-16."""
    return LPIPS("vgg")


def bundled_heads(trunk: str) -> Path:
    """The linear heads v0.1 as they come inside torchmetrics.

    Args:
        trunk: "alex" or "vgg".
    Raises:
        AssetError: the installed torchmetrics carries none.
    """
    import torchmetrics

    path = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / f"{trunk}.pth"
    if not path.is_file():
        raise AssetError("the LPIPS heads are not there", path=path, hint="pip install --force-reinstall torchmetrics")
    return path
