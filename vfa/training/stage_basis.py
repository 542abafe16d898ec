"""The motion basis learns from exact truth: the motion of every pixel's point for every component at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vfa.errors import InputError
from vfa.training.stage_motion import MOTION_GAIN
from vfa.training.stages import Stage

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from vfa.models.network import AnimatorNetwork

WIDTHS_PER_UNIT, TYPICAL = 0.55, 0.35
"""Picture widths of half a head's height in a portrait; and typical motion over the largest."""


@dataclass(frozen=True)
class BasisStage(Stage):
    """Smooth absolute error, as a share of that of no motion, for each component by itself.

    Attributes:
        moving: weight that a pixel gains by moving, at the place that moves most about three times this.
        beta: where the error turns from squared to absolute.
        balance: components count by this power of how far they move; 0: all alike, 1: as their pixels do.
    """

    moving: float = 2.0
    beta: float = 0.3
    balance: float = 0.5

    name: ClassVar[str] = "basis"
    best: ClassVar[str] = "detail_error"
    betas: ClassVar[tuple[float, float]] = (0.9, 0.99)
    weight_decay: ClassVar[float] = 1e-4
    needs_truth: ClassVar[bool] = True

    def learning(self, network: AnimatorNetwork) -> Iterable[nn.Module]:
        """The motion basis."""
        if not network.config.basis_channels:
            raise InputError("this network has no motion basis", hint="--model_option basis_channels=16")
        return (network.motion_basis,)

    def losses(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """One term."""
        import torch
        from torch.nn import functional as F

        basis, source = network.motion_basis, batch["source"]
        basis.scale.copy_(unit_scale() / MOTION_GAIN)
        scale = MOTION_GAIN * basis.scale[:, None, None, None]
        true = self.truth(batch) / scale
        found = MOTION_GAIN * basis(source).float() / scale
        length = true.square().sum(2, keepdim=True).sqrt()
        weight = batch["weight"][:, None] * (1 + self.moving * length)

        def total(error: Tensor) -> Tensor:
            return (error * weight).sum((0, 2, 3, 4))

        # Each component against no motion: a blink moves a line of pixels and would be forgotten beside a jaw.
        missed = total(F.smooth_l1_loss(found, true, reduction="none", beta=self.beta))
        still = total(F.smooth_l1_loss(torch.zeros_like(true), true, reduction="none", beta=self.beta))
        share = scale.flatten() ** self.balance
        return {"basis": (share / share.sum() * missed / still.clamp(min=1e-6)).sum()}

    @staticmethod
    def truth(batch: dict[str, Any]) -> Tensor:
        """The true basis for a unit of each component, [B, 14, 3, S, S] in picture widths."""
        if "basis" not in batch:
            raise InputError("stage basis learns from portraits", hint="--data_option basis=true")
        return batch["basis"].float()

    def metrics(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Squared errors and squared true motion of each component, [B, 14], over the head and over lips and lids."""
        true = self.truth(batch)
        error = MOTION_GAIN * network.motion_basis(batch["source"]).float() - true
        figures = {}
        for name, least in (("", 0.5), ("detail_", 1.5)):
            where = (batch["weight"] > least)[:, None]
            for key, values in (("missed", error), ("moved", true)):
                figures[name + key] = (values.square() * where).sum((2, 3, 4))
        return figures

    def summary(self, figures: dict[str, Tensor]) -> dict[str, float]:
        """Shares of the squared motion that are missed: means over components, and of the first four alone."""
        out = {}
        for name in ("", "detail_"):
            shares = figures[f"{name}missed"].double().sum(0) / figures[f"{name}moved"].double().sum(0)
            out[f"{name}error"] = float(shares.mean())
            if name:
                out |= {f"detail_{part}": float(share) for part, share in enumerate(shares[:4])}
        return out

    def sheet(self, network: AnimatorNetwork, batch: dict[str, Any]) -> np.ndarray:
        """The portrait and the true and found motion of the first four components."""
        from vfa.training import sheets

        rows = {name: value[: sheets.ROWS] for name, value in batch.items()}
        found = MOTION_GAIN * network.motion_basis(rows["source"]).float()
        columns = {"source": sheets.color_picture(rows["source"]), "depth": sheets.depth_picture(rows["source"][:, 3:])}
        for part in range(4):
            for title, basis in (("true", rows["basis"].float()), ("found", found)):
                motion = basis[:, part, :2] * basis.new_tensor([2.0, -2.0])[None, :, None, None]
                columns[f"{title} {part}"] = sheets.flow_picture(motion, reach=0.08)
        return sheets.sheet(columns)


def unit_scale() -> Tensor:
    """What a unit of each component of the code typically moves, [14], picture widths."""
    import numpy as np
    import torch

    from dataset.portraits import unit_displacements

    largest = np.linalg.norm(unit_displacements(), axis=2).max(axis=0)
    return torch.from_numpy(TYPICAL * WIDTHS_PER_UNIT * largest)
