"""Pre-training with truth: the motion encoder learns the motion code of rendered faces that look like recordings.

Trained end to end through pictures the motion weights learn the head's pose and little else; lips and lids need to be
told. The code is the data's (`dataset.codes`): what the face does first, then the pose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vfa.errors import InputError
from vfa.training.stages import Stage

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from vfa.models.network import AnimatorNetwork

MOTION_GAIN = 3.0
"""Motion weights per unit of code: how strongly the motion speaks in the generator's styles."""
POSE_NOISE = 0.15
"""Of the place where eyes and mouth are looked for, so that an error of the pose does not blind the rest."""


@dataclass(frozen=True)
class MotionStage(Stage):
    """Smooth absolute error of the code; components that move the face more weigh more.

    Attributes:
        pose_weight: of the pose's six numbers, relative to one of the expression's.
        beta: where the error turns from squared to absolute, in spreads.
    """

    pose_weight: float = 1.5
    beta: float = 0.5

    name: ClassVar[str] = "motion"
    best: ClassVar[str] = "error"
    betas: ClassVar[tuple[float, float]] = (0.9, 0.99)
    weight_decay: ClassVar[float] = 1e-4
    needs_truth: ClassVar[bool] = True

    def learning(self, network: AnimatorNetwork) -> Iterable[nn.Module]:
        """The motion encoder."""
        if not network.config.motion_channels:
            raise InputError("this network has no motion encoder of its own", hint="--model motion_channels=16")
        return (network.motion_enc,)

    def losses(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """In every second step, by chance, eyes and mouth are looked for where they are instead of where found."""
        import torch
        from torch.nn import functional as F

        code = batch["code"].float()
        gain = network.motion_enc.gain
        gain.copy_(self.gain(network))
        pose = None
        if torch.rand(()) < 0.5:
            pose = code[:, -6:] + POSE_NOISE * torch.randn(len(code), 6, device=code.device)
        found = network.motion_enc(batch["recording"], pose).float() / gain
        error = F.smooth_l1_loss(found, code, reduction="none", beta=self.beta)
        return {"code": (self.weights(code) * error).mean()}

    @staticmethod
    def gain(network: AnimatorNetwork) -> Tensor:
        """Motion weights per unit of code, [motion]; a held pose drives no style and keeps its units."""
        import torch

        gain = torch.full((network.config.latent_dim_motion,), MOTION_GAIN)
        gain[len(gain) - network.config.held_motion :] = 1.0
        return gain

    def weights(self, like: Tensor) -> Tensor:
        """Of the 20 numbers, with a mean of one."""
        import torch

        from dataset.stream import motion_code

        spread = torch.as_tensor(motion_code().spread, dtype=torch.float32, device=like.device)
        weights = torch.cat((0.4 + 2 * (spread / spread.max()).sqrt(), spread.new_full((6,), self.pose_weight)))
        return weights / weights.mean()

    def found(self, network: AnimatorNetwork, frames: Tensor) -> Tensor:
        """The code [B, motion] that the encoder finds in frames."""
        return network.motion_enc(frames).float() / self.gain(network).to(frames.device)

    def metrics(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        """The code found and true, from which `summary` makes its figures."""
        return {"found": self.found(network, batch["recording"]), "true": batch["code"].float()}

    def summary(self, figures: dict[str, Tensor]) -> dict[str, float]:
        """`error`, weighted mean absolute; `displacement` and `pose`: explained shares of their variances."""
        import torch

        from dataset.stream import motion_code

        found, true = figures["found"].double(), figures["true"].double()
        spread = torch.as_tensor(motion_code().spread)
        missed = (found - true).square().mean(0)
        varied = (true - true.mean(0)).square().mean(0)
        moved = spread.square()
        return {
            "error": float(((found - true).abs().mean(0) * self.weights(true)).mean()),
            "displacement": 1 - float((missed[:-6] * moved).sum() / (varied[:-6] * moved).sum()),
            "pose": 1 - float((missed[-6:] / varied[-6:]).mean()),
        }

    def sheet(self, network: AnimatorNetwork, batch: dict[str, Any]) -> np.ndarray:
        """The recording, its depth, and what is looked at twice."""
        from torch.nn import functional as F

        from vfa.models.motion_encoder import EYES, LOWER_FACE, cut
        from vfa.training import sheets

        frames = batch["recording"][: sheets.ROWS]
        pose = self.found(network, frames)[:, -6:]
        side = frames.shape[-1]
        eyes, mouth = (cut(frames, pose, patch) for patch in (EYES, LOWER_FACE))
        eyes = F.pad(eyes, (0, 0, eyes.shape[2] // 2, eyes.shape[2] // 2), value=1.0)
        return sheets.sheet(
            {
                "driving": sheets.color_picture(frames),
                "depth": sheets.depth_picture(frames[:, 3:]),
                "eyes": F.interpolate(sheets.color_picture(eyes), size=(side, side)),
                "mouth": F.interpolate(sheets.color_picture(mouth), size=(side, side)),
            }
        )
