"""The original's first stage: encoder and RGBD generator together, from pairs of frames of one clip, without labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vfa.training.stages import Stage

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from vfa.models.network import AnimatorNetwork
    from vfa.training.perceptual import Perceptual


@dataclass(frozen=True)
class AnimatorStage(Stage):
    """The source, animated with the driving frame's motion, should become the driving frame.

    Attributes:
        perceptual: "auto", "vgg19" or "gradients_lite", see `vfa.training.perceptual`.
        weight_perceptual: of the perceptual loss (its layers weigh 10 each already).
        weight_l1: of the depth's absolute difference (`--lambda_loss_l1`).
        weight_structure: of depth steps in their places (`--lambda_loss_sp`).
        weight_smoothness: of the depth's curvature on surfaces (`--lambda_loss_sm`).
        weight_gradient: of the depth's central differences (`--lambda_loss_gr`); the method has no such term: 0.
        noise: whether the generator adds noise of learned strength while training; at inference it never does.
    """

    perceptual: str = "auto"
    weight_perceptual: float = 1.0
    weight_l1: float = 200.0
    weight_structure: float = 50.0
    weight_smoothness: float = 200.0
    weight_gradient: float = 0.0
    noise: bool = False

    name: ClassVar[str] = "animator"
    best: ClassVar[str] = "rgb_l1"

    @cached_property
    def _perceptual(self) -> Perceptual:
        from vfa.training.perceptual import build_perceptual

        return build_perceptual(self.perceptual)

    def learning(self, network: AnimatorNetwork) -> Iterable[nn.Module]:
        """Encoder and RGBD generator."""
        return network.enc, network.dec

    def trainable(self, network: AnimatorNetwork) -> list[nn.Parameter]:
        """As `Stage.trainable`; without noise its strengths do not learn either."""
        from vfa.models.layers import NoiseInjection

        parameters = super().trainable(network)
        if self.noise:
            return parameters
        silent = [layer for layer in network.dec.modules() if isinstance(layer, NoiseInjection)]
        for layer in silent:
            layer.eval().requires_grad_(False)
        return [parameter for parameter in parameters if parameter.requires_grad]

    def losses(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Perceptual loss of the colours; absolute, structure, smoothness (and gradient) loss of the depth."""
        from vfa.training import losses

        source, driving = batch["source"], batch["driving"]
        latent, features = network.latent(source, driving)
        output = network.dec(latent, features).rgbd
        terms = {"perceptual": self.weight_perceptual * self._perceptual(output[:, :3], driving[:, :3])}
        if driving.shape[1] < 4:
            return terms
        depth, target = output[:, 3:], driving[:, 3:]
        terms["depth_l1"] = self.weight_l1 * losses.l1(depth, target)
        terms["depth_structure"] = self.weight_structure * losses.structure_loss(depth, target)
        terms["depth_smoothness"] = self.weight_smoothness * losses.smoothness_loss(depth, target)
        if self.weight_gradient:
            terms["depth_gradient"] = self.weight_gradient * losses.gradient_loss(depth, target)
        return terms

    def metrics(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Mean absolute differences in [-1, 1] units, and PSNR in dB, of each sample; "still" is the source unmoved."""
        source, driving = batch["source"].float(), batch["driving"].float()
        output = network.dec(*network.latent(batch["source"], batch["driving"])).rgbd.float()
        figures = {
            "rgb_l1": (output[:, :3] - driving[:, :3]).abs().mean((1, 2, 3)),
            "rgb_l1_still": (source[:, :3] - driving[:, :3]).abs().mean((1, 2, 3)),
            "psnr": psnr(output[:, :3], driving[:, :3]),
        }
        if driving.shape[1] == 4:
            figures["depth_l1"] = (output[:, 3] - driving[:, 3]).abs().mean((1, 2))
        return figures

    def sheet(self, network: AnimatorNetwork, batch: dict[str, Any]) -> np.ndarray:
        """Source, driving, output, truth depth and depth, flow."""
        from vfa.training import sheets

        rows = {name: batch[name][: sheets.ROWS] for name in ("source", "driving")}
        generated = network.dec(*network.latent(rows["source"], rows["driving"]))
        columns = {
            "source": sheets.color_picture(rows["source"]),
            "driving": sheets.color_picture(rows["driving"]),
            "output": sheets.color_picture(generated.rgbd),
        }
        if rows["driving"].shape[1] == 4:
            columns["true depth"] = sheets.depth_picture(rows["driving"][:, 3:])
            columns["depth"] = sheets.depth_picture(generated.rgbd[:, 3:])
        columns["flow"] = sheets.flow_picture(generated.flow_logits[:, :2].tanh())
        columns["mask"] = sheets.mask_picture(generated.flow_logits[:, 2:].sigmoid())
        return sheets.sheet(columns)

    def notes(self) -> dict[str, str]:
        """Which perceptual loss is used."""
        return {"perceptual": self._perceptual.name}


def psnr(prediction: Tensor, target: Tensor) -> Tensor:
    """Peak signal to noise ratio in dB of pictures in [-1, 1] (the prediction clipped), one for each sample, [B]."""
    squared = (prediction.clamp(-1, 1) - target).square().mean((1, 2, 3))
    return 10 * (4 / squared.clamp(min=1e-10)).log10()
