"""An encoder of its own for motion: an RGBD frame to its motion weights, looking twice.

The original reads the motion weights off the appearance encoder's latent, which is trained only through the picture it
helps to make. Where the true motion is known, a network that does nothing else learns it in minutes and leaves the
appearance encoder free for appearance. This one first finds the head's pose in the whole picture, then looks at the
eyes and at the mouth, cut out upright and at one size, where lids and lips are worth some pixels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POSE_SPREAD = (0.25, 0.18, 0.12, 0.12, 0.08, 0.08)
"""What counts as one in the pose's numbers: yaw, pitch, roll in radians, log of the size, x, y in picture widths."""
UNIT_SIZE = 125 / 256
"""Picture widths per model unit (half a head's height) of a head whose log size is zero."""
N_POSE = 6


class Patch(NamedTuple):
    """A window on the face, in model units from the head's middle: x to the subject's left, y up, z forward."""

    y: float
    z: float
    width: float
    height: float
    rows: int
    columns: int


EYES = Patch(0.02, 0.6, 0.92, 0.46, 32, 64)
LOWER_FACE = Patch(-0.57, 0.66, 0.72, 0.72, 48, 48)


def activated(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class MotionBlock(nn.Module):
    """Two activated convolutions, the second without ReLU, plus the input, then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = activated(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


def tower(in_channels: int, width: int, first_stride: int, kernel: int) -> nn.Sequential:
    """Four levels of convolutions, each but the first halving the size, residual blocks on the middle two."""
    return nn.Sequential(
        activated(in_channels, width, kernel, first_stride),
        activated(width, 2 * width, 3, 2),
        MotionBlock(2 * width),
        activated(2 * width, 4 * width, 3, 2),
        MotionBlock(4 * width),
        activated(4 * width, 6 * width, 3, 2),
    )


class MotionEncoder(nn.Module):
    """Frames to motion weights: what the face does (motion - 6 numbers), then its pose (6 numbers).

    Args:
        input_channels: 3 or 4.
        size: of the frames in pixels, at least 64.
        width: channels of the first level.
        motion: number of motion weights.
    """

    def __init__(self, input_channels: int, size: int, width: int, motion: int) -> None:
        super().__init__()
        self.shrink = size // 64
        self.whole = tower(input_channels, width, 2, 5)
        self.eyes = tower(input_channels, width, 1, 3)
        self.mouth = tower(input_channels, width, 1, 3)
        last = 6 * width
        self.overview = nn.Sequential(nn.Linear(last * 16, 128), nn.ReLU(inplace=True))
        self.pose = nn.Linear(128, N_POSE)
        parts = last * sum(patch.rows * patch.columns // 64 for patch in (EYES, LOWER_FACE))
        self.details: Any = nn.Sequential(
            nn.Linear(parts + 128 + N_POSE, 192), nn.ReLU(inplace=True), nn.Linear(192, motion - N_POSE)
        )
        self.gain: Tensor
        self.register_buffer("gain", torch.ones(motion))

    def forward(self, frames: Tensor, pose: Tensor | None = None) -> Tensor:
        """Encode frames.

        Args:
            frames: [B, input_channels, size, size] in [-1, 1].
            pose: [B, 6], where to look for eyes and mouth, in training; None takes the pose that is found.

        Returns:
            [B, motion], multiplied by `gain`.
        """
        small = F.avg_pool2d(frames, self.shrink) if self.shrink > 1 else frames
        overview = self.overview(self.whole(small).flatten(1))
        found = self.pose(overview)
        looked = (found if pose is None else pose).detach().float()
        parts = [
            network(cut(frames, looked, patch)).flatten(1)
            for network, patch in ((self.eyes, EYES), (self.mouth, LOWER_FACE))
        ]
        details = self.details(torch.cat((*parts, overview, looked.to(overview.dtype)), 1))
        return torch.cat((details, found), 1) * self.gain


def cut(frames: Tensor, pose: Tensor, patch: Patch) -> Tensor:
    """A window of the face, upright and as large as the face, [B, C, rows, columns].

    The head is seen in parallel projection; what that is off, and errors of the pose, training must tolerate.
    """
    yaw, pitch, roll, size, x, y = (pose * pose.new_tensor(POSE_SPREAD)).clamp(-1.5, 1.5).unbind(1)
    scale = 2 * UNIT_SIZE * torch.exp(size)  # half pictures per model unit
    # Image axes: x right, y down. Up and forward of the head, as seen.
    up_x, up_y = -torch.sin(roll), -torch.cos(roll) * torch.cos(pitch)
    forward_x, forward_y = torch.sin(yaw) * torch.cos(pitch), torch.sin(pitch)
    center_x = 2 * x + scale * (patch.y * up_x + patch.z * forward_x)
    center_y = 2 * y + scale * (patch.y * up_y + patch.z * forward_y)
    half_width, half_height = scale * patch.width / 2, scale * patch.height / 2
    cos, sin = torch.cos(roll), torch.sin(roll)
    across, down = _middles(patch.columns, pose)[None, None], _middles(patch.rows, pose)[None, :, None]
    right, below = half_width[:, None, None] * across, half_height[:, None, None] * down
    grid = torch.stack(
        (
            center_x[:, None, None] + cos[:, None, None] * right + sin[:, None, None] * below,
            center_y[:, None, None] - sin[:, None, None] * right + cos[:, None, None] * below,
        ),
        -1,
    )
    return F.grid_sample(frames.float(), grid, padding_mode="border", align_corners=False).to(frames.dtype)


def _middles(count: int, like: Tensor) -> Tensor:
    """Middles of `count` cells between -1 and 1, [count]."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) * (2 / count) - 1
