"""The sizes that define an animator; a small model is the same code with smaller numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from vfa.errors import InputError

SMALLEST_LOOK, POSE_MOTION = 64, 6
"""What a motion encoder of its own needs: pixels, and motion weights that are the head's pose."""


@dataclass(frozen=True)
class AnimatorConfig:
    """Architecture of the animator; the defaults are those of the published weights.

    Attributes:
        size: height and width of a frame in pixels, a power of two of at least 16.
        input_channels: 4 for RGBD frames, 3 for colour alone.
        channel_multiplier: scales the width of every level (1: 64 channels at 256 px, doubling per halving).
        max_channels: upper bound of the width.
        latent_dim_style: length of the latent ``w`` and ``z``.
        latent_dim_motion: number of motion directions, the length of ``a``.
        latent_dim_depth_motion: number of depth-motion directions per level.
        flow_channels: width of the flow generator's first level; doubles twice.
        flow_blocks: residual blocks of the flow generator.
        motion_channels: width of the motion encoder of its own (see `vfa.models.motion_encoder`) that reads the
            driver's motion; 0 reads it off the appearance encoder's latent, as the published weights do.
        basis_channels: width of the motion basis (see `vfa.models.motion_basis`) that tells from the source where each
            of its pixels moves. The head's pose, the last motion weights, then never reaches the generator, which
            animates the face of a head that keeps still. 0: dense motion is the flow generator's, pose included.
    """

    size: int = 256
    input_channels: int = 4
    channel_multiplier: float = 1.0
    max_channels: int = 512
    latent_dim_style: int = 512
    latent_dim_motion: int = 20
    latent_dim_depth_motion: int = 5
    flow_channels: int = 32
    flow_blocks: int = 5
    motion_channels: int = 0
    basis_channels: int = 0

    def __post_init__(self) -> None:
        if self.size < 16 or self.size & (self.size - 1):
            raise InputError(
                "the frame size does not fit the networks", expected="a power of two >= 16", found=f"{self.size}"
            )
        if self.input_channels not in (3, 4):
            raise InputError(
                "unknown number of input channels", expected="3 (RGB) or 4 (RGBD)", found=f"{self.input_channels}"
            )
        optional = ("flow_blocks", "motion_channels", "basis_channels")
        positive = {name: value for name, value in asdict(self).items() if name not in optional}
        for name, value in positive.items():
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be positive", found=f"{value}")
        if self.latent_dim_motion > self.latent_dim_style:
            raise InputError(
                "there are more motion directions than latent dimensions",
                expected=f"at most {self.latent_dim_style}",
                found=f"{self.latent_dim_motion}",
            )
        if self.motion_channels and (self.size < SMALLEST_LOOK or self.latent_dim_motion <= POSE_MOTION):
            raise InputError(
                "a motion encoder of its own does not fit",
                expected=f"frames of at least {SMALLEST_LOOK} px, more than {POSE_MOTION} motion directions",
                found=f"{self.size} px, {self.latent_dim_motion} directions",
            )
        if self.basis_channels and not self.motion_channels:
            raise InputError(
                "a motion basis needs motion weights of a known meaning",
                expected="motion_channels > 0, a motion encoder of its own",
                found=f"basis_channels {self.basis_channels}, motion_channels 0",
            )
        narrowest = min(self.channels(resolution) for resolution in self.resolutions)
        if self.latent_dim_depth_motion > narrowest:
            raise InputError(
                "there are more depth-motion directions than channels at the finest level",
                expected=f"at most {narrowest}",
                found=f"{self.latent_dim_depth_motion}",
            )

    @property
    def held_motion(self) -> int:
        """How many motion weights, the last, do not reach the generator: the head's pose, or none."""
        return POSE_MOTION if self.basis_channels else 0

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The generator's levels in pixels, coarse to fine: 8, 16, ..., ``size``."""
        return tuple(2**k for k in range(3, self.size.bit_length()))

    def channels(self, resolution: int) -> int:
        """Width of the feature maps at a resolution in pixels.

        >>> [AnimatorConfig().channels(r) for r in (4, 32, 64, 128, 256)]
        [512, 512, 256, 128, 64]
        """
        return min(self.max_channels, round(16384 * self.channel_multiplier / resolution))

    def to_dict(self) -> dict[str, int | float]:
        """The configuration as plain values, for a file header."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AnimatorConfig:
        """The inverse of `to_dict`.

        Raises:
            InputError: a name is unknown or a value is not a number.
        """
        known = {name: type(value) for name, value in asdict(cls()).items()}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"unknown configuration entries {unknown}", expected=", ".join(known))
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"the configuration entry {name} is not a number", found=repr(value)[:80])
        return cls(**{name: known[name](value) for name, value in values.items()})
