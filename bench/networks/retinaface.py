"""RetinaFace on ResNet-50 as facexlib ships it: faces and their five points (Deng et al., CVPR 2020).

Weights: `detection_Resnet50_Final.pth`. It finds and aligns the faces that TOPIQ scores.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from bench.networks.face_boxes import Faces, suppress

_MEAN_BGR = (104.0, 117.0, 123.0)
_STEPS = (8, 16, 32)
_SIZES = ((16, 32), (64, 128), (256, 512))
_VARIANCES = (0.1, 0.2)
_WIDTH = 256
CONFIDENCE = 0.97
OVERLAP = 0.4
LEAST_EYES = 5.0


class _Body(ResNet):
    """Maps of the last three stages."""

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3])
        del self.fc

    def forward(self, x: Tensor) -> list[Tensor]:  # type: ignore[override]
        x = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
        maps = []
        for stage in (self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps


def _conv(cin: int, cout: int, kernel: int = 3, *, relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(cin, cout, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(cout)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class _Pyramid(nn.Module):
    """Finer maps take up coarser ones."""

    def __init__(self) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_conv(width, _WIDTH, 1) for width in (512, 1024, 2048))
        self.merge1, self.merge2 = _conv(_WIDTH, _WIDTH), _conv(_WIDTH, _WIDTH)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        fine, middle, coarse = self.output1(maps[0]), self.output2(maps[1]), self.output3(maps[2])
        middle = self.merge2(middle + F.interpolate(coarse, middle.shape[2:], mode="nearest"))
        fine = self.merge1(fine + F.interpolate(middle, fine.shape[2:], mode="nearest"))
        return [fine, middle, coarse]


class _Context(nn.Module):
    """Windows of 3, 5 and 7 cells side by side."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter = _WIDTH // 2, _WIDTH // 4
        self.conv3X3 = _conv(_WIDTH, half, relu=False)
        self.conv5X5_1, self.conv5X5_2 = _conv(_WIDTH, quarter), _conv(quarter, quarter, relu=False)
        self.conv7X7_2, self.conv7x7_3 = _conv(quarter, quarter), _conv(quarter, quarter, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.conv5X5_1(x)
        seven = self.conv7x7_3(self.conv7X7_2(shared))
        return F.relu(torch.cat((self.conv3X3(x), self.conv5X5_2(shared), seven), dim=1))


class _Head(nn.Module):
    """Numbers of both anchors of each cell."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.conv1x1 = nn.Conv2d(_WIDTH, 2 * numbers, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(len(x), -1, self.numbers)


def _heads(numbers: int) -> nn.ModuleList:
    """One for each level."""
    return nn.ModuleList(_Head(numbers) for _ in _STEPS)


class RetinaFace(nn.Module):
    """Scores, boxes and points of every anchor.

    Input of `forward`: `image` float32 [N,3,H,W], BGR in 0..255 with the mean removed (see `retinaface_input`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fpn = _Body(), _Pyramid()
        self.ssh1, self.ssh2, self.ssh3 = _Context(), _Context(), _Context()
        self.ClassHead, self.BboxHead, self.LandmarkHead = _heads(2), _heads(4), _heads(10)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`scores` [N,P] in 0..1, `boxes` [N,P,4] (x1, y1, x2, y2) and `points` [N,P,5,2] in pixels of the input."""
        scores, boxes, points = [], [], []
        contexts = (self.ssh1, self.ssh2, self.ssh3)
        for level, features in enumerate(self.fpn(self.body(image))):
            x = contexts[level](features)
            logits, offsets, marks = (head[level](x) for head in (self.ClassHead, self.BboxHead, self.LandmarkHead))
            centre, side = _anchors(level, x.shape[2], x.shape[3], x)
            middle = centre + offsets[..., :2] * _VARIANCES[0] * side
            half = side * torch.exp(offsets[..., 2:] * _VARIANCES[1]) / 2
            scores.append(logits.softmax(dim=-1)[..., 1])
            boxes.append(torch.cat((middle - half, middle + half), dim=-1))
            points.append(centre[:, None] + marks.unflatten(-1, (5, 2)) * _VARIANCES[0] * side[:, None])
        return {"scores": torch.cat(scores, 1), "boxes": torch.cat(boxes, 1), "points": torch.cat(points, 1)}


def _anchors(level: int, rows: int, columns: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Centres [P,2] and sides [P,1] of the anchors of a level, two at each cell, row by row."""
    y = (torch.arange(rows, dtype=like.dtype, device=like.device) + 0.5) * _STEPS[level]
    x = (torch.arange(columns, dtype=like.dtype, device=like.device) + 0.5) * _STEPS[level]
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    centre = torch.stack((grid_x, grid_y), dim=-1).reshape(-1, 1, 2).expand(-1, 2, -1).reshape(-1, 2)
    sides = torch.tensor(_SIZES[level], dtype=like.dtype, device=like.device).repeat(rows * columns)
    return centre, sides[:, None]


def retinaface_input(image: np.ndarray) -> Tensor:
    """A frame uint8 [H,W,3] RGB at its own size as float32 [1,3,H,W], BGR, mean removed."""
    x = image[..., ::-1].astype(np.float32) - np.asarray(_MEAN_BGR, np.float32)
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None]


@torch.no_grad()
def detect(network: RetinaFace, image: np.ndarray) -> Faces:
    """Faces of a frame uint8 [H,W,3] RGB by facexlib's rule: above 0.97, thinned at IoU 0.4, eyes at least 5 px apart;
    the surest first."""
    device = next(network.parameters()).device
    found = {name: values[0].cpu().numpy() for name, values in network(retinaface_input(image).to(device)).items()}
    sure = found["scores"] > CONFIDENCE
    scores, boxes, points = (found[name][sure] for name in ("scores", "boxes", "points"))
    kept = suppress(boxes, scores, OVERLAP)
    boxes, points = boxes[kept], points[kept]
    apart = np.linalg.norm(points[:, 0] - points[:, 1], axis=-1) >= LEAST_EYES
    return Faces(boxes[apart], points[apart], scores[kept][apart])
