"""AMT-S: the frame between two frames, used by VBench's motion smoothness (Li et al., CVPR 2023).

Weights: `amt-s.pth` (CC BY-NC 4.0, not shipped). Bidirectional correlation at 1/8 size guides three refinements; three
flow pairs are merged at full size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.networks.amt_blocks import (
    CorrelationPyramid,
    Decoder,
    FeatureEncoder,
    PyramidEncoder,
    UpdateBlock,
    backward_warp,
    resize,
)

_CHANNELS = (20, 32, 44, 56)
_SKIP = 20
_FLOWS = 3
DIVISOR = 16
# Below this the coarsest correlation map is a single cell, in which nothing can be looked up.
_MIN_SIDE = 128


class AMTSmall(nn.Module):
    """Interpolated frame.

    Inputs of `forward`: `first`, `second` float32 [N,3,H,W], RGB in 0..1, sides divisible by 16 and at least 128
    (see `bench.networks.padding`).
    """

    def __init__(self) -> None:
        super().__init__()
        c1, c2, c3, c4 = _CHANNELS
        self.feat_encoder = FeatureEncoder(84)
        self.encoder = PyramidEncoder(_CHANNELS)
        self.decoder4 = Decoder(2 * c4 + 1, 2 * c4, c3 + 4, _SKIP)
        self.decoder3 = Decoder(3 * c3 + 4, 3 * c3, c2 + 4, _SKIP)
        self.decoder2 = Decoder(3 * c2 + 4, 3 * c2, c1 + 4, _SKIP)
        self.decoder1 = Decoder(3 * c1 + 4, 3 * c1, 8 * _FLOWS, _SKIP)
        self.update4 = UpdateBlock(c3, scale=1)
        self.update3 = UpdateBlock(c2, scale=2)
        self.update2 = UpdateBlock(c1, scale=4)
        self.comb_block = nn.Sequential(
            nn.Conv2d(3 * _FLOWS, 6 * _FLOWS, 3, padding=1),
            nn.PReLU(6 * _FLOWS),
            nn.Conv2d(6 * _FLOWS, 3, 3, padding=1),
        )

    @torch.no_grad()
    def forward(self, first: Tensor, second: Tensor, *, time: float = 0.5) -> dict[str, Tensor]:
        """`image` [N,3,H,W] in 0..1: the frame at `time` between 0 (first) and 1 (second), both excluded."""
        if first.shape != second.shape or any(side % DIVISOR or side < _MIN_SIDE for side in first.shape[-2:]):
            raise ValueError(
                f"AMT takes two images of one size, sides divisible by {DIVISOR} and >= {_MIN_SIDE}, "
                f"got {list(first.shape)} and {list(second.shape)}"
            )
        mean = torch.cat((first, second), dim=2).mean(dim=(1, 2, 3), keepdim=True)
        first, second = first - mean, second - mean
        correlation = CorrelationPyramid(self.feat_encoder(first), self.feat_encoder(second))
        pyramid0, pyramid1 = self.encoder(first), self.encoder(second)

        moment = first.new_full((len(first), 1, *pyramid0[3].shape[-2:]), time)
        out = self.decoder4(torch.cat((pyramid0[3], pyramid1[3], moment), dim=1))
        flows, features = out[:, :4], out[:, 4:]
        updates = ((self.update4, 1), (self.update3, 2), (self.update2, 4))
        for level, (update, scale) in enumerate(updates):
            if level > 0:
                decoder = (self.decoder3, self.decoder2)[level - 1]
                maps = (pyramid0[3 - level], pyramid1[3 - level])
                flows, features = self._finer(decoder, features, *maps, flows)
            looked_up, coarse = correlation.look_up(flows, time, scale)
            features_change, flow_change = update(features, coarse, looked_up)
            flows, features = flows + flow_change, features + features_change

        out = self.decoder1(_decoder_input(features, pyramid0[0], pyramid1[0], flows))
        change, mask, residual = out.split((4 * _FLOWS, _FLOWS, 3 * _FLOWS), dim=1)
        doubled = 2.0 * resize(flows, 2.0)
        flow0 = change[:, : 2 * _FLOWS] + doubled[:, :2].repeat(1, _FLOWS, 1, 1)
        flow1 = change[:, 2 * _FLOWS :] + doubled[:, 2:].repeat(1, _FLOWS, 1, 1)
        return {"image": self._merge(first, second, flow0, flow1, mask.sigmoid(), residual, mean).clamp(0.0, 1.0)}

    @staticmethod
    def _finer(decoder: Decoder, features: Tensor, map0: Tensor, map1: Tensor, flows: Tensor) -> tuple[Tensor, Tensor]:
        """Flows and features at twice the size."""
        out = decoder(_decoder_input(features, map0, map1, flows))
        return out[:, :4] + 2.0 * resize(flows, 2.0), out[:, 4:]

    def _merge(
        self, first: Tensor, second: Tensor, flow0: Tensor, flow1: Tensor, mask: Tensor, residual: Tensor, mean: Tensor
    ) -> Tensor:
        """Warp both images by each flow pair, blend, average the candidates and add the learnt combination."""
        candidates = []
        for i in range(_FLOWS):
            warped0 = backward_warp(first, flow0[:, 2 * i : 2 * i + 2])
            warped1 = backward_warp(second, flow1[:, 2 * i : 2 * i + 2])
            blend = mask[:, i : i + 1] * warped0 + (1.0 - mask[:, i : i + 1]) * warped1
            candidates.append(blend + mean + residual[:, 3 * i : 3 * i + 3])
        return torch.stack(candidates, dim=1).mean(dim=1) + self.comb_block(torch.cat(candidates, dim=1))


def _decoder_input(features: Tensor, map0: Tensor, map1: Tensor, flows: Tensor) -> Tensor:
    warped0, warped1 = backward_warp(map0, flows[:, :2]), backward_warp(map1, flows[:, 2:])
    return torch.cat((features, warped0, warped1, flows), dim=1)
