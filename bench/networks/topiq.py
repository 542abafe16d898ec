"""TOPIQ without a reference: the quality of pictures, from semantics down to distortions (Chen et al., IEEE TIP 2024).

Two of IQA-PyTorch's files are read: `cfanet_iaa_ava_swin-393b41b4.pth` (aesthetics, 1 to 10, a distribution over ten
marks) and `topiq_nr_gfiqa_res50-d76bf1ae.pth` (aligned faces, about 0 to 1). THEval is defined by both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.transforms.v2 import functional as tv

from bench.networks.swin import EMBEDDING, from_timm, stage_features, swin_base

_MEAN, _DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_GRID = 32
_TRUNK = "semantic_model."
AESTHETIC_SIDE = 384
FACE_SIDE = 512


class _ResNetTrunk(ResNet):
    """Maps after the first convolution and the four stages."""

    widths = (64, 256, 512, 1024, 2048)

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3])
        del self.fc

    def forward(self, x: Tensor) -> list[Tensor]:  # type: ignore[override]
        maps = [self.relu(self.bn1(self.conv1(x)))]
        x = self.maxpool(maps[0])
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps


class _SwinTrunk(nn.Module):
    """Maps after each stage with the merging that follows it."""

    widths = (2 * EMBEDDING, 4 * EMBEDDING, 8 * EMBEDDING, 8 * EMBEDDING)

    def __init__(self) -> None:
        super().__init__()
        self.swin = swin_base(window=12)

    def forward(self, x: Tensor) -> list[Tensor]:
        return stage_features(self.swin.features, x, merged=True)


class _GatedPool(nn.Module):
    """One half of the channels, weighted in place by what the other half says."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.splitconv = nn.Conv2d(width, 2 * width, 1)
        self.weight_blk = nn.Sequential(
            nn.Conv2d(width, 64, 1),
            nn.GELU(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(64, 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        content, gate = self.splitconv(x).chunk(2, dim=1)
        return F.gelu(content) * self.weight_blk(gate)


class _SelfAttention(nn.Module):
    """A transformer layer that norms first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.self_attn(y, y, y, need_weights=False)[0]
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))


class _CrossAttention(nn.Module):
    """A layer in which coarse tokens ask finer ones; the published files also hold an unused self attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        memory = self.norm2(memory)
        query = query + self.multihead_attn(self.norm1(query), memory, memory, need_weights=False)[0]
        return query + self.linear2(F.gelu(self.linear1(self.norm3(query))))


class _Single(nn.Module):
    """A stack of one layer under its published name."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer])

    def forward(self, *given: Tensor) -> Tensor:
        return self.layers[0](*given)


class TOPIQ(nn.Module):
    """Quality of pictures.

    Args:
        trunk: gives maps of the widths `trunk.widths`, fine to coarse.
        width: of the tokens. heads: of the attention. marks: 1 for a score, more for a distribution over 1, 2, ...
        square: the side to which pictures are squashed; 0 leaves them.

    Input of `forward`: `image` float32 [N,3,H,W], RGB in 0..1.
    """

    def __init__(self, trunk: nn.Module, *, width: int, heads: int, marks: int, square: int) -> None:
        super().__init__()
        self.square = square
        self.semantic_model = trunk
        widths: tuple[int, ...] = trunk.widths  # type: ignore[assignment]
        self.weight_pool = nn.ModuleList(_GatedPool(channels) for channels in widths)
        self.dim_reduce = nn.ModuleList(nn.Sequential(nn.Conv2d(channels, width, 1), nn.GELU()) for channels in widths)
        self.sa_attn_blks = nn.ModuleList(_Single(_SelfAttention(width, heads)) for _ in widths)
        self.attn_blks = nn.ModuleList(_Single(_CrossAttention(width, heads)) for _ in widths[1:])
        self.attn_pool = _SelfAttention(width, heads)
        self.score_linear = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.GELU(),
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, marks),
        )
        self.h_emb = nn.Parameter(torch.zeros(1, width // 2, _GRID, 1))
        self.w_emb = nn.Parameter(torch.zeros(1, width // 2, 1, _GRID))

    def adapt_state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The ResNet's names are torchvision's; the Swin's are mapped to them."""
        if not isinstance(self.semantic_model, _SwinTrunk):
            return dict(state)
        trunk = {key[len(_TRUNK) :]: value for key, value in state.items() if key.startswith(_TRUNK)}
        rest = {key: value for key, value in state.items() if not key.startswith(_TRUNK)}
        return {**rest, **{f"{_TRUNK}swin.{key}": value for key, value in from_timm(trunk).items()}}

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`score` [N]."""
        if self.square:
            image = F.interpolate(image, (self.square, self.square), mode="bilinear", antialias=True)
        maps = self.semantic_model(tv.normalize(image, _MEAN, _DEVIATION))
        smallest = maps[-1].shape[-2:]
        places = torch.cat((self.h_emb.expand(-1, -1, -1, _GRID), self.w_emb.expand(-1, -1, _GRID, -1)), dim=1)
        query = None
        for step, level in enumerate(range(len(maps) - 1, -1, -1)):
            tokens = self._tokens(maps[level], level, smallest, places)
            query = tokens if query is None else self.attn_blks[step - 1](query, tokens)
        assert query is not None
        scores = self.score_linear(self.attn_pool(query).mean(dim=1))
        if scores.shape[1] == 1:
            return {"score": scores[:, 0]}
        marks = torch.arange(1.0, scores.shape[1] + 1, device=scores.device)
        return {"score": scores.softmax(dim=-1) @ marks}

    def _tokens(self, features: Tensor, level: int, smallest: torch.Size, places: Tensor) -> Tensor:
        """Tokens [N,L,width] of one map, at most as many as the coarsest has."""
        x = self.weight_pool[level](features)
        if x.shape[2] > smallest[0] and x.shape[3] > smallest[1]:
            x = F.adaptive_avg_pool2d(x, (smallest[0], smallest[1]))
        here = F.interpolate(places, x.shape[2:], mode="bicubic", align_corners=False)
        x = self.dim_reduce[level](x) + here
        return self.sa_attn_blks[level](x.flatten(2).transpose(1, 2))


def topiq_aesthetic() -> TOPIQ:
    """`topiq_iaa` of IQA-PyTorch: Swin-B at 384x384, ten marks, trained on AVA."""
    return TOPIQ(_SwinTrunk(), width=512, heads=8, marks=10, square=AESTHETIC_SIDE)


def topiq_face() -> TOPIQ:
    """`topiq_nr-face` of IQA-PyTorch: ResNet-50 on aligned faces of 512x512."""
    return TOPIQ(_ResNetTrunk(), width=256, heads=4, marks=1, square=0)
