"""Weight files under their published names, filled from a seed: metrics of networks run without the real ones.

    python tests/bench/networks/seeded_files.py FOLDER [KEY ...]

writes them (all, or those of some keys of the manifest) for `BENCH_WEIGHTS=FOLDER BENCH_ANY_HASH=1 bench evaluate`.
Their scores mean nothing, but they are as repeatable, and (I3D apart, which is a toy here) cost as much, as those of
the published files.
"""

from __future__ import annotations

import sys
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
    "emonet_5": "emonet_5",
    "emonet_8": "emonet_8",
    "deep3d": "facerecon_resnet50",
    "hopenet": "hopenet",
}
LAYOUTS = {
    "alexnet": lambda: _trunk("alex"),
    "vgg16": lambda: _trunk("vgg"),
    "fan": layouts.fan_68,
    "s3fd_fan": layouts.s3fd_fan,
    "dino": layouts.dino_vitb16,
    "clip_b32": lambda: layouts.clip(32, 768, 12, 512),
    "clip_l14": lambda: layouts.clip(14, 1024, 24, 768),
    "laion": layouts.laion_aesthetic,
    "amt_s": layouts.amt_s,
    "raft": layouts.raft,
    "musiq_spaq": layouts.musiq,
    "musiq_koniq": layouts.musiq,
}
OWN = ("s3fd", "i3d", "deep3d_landmarks", "niqe")
SEEDED = tuple(sorted((*LISTED, *LAYOUTS, *OWN)))
"""Keys of which a file can be made."""


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


def red_detector() -> dict[str, np.ndarray]:
    """S3FD's layout with values under which it finds what is redder than blue, as skin is, and nothing else.

    Random values would see faces in every corner. Here one channel carries red minus blue through the trunk, each stage
    blurring it; the level of 32 pixels fires where its mean over nine cells is high, with boxes of 102 pixels (410 in
    the frame); all other levels are certain of background.
    """
    state = {name: np.zeros(shape, np.float32) for name, shape in layouts.s3fd().items()}
    first = state["vgg.0.weight"]
    first[0, 0, 1, 1], first[0, 2, 1, 1] = 1.0, -1.0
    state["vgg.0.bias"][0] = 19.0  # the difference of the two means that are removed before
    for index in (2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28):
        state[f"vgg.{index}.weight"][0, 0] = 1 / 9
    for name in ("vgg.31", "vgg.33"):
        middle = state[f"{name}.weight"].shape[-1] // 2
        state[f"{name}.weight"][0, 0, middle, middle] = 1.0
    for name in ("3_3", "4_3", "5_3"):
        state[f"L2Norm{name}.weight"][:] = 1.0
    for level in range(6):
        state[f"conf.{level}.bias"][0] = 20.0
    state["conf.3.weight"][1, 0] = 0.5 / 9
    state["conf.3.bias"][:] = (10.0, 0.0)
    state["loc.3.bias"][2:] = np.log(0.8) / 0.2
    return state


def write_weights(folder: Path, *keys: str) -> None:
    """Writes the files of some keys of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        path = folder / entry(key).file
        if key == "i3d":
            torch.jit.script(ToyI3D().eval()).save(str(path))
        elif key == "deep3d_landmarks":
            _write_standard_face(path)
        elif key == "niqe":
            _write_pristine(path)
        else:
            torch.save({name: torch.from_numpy(np.asarray(value)) for name, value in _state(key).items()}, path)


def _state(key: str) -> dict[str, np.ndarray]:
    if key == "s3fd":
        return red_detector()
    return seeded_state(state_list(LISTED[key])) if key in LISTED else fill_like(LAYOUTS[key]())


def _write_pristine(path: Path) -> None:
    """A pristine model of NIQE: any mean, a covariance that is one."""
    mix = np.random.default_rng(9).standard_normal((36, 72)) / 12
    np.savez(path, mu_pris_param=np.linspace(0.2, 2.0, 36)[None], cov_pris_param=mix @ mix.T)


def _write_standard_face(path: Path) -> None:
    """68 points of a face in depth, enough to fit five points to."""
    from scipy.io import savemat

    points = np.zeros((68, 3))
    points[36:42], points[42:48] = (-0.3, 0.3, 0.1), (0.3, 0.3, 0.1)
    points[30], points[48], points[54] = (0.0, 0.0, 0.4), (-0.25, -0.35, 0.15), (0.25, -0.35, 0.15)
    savemat(path, {"lm": points})


if __name__ == "__main__":
    write_weights(Path(sys.argv[1]), *(sys.argv[2:] or SEEDED))
