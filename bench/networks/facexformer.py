"""FaceXFormer's head pose, used by THEval (Narayan et al., 2024): Swin-B maps, fused, asked by task tokens.

Weights: `model.pt` of kartiknarayan/facexformer (`state_dict_backbone`). Of its heads only the pose is kept; all task
tokens stay, since they attend to one another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.networks.swin import stage_features, swin_base

SIDE = 224
_WIDTH, _HEADS, _MLP, _DEPTH = 256, 8, 2048, 2
_MEAN, _DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_TOKENS = {"landmarks": 1, "pose": 1, "attribute": 1, "visibility": 1, "age": 1, "gender": 1, "race": 1, "mask": 11}
_POSE = 1
_OTHER_TASKS = tuple(
    f"face_decoder.{name}"
    for name in (
        "output_upscaling.", "output_hypernetwork_mlps.", "landmarks_prediction_head.", "attribute_prediction_head.",
        "visibility_prediction_head.", "age_prediction_head.", "gender_prediction_head.", "race_prediction_head.",
    )
)  # fmt: skip


class _Attention(nn.Module):
    """Attention whose inner width may be smaller than its outer."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(_WIDTH, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, _WIDTH)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        q, k, v = (layer(x).unflatten(-1, (_HEADS, -1)).transpose(1, 2) for layer, x in parts)
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class _TwoWayBlock(nn.Module):
    """Tokens ask each other, then the map, think, and are asked by the map."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = _Attention(_WIDTH)
        self.cross_attn_token_to_image = _Attention(_WIDTH // 2)
        self.cross_attn_image_to_token = _Attention(_WIDTH // 2)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(_WIDTH) for _ in range(4))
        self.mlp = nn.ModuleDict({"lin1": nn.Linear(_WIDTH, _MLP), "lin2": nn.Linear(_MLP, _WIDTH)})

    def forward(
        self, tokens: Tensor, pixels: Tensor, token_place: Tensor, pixel_place: Tensor
    ) -> tuple[Tensor, Tensor]:
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_place
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        asked = self.cross_attn_token_to_image(tokens + token_place, pixels + pixel_place, pixels)
        tokens = self.norm2(tokens + asked)
        tokens = self.norm3(tokens + self.mlp["lin2"](F.relu(self.mlp["lin1"](tokens))))
        told = self.cross_attn_image_to_token(pixels + pixel_place, tokens + token_place, tokens)
        return tokens, self.norm4(pixels + told)


class _TwoWayTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_TwoWayBlock(i == 0) for i in range(_DEPTH))
        self.final_attn_token_to_image = _Attention(_WIDTH // 2)
        self.norm_final_attn = nn.LayerNorm(_WIDTH)

    def forward(self, pixels: Tensor, pixel_place: Tensor, tokens: Tensor) -> Tensor:
        place = tokens
        for layer in self.layers:
            tokens, pixels = layer(tokens, pixels, place, pixel_place)
        asked = self.final_attn_token_to_image(tokens + place, pixels + pixel_place, pixels)
        return self.norm_final_attn(tokens + asked)


class _Mlp(nn.Module):
    """Three layers."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(_WIDTH, _WIDTH), nn.Linear(_WIDTH, _WIDTH), nn.Linear(_WIDTH, numbers)])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[2](F.relu(self.layers[1](F.relu(self.layers[0](x)))))


class _Decoder(nn.Module):
    """Task tokens and the head of the pose."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = _TwoWayTransformer()
        for name, count in _TOKENS.items():
            self.add_module(f"{name}_token{'s' if count > 1 else ''}", nn.Embedding(count, _WIDTH))
        self.pose_prediction_head = _Mlp(3)

    def forward(self, features: Tensor, place: Tensor) -> Tensor:
        names = [f"{name}_token{'s' if count > 1 else ''}" for name, count in _TOKENS.items()]
        tokens = torch.cat([getattr(self, name).weight for name in names])[None].expand(len(features), -1, -1)
        pixels = features.flatten(2).transpose(1, 2)
        return self.pose_prediction_head(self.transformer(pixels, place.flatten(1).T[None], tokens)[:, _POSE])


class FaceXFormerPose(nn.Module):
    """Head pose.

    Input of `forward`: `image` float32 [N,3,224,224], RGB with ImageNet mean and deviation removed
    (see `facexformer_input`).
    """

    def __init__(self) -> None:
        super().__init__()
        swin = swin_base(window=7)
        self.backbone = nn.ModuleList([swin.features, swin.norm])
        self.pe_layer = nn.Module()
        self.pe_layer.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(2, _WIDTH // 2))
        self.face_decoder = _Decoder()
        self.linear_c = nn.ModuleList(nn.ModuleDict({"proj": nn.Linear(128 * 2**i, _WIDTH)}) for i in range(4))
        self.linear_fuse = nn.Conv2d(4 * _WIDTH, _WIDTH, 1, bias=False)

    @staticmethod
    def adapt_state(state: Mapping[str, Any]) -> dict[str, Any]:
        """The published entries without the heads of the other tasks."""
        return {key: value for key, value in state.items() if not key.startswith(_OTHER_TASKS)}

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`pose` [N,3]: pitch, yaw, roll in degrees."""
        maps = stage_features(self.backbone[0], image, merged=False)  # type: ignore[arg-type]
        size = maps[0].shape[2:]
        levels = []
        for features, layer in zip(maps, self.linear_c, strict=True):
            x = layer["proj"](features.flatten(2).transpose(1, 2)).transpose(1, 2)  # type: ignore[index]
            x = x.unflatten(2, tuple(features.shape[2:]))
            levels.append(F.interpolate(x, size, mode="bilinear", align_corners=False))
        fused = self.linear_fuse(torch.cat(levels[::-1], dim=1))
        return {"pose": self.face_decoder(fused, self._place(*size)) * (180.0 / math.pi)}

    def _place(self, rows: int, columns: int) -> Tensor:
        """Random Fourier features [256,rows,columns] of the cells' centres."""
        matrix = self.pe_layer.positional_encoding_gaussian_matrix
        assert isinstance(matrix, Tensor)
        y = (torch.arange(rows, device=matrix.device) + 0.5) / rows
        x = (torch.arange(columns, device=matrix.device) + 0.5) / columns
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        angle = 2 * math.pi * ((2 * grid - 1) @ matrix)
        return torch.cat((angle.sin(), angle.cos()), dim=-1).permute(2, 0, 1)


def facexformer_input(image: np.ndarray, box: np.ndarray) -> Tensor:
    """Cut the box, its ends cut to whole pixels, and squash it to 224x224.

    Args:
        image: uint8 [H,W,3] RGB.
        box: x1, y1, x2, y2 of the face in pixels; black outside the image.

    Returns:
        float32 [1,3,224,224], ImageNet mean and deviation removed.

    Raises:
        ValueError: the box has no area.
    """
    from PIL import Image
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as tv

    left, top, right, bottom = (int(value) for value in box[:4])
    if right <= left or bottom <= top:
        raise ValueError(f"the box {[left, top, right, bottom]} has no area")
    face = Image.fromarray(image).crop((left, top, right, bottom))
    face = tv.resize(face, [SIDE, SIDE], interpolation=InterpolationMode.BICUBIC)
    return tv.normalize(tv.to_tensor(face), _MEAN, _DEVIATION)[None]
