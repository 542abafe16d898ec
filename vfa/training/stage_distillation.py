"""The original's second stage: the flow generator learns from the finished encoder and RGBD generator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vfa.training.stages import Stage

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from vfa.models.flow import FlowField
    from vfa.models.network import AnimatorNetwork
    from vfa.training.perceptual import Perceptual


@dataclass(frozen=True)
class DistillationStage(Stage):
    """The flow generator's picture should be the teacher's, and so should what it takes from the source alone.

    Attributes:
        perceptual: "auto", "vgg19" or "gradients_lite", see `vfa.training.perceptual`.
        weight_perceptual: of both perceptual losses.
        weight_l1: of both absolute differences (`--lambda_loss_l1`).
        weight_flow, weight_mask: of the errors of flow (per pixel) and mask where the data holds their truth.
    """

    perceptual: str = "auto"
    weight_perceptual: float = 1.0
    weight_l1: float = 200.0
    weight_flow: float = 20.0
    weight_mask: float = 20.0

    name: ClassVar[str] = "distilling"
    best: ClassVar[str] = "psnr_to_teacher"
    better = "high"

    @cached_property
    def _perceptual(self) -> Perceptual:
        from vfa.training.perceptual import build_perceptual

        return build_perceptual(self.perceptual)

    def learning(self, network: AnimatorNetwork) -> Iterable[nn.Module]:
        """The flow generator."""
        return (network.student_dec,)

    def losses(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Perceptual and absolute difference of the inpainted picture, and of the masked sample of the source."""
        from vfa.training import losses

        teacher, _, student = self._both(network, batch)
        masked, wanted = student.warped * student.mask, teacher * student.mask
        terms = {
            "perceptual": self.weight_perceptual * self._perceptual(student.inpainted, teacher),
            "l1": self.weight_l1 * losses.l1(student.inpainted, teacher),
            "perceptual_masked": self.weight_perceptual * self._perceptual(masked, wanted),
            "l1_masked": self.weight_l1 * losses.l1(masked, wanted),
        }
        if "flow_weight" in batch:
            weight = batch["flow_weight"]
            pixels = (student.flow.float() - batch["flow"]).abs().sum(1, keepdim=True) * (student.flow.shape[-1] / 2)
            terms["flow"] = self.weight_flow * (pixels * weight).sum() / weight.sum()
            shown = student.mask.float().clamp(1e-5, 1 - 1e-5)
            cross = batch["visible"] * shown.log() + (1 - batch["visible"]) * (1 - shown).log()
            terms["mask"] = -self.weight_mask * cross.mean()
        return terms

    def metrics(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """PSNR in dB against the teacher and the truth; how far its flow is from the teacher's raw one, in pixels."""
        from vfa.models.layers import sampling_grid
        from vfa.training.stage_animator import psnr

        teacher, logits, student = self._both(network, batch)
        truth = batch["driving"][:, :3].float()
        raw = sampling_grid(logits[:, :2].tanh())
        pixels = student.flow.shape[-1] / 2
        figures = {
            "psnr_to_teacher": psnr(student.inpainted.float(), teacher.float().clamp(-1, 1)),
            "psnr": psnr(student.inpainted.float(), truth),
            "psnr_of_teacher": psnr(teacher.float(), truth),
            "flow_change": (student.flow - raw).float().norm(dim=1).mean((1, 2)) * pixels,
            "mask": student.mask.float().mean((1, 2, 3)),
        }
        if "flow_weight" in batch:
            visible = batch["visible"].float()
            for name, flow in (("flow_error", student.flow), ("flow_error_of_teacher", raw)):
                distance = (flow.float() - batch["flow"]).norm(dim=1, keepdim=True) * pixels
                figures[name] = (distance * visible).sum((1, 2, 3)) / visible.sum((1, 2, 3)).clamp(min=1)
        return figures

    def sheet(self, network: AnimatorNetwork, batch: dict[str, Any]) -> np.ndarray:
        """Source, driving, the teacher's picture, the student's, its sample of the source, its flow and mask."""
        from vfa.models.layers import sampling_grid
        from vfa.training import sheets

        rows = {name: batch[name][: sheets.ROWS] for name in ("source", "driving")}
        teacher, _, student = self._both(network, rows)
        still = sampling_grid(student.flow.new_zeros(student.flow.shape))
        columns = {
            "source": sheets.color_picture(rows["source"]),
            "driving": sheets.color_picture(rows["driving"]),
            "teacher": sheets.color_picture(teacher),
            "output": sheets.color_picture(student.inpainted),
            "warped": sheets.color_picture(student.warped),
            "flow": sheets.flow_picture(student.flow - still),
            "mask": sheets.mask_picture(student.mask),
        }
        return sheets.sheet(columns)

    def notes(self) -> dict[str, str]:
        """Which perceptual loss is used."""
        return {"perceptual": self._perceptual.name}

    @staticmethod
    def _both(network: AnimatorNetwork, batch: dict[str, Any]) -> tuple[Tensor, Tensor, FlowField]:
        """The teacher's picture and raw flow (no gradients), and what the student makes of them."""
        import torch

        with torch.no_grad():
            latent, features = network.latent(batch["source"], batch["driving"])
            generated = network.dec(latent, features)
        student = network.student_dec(generated.flow_logits, latent, batch["source"])
        return generated.rgbd[:, :3], generated.flow_logits, student
