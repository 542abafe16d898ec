"""EmoNet: expression class, valence and arousal from a 256x256 face crop (Toisoul et al., Nature MI 2021).

Weights: `emonet_5.pth`, `emonet_8.pth` of face-analysis/emonet (CC BY-NC-ND 4.0: not shipped). The original module
replaces `torch.nn.InstanceNorm2d` for the whole process; here BatchNorm2d is simply used.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.networks.hourglass import ConvBlock, HourglassStack

EXPRESSIONS_5 = ("neutral", "happy", "sad", "surprise", "fear")
EXPRESSIONS_8 = (*EXPRESSIONS_5, "disgust", "anger", "contempt")
_HOURGLASSES = 2
SIDE = 256


class EmoNet(HourglassStack):
    """Expression logits, valence and arousal.

    Input of `forward`: `image` float32 [N,3,256,256], RGB in 0..1 (the tail needs exactly this size).
    """

    def __init__(self, n_expressions: int) -> None:
        super().__init__(F.max_pool2d, _HOURGLASSES)
        self.conv1x1_input_emo_2 = nn.Conv2d(768, 256, 1)
        stages: list[nn.Module] = []
        for _ in range(4):
            stages += [ConvBlock(256, 256), nn.MaxPool2d(2)]
        self.emo_net_2 = nn.Sequential(*stages)
        self.emo_fc_2 = nn.Sequential(
            nn.Linear(256, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, n_expressions + 2)
        )

    @torch.no_grad()
    def forward(self, image: Tensor, *, details: bool = False) -> dict[str, Tensor]:
        """Score faces.

        Returns:
            `expression` logits [N,5 or 8], `valence` [N] and `arousal` [N] (as regressed: not clamped),
            `heatmap_mean` [N,68]; with `details` also `heatmap` [N,68,64,64] and `feature` [N,128], the layer before
            the last.
        """
        if tuple(image.shape[1:]) != (3, SIDE, SIDE):
            raise ValueError(f"EmoNet takes [N,3,256,256], got {list(image.shape)}")
        trunk = self.stem(image)
        features, heatmap = self.align(trunk)
        mask = heatmap.sum(dim=1, keepdim=True)
        x = self.conv1x1_input_emo_2(torch.cat((trunk, torch.cat(features, dim=1) * mask), dim=1))
        x = F.avg_pool2d(self.emo_net_2(x), 4).flatten(1)
        feature = self.emo_fc_2[:3](x)
        scores = self.emo_fc_2[3](feature)
        result = {
            "expression": scores[:, :-2],
            "valence": scores[:, -2],
            "arousal": scores[:, -1],
            "heatmap_mean": heatmap.mean(dim=(2, 3)),
        }
        return {**result, "heatmap": heatmap, "feature": feature} if details else result


def emonet_5() -> EmoNet:
    """EmoNet with the five classes of `EXPRESSIONS_5`."""
    return EmoNet(len(EXPRESSIONS_5))


def emonet_8() -> EmoNet:
    """EmoNet with the eight classes of `EXPRESSIONS_8`."""
    return EmoNet(len(EXPRESSIONS_8))


def emonet_input(image: np.ndarray, box: np.ndarray | None = None, *, expand: float = 1.1) -> Tensor:
    """Cut a face, or take the whole frame, and resize it to 256x256.

    Args:
        image: uint8 [H,W,3] RGB.
        box: x1, y1, x2, y2 of the face in pixels; None takes the frame whatever its aspect, which pulls the scores
            towards neutral but is how some published numbers were made.
        expand: side of the square crop over the longer side of the box; black outside the image.
    Returns:
        float32 [1,3,256,256] in 0..1.
    """
    import cv2

    from vfa.face.crop import SquareCrop

    if box is not None:
        x1, y1, x2, y2 = (float(value) for value in box[:4])
        image = SquareCrop.centered(np.array([(x1 + x2) / 2, (y1 + y2) / 2]), expand * max(x2 - x1, y2 - y1)).cut(image)
    face = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(face.transpose(2, 0, 1).astype(np.float32) / 255.0)[None]
