"""MUSIQ: technical quality of an image at its native size and aspect (Ke et al., ICCV 2021).

Patches of 32 pixels at two resized scales and the native one become tokens of one transformer. Weights: the one-score
files of IQA-PyTorch, `musiq_spaq_ckpt-358bb6af.pth` (VBench) and `musiq_koniq_ckpt-e95806b9.pth`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_PATCH = 32
_LONGER_SIDES = (224, 384)
_GRID = 10
_DIM, _MLP, _HEADS, _DEPTH, _SCALES = 384, 1152, 6, 14, 3


def _pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Zero padding as TensorFlow's SAME: the odd pixel goes after."""
    height, width = x.shape[-2:]
    rows = max((math.ceil(height / stride) - 1) * stride + kernel - height, 0)
    columns = max((math.ceil(width / stride) - 1) * stride + kernel - width, 0)
    return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


class _StandardConv(nn.Conv2d):
    """Convolution with SAME padding and weights standardised per output channel."""

    def forward(self, x: Tensor) -> Tensor:
        mean = self.weight.mean((1, 2, 3), keepdim=True)
        deviation = self.weight.std((1, 2, 3), keepdim=True)
        padded = _pad_same(x, self.kernel_size[0], self.stride[0])
        return F.conv2d(padded, (self.weight - mean) / (deviation + 1e-5), None, self.stride)


class _Bottleneck(nn.Module):
    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1, self.gn1 = _StandardConv(cin, cin, 1, bias=False), nn.GroupNorm(32, cin, eps=1e-4)
        self.conv2, self.gn2 = _StandardConv(cin, cin, 3, bias=False), nn.GroupNorm(32, cin, eps=1e-4)
        self.conv3, self.gn3 = _StandardConv(cin, cout, 1, bias=False), nn.GroupNorm(32, cout, eps=1e-4)
        self.conv_proj, self.gn_proj = _StandardConv(cin, cout, 1, bias=False), nn.GroupNorm(32, cout, eps=1e-4)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.gn1(self.conv1(x)))
        y = F.relu(self.gn2(self.conv2(y)))
        return F.relu(self.gn3(self.conv3(y)) + self.gn_proj(self.conv_proj(x)))


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(_DIM, _DIM), nn.Linear(_DIM, _DIM), nn.Linear(_DIM, _DIM)
        self.out = nn.Linear(_DIM, _DIM)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            layer(x).unflatten(-1, (_HEADS, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        y = F.scaled_dot_product_attention(query, key, value)
        return self.out(y.transpose(1, 2).flatten(2))


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(_DIM, eps=1e-6), _Attention()
        self.norm2 = nn.LayerNorm(_DIM, eps=1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(_DIM, _MLP), "fc2": nn.Linear(_MLP, _DIM)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.posembed_input = nn.ParameterDict({"position_emb": nn.Parameter(torch.zeros(1, _GRID * _GRID, _DIM))})
        self.scaleembed_input = nn.ParameterDict({"scale_emb": nn.Parameter(torch.zeros(_SCALES, _DIM))})
        self.cls = nn.Parameter(torch.zeros(1, 1, _DIM))
        self.encoder_norm = nn.LayerNorm(_DIM, eps=1e-6)
        self.transformer = nn.ModuleDict({f"encoderblock_{i}": _Block() for i in range(_DEPTH)})

    def forward(self, tokens: Tensor, positions: Tensor, scales: Tensor) -> Tensor:
        """Tokens [N,L,384], position and scale index [L] -> class token [N,384]."""
        tokens = tokens + self.posembed_input["position_emb"][0, positions]
        tokens = tokens + self.scaleembed_input["scale_emb"][scales]
        x = torch.cat((self.cls.expand(len(tokens), -1, -1), tokens), dim=1)
        for block in self.transformer.values():
            x = block(x)
        return self.encoder_norm(x)[:, 0]


class MUSIQ(nn.Module):
    """Quality of images, 0 to 100.

    Input of `forward`: `image` float32 [N,3,H,W], RGB in 0..1, any size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_root = _StandardConv(3, 64, 7, stride=2, bias=False)
        self.gn_root = nn.GroupNorm(32, 64, eps=1e-6)
        self.block1 = _Bottleneck(64, 256)
        self.embedding = nn.Linear(256 * (_PATCH // 4) ** 2, _DIM)
        self.transformer_encoder = _Encoder()
        self.head = nn.Linear(_DIM, 1)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`score` [N]."""
        patches, positions, scales = multiscale_patches(2.0 * image - 1.0)
        count, length = patches.shape[:2]
        x = F.relu(self.gn_root(self.conv_root(patches.flatten(0, 1))))
        x = self.block1(F.max_pool2d(_pad_same(x, 3, 2), 3, 2))
        # Channels last, as the tokens were laid out in TensorFlow.
        tokens = self.embedding(x.permute(0, 2, 3, 1).reshape(count, length, -1))
        return {"score": self.head(self.transformer_encoder(tokens, positions, scales))[:, 0]}


def multiscale_patches(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cut an image into patches at longer sides 224, 384 and its own size.

    The original fills each resized scale up to 49 and 144 patches and masks the filling out of the attention, which
    gives the class token exactly what leaving it away gives; so it is left away.

    Args:
        image: [N,3,H,W].
    Returns:
        patches [N,L,3,32,32], position index [L] in a 10x10 grid, scale index [L].
    """
    height, width = image.shape[-2:]
    patches, positions, scales = [], [], []
    for scale in range(_SCALES):
        resized = image
        if scale < len(_LONGER_SIDES):
            ratio = _LONGER_SIDES[scale] / max(height, width)
            size = (round(height * ratio), round(width * ratio))
            resized = F.interpolate(image, size, mode="bicubic", align_corners=False)
        cut = F.unfold(_pad_same(resized, _PATCH, _PATCH), _PATCH, stride=_PATCH)
        patches.append(cut.transpose(1, 2).unflatten(2, (3, _PATCH, _PATCH)))
        index = hashed_positions(*(math.ceil(side / _PATCH) for side in resized.shape[-2:]))
        positions.append(index.to(image.device))
        scales.append(torch.full_like(positions[-1], scale))
    return torch.cat(patches, dim=1), torch.cat(positions), torch.cat(scales)


def hashed_positions(rows: int, columns: int) -> Tensor:
    """Cell of the 10x10 grid that each patch of a `rows` x `columns` image falls in, row by row.

    >>> hashed_positions(1, 3).tolist()
    [0, 3, 6]
    """
    cells = torch.arange(float(_GRID))[None, None]
    row, column = (F.interpolate(cells, count, mode="nearest")[0, 0].long() for count in (rows, columns))
    return (row[:, None] * _GRID + column).flatten()
