"""RetinaFace on a pre-activated ResNet-50 with upscaled input, of the package retina-face.

THEval's head motion uses it. Weights: `retinaface.pth` of serengil/deepface_models, its author's conversion of the
TensorFlow file.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.networks.face_boxes import Faces, suppress

_EPSILON = 1.9999999494757503e-05
_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
_STRIDES = (32, 16, 8)
_SIZES = ((512.0, 256.0), (128.0, 64.0), (32.0, 16.0))
_CENTRE = 7.5
SHORTER, LONGER = 1024, 1980
CONFIDENCE = 0.9
OVERLAP = 0.4


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=_EPSILON)


def _conv(cin: int, cout: int, kernel: int, stride: int = 1, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, kernel, stride=stride, padding=kernel // 2, bias=bias)


class _Unit(nn.Module):
    """Pre-activated bottleneck; gives its output and what follows its first convolution."""

    def __init__(self, cin: int, middle: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        self.bn1, self.conv1 = _norm(cin), _conv(cin, middle, 1, bias=False)
        self.bn2, self.conv2 = _norm(middle), _conv(middle, middle, 3, stride, bias=False)
        self.bn3, self.conv3 = _norm(middle), _conv(middle, 4 * middle, 1, bias=False)
        self.sc = _conv(cin, 4 * middle, 1, stride, bias=False) if shortcut else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = F.relu(self.bn1(x))
        second = F.relu(self.bn2(self.conv1(first)))
        out = self.conv3(F.relu(self.bn3(self.conv2(second))))
        return out + (x if self.sc is None else self.sc(first)), second


class _Context(nn.Module):
    """Windows of 3, 5 and 7 cells side by side."""

    def __init__(self) -> None:
        super().__init__()
        for name, cin, cout in (
            ("conv1", 256, 256),
            ("context_conv1", 256, 128),
            ("context_conv2", 128, 128),
            ("context_conv3_1", 128, 128),
            ("context_conv3_2", 128, 128),
        ):
            self.add_module(name, _conv(cin, cout, 3))
            self.add_module(f"{name}_bn", _norm(cout))

    def forward(self, x: Tensor) -> Tensor:
        shared = F.relu(_run(self, "context_conv1", x))
        deep = _run(self, "context_conv3_2", F.relu(_run(self, "context_conv3_1", shared)))
        return F.relu(torch.cat((_run(self, "conv1", x), _run(self, "context_conv2", shared), deep), dim=1))


def _run(owner: nn.Module, name: str, x: Tensor) -> Tensor:
    """A convolution of a module and the norm beside it."""
    return getattr(owner, f"{name}_bn")(getattr(owner, name)(x))


class RetinaFacePreact(nn.Module):
    """Scores, boxes and points of every anchor.

    Input of `forward`: `image` float32 [N,3,H,W], RGB in 0..255.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bn_data = _norm(3)
        self.conv0, self.bn0 = _conv(3, 64, 7, 2, bias=False), _norm(64)
        width = 64
        for number, (middle, units) in enumerate(_STAGES, start=1):
            stage = nn.ModuleDict()
            for i in range(units):
                stage[f"unit{i + 1}"] = _Unit(width, middle, 2 if i == 0 and number > 1 else 1, i == 0)
                width = 4 * middle
            self.add_module(f"stage{number}", stage)
        self.bn1 = _norm(2048)
        for name, cin, kernel in (
            ("ssh_c3_lateral", 2048, 1),
            ("ssh_c2_lateral", 512, 1),
            ("ssh_m1_red_conv", 256, 1),
            ("ssh_c2_aggr", 256, 3),
            ("ssh_c1_aggr", 256, 3),
        ):
            self.add_module(name, _conv(cin, 256, kernel))
            self.add_module(f"{name}_bn", _norm(256))
        for level in (3, 2, 1):
            self.add_module(f"ssh_m{level}_det", _Context())
        for stride in _STRIDES:
            parts = {"cls_score": 4, "bbox_pred": 8, "landmark_pred": 20}
            heads = nn.ModuleDict({name: nn.Conv2d(512, count, 1) for name, count in parts.items()})
            self.add_module(f"face_rpn_stride{stride}", heads)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`scores` [N,P] in 0..1, `boxes` [N,P,4] (x1, y1, x2, y2) and `points` [N,P,5,2] in pixels of the input."""
        scores, boxes, points = [], [], []
        for place, (stride, x) in enumerate(zip(_STRIDES, self._maps(image), strict=True)):
            heads = getattr(self, f"face_rpn_stride{stride}")
            # Channels: background of both anchors, then face of both.
            logits = heads["cls_score"](x).unflatten(1, (2, 2)).softmax(dim=1)[:, 1]
            offsets, marks = (
                heads[name](x).unflatten(1, (2, -1)).permute(0, 3, 4, 1, 2) for name in ("bbox_pred", "landmark_pred")
            )
            centre = _centres(stride, x)[None, :, :, None]
            size = torch.tensor(_SIZES[place], dtype=x.dtype, device=x.device)[:, None]
            middle = centre + offsets[..., :2] * size
            half = (torch.exp(offsets[..., 2:]) * size - 1) / 2
            limit = torch.tensor([image.shape[3] - 1, image.shape[2] - 1], dtype=x.dtype, device=x.device).repeat(2)
            corners = torch.cat((middle - half, middle + half), dim=-1)
            scores.append(logits.permute(0, 2, 3, 1).flatten(1))
            boxes.append(corners.clamp(min=0).minimum(limit).flatten(1, 3))
            points.append((centre[..., None, :] + marks.unflatten(-1, (5, 2)) * size[:, None]).flatten(1, 3))
        return {"scores": torch.cat(scores, 1), "boxes": torch.cat(boxes, 1), "points": torch.cat(points, 1)}

    def _maps(self, x: Tensor) -> list[Tensor]:
        """Maps [N,512,h,w] at strides 32, 16, 8."""
        x = F.relu(self.bn0(self.conv0(self.bn_data(x))))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        firsts: list[Tensor] = []
        for number in range(1, 5):
            stage: nn.ModuleDict = getattr(self, f"stage{number}")
            for i, unit in enumerate(stage.values()):
                x, inner = unit(x)
                if i == 0:
                    firsts.append(inner)
        coarse = F.relu(_run(self, "ssh_c3_lateral", F.relu(self.bn1(x))))
        middle = F.relu(_run(self, "ssh_c2_lateral", firsts[3]))
        fine = F.relu(_run(self, "ssh_m1_red_conv", firsts[2]))
        middle = F.relu(_run(self, "ssh_c2_aggr", middle + _doubled(coarse, middle)))
        fine = F.relu(_run(self, "ssh_c1_aggr", fine + _doubled(middle, fine)))
        contexts = (getattr(self, f"ssh_m{level}_det") for level in (3, 2, 1))
        return [context(x) for context, x in zip(contexts, (coarse, middle, fine), strict=True)]


def _doubled(x: Tensor, like: Tensor) -> Tensor:
    """A map at twice its size, its middle cut to the size of another."""
    height, width = like.shape[2:]
    x = F.interpolate(x, scale_factor=2, mode="nearest")
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]


def _centres(stride: int, like: Tensor) -> Tensor:
    """Centres [h,w,2] of the anchors of a map; the first lies at 7.5 whatever the stride."""
    y = torch.arange(like.shape[2], dtype=like.dtype, device=like.device) * stride + _CENTRE
    x = torch.arange(like.shape[3], dtype=like.dtype, device=like.device) * stride + _CENTRE
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


@torch.no_grad()
def detect_upscaled(network: RetinaFacePreact, image: np.ndarray) -> Faces:
    """Faces by the package's rule: shorter side enlarged to 1024 (longer at most 1980), above 0.9, IoU 0.4.

    Args:
        image: uint8 [H,W,3] RGB; THEval by mistake gives it BGR.
    """
    import cv2

    height, width = image.shape[:2]
    scale = SHORTER / min(height, width)
    if np.round(scale * max(height, width)) > LONGER:
        scale = LONGER / max(height, width)
    if scale != 1.0:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    x = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float()[None]
    device = next(network.parameters()).device
    found = {name: values[0].cpu().numpy() for name, values in network(x.to(device)).items()}
    sure = found["scores"] >= CONFIDENCE
    scores, boxes, points = (found[name][sure] for name in ("scores", "boxes", "points"))
    boxes, points = boxes / scale, points / scale
    kept = suppress(boxes, scores, OVERLAP)
    return Faces(boxes[kept], points[kept], scores[kept])
