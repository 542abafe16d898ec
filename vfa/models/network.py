"""The whole network as one trainable module, with the state dict of the published checkpoint."""

from __future__ import annotations

from torch import Tensor, nn

from vfa.models.config import AnimatorConfig
from vfa.models.encoder import Encoder
from vfa.models.flow import FlowField, FlowGenerator
from vfa.models.generator import Generated, RGBDGenerator
from vfa.models.motion_basis import MotionBasis
from vfa.models.motion_encoder import MotionEncoder


class AnimatorNetwork(nn.Module):
    """Encoder ``enc``, RGBD generator ``dec``, flow generator ``student_dec``; by configuration also ``motion_enc`` and
    ``motion_basis``.

    `VersatileFaceAnimator` wraps it for use; training calls it directly.
    """

    def __init__(self, config: AnimatorConfig) -> None:
        super().__init__()
        self.config = config
        self.enc = Encoder(config)
        self.dec = RGBDGenerator(config)
        self.student_dec = FlowGenerator(config)
        if config.motion_channels:
            self.motion_enc = MotionEncoder(
                config.input_channels, config.size, config.motion_channels, config.latent_dim_motion
            )

        if config.basis_channels:
            moving = config.latent_dim_motion - config.held_motion
            self.motion_basis = MotionBasis(config.input_channels, config.basis_channels, moving)

    def motion(self, frames: Tensor) -> Tensor:
        """The motion weights ``a`` [B, motion] of a driver's frames [B, C, H, W]."""
        return self.motion_enc(frames) if self.config.motion_channels else self.enc(frames)[1]

    def latent(self, source: Tensor, driving: Tensor, start: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """The latent ``z`` [B, latent] of an animation and the source's features.

        Args:
            source: [B, C, H, W] the face to animate.
            driving: [B, C, H, W] the face whose motion is taken.
            start: [B, C, H, W] the driver's frame that corresponds to the source's pose; None takes the driver's motion
                as it is, ``z = w + Q a_driving``, instead of ``w + Q (a_driving - a_start + a_source)``.
        """
        w, a_source, features = self.enc(source)
        motion = self.motion(driving)
        if start is not None:
            motion = motion - self.motion(start) + a_source
        return w + self.dec.direction(motion), features

    def forward(self, source: Tensor, driving: Tensor, start: Tensor | None = None) -> tuple[Generated, FlowField]:
        """Animate ``source`` [B, C, H, W] frame by frame; see `latent` for the arguments."""
        z, features = self.latent(source, driving, start)
        generated = self.dec(z, features)
        return generated, self.student_dec(generated.flow_logits, z, source)
