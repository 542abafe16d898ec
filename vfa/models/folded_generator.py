"""The RGBD generator ready for inference.

Constant over all clips: equalised weights, orthonormal dictionaries, one stacked matrix for every modulation. Constant
over one clip: the source's features as tables of pixel rows, and on the finest level their projection on the colour
and depth heads. On the finest level nothing but the heads reads the warped features and the merged trunk, and the heads
are linear up to their activation: so they are applied before sampling, and 9 channels are sampled instead of 64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vfa.models.folding import (
    FoldedConv,
    FoldedFir,
    RowSampler,
    Target,
    activate_,
    count_parts,
    fused_conv,
    split_channels,
)
from vfa.models.generator import Generated, RGBDGenerator
from vfa.models.layers import SQRT2, ModulatedConv2d, StyledConv, fused_leaky_relu, sampling_grid


class Modulations:
    """Every modulation of the generator as one affine map of the latent, split into named parts."""

    def __init__(self, target: Target, layers: dict[str, ModulatedConv2d]) -> None:
        self.sizes = {name: layer.modulation.weight.shape[0] for name, layer in layers.items()}
        weight = torch.cat([layer.modulation.weight * layer.modulation.scale for layer in layers.values()])
        self.weight = weight.detach().float().to(target.device)
        self.bias = torch.cat([layer.modulation.bias for layer in layers.values()]).detach().float().to(target.device)

    def __call__(self, latent: Tensor) -> dict[str, Tensor]:
        """``z`` [B, latent] to {name: [B, in_channels]}, float32."""
        scales = torch.addmm(self.bias, latent, self.weight.T).split(list(self.sizes.values()), 1)
        return dict(zip(self.sizes, scales, strict=True))


class FoldedStyledConv:
    """Styled convolution: the style scales the input where the map is smaller than the weight, else the weight.

    Args:
        size: height and width of the input in pixels.
    """

    def __init__(self, target: Target, layer: StyledConv, size: int) -> None:
        conv = layer.conv
        weight = conv.effective_weight() * SQRT2
        out_channels, in_channels = weight.shape[:2]
        # Demodulation undoes the gain, so its sum of squares uses the weight without it.
        self.energy = conv.effective_weight().detach().square().sum((2, 3)).T.contiguous().to(target.device)
        self.bias = target.place(layer.activate.bias.flatten() * SQRT2)
        self.upsamples = conv.blur is not None
        self.target, self.padding = target, conv.padding
        self.scales_weight = target.packs_weights and size * size * in_channels > weight.numel()
        if conv.blur is not None:
            self.weight = target.place(weight.transpose(0, 1))
            self.blur = FoldedFir(target, conv.blur.kernel, out_channels, size=2 * size + 1, bias=self.bias)
        elif self.scales_weight:
            self.parts = count_parts(target, weight)
            self.weight = target.place(split_channels(weight, self.parts))
        else:
            self.conv = FoldedConv(target, weight, size=size, padding=conv.padding, partial_sums=True)

    def __call__(self, x: Tensor, scale: Tensor) -> Tensor:
        """``x`` [B, in, H, W] and the modulation [B, in] to the activated output."""
        demodulation = torch.rsqrt(scale.square() @ self.energy + 1e-8)
        if self.scales_weight:
            parts = [
                self._one(x[i : i + 1], scale[i].to(x.dtype), demodulation[i].to(x.dtype)) for i in range(x.shape[0])
            ]
            return parts[0] if len(parts) == 1 else torch.cat(parts)
        x = x * scale[:, :, None, None].to(x.dtype)
        y = F.conv_transpose2d(x, self.weight, stride=2) if self.upsamples else self.conv(x)
        y *= demodulation[:, :, None, None].to(x.dtype)
        if self.upsamples:
            return self.blur(y)
        return activate_(y.add_(self.bias[:, None, None]), "leaky_relu")

    def _one(self, x: Tensor, scale: Tensor, demodulation: Tensor) -> Tensor:
        if self.upsamples:
            weight = self.weight * scale[:, None, None, None] * demodulation[:, None, None]
            return self.blur(F.conv_transpose2d(x, weight, stride=2))
        scales = demodulation[:, None] * scale
        weight = self.weight * split_channels(scales[:, :, None, None], self.parts)
        return fused_conv(x, weight, self.bias, 1, self.padding, self.parts, "leaky_relu", self.parts)


@dataclass(frozen=True)
class SourceTables:
    """What the generator needs of a source, computed once per clip.

    Attributes:
        rows: per level [r * r, C], the features as pixel rows.
        finest_heads: [size * size, 4], the finest features projected on the colour and depth heads.
    """

    rows: list[Tensor]
    finest_heads: Tensor


class _Level:
    """Convolutions and head constants of one resolution."""

    def __init__(self, target: Target, generator: RGBDGenerator, level: int, size: int) -> None:
        self.size = size
        self.conv_up = FoldedStyledConv(target, generator.convs[2 * level], size // 2)
        self.conv = FoldedStyledConv(target, generator.convs[2 * level + 1], size)
        flow, motion = generator.to_flows[level], generator.motion_in_depths[level]
        rgb, depth = generator.to_rgbs[level], generator.to_depths[level]
        self.sampler = RowSampler(target, size)
        self.flow_weight = target.place(flow.conv.effective_weight().flatten(1))
        self.flow_bias = target.place(flow.bias)
        self.logit_weight = target.place(motion.conv.effective_weight().flatten(1))
        self.logit_bias = target.place(motion.bias)
        head = torch.cat((rgb.conv.conv.effective_weight(), depth.conv.conv.effective_weight()))
        self.head_weight = target.place(head)
        self.head_bias = target.place(torch.cat((rgb.conv.bias, depth.conv.bias), 1))
        self.image_bias = target.place(torch.cat((rgb.bias, depth.bias), 1))
        # The depth head sees softmax(logits) Q^T only through its own weight: a mixture of k numbers per pixel.
        directions = motion.directions().detach()
        self.depth_mixture = target.place((head[3:].flatten(1) @ directions)[:, :, None, None])
        channels = 3 + motion.bias.shape[1] + 4
        self.upsample = FoldedFir(target, flow.upsample.kernel, channels, size=size // 2, up=2)

    def image(self, raw: Tensor, logits: Tensor, previous: Tensor | None) -> Tensor:
        """Colour and depth [B, 4, H, W] from the linear heads' output and the depth-motion logits."""
        raw = raw.contiguous()
        raw[:, 3:] += (logits.softmax(1) * self.depth_mixture.view(1, -1, 1, 1)).sum(1, keepdim=True)
        image = fused_leaky_relu(raw, self.head_bias) + self.image_bias
        return image if previous is None else image + previous


def project(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Modulated 1x1 convolution: ``x`` [B, C, H, W], weight [m, C], scale [B, C] to [B, m, H, W]."""
    weights = (weight * scale[:, None].to(weight.dtype))[..., None, None]
    parts = [F.conv2d(x[i : i + 1], weights[i]) for i in range(x.shape[0])]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class FoldedGenerator:
    """`RGBDGenerator` with constants folded; built from it, and to be rebuilt when its weights change."""

    def __init__(self, target: Target, generator: RGBDGenerator, resolutions: tuple[int, ...]) -> None:
        self.directions = generator.direction.directions().detach().float().to(target.device)
        self.input = target.place(generator.input.input)
        self.first = FoldedStyledConv(target, generator.conv1, 4)
        self.levels = [_Level(target, generator, level, size) for level, size in enumerate(resolutions)]
        layers = {"first": generator.conv1.conv}
        for level in range(len(resolutions)):
            layers[f"up{level}"] = generator.convs[2 * level].conv
            layers[f"conv{level}"] = generator.convs[2 * level + 1].conv
            layers[f"flow{level}"] = generator.to_flows[level].conv
            layers[f"logit{level}"] = generator.motion_in_depths[level].conv
        self.modulations = Modulations(target, layers)

    def prepare(self, features: list[Tensor]) -> SourceTables:
        """Tables of the source's features [1, C, r, r], coarse to fine."""
        rows = [level.sampler.rows(feature) for level, feature in zip(self.levels, features, strict=True)]
        finest = self.levels[-1]
        return SourceTables(rows, F.linear(rows[-1], finest.head_weight.flatten(1)))

    def __call__(self, latent: Tensor, source: SourceTables) -> Generated:
        """Generate [B] frames from ``z`` [B, latent] in float32."""
        scales = self.modulations(latent)
        trunk = self.first(self.input.expand(latent.shape[0], -1, -1, -1), scales["first"])
        flow = logits = image = None
        for index, level in enumerate(self.levels):
            trunk = level.conv(level.conv_up(trunk, scales[f"up{index}"]), scales[f"conv{index}"])
            flow_scale, logit_scale = scales[f"flow{index}"], scales[f"logit{index}"]
            new_flow = project(trunk, level.flow_weight, flow_scale) + level.flow_bias
            if flow is not None and logits is not None and image is not None:
                coarse = level.upsample(
                    torch.cat((flow, logits, image), 1).contiguous(memory_format=torch.channels_last)
                )
                flow, logits, image = coarse.split((3, logits.shape[1], 4), 1)
                new_flow += flow
            flow = new_flow
            grid = sampling_grid(torch.tanh(flow[:, :2].float()))
            mask = torch.sigmoid(flow[:, 2:])
            if index < len(self.levels) - 1:
                warped = level.sampler(source.rows[index], grid, mask)
                trunk = torch.addcmul(warped, trunk, 1 - mask)
                raw = F.conv2d(warped, level.head_weight)
                new_logits = project(trunk, level.logit_weight, logit_scale)
            else:
                raw, new_logits = self._finest(trunk, source, grid, mask, logit_scale)
            new_logits += level.logit_bias
            logits = new_logits if logits is None else new_logits + logits
            image = level.image(raw, logits, image)
        assert image is not None and flow is not None
        return Generated(image.contiguous(), flow.contiguous())

    def _finest(
        self, trunk: Tensor, source: SourceTables, grid: Tensor, mask: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The heads' linear parts on the last level, without the warped features: [B, 4, H, W] and the logits."""
        level = self.levels[-1]
        batch, pixels = trunk.shape[0], level.size**2
        weight = level.logit_weight * scale[:, None].to(trunk.dtype)
        rows = torch.cat([F.linear(source.rows[-1], weight[i]) for i in range(batch)])
        rows = torch.cat((source.finest_heads.repeat(batch, 1), rows), 1)
        assert rows.shape[0] == batch * pixels
        sampled = level.sampler(rows, grid, mask)
        return sampled[:, :4], sampled[:, 4:] + project(trunk, level.logit_weight, scale) * (1 - mask)
