"""LAION's aesthetic head: one linear layer on the normalised CLIP L/14 embedding (`sa_0_4_vit_l_14_linear.pth`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AestheticHead(nn.Module):
    """Score of about 1 to 10. Input of `forward`: `embedding` float32 [N,768] of `clip_vit_l14`."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 768))
        self.bias = nn.Parameter(torch.zeros(1))

    @torch.no_grad()
    def forward(self, embedding: Tensor) -> dict[str, Tensor]:
        """`score` [N]; VBench divides it by ten."""
        return {"score": F.linear(F.normalize(embedding, dim=-1), self.weight, self.bias)[:, 0]}
