"""CLIP's image towers ViT-B/32 and ViT-L/14 by timm, reading OpenAI's archives (Radford et al., 2021).

The published `.pt` files are TorchScript archives that hold both towers; the text tower is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from timm.layers import QuickGELU
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

_PREFIX = "visual."
_FIXED = {
    "class_embedding": "cls_token",
    "positional_embedding": "pos_embed",
    "conv1.weight": "patch_embed.proj.weight",
    "proj": "head.weight",
}
_RENAMED = (
    ("transformer.resblocks.", "blocks."),
    ("ln_pre.", "norm_pre."),
    ("ln_post.", "norm."),
    (".ln_1.", ".norm1."),
    (".ln_2.", ".norm2."),
    (".attn.in_proj_", ".attn.qkv."),
    (".attn.out_proj.", ".attn.proj."),
    (".mlp.c_fc.", ".mlp.fc1."),
    (".mlp.c_proj.", ".mlp.fc2."),
)


class CLIPImageTower(nn.Module):
    """Image embedding.

    Input of `forward`: `image` float32 [N,3,224,224], RGB with CLIP's mean and deviation removed (see `vit_input`).
    """

    def __init__(self, *, patch: int, width: int, depth: int, heads: int, embedding: int) -> None:
        super().__init__()
        self.vit = VisionTransformer(
            img_size=224,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            num_classes=embedding,
            pre_norm=True,
            norm_layer=nn.LayerNorm,
            act_layer=QuickGELU,
            weight_init="skip",
        )
        self.vit.head = nn.Linear(width, embedding, bias=False)

    @staticmethod
    def adapt_state(state: Mapping[str, Any]) -> dict[str, Any]:
        """Take the image tower out of a CLIP state dict, or accept the tower alone, under timm's names."""
        if any(key.startswith(_PREFIX) for key in state):
            state = {key[len(_PREFIX) :]: value for key, value in state.items() if key.startswith(_PREFIX)}
        adapted = {}
        for key, value in state.items():
            if key in _FIXED:
                value = torch.as_tensor(value)
                # [d] -> [1,1,d], [n,d] -> [1,n,d]; the projection multiplies from the right.
                shaped = {"class_embedding": value[None, None], "positional_embedding": value[None]}
                shaped["proj"] = value.T.contiguous() if value.ndim == 2 else value
                adapted[f"vit.{_FIXED[key]}"] = shaped.get(key, value)
                continue
            for old, new in _RENAMED:
                key = key.replace(old, new)
            adapted[f"vit.{key}"] = value
        return adapted

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`embedding` [N,512] (B/32) or [N,768] (L/14), not normalised."""
        return {"embedding": self.vit.head(self.vit.forward_features(image)[:, 0])}


def clip_vit_b32() -> CLIPImageTower:
    """ViT-B/32 of `ViT-B-32.pt`."""
    return CLIPImageTower(patch=32, width=768, depth=12, heads=12, embedding=512)


def clip_vit_l14() -> CLIPImageTower:
    """ViT-L/14 of `ViT-L-14.pt`."""
    return CLIPImageTower(patch=14, width=1024, depth=24, heads=16, embedding=768)
