"""SyncNet v2: one embedding for five mouth frames, one for 0.2 s of MFCC; matching pairs lie close together.

Chung & Zisserman, "Out of time: automated lip sync in the wild" (2016). Weights: `syncnet_v2.model`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_EMBEDDING = 1024


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, _EMBEDDING))


def _audio_trunk() -> nn.Sequential:
    def block(cin: int, cout: int, kernel: int | tuple[int, int], padding: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(cin, cout, kernel, padding=padding), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)]

    return nn.Sequential(
        *block(1, 64, 3),
        nn.MaxPool2d(1, 1),
        *block(64, 192, 3),
        nn.MaxPool2d(3, (1, 2)),
        *block(192, 384, 3),
        *block(384, 256, 3),
        *block(256, 256, 3),
        nn.MaxPool2d(3, 2),
        *block(256, 512, (5, 4), padding=0),
    )


def _lip_trunk() -> nn.Sequential:
    def block(
        cin: int, cout: int, kernel: tuple[int, int, int], padding: tuple[int, int, int], stride: int = 1
    ) -> list[nn.Module]:
        convolution = nn.Conv3d(cin, cout, kernel, stride=(1, stride, stride), padding=padding)
        return [convolution, nn.BatchNorm3d(cout), nn.ReLU(inplace=True)]

    return nn.Sequential(
        *block(3, 96, (5, 7, 7), (0, 0, 0), stride=2),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *block(96, 256, (1, 5, 5), (0, 1, 1), stride=2),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
        *block(256, 256, (1, 3, 3), (0, 1, 1)),
        *block(256, 256, (1, 3, 3), (0, 1, 1)),
        *block(256, 256, (1, 3, 3), (0, 1, 1)),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *block(256, 512, (1, 6, 6), (0, 0, 0)),
    )


class SyncNet(nn.Module):
    """Lip and audio embeddings, 1024-d each, not normalised.

    Inputs of `forward`, either or both, by keyword:
        lip: float32 [N,3,5,224,224], five BGR frames in 0..255.
        audio: float32 [N,1,13,20], MFCC of int16 samples (see `syncnet_audio`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = _audio_trunk()
        self.netfcaud = _head()
        self.netfclip = _head()
        self.netcnnlip = _lip_trunk()

    @torch.no_grad()
    def forward(self, lip: Tensor | None = None, audio: Tensor | None = None) -> dict[str, Tensor]:
        """Embeddings `lip` and `audio` [N,1024] of the inputs given."""
        result = {}
        if lip is not None:
            result["lip"] = self.netfclip(self.netcnnlip(lip).flatten(1))
        if audio is not None:
            result["audio"] = self.netfcaud(self.netcnnaud(audio).flatten(1))
        return result
