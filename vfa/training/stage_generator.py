"""The generator learns from exact truth: given the motion code, where does every pixel go?

The driver is never encoded here. Source and code determine the picture, its depth, the flow and what the source cannot
show; all of these are known of rendered faces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vfa.training.stage_motion import MOTION_GAIN
from vfa.training.stages import Stage

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from vfa.models.generator import Generated
    from vfa.models.network import AnimatorNetwork


@dataclass(frozen=True)
class GeneratorStage(Stage):
    """Encoder and RGBD generator; the encoder's own motion head learns the source's code.

    Attributes:
        weight_flow: per pixel of a 128 px frame; the other weights are for values in [-1, 1].
        weight_mask, weight_colour, weight_gradient, weight_depth, weight_code: of the other terms.
        code_noise: added to the code, in spreads, so that an encoder's errors do not surprise the generator.
    """

    weight_flow: float = 0.35
    weight_mask: float = 0.3
    weight_colour: float = 2.0
    weight_gradient: float = 2.0
    weight_depth: float = 3.0
    weight_code: float = 0.5
    code_noise: float = 0.08

    name: ClassVar[str] = "generator"
    best: ClassVar[str] = "flow_error"
    betas: ClassVar[tuple[float, float]] = (0.9, 0.99)
    needs_truth: ClassVar[bool] = True

    def learning(self, network: AnimatorNetwork) -> Iterable[nn.Module]:
        """Encoder and RGBD generator."""
        return network.enc, network.dec

    def trainable(self, network: AnimatorNetwork) -> list[nn.Parameter]:
        """As `Stage.trainable`, but without the noise that the generator could add."""
        from vfa.models.layers import NoiseInjection

        parameters = super().trainable(network)
        for layer in network.dec.modules():
            if isinstance(layer, NoiseInjection):
                layer.eval().requires_grad_(False)
        return [parameter for parameter in parameters if parameter.requires_grad]

    def losses(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Flow, mask, colour, gradients and depth against the truth, and the source's own code."""
        import torch

        from vfa.training.truth_losses import generator_losses

        count, device = len(batch["code"]), batch["code"].device
        noise = self.code_noise * torch.randn(batch["code"].shape, device=device)
        relative = torch.rand(count, 1, device=device) < 0.5
        generated, own = self.generate(network, batch, noise, relative)
        terms = generator_losses(generated, batch)
        used = own.shape[1] - network.config.held_motion
        terms["code"] = (own - batch["code_source"])[:, :used].abs().mean()
        pixels = 128 / batch["source"].shape[-1]
        weights = {"flow": self.weight_flow * pixels, "mask": self.weight_mask, "colour": self.weight_colour,
                   "gradient": self.weight_gradient, "depth": self.weight_depth, "code": self.weight_code}  # fmt: skip
        return {name: weights[name] * value for name, value in terms.items()}

    @staticmethod
    def generate(
        network: AnimatorNetwork, batch: dict[str, Any], noise: Tensor | float, relative: torch.Tensor
    ) -> tuple[Generated, Tensor]:
        """The generator's output for the true code, and the source's code as the encoder reads it [B, 20].

        Args:
            network: the animator.
            batch: of synthetic pairs.
            noise: added to the code.
            relative: bool [B, 1]; true: the code is the encoder's of the source plus the true difference, as in use.
        """
        import torch

        # Sources of one lot are one picture.
        _, which, counts = torch.unique_consecutive(batch["lot"], return_inverse=True, return_counts=True)
        first = counts.cumsum(0) - counts
        latent, own, features = network.enc(batch["source"][first])
        latent, own, features = latent[which], own[which].float() / MOTION_GAIN, [part[which] for part in features]
        absolute = batch["code"] + noise
        moved = own.detach() + (batch["code"] - batch["code_source"]) + noise
        motion = MOTION_GAIN * torch.where(relative, moved, absolute)
        return network.dec(latent.float() + network.dec.direction(motion), features), own

    def metrics(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Mean flow error of visible pixels and of visible eyes and mouth, in pixels, with that of no motion; PSNR."""
        import torch

        from vfa.training.stage_animator import psnr

        relative = torch.ones(len(batch["code"]), 1, dtype=torch.bool, device=batch["code"].device)
        generated, _ = self.generate(network, batch, 0.0, relative)
        figures = flow_figures(generated.flow_logits, batch)
        figures["psnr"] = psnr(generated.rgbd[:, :3].float(), batch["driving"][:, :3].float())
        figures["psnr_still"] = psnr(batch["source"][:, :3].float(), batch["driving"][:, :3].float())
        figures["depth_l1"] = (generated.rgbd[:, 3] - batch["driving"][:, 3]).float().abs().mean((1, 2))
        return figures

    def summary(self, figures: dict[str, Tensor]) -> dict[str, float]:
        """Means, and flow errors as shares of those of no motion."""
        means = super().summary(figures)
        means["flow_share"] = means["flow_error"] / max(means["flow_still"], 1e-9)
        return means

    def sheet(self, network: AnimatorNetwork, batch: dict[str, Any]) -> np.ndarray:
        """Source, truth and output with their depths and flows, and the mask."""
        import torch

        from vfa.models.layers import sampling_grid
        from vfa.training import sheets
        from vfa.training.truth_losses import centers

        rows = {name: value[: sheets.ROWS] for name, value in batch.items()}
        relative = torch.ones(len(rows["code"]), 1, dtype=torch.bool, device=rows["code"].device)
        generated, _ = self.generate(network, rows, 0.0, relative)
        logits = generated.flow_logits.float()
        middle = centers(logits.shape[-1], logits)
        return sheets.sheet(
            {
                "source": sheets.color_picture(rows["source"]),
                "driving (truth)": sheets.color_picture(rows["driving"]),
                "output": sheets.color_picture(generated.rgbd),
                "true depth": sheets.depth_picture(rows["driving"][:, 3:]),
                "depth": sheets.depth_picture(generated.rgbd[:, 3:]),
                "true flow": sheets.flow_picture(rows["flow"] - middle),
                "flow": sheets.flow_picture(sampling_grid(torch.tanh(logits[:, :2])) - middle),
                "visible": sheets.mask_picture(rows["visible"]),
                "mask": sheets.mask_picture(torch.sigmoid(logits[:, 2:])),
            }
        )


def flow_figures(logits: Tensor, batch: dict[str, Any]) -> dict[str, Tensor]:
    """End-point errors of each sample in pixels, [B], over pixels the source shows.

    Args:
        logits: [B, 3, S, S], raw.
        batch: with `flow`, `visible` and `detail`.
    """
    import torch

    from vfa.models.layers import sampling_grid
    from vfa.training.truth_losses import centers

    truth, visible, pixels = batch["flow"].float(), batch["visible"].float(), logits.shape[-1] / 2
    found = sampling_grid(torch.tanh(logits[:, :2].float()))
    detail = visible * (batch["detail"] > 1)
    figures = {}
    for name, flow in (("error", found), ("still", centers(logits.shape[-1], truth))):
        distance = (flow - truth).norm(dim=1, keepdim=True) * pixels
        for part, where in (("flow", visible), ("detail", detail)):
            figures[f"{part}_{name}"] = (distance * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp(min=1)
    return figures
