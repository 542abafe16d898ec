"""Networks published as TorchScript archives: I3D of FVD, and NVIDIA's Inception of FID.

Such a file carries its own code, so it is used as it is; its sha256 is stored with every score.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bench.networks.checkpoint import load_torchscript
from vfa.errors import CheckpointError


class I3DScript(nn.Module):
    """I3D trained on Kinetics-400: the features of FVD (`i3d_torchscript.pt`).

    Input of `forward`: `clip` [N,3,T,H,W], RGB in 0..255, at least 10 frames. The archive maps 0..255 to -1..1 and
    resizes to 224x224 itself.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self.script = load_torchscript(path)

    @torch.no_grad()
    def forward(self, clip: Tensor, *, rescale: bool = True, resize: bool = True) -> dict[str, Tensor]:
        """`logits` [N,400], before the softmax.

        Args:
            clip: see above; with `rescale` off it must already lie in -1..1, with `resize` off be 224x224.
            rescale: map 0..255 to -1..1.
            resize: bilinear to 224x224.
        """
        # Without this the interpreter rewrites the graph after some calls, and numbers would depend on their count.
        with torch.jit.optimized_execution(False):
            logits = self.script(clip.float(), rescale=rescale, resize=resize, return_features=True)
        if logits.ndim != 2 or logits.shape[1] != 400:
            raise CheckpointError(
                "not the I3D archive of FVD", path=self.path, expected="[N,400]", found=str(list(logits.shape))
            )
        return {"logits": logits}


class FIDInceptionScript(nn.Module):
    """Inception of FID in NVIDIA's archive (`inception-2015-12-05.pt`), which clean-fid uses.

    Input of `forward`: `image` float32 [N,3,H,W], RGB in 0..1; the archive resizes to 299x299 the TensorFlow way.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self.script = load_torchscript(path)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`features` [N,2048]."""
        with torch.jit.optimized_execution(False):
            return self._checked(self.script(image * 255.0, return_features=True))

    @torch.no_grad()
    def forward_normalized(self, image: Tensor) -> dict[str, Tensor]:
        """`features` of images [N,3,299,299] already in the network's range, (x - 128) / 128."""
        with torch.jit.optimized_execution(False):
            return self._checked(self.script.layers(image))

    def _checked(self, features: Tensor) -> dict[str, Tensor]:
        features = features.flatten(1)
        if features.shape[1] != 2048:
            raise CheckpointError(
                "not the Inception archive of FID", path=self.path, expected="[N,2048]", found=str(list(features.shape))
            )
        return {"features": features}
