"""Padding of images to sides a network can halve several times, by repeating the border."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(image: Tensor, divisor: int) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Repeat the border so that both sides are divisible; half of it goes before, the larger half after.

    Args:
        image: [N,C,H,W].
        divisor: 8 for RAFT, 16 for AMT.
    Returns:
        The padded image and the widths added (left, right, top, bottom).

    >>> import torch
    >>> padded, added = pad_to_multiple(torch.zeros(1, 3, 50, 64), 16)
    >>> tuple(padded.shape), added
    ((1, 3, 64, 64), (0, 0, 7, 7))
    """
    height, width = image.shape[-2:]
    extra_y, extra_x = -height % divisor, -width % divisor
    added = (extra_x // 2, extra_x - extra_x // 2, extra_y // 2, extra_y - extra_y // 2)
    return (F.pad(image, added, mode="replicate") if any(added) else image), added


def unpad(image: Tensor, added: tuple[int, int, int, int]) -> Tensor:
    """Take the widths of `pad_to_multiple` off again."""
    left, right, top, bottom = added
    height, width = image.shape[-2:]
    return image[..., top : height - bottom, left : width - right]
