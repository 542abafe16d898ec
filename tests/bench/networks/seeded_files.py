"""Weight files under their published names, filled from a seed: metrics of networks run without the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import published_layouts as layouts
import torch
from seeded_weights import fill_like, seeded_state, state_list

from bench.weights import entry

LISTED = {
    "fid_inception": "fid_inception",
    "arcface": "arcface_iresnet100",
    "syncnet": "syncnet",
    "emonet_8": "emonet_8",
    "deep3d": "facerecon_resnet50",
    "hopenet": "hopenet",
}
LAYOUTS = {
    "alexnet": lambda: _trunk("alex"),
    "vgg16": lambda: _trunk("vgg"),
    "s3fd": layouts.s3fd,
    "dino": layouts.dino_vitb16,
    "clip_b32": lambda: layouts.clip(32, 768, 12, 512),
    "clip_l14": lambda: layouts.clip(14, 1024, 24, 768),
    "laion": layouts.laion_aesthetic,
    "amt_s": layouts.amt_s,
    "raft": layouts.raft,
    "musiq_spaq": layouts.musiq,
}


def _trunk(name: str) -> layouts.Layout:
    """A trunk alone: the heads come with torchmetrics."""
    return {key: shape for key, shape in layouts.lpips(name).items() if not key.startswith("lin")}


class ToyI3D(torch.nn.Module):
    """Signature of the published archive; 400 fixed mixtures of the mean colours of four quarters of the time."""

    def __init__(self) -> None:
        super().__init__()
        mix = np.random.default_rng(7).standard_normal((12, 400))
        self.mix = torch.nn.Parameter(torch.from_numpy(mix.astype(np.float32)), requires_grad=False)

    def forward(
        self, x: torch.Tensor, rescale: bool = True, resize: bool = True, return_features: bool = True
    ) -> torch.Tensor:
        if rescale:
            x = x / 255 * 2 - 1
        quarters = torch.nn.functional.adaptive_avg_pool3d(x, [4, 1, 1]).flatten(1)
        return quarters @ self.mix


def write_weights(folder: Path, *keys: str) -> None:
    """Writes the files of some keys of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        path = folder / entry(key).file
        if key == "i3d":
            torch.jit.script(ToyI3D().eval()).save(str(path))
            continue
        if key == "deep3d_landmarks":
            _write_standard_face(path)
            continue
        state = seeded_state(state_list(LISTED[key])) if key in LISTED else fill_like(LAYOUTS[key]())
        torch.save({name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}, path)


def _write_standard_face(path: Path) -> None:
    """68 points of a face in depth, enough to fit five points to."""
    from scipy.io import savemat

    points = np.zeros((68, 3))
    points[36:42], points[42:48] = (-0.3, 0.3, 0.1), (0.3, 0.3, 0.1)
    points[30], points[48], points[54] = (0.0, 0.0, 0.4), (-0.25, -0.35, 0.15), (0.25, -0.35, 0.15)
    savemat(path, {"lm": points})
