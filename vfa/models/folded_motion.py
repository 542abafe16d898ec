"""Motion encoder and motion basis ready for inference: BatchNorm folded into the convolutions."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vfa.models.folding import Target
from vfa.models.motion_basis import MotionBasis
from vfa.models.motion_encoder import MotionEncoder


class FoldedConvolutions:
    """`MotionEncoder` or `MotionBasis` with constants folded; to be rebuilt when the weights change."""

    def __init__(self, target: Target, network: MotionEncoder | MotionBasis) -> None:
        self.target = target
        folded = copy.deepcopy(network).float().eval().requires_grad_(False)
        for module in list(folded.modules()):
            if isinstance(module, nn.Sequential):
                _fold(module)
        # Where the patches are is worked out in float32 whatever the precision of the convolutions.
        self.network = folded.to(target.device, target.dtype).to(memory_format=torch.channels_last)
        if isinstance(self.network, MotionEncoder):
            self.network.gain = self.network.gain.float()

    def __call__(self, frames: Tensor) -> Tensor:
        """Frames [B, C, size, size] to motion weights [B, motion], or to the basis, in float32."""
        return self.network(self.target.place(frames)).float()


def _fold(layers: nn.Sequential) -> None:
    """Merge each BatchNorm of a sequence with the convolution before it."""
    for index in range(len(layers) - 1):
        conv, norm = layers[index], layers[index + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            layers[index], layers[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
