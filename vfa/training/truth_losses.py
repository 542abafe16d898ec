"""Losses of the generator against exact truth: flow and visibility at every scale, colour, depth."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vfa.models.generator import Generated
from vfa.models.layers import sampling_grid

COARSEST = 16
"""Pixels; coarser flow has no truth worth the name."""


def level_displacement(flow: Tensor, size: int) -> Tensor:
    """The displacement that the network should add to its own grid at a level.

    Args:
        flow: [B, 2, S, S], where each pixel comes from, edges of the picture at -1 and 1.
        size: of the level in pixels.

    Returns:
        [B, 2, size, size].
    """
    motion = F.adaptive_avg_pool2d(flow - centers(flow.shape[-1], flow), size)
    return motion + centers(size, flow) - sampling_grid(torch.zeros_like(motion))


def centers(size: int, like: Tensor) -> Tensor:
    """Pixel centres [1, 2, size, size], x then y, edges of the picture at -1 and 1."""
    line = (torch.arange(size, dtype=like.dtype, device=like.device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack((x, y))[None]


def flow_losses(pyramid: tuple[Tensor, ...], flow: Tensor, weight: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute flow error in pixels of the full size, and the masks' cross entropy, both averaged over levels.

    Args:
        pyramid: raw logits of every level, see `Generated`.
        flow: [B, 2, S, S], the truth, continued into the background.
        weight: [B, 1, S, S], how much each pixel's flow counts.
        visible: [B, 1, S, S], 1 where the source shows what the pixel shows.
    """
    full = flow.shape[-1]
    flow_total, mask_total, total = flow.new_zeros(()), flow.new_zeros(()), 0.0
    for logits in pyramid:
        size = logits.shape[-1]
        if size < COARSEST:
            continue
        importance = 2.0 if size == full else 1.0
        target = level_displacement(flow, size)
        coarse_weight = F.adaptive_avg_pool2d(weight, size)
        error = (torch.tanh(logits[:, :2].float()) - target).abs().sum(1, keepdim=True) * (full / 2)
        flow_total = flow_total + importance * (error * coarse_weight).sum() / coarse_weight.sum()
        shown = F.adaptive_avg_pool2d(visible, size)
        mask_total = mask_total + importance * F.binary_cross_entropy_with_logits(logits[:, 2:].float(), shown)
        total += importance
    return flow_total / total, mask_total / total


def picture_losses(generated: Tensor, target: Tensor, detail: Tensor, scales: int = 3) -> dict[str, Tensor]:
    """Weighted mean absolute errors of colour, its gradients and depth over a pyramid of halved pictures.

    Args:
        generated, target: [B, 4, S, S].
        detail: [B, 1, S, S], how much each pixel counts.
    """
    colour = gradient = depth = generated.new_zeros(())
    for scale in range(scales):
        if scale:
            generated, target, detail = (F.avg_pool2d(tensor, 2) for tensor in (generated, target, detail))
        error = (generated - target).abs() * detail
        mass = detail.sum()
        colour = colour + error[:, :3].mean(1, keepdim=True).sum() / mass / scales
        depth = depth + error[:, 3:].sum() / mass / scales
        if scale < 2:
            difference = generated[:, :3] - target[:, :3]
            across = (difference[..., 1:] - difference[..., :-1]).abs() * detail[..., 1:]
            down = (difference[..., 1:, :] - difference[..., :-1, :]).abs() * detail[..., 1:, :]
            gradient = gradient + (across.sum() + down.sum()) / (3 * mass) / 2
    return {"colour": colour, "gradient": gradient, "depth": depth}


def generator_losses(out: Generated, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """All of them, unweighted; `batch` as `vfa.training.animation_pairs` makes it."""
    flow, mask = flow_losses(out.pyramid, batch["flow"], batch["flow_weight"], batch["visible"])
    return {"flow": flow, "mask": mask, **picture_losses(out.rgbd.float(), batch["driving"], batch["detail"])}
