"""DINO ViT-B/16: the image embedding of VBench's subject consistency (Caron et al., ICCV 2021), by timm.

Weights: `dino_vitbase16_pretrain.pth`. Its names are timm's. Positions of images that are not 224x224 are resized with
the original's scale factors, which timm's own resizing does not reproduce.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

_PATCH = 16
_GRID = 14


class DINOViTB16(VisionTransformer):
    """Class-token embedding.

    Input of `forward`: `image` float32 [N,3,H,W], RGB with ImageNet mean and deviation removed, any size from 16 pixels
    (rows and columns that fill no patch are ignored).
    """

    def __init__(self) -> None:
        super().__init__(
            img_size=_GRID * _PATCH,
            patch_size=_PATCH,
            embed_dim=768,
            depth=12,
            num_heads=12,
            num_classes=0,
            dynamic_img_size=True,
            weight_init="skip",
        )

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`embedding` [N,768]: the class token after the last norm."""
        height, width = (side // _PATCH * _PATCH for side in image.shape[-2:])
        return {"embedding": self.forward_features(image[..., :height, :width])[:, 0]}

    def _pos_embed(self, x: Tensor) -> Tensor:
        """Add the class token and the positions to patches [N,h,w,768]."""
        count, height, width, channels = x.shape
        positions = self.pos_embed
        if (height, width) != (_GRID, _GRID):
            grid = positions[:, 1:].reshape(1, _GRID, _GRID, channels).permute(0, 3, 1, 2)
            factors = ((height + 0.1) / _GRID, (width + 0.1) / _GRID)
            grid = F.interpolate(grid, scale_factor=factors, mode="bicubic", align_corners=False)
            positions = torch.cat((positions[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)), dim=1)
        tokens = torch.cat((self.cls_token.expand(count, -1, -1), x.flatten(1, 2)), dim=1)
        return self.pos_drop(tokens + positions)
