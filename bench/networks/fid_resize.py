"""The resizings by which FIDs differ: antialiased bicubic (clean-fid) and TensorFlow 1's bilinear.

The third, plain bilinear of pytorch-fid, is what `FIDInception.forward` does itself.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SIDE = 299


def resize_clean(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Bicubic with antialiasing in floating point, clipped to the range (Parmar et al., CVPR 2022).

    Args:
        image: uint8 [H,W,3].
        side: of the result.
    Returns:
        float32 [side,side,3] in 0..255, not rounded.
    """
    from PIL import Image

    channels = [
        np.asarray(
            Image.fromarray(image[..., c].astype(np.float32)).resize((side, side), resample=Image.Resampling.BICUBIC)
        )
        for c in range(3)
    ]
    return np.stack(channels, axis=-1).clip(0.0, 255.0)


def resize_tensorflow(image: Tensor, side: int = SIDE) -> Tensor:
    """Bilinear as TensorFlow 1 did it: pixel i of the result reads position i * (size / side), with no half pixel.

    Args:
        image: float [N,C,H,W].
        side: of the result.
    Returns:
        float [N,C,side,side].
    """
    for dimension in (2, 3):
        size = image.shape[dimension]
        position = torch.arange(side, dtype=torch.float64, device=image.device) * (size / side)
        lower = position.floor().long().clamp(max=size - 1)
        upper = (lower + 1).clamp(max=size - 1)
        weight = (position - lower).to(image.dtype)
        weight = weight[:, None] if dimension == 2 else weight
        low, high = image.index_select(dimension, lower), image.index_select(dimension, upper)
        image = low + (high - low) * weight
    return image


def clean_input(frames: np.ndarray) -> Tensor:
    """Input of `forward_normalized` by clean-fid's recipe.

    Args:
        frames: uint8 [N,H,W,3] RGB.
    Returns:
        float32 [N,3,299,299]: (x - 128) / 128.
    """
    resized = np.stack([resize_clean(frame) for frame in frames])
    return (torch.from_numpy(resized).permute(0, 3, 1, 2) - 128.0) / 128.0


def tensorflow_input(frames: np.ndarray) -> Tensor:
    """Input of `forward_normalized` by TensorFlow 1's recipe; frames uint8 [N,H,W,3] RGB."""
    image = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float()
    return (resize_tensorflow(image) - 128.0) / 128.0
