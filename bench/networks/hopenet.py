"""Hopenet: head yaw, pitch and roll as 66 bins of three degrees on a ResNet-50 (Ruiz et al., CVPRW 2018)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

BINS = 66
DEGREES_PER_BIN = 3.0
OFFSET_DEGREES = 99.0
SIDE = 224
_MEAN, _DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


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


def head_window(box: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of a frame that Hopenet looks at: half a box more at each side, 3/4 above, 1/4 below, cut at the border.

    Args:
        box: x1, y1, x2, y2 of the face in pixels.
        width, height: of the frame.
    Returns:
        left, top, right, bottom (ends excluded).

    >>> head_window(np.array([100, 100, 200, 220]), 640, 480)
    (50, 10, 250, 250)
    """
    x1, y1, x2, y2 = (float(value) for value in box[:4])
    left, right = max(x1 - (x2 - x1) / 2, 0), min(x2 + (x2 - x1) / 2, width)
    top, bottom = max(y1 - 3 * (y2 - y1) / 4, 0), min(y2 + (y2 - y1) / 4, height)
    return int(left), int(top), int(right), int(bottom)


def hopenet_input(image: np.ndarray, box: np.ndarray) -> Tensor:
    """Cut, resize and normalise a head.

    Args:
        image: uint8 [H,W,3] RGB.
        box: x1, y1, x2, y2 of the face in pixels; it must overlap the image.
    Returns:
        float32 [1,3,224,224], ImageNet mean and deviation removed.
    Raises:
        ValueError: the box lies outside the image.
    """
    from PIL import Image
    from torchvision.transforms import functional as tv

    left, top, right, bottom = head_window(box, image.shape[1], image.shape[0])
    if right <= left or bottom <= top:
        raise ValueError(f"the box {np.asarray(box)[:4].tolist()} lies outside the image {list(image.shape[:2])}")
    head = tv.resize(Image.fromarray(image[top:bottom, left:right]), [SIDE])
    return tv.normalize(tv.to_tensor(tv.center_crop(head, [SIDE, SIDE])), _MEAN, _DEVIATION)[None]
