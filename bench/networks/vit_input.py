"""Frames as VBench hands them to DINO, CLIP and MUSIQ: resized as floats, without antialiasing or clipping.

The stock preprocessing of CLIP (through PIL, antialiased) gives other numbers.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

SIDE = 224
_IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
_MUSIQ_LONGEST = 512


def _as_tensor(frames: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float()


def dino_input(frames: np.ndarray) -> Tensor:
    """Shorter side to 224 (bilinear), no crop, ImageNet mean and deviation.

    Args:
        frames: uint8 [N,H,W,3] RGB.
    Returns:
        float32 [N,3,h,w], the shorter of h and w being 224.
    """
    x = tv.resize(_as_tensor(frames), [SIDE], interpolation=InterpolationMode.BILINEAR, antialias=False)
    return tv.normalize(x / 255.0, *_IMAGENET)


def clip_input(frames: np.ndarray) -> Tensor:
    """Shorter side to 224 (bicubic), centre crop, CLIP's mean and deviation.

    Args:
        frames: uint8 [N,H,W,3] RGB.
    Returns:
        float32 [N,3,224,224].
    """
    x = tv.resize(_as_tensor(frames), [SIDE], interpolation=InterpolationMode.BICUBIC, antialias=False)
    return tv.normalize(tv.center_crop(x, [SIDE, SIDE]) / 255.0, *_CLIP)


def musiq_input(frames: np.ndarray) -> Tensor:
    """Longer side to at most 512 (bilinear), range 0..1.

    Args:
        frames: uint8 [N,H,W,3] RGB.
    Returns:
        float32 [N,3,h,w].
    """
    x = _as_tensor(frames)
    longest = max(x.shape[-2:])
    if longest > _MUSIQ_LONGEST:
        size = [int(side * (_MUSIQ_LONGEST / longest)) for side in x.shape[-2:]]
        x = tv.resize(x, size, interpolation=InterpolationMode.BILINEAR, antialias=False)
    return x / 255.0
