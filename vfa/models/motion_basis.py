"""The motion basis: one look at the source tells what a unit of each motion weight does to each of its pixels.

The original finds dense motion frame by frame, backwards, in pictures of which lips and lids are a pixel or two. Where
the motion weights have a known meaning, they move every point of a face along a line of its own; these lines are a
property of the source's picture and are found once. A U-Net (Ronneberger et al., MICCAI 2015, figure 1) reads them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfa.models.motion_encoder import MotionBlock, activated

WIDTHS = (1, 2, 4, 6, 8)
"""Channels of the levels, in units of the width; each has half the size of the one before."""


class MotionBasis(nn.Module):
    """A source's picture to the motion of its pixels.

    Args:
        input_channels: 3 or 4.
        width: channels of the first level.
        weights: number of motion weights that move the face.
    """

    def __init__(self, input_channels: int, width: int, weights: int) -> None:
        super().__init__()
        self.weights = weights
        widths = [width * factor for factor in WIDTHS]
        self.first = activated(input_channels, widths[0])
        self.down: Any = nn.ModuleList(
            nn.Sequential(activated(above, below, 3, 2), *([MotionBlock(below)] if level else []))
            for level, (above, below) in enumerate(zip(widths, widths[1:], strict=False))
        )
        self.bottom = MotionBlock(widths[-1])
        self.up: Any = nn.ModuleList(
            activated(above + below, above) for above, below in zip(widths, widths[1:], strict=False)
        )
        self.last = nn.Conv2d(widths[0], 3 * weights, 1)
        # Picture widths per unit of the last layer: weights that move little are as easy to learn as the jaw's.
        self.scale: Tensor
        self.register_buffer("scale", torch.full((weights,), 0.01))

    def forward(self, source: Tensor) -> Tensor:
        """Read the basis off sources.

        Args:
            source: [B, input_channels, S, S] in [-1, 1].

        Returns:
            [B, weights, 3, S, S]: motion of each pixel's point per motion weight, to the right, up and towards the
            viewer, in picture widths at the point's depth.
        """
        levels = [self.first(source)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = self.bottom(levels.pop())
        for up in reversed(self.up):
            level = levels.pop()
            x = up(torch.cat((level, F.interpolate(x, size=level.shape[2:], mode="nearest")), 1))
        out = self.last(x).reshape(-1, self.weights, 3, *source.shape[2:])
        return self.scale[:, None, None, None] * out
