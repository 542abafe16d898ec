"""Speed of the networks beside a straightforward implementation, and of the flow inversion beside a plain loop.

The reference recomputes everything for each frame, as the original does. Both run in turns in one process on the same
threads, and the shortest time of each counts; before that their outputs are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from tests.performance.reference_network import ReferenceAnimator
from tests.performance.reference_splat import loop_invert
from vfa.models import AnimatorConfig, VersatileFaceAnimator
from vfa.models.animator import PreparedClip
from vfa.models.network import AnimatorNetwork
from vfa.motion.splat import invert_flow

Row = tuple[str, float, float | None, str]
GPU_BATCHES = (1, 8, 32)


def frames(count: int, seed: int) -> torch.Tensor:
    """Smooth frames [count, 4, 256, 256] in [-1, 1]."""
    noise = torch.randn(count, 4, 16, 16, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, size=256, mode="bicubic", align_corners=False).clamp(-1, 1)


def network() -> AnimatorNetwork:
    """The full network with seeded weights: speed does not depend on their values."""
    torch.manual_seed(0)
    return AnimatorNetwork(AnimatorConfig()).eval()


def race(works: list[Callable[[], object]], rounds: int, device: str = "cpu") -> list[float]:
    """Shortest milliseconds of each, run in turns after one round to warm up."""
    best = [float("inf")] * len(works)
    for turn in range(rounds + 1):
        for index, work in enumerate(works):
            start = time.perf_counter()
            work()
            if device != "cpu":
                torch.cuda.synchronize()
            if turn:
                best[index] = min(best[index], 1e3 * (time.perf_counter() - start))
    return best


def check(clip: PreparedClip, reference: ReferenceAnimator, source: torch.Tensor, driving: torch.Tensor) -> None:
    """Both give the same frames; random weights are chaotic, so the middle of the errors counts, not the largest."""
    ours, theirs = clip.animate(driving), reference.animate(source, driving)
    for name in ("rgbd", "flow", "mask", "inpainted"):
        value, expected = getattr(ours, name), theirs[name]
        error = float((value - expected).abs().median() / expected.square().mean().sqrt())
        assert error < 1e-4, f"{name} deviates by {error:.1e}"


def cpu_rows(rounds: int = 4) -> list[Row]:
    """The networks on this CPU."""
    net = network()
    reference = ReferenceAnimator(net.state_dict())
    source, one, eight = frames(1, 1), frames(1, 2), frames(8, 3)
    clip = VersatileFaceAnimator.from_network(net).prepare(source)
    bf16 = VersatileFaceAnimator.from_network(net, dtype=torch.bfloat16).prepare(source)
    with torch.inference_mode():
        check(clip, reference, source, one)
        ours, theirs, low = race(
            [lambda: clip.animate(one), lambda: reference.animate(source, one), lambda: bf16.animate(one)], rounds
        )
        (batch,) = race([lambda: clip.animate(eight)], 1)
    threads = torch.get_num_threads()
    return [
        (f"network, a frame, batch 1, float32, {threads} threads", ours, theirs, "3x and under 800 ms"),
        (f"network, a frame, batch 8, float32, {threads} threads", batch / 8, theirs, "3x"),
        (f"network, a frame, batch 1, bfloat16, {threads} threads", low, theirs, ""),
    ]


def gpu_rows(rounds: int = 10) -> list[Row]:
    """The networks on a GPU in float32 and half precision, a frame at batch 1, 8 and 32."""
    net = network()
    state = {name: value.cuda() for name, value in net.state_dict().items()}
    torch.set_default_device("cuda")
    reference, source = ReferenceAnimator(state), frames(1, 1)
    device = torch.cuda.get_device_name()
    table: list[Row] = []
    for batch in GPU_BATCHES:
        driving = frames(batch, 2)
        clips = {
            dtype: VersatileFaceAnimator.from_network(net, device="cuda", dtype=dtype).prepare(source)
            for dtype in (torch.float32, torch.bfloat16, torch.float16)
        }
        works: list[Callable[[], object]] = [partial(clip.animate, driving) for clip in clips.values()]
        with torch.inference_mode():
            *ours, theirs = race([*works, partial(reference.animate, source, driving)], rounds, "cuda")
        for dtype, value in zip(clips, ours, strict=True):
            name = f"network, a frame, batch {batch}, {str(dtype)[6:]}, {device}"
            table.append((name, value / batch, theirs / batch, ""))
    torch.set_default_device("cpu")
    return table


def splat_rows() -> list[Row]:
    """Inversion of one 256x256 flow."""
    axis = torch.linspace(-1, 1, 256)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy")).numpy()
    flow = (grid + 0.1 * frames(1, 4)[0, :2].numpy()).astype(np.float32)
    weight, position = loop_invert(flow)
    inverted = invert_flow(flow)
    assert np.abs(inverted.weight - weight).max() < 1e-5
    assert np.nanmax(np.abs(inverted.position - position)) < 1e-5
    (ours,) = race([lambda: invert_flow(flow)], 20)
    (theirs,) = race([lambda: loop_invert(flow)], 1)
    return [("flow inversion, 256x256", ours, theirs, "under 5 ms")]


def rows() -> list[Row]:
    """(what, our milliseconds, the reference's milliseconds or None, goal)."""
    return cpu_rows() + splat_rows() + (gpu_rows() if torch.cuda.is_available() else [])


if __name__ == "__main__":
    for name, ours, theirs, goal in rows():
        factor = f"{theirs / ours:6.1f}x" if theirs else ""
        print(f"{name:60s} {ours:9.2f} ms {theirs or float('nan'):9.2f} ms {factor}  {goal}")
