"""Small synthetic videos for the tests of the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

WriteVideo = Callable[..., Path]


def moving_frames(n: int, size: tuple[int, int] = (64, 48), seed: int = 0, noise: float = 0.0) -> np.ndarray:
    """Uint8 [n,H,W,3]: smooth colours that drift, with optional noise; the seed moves and tints them."""
    width, height = size
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, 3)
    y, x = np.mgrid[0:height, 0:width]
    frames = [
        [np.sin(x / 9 + p + 0.25 * t) * np.cos(y / 7 + 0.1 * t * (k + 1)) for k, p in enumerate(phase)]
        for t in range(n)
    ]
    images = 128 + 90 * np.array(frames).transpose(0, 2, 3, 1)
    images += noise * np.random.default_rng(seed + 1000).normal(size=images.shape)
    return np.clip(images, 0, 255).astype(np.uint8)


def write_video(path: Path, frames: np.ndarray, rate: int | Fraction = 25, tone: bool = False) -> Path:
    """A lossless FFV1 video (yuv420p) of RGB frames, optionally with a second-long tone as sound."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono") if tone else None
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
        if sound is not None:
            t = np.arange(int(16000 * len(frames) / rate)) / 16000
            samples = (12000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.rate = 16000
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


@pytest.fixture
def video() -> WriteVideo:
    """Writes `moving_frames` to a path: video(path, n, size=..., seed=..., noise=..., rate=..., tone=...)."""

    def write(path: Path, n: int = 12, *, rate: int | Fraction = 25, tone: bool = False, **how: object) -> Path:
        return write_video(path, moving_frames(n, **how), rate, tone)  # type: ignore[arg-type]

    return write


@pytest.fixture
def folders(tmp_path: Path, video: WriteVideo) -> tuple[Path, Path]:
    """A prediction folder and a ground-truth folder with three videos of different length and quality."""
    for i, name in enumerate(("a", "b", "c")):
        video(tmp_path / "gt" / f"{name}.mkv", 8 + 3 * i, seed=i)
        video(tmp_path / "pred" / f"{name}.mkv", 8 + 3 * i, seed=i, noise=4.0 * (i + 1))
    return tmp_path / "pred", tmp_path / "gt"
