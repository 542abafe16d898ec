"""Training pairs a second from packs against decoding the whole clip for each pair.

    python -m tests.performance.data

Measured on a clip of moving texture with sensor noise in depth, one process, files in the page cache.
"""

from __future__ import annotations

import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from vfa.media import open_clip
from vfa.media.depth import DepthUnits
from vfa.media.writers import ColorWriter, DepthWriter
from vfa.training.data_layouts import find_clips
from vfa.training.data_packs import write_pack
from vfa.training.data_pairs import PairDataset

SIZE = 256


def write_clip(root: Path, seconds: int) -> None:
    """A textured ball that moves, with 0.5 mm of depth noise, black around it; 30 frames per second."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    texture = (rng.normal(0, 20, (SIZE, SIZE, 3)) + 128).clip(0, 255)
    units, rate = DepthUnits.for_range(0.35, 0.55), Fraction(30)
    with (
        ColorWriter(root / "p" / "color" / "a.mp4", width=SIZE, height=SIZE, rate=rate) as colors,
        DepthWriter(root / "p" / "depth" / "a.nut", SIZE, SIZE, rate, units=units) as depths,
    ):
        for index in range(30 * seconds):
            centre = 128 + 20 * np.sin(index / 10)
            bulge = 1 - ((x - centre) ** 2 + (y - 128) ** 2) / 100**2
            depth = 0.5 - 0.1 * np.sqrt(np.maximum(bulge, 0)) + rng.normal(0, 0.0005, bulge.shape)
            seen = bulge > 0
            picture = np.where(seen[..., None], texture * bulge[..., None], 0)
            colors.write(picture.astype(np.uint8), index / rate)
            depths.write(units.to_steps(np.where(seen, depth, np.nan)), index / rate)


def measure(root: Path, *, seconds: int = 10, pairs: int = 200, decoded: int = 5) -> dict[str, float]:
    """Pairs a second both ways, their ratio, bytes on disk for each frame, and the peak memory in MB."""
    write_clip(root, seconds)
    (clip,) = find_clips(root, "MMFace4D", test_share=0.0)
    started = time.perf_counter()
    pack = write_pack(clip, root / "packs")
    packing = time.perf_counter() - started
    dataset = PairDataset([clip], root / "packs", size=SIZE, source="random")
    order = np.random.default_rng(1).integers(len(dataset), size=pairs)
    dataset[0]
    started = time.perf_counter()
    for number in order:
        dataset[int(number)]
    packed = pairs / (time.perf_counter() - started)

    rng = np.random.default_rng(2)
    started = time.perf_counter()
    for _ in range(decoded):
        with open_clip(clip.path) as frames:
            whole = list(frames)
        assert whole[int(rng.integers(len(whole)))].depth is not None
    reference = decoded / (time.perf_counter() - started)
    videos = clip.path.stat().st_size + (root / "p" / "depth" / "a.nut").stat().st_size
    return {
        "pairs_per_second": packed,
        "reference_pairs_per_second": reference,
        "ratio": packed / reference,
        "bytes_per_frame": pack.stat().st_size / len(dataset),
        "bytes_per_frame_as_video": videos / len(dataset),
        "packing_frames_per_second": len(dataset) / packing,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def rows() -> list[tuple[str, float, float | None, str]]:
    """What is measured, our value, the reference's (None where there is none), the unit."""
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    return [
        (
            "training pairs, random access",
            figures["pairs_per_second"],
            figures["reference_pairs_per_second"],
            "pairs/s",
        ),
        ("packed clips on disk", figures["bytes_per_frame"], figures["bytes_per_frame_as_video"], "bytes/frame"),
        ("packing", figures["packing_frames_per_second"], None, "frames/s"),
        ("peak memory of all this", figures["peak_memory_mb"], None, "MB"),
    ]


if __name__ == "__main__":
    for name, ours, reference, unit in rows():
        print(f"{name:32} {ours:10.1f} {'' if reference is None else f'{reference:10.1f}':>10} {unit}")
