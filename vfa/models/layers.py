"""Building blocks of the networks: StyleGAN2's layers with an equalised learning rate (Karras et al., 2020).

Attribute names fix the names in a checkpoint (``conv.modulation.weight``, ``activate.bias``, ``blur.kernel``); they
follow the published weights. All maps are ``[B, C, H, W]``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SQRT2 = math.sqrt(2.0)
SLOPE = 0.2


def standard_normal(*shape: int) -> nn.Parameter:
    """A parameter drawn from N(0, 1); its shape alone on the meta device, where drawing would load torch's compiler."""
    value = torch.empty(shape)
    return nn.Parameter(value if value.is_meta else value.normal_())


def fir_kernel(gain: float = 1.0) -> Tensor:
    """The 4x4 resampling filter, the outer product of [1, 3, 3, 1], with sum ``gain``."""
    taps = (1.0, 3.0, 3.0, 1.0)
    return torch.tensor([[gain * a * b / 64 for b in taps] for a in taps])


class Fir(nn.Module):
    """Filter every channel with the 4x4 kernel; the stored kernel is correlated flipped, as a convolution.

    Args:
        up: 2 doubles the size (zero insertion before the filter, whose sum is then 4).
        down: 2 halves it.
        padding: zeros on every side where the size is kept or halved.
        gain: sum of the kernel, default 1, or 4 with ``up=2``.
    """

    kernel: Tensor

    def __init__(self, *, up: int = 1, down: int = 1, padding: int = 1, gain: float | None = None) -> None:
        super().__init__()
        self.up, self.down, self.padding = up, down, padding
        self.register_buffer("kernel", fir_kernel(up * up if gain is None else gain))

    def forward(self, x: Tensor) -> Tensor:
        channels = int(x.shape[1])
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        if self.up == 2:
            return F.conv_transpose2d(x, kernel, stride=2, padding=self.padding, groups=channels)
        return F.conv2d(x, kernel.flip(2, 3), stride=self.down, padding=self.padding, groups=channels)


def fused_leaky_relu(x: Tensor, bias: Tensor) -> Tensor:
    """``leaky_relu(x + bias, 0.2) * sqrt 2``, which keeps the variance of a normal input at about one."""
    return F.leaky_relu(x + bias, SLOPE) * SQRT2


class FusedLeakyReLU(nn.Module):
    """`fused_leaky_relu` with a learned bias ``[1, C, 1, 1]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return fused_leaky_relu(x, self.bias)


class EqualConv2d(nn.Module):
    """Convolution without bias whose N(0, 1) weight is multiplied by ``1 / sqrt(fan_in)`` at run time."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.weight = standard_normal(out_channels, in_channels, kernel, kernel)
        self.scale = 1 / math.sqrt(in_channels * kernel * kernel)
        self.stride, self.padding = stride, padding

    def effective_weight(self) -> Tensor:
        """The weight the convolution uses, ``[out, in, k, k]``."""
        return self.weight * self.scale

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.effective_weight(), stride=self.stride, padding=self.padding)


class EqualLinear(nn.Module):
    """Linear layer whose N(0, 1) weight is multiplied by ``1 / sqrt(in_features)`` at run time."""

    def __init__(self, in_features: int, out_features: int, *, bias_init: float = 0.0) -> None:
        super().__init__()
        self.weight = standard_normal(out_features, in_features)
        self.bias = nn.Parameter(torch.full((out_features,), float(bias_init)))
        self.scale = 1 / math.sqrt(in_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias)


class ConvLayer(nn.Sequential):
    """Equalised convolution, optionally filtered and strided by 2, optionally activated.

    Halving pads so that the filter and an odd kernel ``k`` together map ``N`` to ``N / 2``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, halve: bool = False, activate: bool = True
    ) -> None:
        layers: list[nn.Module] = []
        if halve:
            layers.append(Fir(padding=(kernel + 1) // 2))
        stride, padding = (2, 0) if halve else (1, kernel // 2)
        layers.append(EqualConv2d(in_channels, out_channels, kernel, stride=stride, padding=padding))
        if activate:
            layers.append(FusedLeakyReLU(out_channels))
        super().__init__(*layers)

    @property
    def conv(self) -> EqualConv2d:
        """The convolution."""
        return next(layer for layer in self if isinstance(layer, EqualConv2d))

    @property
    def fir(self) -> Fir:
        """The filter before it; only where it halves."""
        return next(layer for layer in self if isinstance(layer, Fir))

    @property
    def bias(self) -> Tensor:
        """The activation's bias [1, out, 1, 1]; only where it is activated."""
        return next(layer for layer in self if isinstance(layer, FusedLeakyReLU)).bias


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels are scaled by an affine function of the style.

    ``y = d * conv(W, s * x)`` with ``s = modulation(style)`` and, where ``demodulate``,
    ``d[o] = 1 / sqrt(sum (W[o] * s)^2 + 1e-8)``: the same as modulating the weights for every sample, but with one
    weight for the whole batch.

    Args:
        upsample: a stride-2 transposed convolution followed by the resampling filter, ``N -> 2 N``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        style_dim: int,
        *,
        demodulate: bool = True,
        upsample: bool = False,
    ) -> None:
        super().__init__()
        self.weight = standard_normal(1, out_channels, in_channels, kernel, kernel)
        self.modulation = EqualLinear(style_dim, in_channels, bias_init=1.0)
        self.scale = 1 / math.sqrt(in_channels * kernel * kernel)
        self.padding = kernel // 2
        self.demodulate = demodulate
        self.blur = Fir(padding=1, gain=4.0) if upsample else None

    def effective_weight(self) -> Tensor:
        """The equalised weight before modulation, ``[out, in, k, k]``."""
        return self.weight[0] * self.scale

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """``x`` [B, in, H, W] and ``style`` [B, style_dim] to [B, out, H or 2 H, W or 2 W]."""
        scale = self.modulation(style)
        weight = self.effective_weight()
        x = x * scale[:, :, None, None]
        if self.blur is None:
            y = F.conv2d(x, weight, padding=self.padding)
        else:
            y = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        if self.demodulate:
            y = y * demodulation(weight, scale)[:, :, None, None]
        return y


def demodulation(weight: Tensor, scale: Tensor) -> Tensor:
    """``1 / sqrt(sum over inputs and taps of (weight * scale)^2 + 1e-8)``.

    Args:
        weight: [out, in, k, k].
        scale: [B, in], the modulation.

    Returns:
        [B, out].
    """
    return torch.rsqrt(scale.square() @ weight.square().sum((2, 3)).T + 1e-8)


class NoiseInjection(nn.Module):
    """Adds white noise of learned strength while training; the identity at inference."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        noise = torch.randn(x.shape[0], 1, *x.shape[2:], dtype=x.dtype, device=x.device)
        return x + self.weight * noise


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias and activation."""

    def __init__(
        self, in_channels: int, out_channels: int, style_dim: int, *, kernel: int = 3, upsample: bool = False
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(in_channels, out_channels, kernel, style_dim, upsample=upsample)
        self.noise = NoiseInjection()
        self.activate = FusedLeakyReLU(out_channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return self.activate(self.noise(self.conv(x, style)))


def orthonormal(dictionary: Tensor) -> Tensor:
    """The orthonormal factor Q of ``QR(dictionary + 1e-8)``, ``[n, k]`` with ``k <= n``, in float32.

    Half precision would lose the orthogonality, so the factorisation never runs in it.
    """
    return torch.linalg.qr(dictionary.float() + 1e-8).Q


def sampling_grid(displacement: Tensor) -> Tensor:
    """A regular grid over [-1, 1] plus a displacement.

    The ends of the grid lie on -1 and 1 although sampling treats these as the outer pixel edges: the published weights
    were trained with that pair.

    Args:
        displacement: [B, 2, H, W], x then y, in units of half an image.

    Returns:
        [B, 2, H, W] places to sample, x then y.
    """
    height, width = map(int, displacement.shape[2:])
    dtype, device = displacement.dtype, displacement.device
    rows = torch.linspace(-1, 1, height, dtype=dtype, device=device)
    columns = torch.linspace(-1, 1, width, dtype=dtype, device=device)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return displacement + torch.stack((x, y))


def sample(image: Tensor, grid: Tensor) -> Tensor:
    """Bilinear sampling with zeros outside, pixel edges at -1 and 1.

    Args:
        image: [B, C, H, W].
        grid: [B, 2, h, w] as `sampling_grid` returns it.

    Returns:
        [B, C, h, w].
    """
    return F.grid_sample(image, grid.permute(0, 2, 3, 1), mode="bilinear", padding_mode="zeros", align_corners=False)
