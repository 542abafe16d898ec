"""Feature maps by which two pictures are compared: VGG-19 with its published weights, or filters that need no weights.

Which one a run used stands in its log and in its checkpoints, because figures of the two cannot be compared.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfa.errors import AssetError, CheckpointError, InputError
from vfa.models.checkpoint_files import file_sha256
from vfa.training.losses import feature_loss


@dataclass(frozen=True)
class TrainingWeights:
    """A published file that training can use; nothing is fetched.

    Attributes:
        file: its published name; the digits after the dash begin its SHA-256.
        url: where it is published.
        licence: as its publisher states.
        megabytes: size, in 10^6 bytes.
    """

    file: str
    url: str
    licence: str
    megabytes: float


VGG19 = TrainingWeights(
    file="vgg19-dcbb9e9d.pth",
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    licence="BSD-3-Clause (torchvision); trained on ImageNet",
    megabytes=574.7,
)
MANIFEST = (VGG19,)
"""Files with learned parameters that training can use and that may not be shipped here."""

RELU_LAYERS = (1, 6, 11, 20, 29)
"""Of torchvision's `vgg19().features`: relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""
LAYER_WEIGHT = 10.0
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINDS = ("auto", "vgg19", "gradients_lite")


def weights_folder() -> Path:
    """Where weight files live: $VFA_WEIGHTS, else the user's cache folder (the benchmark's too)."""
    given = os.environ.get("VFA_WEIGHTS") or os.environ.get("BENCH_WEIGHTS")
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "versatile-face-animator" / "weights"


class VGGFeatures(nn.Module):
    """VGG-19 up to relu5_1, frozen; pictures in [-1, 1] get ImageNet's normalisation inside.

    Args:
        state: state dict of torchvision's `vgg19`; entries of the classifier are not needed.

    Raises:
        CheckpointError: entries are missing or of another shape.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        from torchvision.models import vgg19

        with torch.device("meta"):
            layers = vgg19(weights=None).features[: RELU_LAYERS[-1] + 1]
        wanted = layers.state_dict()
        found = {name: state.get(f"features.{name}") for name in wanted}
        unfit = [n for n, v in wanted.items() if getattr(found[n], "shape", None) != v.shape]
        if unfit:
            raise CheckpointError("these are not VGG-19's weights", found=f"no fitting features.{unfit[0]}")
        layers.load_state_dict({name: value.float() for name, value in found.items() if value is not None}, assign=True)
        for layer in layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # what is kept must not be overwritten
        self.layers: Any = layers
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """[B, 3, H, W] in [-1, 1] to five maps; pictures too small for a level leave it out."""
        x = ((pictures + 1) / 2 - self.mean) / self.deviation
        kept = []
        for number, layer in enumerate(self.layers):
            if isinstance(layer, nn.MaxPool2d) and min(x.shape[2:]) < 2:
                break
            x = layer(x)
            if number in RELU_LAYERS:
                kept.append(x)
        return kept


def gradient_features(pictures: Tensor) -> list[Tensor]:
    """Feature maps without weights: colour, oriented edges, and brightness relative to its surroundings.

    Args:
        pictures: [B, 3, H, W] in [-1, 1].

    Returns:
        Colour [B, 3, H, W]; differences of brightness along x, y and both diagonals over two pixels [B, 4, H, W];
        brightness less its 5x5 mean, over the root of its 5x5 variance plus 0.01 [B, 1, H, W].
    """
    gray = pictures.mean(1, keepdim=True)
    around = F.pad(gray, (1, 1, 1, 1), mode="replicate")

    def shifted(x: int, y: int) -> Tensor:
        return around[:, :, 1 + y : 1 + y + gray.shape[2], 1 + x : 1 + x + gray.shape[3]]

    edges = [shifted(x, y) - shifted(-x, -y) for x, y in ((1, 0), (0, 1), (1, 1), (1, -1))]
    mean = F.avg_pool2d(gray, 5, 1, 2, count_include_pad=False)
    variance = F.avg_pool2d((gray - mean).square(), 5, 1, 2, count_include_pad=False)
    return [pictures, torch.cat(edges, 1), (gray - mean) * (variance + 0.01).rsqrt()]


@dataclass(frozen=True)
class Perceptual:
    """A perceptual loss and its name.

    Attributes:
        name: "vgg19", or "gradients_lite", which needs no weights and is comparable to nothing else.
        features: pictures in [-1, 1] to feature maps.
        weights: of the maps.
    """

    name: str
    features: Callable[[Tensor], Sequence[Tensor]]
    weights: tuple[float, ...]

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of `prediction` against `target`, [B, 3, H, W] in [-1, 1] each."""
        if isinstance(self.features, nn.Module):
            self.features.to(prediction.device)
        with torch.autocast(prediction.device.type, enabled=False):
            return feature_loss(self.features, prediction, target, weights=self.weights)


def build_perceptual(kind: str = "auto", folder: Path | None = None) -> Perceptual:
    """The perceptual loss of a kind; "auto" takes VGG-19 where its file is, else the one without weights.

    Raises:
        InputError: unknown kind.
        AssetError: "vgg19" is asked for and its file is not there.
        CheckpointError: the file is damaged or another one.
    """
    if kind not in KINDS:
        raise InputError("unknown perceptual loss", expected=" | ".join(KINDS), found=kind)
    path = (folder or weights_folder()) / VGG19.file
    if kind == "gradients_lite" or (kind == "auto" and not path.is_file()):
        return Perceptual("gradients_lite", gradient_features, (LAYER_WEIGHT,) * 3)
    if not path.is_file():
        raise AssetError(
            "the weights of the perceptual loss are missing",
            path=path,
            expected=f"{VGG19.url} ({VGG19.megabytes:.0f} MB, {VGG19.licence})",
            hint="copy it there (or into $VFA_WEIGHTS), or train with --perceptual gradients_lite",
        )
    features = VGGFeatures(_read_published(path, VGG19))
    return Perceptual("vgg19", features, (LAYER_WEIGHT,) * len(RELU_LAYERS))


def _read_published(path: Path, published: TrainingWeights) -> dict[str, Tensor]:
    digest = file_sha256(path)
    wanted = published.file.rpartition("-")[2].partition(".")[0]
    again = f"fetch it again from {published.url}"
    if not digest.startswith(wanted):
        raise CheckpointError(
            "wrong hash", path=path, expected=f"sha256 {wanted}...", found=f"sha256 {digest}", hint=again
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        found = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise CheckpointError("the file is damaged", path=path, found=found, hint=again) from error
