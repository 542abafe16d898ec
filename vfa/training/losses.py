"""The losses of the original method as pure functions of tensors `[B, C, H, W]`, all computed in float32.

Weights are arguments of the stages, not of these. Where the method's page leaves a definition open, what is chosen is
said here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

SCALES = (1.0, 0.5, 0.25, 0.125)
"""The perceptual loss's pyramid."""
CHARBONNIER_EPS = 1e-6
EDGE = 0.1
"""Depth gradients (of depth in [-1, 1], per pixel) beyond this are structure, below it surface."""


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (prediction.float() - target.float()).abs().mean()


def charbonnier(difference: Tensor, eps: float = CHARBONNIER_EPS) -> Tensor:
    """Mean of ``sqrt(d^2 + eps)``, a smooth absolute value.

    >>> float(charbonnier(torch.zeros(3), eps=0.25))
    0.5
    """
    return (difference.float().square() + eps).sqrt().mean()


def central_differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """``(f(x + 1) - f(x - 1)) / 2`` along x and y; the picture is continued by its border pixels.

    Args:
        image: [B, C, H, W].

    Returns:
        Two of the same shape.
    """
    padded = F.pad(image.float(), (1, 1, 1, 1), mode="replicate")
    x = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    y = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    return x, y


def laplacian(image: Tensor) -> Tensor:
    """Four times each pixel less its four neighbours; the picture is continued by its border pixels."""
    image = image.float()
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    neighbours = padded[:, :, 1:-1, 2:] + padded[:, :, 1:-1, :-2] + padded[:, :, 2:, 1:-1] + padded[:, :, :-2, 1:-1]
    return 4 * image - neighbours


def structure_loss(prediction: Tensor, target: Tensor, edge: float = EDGE) -> Tensor:
    """Whether depth steps are where they should be; a step one pixel off costs a sixth of a missing one.

    Central differences of both, kept where the target's exceeds `edge`, absolute, the largest in 5x5 pixels,
    Charbonnier of their difference; the sum over x and y.

    Args:
        prediction, target: [B, 1, H, W], depth in [-1, 1].
    """
    total = prediction.new_zeros((), dtype=torch.float32)
    for ours, truth in zip(central_differences(prediction), central_differences(target), strict=True):
        kept = (truth.abs() > edge).float()
        strongest = [F.max_pool2d((kept * value).abs(), 5, stride=1, padding=2) for value in (ours, truth)]
        total = total + charbonnier(strongest[0] - strongest[1])
    return total


def smoothness_loss(prediction: Tensor, target: Tensor, edge: float = EDGE) -> Tensor:
    """Curvature of the predicted depth where the target is a surface without steps.

    The prediction's Laplacian, kept where both of the target's central differences are below `edge`, Charbonnier.

    Args:
        prediction, target: [B, 1, H, W], depth in [-1, 1].
    """
    x, y = central_differences(target)
    surface = ((x.abs() < edge) & (y.abs() < edge)).float()
    return charbonnier(laplacian(prediction) * surface)


def gradient_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """L1 of the central differences of two depth maps, x plus y."""
    pairs = zip(central_differences(prediction), central_differences(target), strict=True)
    return torch.stack([l1(ours, truth) for ours, truth in pairs]).sum()


def downsample(image: Tensor, scale: float) -> Tensor:
    """Anti-aliased reduction: Gaussian of ``sigma = (1 / scale - 1) / 2``, then every ``1 / scale``-th pixel.

    The filter reaches four sigma (rounded) to each side; outside the picture are zeros, as in the original.

    Args:
        image: [B, C, H, W].
        scale: 1 over a whole number; 1 gives the picture itself.
    """
    step = round(1 / scale)
    if step == 1:
        return image
    taps = _gaussian((step - 1) / 2).to(image)
    reach, channels = len(taps) // 2, image.shape[1]
    rows = F.conv2d(image, taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1), padding=(reach, 0), groups=channels)
    both = F.conv2d(rows, taps.view(1, 1, 1, -1).expand(channels, 1, 1, -1), padding=(0, reach), groups=channels)
    return both[:, :, ::step, ::step]


@lru_cache(maxsize=8)
def _gaussian(sigma: float) -> Tensor:
    reach = round(4 * sigma)
    places = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    return (weights / weights.sum()).float()


def feature_loss(
    features: Callable[[Tensor], Sequence[Tensor]],
    prediction: Tensor,
    target: Tensor,
    *,
    weights: Sequence[float] | None = None,
    scales: Sequence[float] = SCALES,
) -> Tensor:
    """L1 between the features of two pictures, summed over features and over a pyramid; the perceptual loss.

    Args:
        features: pictures [B, 3, h, w] in [-1, 1] to feature maps.
        prediction, target: [B, 3, H, W] in [-1, 1].
        weights: of the features; None weights each 1.
        scales: of the pyramid.
    """
    total = prediction.new_zeros((), dtype=torch.float32)
    for scale in scales:
        with torch.no_grad():
            wanted = features(downsample(target.float(), scale))
        found = features(downsample(prediction.float(), scale))
        for place, (ours, truth) in enumerate(zip(found, wanted, strict=True)):
            total = total + (1.0 if weights is None else weights[place]) * l1(ours, truth)
    return total
