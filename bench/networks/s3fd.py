"""S3FD, the face detector of the SyncNet pipeline and of face_alignment (Zhang et al., ICCV 2017).

Two published files hold the same detector under different names and with small differences: `sfd_face.pth` (SyncNet:
dilated fc6, third pooling rounds up) and `s3fd-619a316812.pth` (face_alignment: plain fc6 padded by 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import nms

MEAN_RGB = (123.0, 117.0, 104.0)
_PRIOR_SIZES = (16, 32, 64, 128, 256, 512)
_STEPS = (4, 8, 16, 32, 64, 128)
_VARIANCES = (0.1, 0.2)
_VGG = (64, 64, "P", 128, 128, "P", 256, 256, 256, "P3", 512, 512, 512, "P", 512, 512, 512, "P")
# Indices of `vgg` after which conv3_3, conv4_3 and conv5_3 (with ReLU) end.
_TAPS = (16, 23, 30)
_SOURCES = (256, 512, 512, 1024, 512, 256)


class _L2Norm(nn.Module):
    """Unit length over channels times a learnt scale per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x / (x.pow(2).sum(dim=1, keepdim=True).sqrt() + 1e-10) * self.weight[None, :, None, None]


class S3FD(nn.Module):
    """Face scores and boxes of every prior.

    Input of `forward`: `image` float32 [N,3,H,W] in 0..255 with the mean removed; RGB for the SyncNet file, BGR for
    face_alignment's (see `detector_input`).
    """

    def __init__(self, *, dilated: bool = True) -> None:
        super().__init__()
        self.bgr = not dilated
        layers: list[nn.Module] = []
        width = 3
        for item in _VGG:
            if isinstance(item, int):
                layers += [nn.Conv2d(width, item, 3, padding=1), nn.ReLU(inplace=True)]
                width = item
            else:
                layers.append(nn.MaxPool2d(2, 2, ceil_mode=dilated and item == "P3"))
        fc6 = nn.Conv2d(512, 1024, 3, padding=6, dilation=6) if dilated else nn.Conv2d(512, 1024, 3, padding=3)
        layers += [fc6, nn.ReLU(inplace=True), nn.Conv2d(1024, 1024, 1), nn.ReLU(inplace=True)]
        self.vgg = nn.ModuleList(layers)
        self.L2Norm3_3 = _L2Norm(256)
        self.L2Norm4_3 = _L2Norm(512)
        self.L2Norm5_3 = _L2Norm(512)
        self.extras = nn.ModuleList(
            [
                nn.Conv2d(1024, 256, 1),
                nn.Conv2d(256, 512, 3, stride=2, padding=1),
                nn.Conv2d(512, 128, 1),
                nn.Conv2d(128, 256, 3, stride=2, padding=1),
            ]
        )
        self.loc = nn.ModuleList(nn.Conv2d(width, 4, 3, padding=1) for width in _SOURCES)
        # The finest level has three background scores, of which the largest counts.
        self.conf = nn.ModuleList(
            nn.Conv2d(width, 4 if i == 0 else 2, 3, padding=1) for i, width in enumerate(_SOURCES)
        )

    @staticmethod
    def adapt_state(state: Mapping[str, Any]) -> dict[str, Any]:
        """Map the names of face_alignment's file; SyncNet's names pass unchanged."""
        adapted = {}
        for key, value in state.items():
            layer, _, kind = key.rpartition(".")
            adapted[f"{_OWN_NAMES.get(layer, layer)}.{kind}"] = value
        return adapted

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Score every prior.

        Returns:
            `boxes` [N,P,4] (x1, y1, x2, y2 in pixels of the input) and `scores` [N,P] in 0..1.
        """
        boxes, scores = [], []
        for level, source in enumerate(self._sources(image)):
            confidence = self.conf[level](source)
            if level == 0:
                background = confidence[:, :3].amax(dim=1, keepdim=True)
                confidence = torch.cat((background, confidence[:, 3:]), dim=1)
            scores.append(confidence.softmax(dim=1)[:, 1].flatten(1))
            offsets = self.loc[level](source)
            boxes.append(_decode(offsets.permute(0, 2, 3, 1), _STEPS[level], _PRIOR_SIZES[level]))
        return {"boxes": torch.cat(boxes, dim=1), "scores": torch.cat(scores, dim=1)}

    def _sources(self, x: Tensor) -> list[Tensor]:
        sources = []
        norms = iter((self.L2Norm3_3, self.L2Norm4_3, self.L2Norm5_3))
        for index, layer in enumerate(self.vgg, start=1):
            x = layer(x)
            if index in _TAPS:
                sources.append(next(norms)(x))
        sources.append(x)
        for index, layer in enumerate(self.extras):
            x = F.relu(layer(x))
            if index % 2 == 1:
                sources.append(x)
        return sources


def _decode(offsets: Tensor, step: int, size: int) -> Tensor:
    """Offsets [N,h,w,4] around priors of one level -> corner boxes [N,h*w,4] in pixels."""
    height, width = offsets.shape[1:3]
    y = (torch.arange(height, dtype=offsets.dtype, device=offsets.device) + 0.5) * step
    x = (torch.arange(width, dtype=offsets.dtype, device=offsets.device) + 0.5) * step
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    centre = torch.stack((grid_x, grid_y), dim=-1) + offsets[..., :2] * _VARIANCES[0] * size
    half = size * torch.exp(offsets[..., 2:] * _VARIANCES[1]) / 2
    return torch.cat((centre - half, centre + half), dim=-1).flatten(1, 2)


def detector_input(image: np.ndarray, *, scale: float = 1.0, bgr: bool = False) -> Tensor:
    """Turn a frame into the detector's input.

    Args:
        image: uint8 [H,W,3] RGB.
        scale: resize factor (bilinear); SyncNet's pipeline uses 0.25.
        bgr: channel order of the network.
    Returns:
        float32 [1,3,h,w], mean removed.
    """
    import cv2

    if scale != 1.0:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    x = image.astype(np.float32) - np.asarray(MEAN_RGB, np.float32)
    x = np.ascontiguousarray((x[..., ::-1] if bgr else x).transpose(2, 0, 1))
    return torch.from_numpy(x)[None]


def detect_faces(
    network: S3FD, image: np.ndarray, *, scale: float = 0.25, confidence: float = 0.9, overlap: float = 0.1
) -> np.ndarray:
    """Faces of one frame, uint8 [H,W,3] RGB, by the rule of SyncNet's pipeline: see `detect_in_frames`."""
    return detect_in_frames(network, [image], scale=scale, confidence=confidence, overlap=overlap)[0]


@torch.no_grad()
def detect_in_frames(
    network: S3FD,
    images: Sequence[np.ndarray],
    *,
    scale: float = 0.25,
    confidence: float = 0.9,
    overlap: float = 0.1,
) -> list[np.ndarray]:
    """Faces of frames of one size, found in one run of the network, by the rule of SyncNet's pipeline.

    Candidates above 0.05, at most 5000, are thinned at IoU 0.3 to at most 750; those above `confidence` are thinned
    again at `overlap`.

    Args:
        network: the detector.
        images: uint8 [H,W,3] RGB each.
        scale: resize factor before detection.
        confidence: lowest score kept.
        overlap: largest IoU between two faces kept.
    Returns:
        For each frame float32 [M,5]: x1, y1, x2, y2 in pixels of the frame, score; best first.
    """
    device = next(network.parameters()).device
    x = torch.cat([detector_input(image, scale=scale, bgr=network.bgr) for image in images]).to(device)
    output = network(x)
    height, width = images[0].shape[:2]
    ratio = torch.tensor([width / x.shape[3], height / x.shape[2]], device=device).repeat(2)
    return [
        _thinned(boxes * ratio, scores, confidence, overlap).cpu().numpy()
        for boxes, scores in zip(output["boxes"], output["scores"], strict=True)
    ]


def _thinned(boxes: Tensor, scores: Tensor, confidence: float, overlap: float) -> Tensor:
    """Faces [M,5] among the boxes [P,4] of one frame and their scores [P]."""
    candidates = torch.nonzero(scores > 0.05)[:, 0]
    candidates = candidates[scores[candidates].argsort(descending=True, stable=True)[:5000]]
    kept = candidates[nms(boxes[candidates], scores[candidates], 0.3)[:750]]
    kept = kept[scores[kept] > confidence]
    kept = kept[nms(boxes[kept], scores[kept], overlap)]
    return torch.cat((boxes[kept], scores[kept, None]), dim=1)


def s3fd() -> S3FD:
    """The detector of SyncNet's pipeline (`sfd_face.pth`)."""
    return S3FD(dilated=True)


def s3fd_fan() -> S3FD:
    """The detector of face_alignment (`s3fd-619a316812.pth`)."""
    return S3FD(dilated=False)


_CONVOLUTIONS = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3")
_VGG_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_OWN_NAMES = {
    **{f"conv{name}": f"vgg.{index}" for name, index in zip(_CONVOLUTIONS, _VGG_INDICES, strict=True)},
    "fc6": "vgg.31",
    "fc7": "vgg.33",
    **{f"conv{name}_norm": f"L2Norm{name}" for name in ("3_3", "4_3", "5_3")},
    **{name: f"extras.{i}" for i, name in enumerate(("conv6_1", "conv6_2", "conv7_1", "conv7_2"))},
    **{
        f"{name}_mbox_{kind}": f"{kind}.{i}"
        for i, name in enumerate(("conv3_3_norm", "conv4_3_norm", "conv5_3_norm", "fc7", "conv6_2", "conv7_2"))
        for kind in ("loc", "conf")
    },
}
