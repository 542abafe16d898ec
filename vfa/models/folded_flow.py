"""The flow generator ready for inference: BatchNorm and gains folded, the wide last convolution split by rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfa.models.flow import BatchNormBlock, FlowField, FlowGenerator
from vfa.models.folding import FoldedConv, FoldedFir, RowSampler, Target, activated_conv
from vfa.models.layers import fused_leaky_relu, sampling_grid


def fold_batch_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that equals ``norm(conv(x))`` at inference."""
    assert norm.running_mean is not None and norm.running_var is not None and conv.bias is not None
    gain = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return conv.weight * gain[:, None, None, None], (conv.bias - norm.running_mean) * gain + norm.bias


class _FoldedBlock:
    def __init__(self, target: Target, block: BatchNormBlock, size: int) -> None:
        weight, bias = fold_batch_norm(block.conv1, block.norm1)
        self.conv1 = FoldedConv(target, weight, bias, size=size, padding=1, activation="relu")
        weight, bias = fold_batch_norm(block.conv2, block.norm2)
        self.conv2 = FoldedConv(target, weight, bias, size=size, padding=1)

    def __call__(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x)).add_(x)


class _RowConv:
    """A wide convolution to few channels: one row of taps at a time, as more outputs of a one-row convolution.

    Three outputs leave most of a vector register empty; ``3 k`` outputs of a ``1 x k`` filter, shifted and added, do
    the same sum about three times faster.
    """

    def __init__(self, target: Target, weight: Tensor) -> None:
        self.channels, in_channels, self.kernel, _ = weight.shape
        rows = weight.permute(2, 0, 1, 3).reshape(self.kernel * self.channels, in_channels, 1, self.kernel)
        self.weight = target.place(rows)

    def __call__(self, x: Tensor) -> Tensor:
        height, reach = x.shape[2], self.kernel // 2
        rows = F.pad(F.conv2d(x, self.weight, padding=(0, reach)), (0, 0, reach, reach))
        total = rows[:, : self.channels, :height].clone(memory_format=torch.contiguous_format)
        for row in range(1, self.kernel):
            total += rows[:, row * self.channels : (row + 1) * self.channels, row : row + height]
        return total


class FoldedFlowGenerator:
    """`FlowGenerator` with constants folded; built from it, and to be rebuilt when its weights change."""

    def __init__(self, target: Target, flow: FlowGenerator, size: int) -> None:
        style = flow.style_conv
        self.target = target
        self.modulation_weight = (style.modulation.weight * style.modulation.scale).detach().float().to(target.device)
        self.modulation_bias = style.modulation.bias.detach().float().to(target.device)
        self.style_weight = target.place(style.effective_weight())
        self.style_padding = style.padding
        self.bias = target.place(flow.bias)
        self.sampler = RowSampler(target, size)
        self.first = activated_conv(target, flow.first, size=size)
        self.down = []
        for level, layer in enumerate(flow.down_blocks):
            inside = size >> level
            blur = FoldedFir(target, layer.fir.kernel, layer.conv.weight.shape[1], size=inside, padding=2)
            self.down.append((blur, activated_conv(target, layer, size=inside + 1)))
        self.shrink = [
            FoldedFir(target, fir.kernel, 1, size=size >> level, down=2) for level, fir in enumerate(flow.down_mask)
        ]
        self.blocks = [_FoldedBlock(target, block, size // 4) for block in flow.res_blocks]
        self.up = []
        for level, (layer, fir) in enumerate(flow.up_blocks):
            inside = size // 4 << level
            grow = FoldedFir(target, fir.kernel, layer.conv.weight.shape[0], size=inside, up=2)
            self.up.append((activated_conv(target, layer, size=inside), grow))
        self.final = _RowConv(target, flow.final.conv.effective_weight())
        self.final_bias, self.bias2 = target.place(flow.final.bias), target.place(flow.bias2)

    def prepare(self, source: Tensor) -> Tensor:
        """The source's colours [1, 3 or 4, H, W] as a table of pixel rows."""
        return self.sampler.rows(self.target.place(source[:, :3]))

    def __call__(self, flow_logits: Tensor, latent: Tensor, source_rows: Tensor) -> FlowField:
        """See `FlowGenerator`; ``latent`` in float32, ``source_rows`` from `prepare`."""
        scale = torch.addmm(self.modulation_bias, latent, self.modulation_weight.T).to(flow_logits.dtype)
        logits = F.conv2d(flow_logits * scale[:, :, None, None], self.style_weight, padding=self.style_padding)
        logits += self.bias
        flow = sampling_grid(torch.tanh(logits[:, :2].float()))
        mask = torch.sigmoid(logits[:, 2:]).contiguous()
        warped = self.sampler(source_rows, flow)
        hidden = self.first(warped)
        for blur, conv in self.down:
            hidden = conv(blur(hidden))
        shrunk = mask
        for fir in self.shrink:
            shrunk = fir(shrunk)
        hidden *= 1 - torch.sigmoid(shrunk)
        for block in self.blocks:
            hidden = block(hidden)
        for conv, fir in self.up:
            hidden = fir(conv(hidden))
        filled = fused_leaky_relu(self.final(hidden), self.final_bias) + self.bias2
        warped = warped.contiguous()
        return FlowField(flow, mask, warped, torch.addcmul(filled, warped, mask))
