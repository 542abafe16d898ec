"""DINO ViT-B/16: the image embedding of VBench's subject consistency (Caron et al., ICCV 2021), by timm.

Weights: `dino_vitbase16_pretrain.pth`. Its names are timm's. Positions of images that are not 224x224 are resized with
the original's scale factors, which timm's own resizing does not reproduce.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

_PATCH = 16
_GRID = 14


class DINOViTB16(nn.Module):
    """Class-token embedding.

    Input of `forward`: `image` float32 [N,3,H,W], RGB with ImageNet mean and deviation removed, any size from 16 pixels
    (rows and columns that fill no patch are ignored).
    """

    def __init__(self) -> None:
        super().__init__()
        self.vit = VisionTransformer(
            img_size=_GRID * _PATCH,
            patch_size=_PATCH,
            embed_dim=768,
            depth=12,
            num_heads=12,
            num_classes=0,
            dynamic_img_size=True,
            weight_init="skip",
        )

    @staticmethod
    def adapt_state(state: Mapping[str, Any]) -> dict[str, Any]:
        """The published names are timm's."""
        return {f"vit.{key}": value for key, value in state.items()}

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`embedding` [N,768]: the class token after the last norm."""
        height, width = (side // _PATCH * _PATCH for side in image.shape[-2:])
        patches = self.vit.patch_embed(image[..., :height, :width]).flatten(1, 2)
        first, positions = self._positions(height // _PATCH, width // _PATCH)
        assert self.vit.cls_token is not None
        token = (self.vit.cls_token + first).expand(len(image), -1, -1)
        x = torch.cat((token, patches + positions), dim=1)
        return {"embedding": self.vit.norm(self.vit.blocks(x))[:, 0]}

    def _positions(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """Position of the class token [1,1,768] and of the patches [1,rows*columns,768]."""
        assert self.vit.pos_embed is not None
        first, positions = self.vit.pos_embed[:, :1], self.vit.pos_embed[:, 1:]
        if (rows, columns) != (_GRID, _GRID):
            grid = positions.unflatten(1, (_GRID, _GRID)).permute(0, 3, 1, 2)
            factors = ((rows + 0.1) / _GRID, (columns + 0.1) / _GRID)
            grid = F.interpolate(grid, scale_factor=factors, mode="bicubic", align_corners=False)
            positions = grid.permute(0, 2, 3, 1).flatten(1, 2)
        return first, positions
