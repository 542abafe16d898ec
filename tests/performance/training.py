"""Training samples a second, and the share of time without data, against a plain loop of the original's form.

    python -m tests.performance training

Both train the same small network with the same losses, batch and loading processes on the same clips; the reference
decodes a whole clip for each pair, as the original does, and keeps no average, no log and no checkpoint. One run, the
first steps left out of both.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from tests.performance.data import write_clip
from vfa.media import open_clip
from vfa.media.normalize import Normalization
from vfa.models.config import AnimatorConfig
from vfa.models.network import AnimatorNetwork
from vfa.training.data_layouts import find_clips
from vfa.training.data_pairs import fit_square
from vfa.training.options import RunOptions
from vfa.training.run import train
from vfa.training.stage_animator import AnimatorStage
from vfa.training.tracing import LOSSES, SPEED, read_table

CONFIG = AnimatorConfig(size=64, max_channels=64, latent_dim_style=64, flow_channels=8, flow_blocks=1)
BATCH, WORKERS, WARM = 8, 1, 2


@dataclass(frozen=True)
class DecodedPairs(Dataset[dict[str, Any]]):
    """Pairs as the original loads them: the whole clip for each."""

    path: Path
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, Any]:
        with open_clip(self.path) as clip:
            frames = list(clip)
        driving = frames[int(np.random.default_rng(number).integers(1, len(frames)))]
        normalization = Normalization.fit([frames[0], driving])
        item = {}
        for role, frame in (("source", frames[0]), ("driving", driving)):
            assert frame.depth is not None
            item[role] = torch.from_numpy(normalization.apply(*fit_square(frame.color, frame.depth, CONFIG.size)))
        return item


def reference(path: Path, steps: int) -> tuple[float, float]:
    """Samples a second and share of time without data of the plain loop."""
    torch.manual_seed(0)
    network, stage = AnimatorNetwork(CONFIG), AnimatorStage("gradients_lite")
    optimizer = torch.optim.Adam(stage.trainable(network), 2e-4, betas=(0.0, 0.99))
    loader = DataLoader(DecodedPairs(path, BATCH * steps), BATCH, num_workers=WORKERS)
    waiting = working = 0.0
    free = time.perf_counter()
    for step, batch in enumerate(loader):
        began = time.perf_counter()
        optimizer.zero_grad()
        torch.stack(list(stage.losses(network, batch).values())).sum().backward()
        optimizer.step()
        ended = time.perf_counter()
        if step >= WARM:
            waiting, working = waiting + began - free, working + ended - began
        free = ended
    return BATCH * (steps - WARM) / (waiting + working), waiting / (waiting + working)


def ours(root: Path, steps: int) -> tuple[float, float]:
    """The same of `vfa.training.run.train`, its log, average and checkpoints included."""
    options = RunOptions(
        exp_path=root / "exps",
        dataset=(f"MMFace4D={root / 'data'}",),
        iterations=steps,
        batch_size=BATCH,
        warmup=0,
        save_freq=10 * steps,
        display_freq=10 * steps,
        log_freq=1,
        validation_samples=1,
        workers=WORKERS,
        accelerator="cpu",
        model={name: v for name, v in CONFIG.to_dict().items() if AnimatorConfig().to_dict()[name] != v},
        stage_options={"perceptual": "gradients_lite"},
    )
    train(options)
    rows = read_table(options.folder / LOSSES)[WARM:]
    seconds = [BATCH / row[SPEED[0]] for row in rows]
    waiting = sum(row[SPEED[1]] * spent for row, spent in zip(rows, seconds, strict=True))
    return BATCH * len(rows) / sum(seconds), waiting / sum(seconds)


def measure(steps: int = 12, seconds: int = 4) -> dict[str, float]:
    """All figures, in one process with two threads beside the loading process."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for split in ("train", "test"):
            write_clip(root / "data" / split, seconds)
            (root / "data" / split / "p").rename(root / "data" / split / f"person_of_{split}")
        clip = next(clip for clip in find_clips(root / "data", "MMFace4D") if clip.split == "train")
        fast, wait = ours(root, steps)
        slow, wait_reference = reference(clip.path, steps)
    return {"ours": fast, "waiting": wait, "reference": slow, "waiting_reference": wait_reference}


def rows() -> list[tuple[str, float, float | None, str]]:
    """What is measured, our value, the reference's, the unit."""
    figures = measure()
    return [
        ("training, 64 px, small network", figures["ours"], figures["reference"], "samples/s"),
        ("time without data", 100 * figures["waiting"], 100 * figures["waiting_reference"], "%"),
    ]


if __name__ == "__main__":
    for name, value, beside, unit in rows():
        print(f"{name:32} {value:10.1f} {beside:10.1f} {unit}")
