"""Constants folded ahead of inference: packed convolutions, resampling, stacked modulations, bilinear gathering.

A trainable network recomputes on every call what never changes between two training steps. The classes here compute
these things once and leave the trainable modules as they are. Maps are channels-last throughout: on a CPU this halves
the time of convolutions and makes a pixel's channels one row of a table.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vfa.models.layers import SLOPE, SQRT2, ConvLayer

PACKED_TYPES = (torch.float32, torch.bfloat16)
PARTIAL_SUM = 64


@dataclass(frozen=True)
class Target:
    """Where and in which precision inference runs."""

    device: torch.device
    dtype: torch.dtype = torch.float32

    @property
    def packs_weights(self) -> bool:
        """True where oneDNN runs convolutions: it then reorders each weight once instead of on every call."""
        return self.device.type == "cpu" and self.dtype in PACKED_TYPES and torch.backends.mkldnn.is_available()

    def place(self, tensor: Tensor) -> Tensor:
        """A detached copy in this place and precision, channels-last where it is a map or a filter."""
        tensor = tensor.detach().to(self.device, self.dtype)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor.contiguous()


class FoldedConv:
    """A convolution with constant weight and a fused activation: ``none``, ``relu`` or ``leaky_relu`` (slope 0.2).

    Args:
        weight: [out, in / groups, k, k].
        bias: [out], added before the activation.
        size: height and width of the input in pixels, with which the packed layout is chosen.
        partial_sums: sum the input channels in parts of 64 and then the parts. oneDNN's channels-last kernels add up
            all taps of all channels in one register, and the rounding error grows with the length of that sum: with
            4,608 terms in parts it is 2.5 times smaller, for 0 to 10 % more time.
    """

    def __init__(
        self,
        target: Target,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        activation: str = "none",
        partial_sums: bool = False,
    ) -> None:
        self.parts = count_parts(target, weight) if partial_sums and groups == 1 else 1
        self.weight = target.place(split_channels(weight, self.parts))
        self.bias = None if bias is None else target.place(bias.flatten())
        self.stride, self.padding, self.activation = stride, padding, activation
        self.groups = groups * self.parts
        self.packed = target.packs_weights
        if self.packed:
            shape = [1, weight.shape[1] * groups, size, size]
            self.weight = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, [padding] * 2, [stride] * 2, [1, 1], self.groups, shape
            )

    def __call__(self, x: Tensor) -> Tensor:
        if self.packed:
            return fused_conv(
                x, self.weight, self.bias, self.stride, self.padding, self.groups, self.activation, self.parts
            )
        y = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, 1, self.groups)
        return activate_(y, self.activation)


def count_parts(target: Target, weight: Tensor) -> int:
    """Into how many partial sums a convolution with this weight [out, in, k, k] is split."""
    in_channels = weight.shape[1]
    splits = target.packs_weights and target.dtype == torch.float32 and in_channels % PARTIAL_SUM == 0
    return in_channels // PARTIAL_SUM if splits else 1


def split_channels(weight: Tensor, parts: int) -> Tensor:
    """[out, in, k, k] as the weight [parts * out, in / parts, k, k] of a grouped convolution."""
    return weight.unflatten(1, (parts, -1)).transpose(0, 1).flatten(0, 1) if parts > 1 else weight


def activate_(x: Tensor, activation: str) -> Tensor:
    """Apply a named activation in place."""
    if activation == "leaky_relu":
        return F.leaky_relu_(x, SLOPE)
    return x.relu_() if activation == "relu" else x


def fused_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    groups: int,
    activation: str,
    parts: int = 1,
) -> Tensor:
    """oneDNN's convolution with the activation in its epilogue, or after the partial sums where ``parts`` > 1."""
    fused, scalars = (activation, [SLOPE] if activation == "leaky_relu" else []) if parts == 1 else ("none", [])
    y = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias if parts == 1 else None, [padding] * 2, [stride] * 2, [1, 1], groups, fused, scalars, ""
    )
    if parts == 1:
        return y
    total = y.permute(0, 2, 3, 1).unflatten(-1, (parts, -1)).sum(-2)
    if bias is not None:
        total += bias
    return activate_(total.permute(0, 3, 1, 2), activation)


def activated_conv(
    target: Target, layer: ConvLayer, *, size: int, gain: float = SQRT2, partial_sums: bool = False
) -> FoldedConv:
    """The convolution and activation of a layer, without its filter: ``leaky_relu(conv(x) + bias) * gain``.

    The gain moves into weight and bias, the activation being homogeneous. ``size`` is that of the convolution's input.
    """
    return FoldedConv(
        target,
        layer.conv.effective_weight() * gain,
        layer.bias * gain,
        size=size,
        stride=layer.conv.stride,
        padding=layer.conv.padding,
        activation="leaky_relu",
        partial_sums=partial_sums,
    )


class FoldedFir:
    """The 4x4 filter on a fixed number of channels: doubling, halving, or keeping the size plus a padding.

    Args:
        bias: [channels], added before a leaky ReLU; both are left out where None.
    """

    def __init__(
        self,
        target: Target,
        kernel: Tensor,
        channels: int,
        *,
        size: int,
        up: int = 1,
        down: int = 1,
        padding: int = 1,
        bias: Tensor | None = None,
    ) -> None:
        self.up, self.channels = up, channels
        if up == 2:
            self.kernel = target.place(kernel.expand(channels, 1, 4, 4))
        else:
            self.conv = FoldedConv(
                target,
                kernel.flip(0, 1).expand(channels, 1, 4, 4),
                bias,
                size=size,
                stride=down,
                padding=padding,
                groups=channels,
                activation="none" if bias is None else "leaky_relu",
            )

    def __call__(self, x: Tensor) -> Tensor:
        if self.up == 2:
            return F.conv_transpose2d(x, self.kernel, stride=2, padding=1, groups=self.channels)
        return self.conv(x)


class RowSampler:
    """Bilinear sampling of maps stored as rows ``[pixels, channels]``; the same values as `layers.sample`.

    With the channels of a pixel in one row, a sample is a weighted sum of four rows; on a CPU this is
    ``embedding_bag``, several times faster than ``grid_sample``. A factor per sample costs nothing: it scales the
    four weights.
    """

    def __init__(self, target: Target, size: int) -> None:
        self.size, self.on_cpu = size, target.device.type == "cpu"

    def rows(self, image: Tensor) -> Tensor:
        """``image`` [B, C, H, W] as [B H W, C]."""
        return image.permute(0, 2, 3, 1).reshape(-1, image.shape[1])

    def __call__(self, rows: Tensor, grid: Tensor, factor: Tensor | None = None) -> Tensor:
        """Sample.

        Args:
            rows: [size * size, C] shared by the batch, or [B * size * size, C].
            grid: [B, 2, size, size], x then y, in float32.
            factor: [B, 1, size, size], multiplied onto the samples.

        Returns:
            [B, C, size, size], channels-last.
        """
        batch, size = grid.shape[0], self.size
        if not self.on_cpu:
            image = rows.view(-1, size, size, rows.shape[1]).permute(0, 3, 1, 2).expand(batch, -1, -1, -1)
            # In float32 whatever the rows are: a place in bfloat16 would be half a pixel off.
            sampled = F.grid_sample(image.float(), grid.permute(0, 2, 3, 1), align_corners=False).to(rows.dtype)
            return sampled if factor is None else sampled * factor
        place = grid.add(1).mul_(size / 2).sub_(0.5)
        low = place.floor()
        high_weight = place.sub_(low)
        low_weight = 1 - high_weight
        high = low + 1
        # A corner outside the image counts as zero.
        low_weight *= (low >= 0) & (low < size)
        high_weight *= (high >= 0) & (high < size)
        low_index, high_index = low.clamp_(0, size - 1).int(), high.clamp_(0, size - 1).int()
        weight_y = torch.stack((low_weight[:, 1], high_weight[:, 1]), -1)
        weight_x = torch.stack((low_weight[:, 0], high_weight[:, 0]), -1)
        if factor is not None:
            weight_y *= factor[:, 0, :, :, None]
        index_y = torch.stack((low_index[:, 1], high_index[:, 1]), -1) * size
        if rows.shape[0] != size * size:
            index_y += (torch.arange(batch, dtype=torch.int32) * (size * size)).view(batch, 1, 1, 1)
        index_x = torch.stack((low_index[:, 0], high_index[:, 0]), -1)
        weight = (weight_y[..., :, None] * weight_x[..., None, :]).reshape(-1, 4)
        index = (index_y[..., :, None] + index_x[..., None, :]).reshape(-1, 4)
        sampled = F.embedding_bag(index, rows, mode="sum", per_sample_weights=weight.to(rows.dtype))
        return sampled.view(batch, size, size, -1).permute(0, 3, 1, 2)
