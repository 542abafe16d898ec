"""Hopenet: head yaw, pitch and roll as 66 bins of three degrees on a ResNet-50 (Ruiz et al., CVPRW 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

BINS = 66
DEGREES_PER_BIN = 3.0
OFFSET_DEGREES = 99.0


class Hopenet(ResNet):
    """Logits of the three angles.

    Input of `forward`: `image` float32 [N,3,224,224], RGB with ImageNet mean and deviation removed
    (see `hopenet_input`).
    """

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3])
        width = self.fc.in_features
        del self.fc
        self.fc_yaw = nn.Linear(width, BINS)
        self.fc_pitch = nn.Linear(width, BINS)
        self.fc_roll = nn.Linear(width, BINS)
        # Left over from the authors' experiments: stored in every published file, used by none.
        self.fc_finetune = nn.Linear(width + 3, 3)

    @torch.no_grad()
    def features(self, image: Tensor) -> Tensor:
        """Pooled features [N,2048]: the embedding of the head-motion diversity."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        return self.avgpool(self.layer4(self.layer3(self.layer2(self.layer1(x))))).flatten(1)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Logits `yaw`, `pitch`, `roll`, each [N,66]."""
        return self.angle_logits(self.features(image))

    @torch.no_grad()
    def angle_logits(self, features: Tensor) -> dict[str, Tensor]:
        """Logits of pooled features [N,2048]."""
        return {"yaw": self.fc_yaw(features), "pitch": self.fc_pitch(features), "roll": self.fc_roll(features)}


def degrees(logits: Tensor) -> Tensor:
    """Expected angle of bin logits: sum of softmax times 3 * index, minus 99 degrees.

    Args:
        logits: [N,66].
    Returns:
        [N] degrees in -99..96.
    """
    index = torch.arange(BINS, dtype=logits.dtype, device=logits.device)
    return logits.softmax(-1) @ index * DEGREES_PER_BIN - OFFSET_DEGREES
