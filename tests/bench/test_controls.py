"""Controls of the self-test: frozen and late copies without loss, and what metrics say of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.controls import SHIFT, control_samples, write_control
from bench.engine import evaluate
from bench.features.reader import VideoReader
from bench.metrics import create_metric
from bench.results import Options
from bench.scoring import Settings

WriteVideo = Callable[..., Path]


def planes(path: Path) -> tuple[list[np.ndarray], list[float]]:
    frames = list(VideoReader(path, {"planes"}))
    return [np.concatenate([p.ravel() for p in f.features["planes"]]) for f in frames], [float(f.time) for f in frames]


@pytest.mark.parametrize("size", [(64, 48), (50, 38)])
def test_frozen_and_shifted_copies_hold_the_same_pixels_and_times(
    tmp_path: Path, video: WriteVideo, size: tuple[int, int]
) -> None:
    source = video(tmp_path / "v.mkv", 12, size=size)
    real, times = planes(source)
    for kind in ("frozen", "shifted"):
        write_control(source, tmp_path / f"{kind}.mkv", kind)
    frozen, frozen_times = planes(tmp_path / "frozen.mkv")
    shifted, shifted_times = planes(tmp_path / "shifted.mkv")
    np.testing.assert_allclose(frozen_times, times, atol=1e-3)
    np.testing.assert_allclose(shifted_times, times, atol=1e-3)
    assert all((frame == real[0]).all() for frame in frozen)
    for i, frame in enumerate(shifted):
        np.testing.assert_array_equal(frame, real[max(0, i - SHIFT)])


def test_the_real_video_scores_best(tmp_path: Path, video: WriteVideo) -> None:
    paths = [video(tmp_path / "gt" / f"{i}.mkv", 12, seed=i) for i in range(2)]
    found = control_samples(paths, tmp_path / "controls")
    metrics = [create_metric(name) for name in ("psnr", "ssim", "mse")]
    outcome = evaluate(found, metrics, Options(tmp_path / "out", Settings((), "trim", max_drop=1.0)))
    values = {(row["id"], row["method"]): row["value"] for row in outcome.rows}
    assert values["mse", "real"] == 0
    assert values["ssim_wang", "real"] == pytest.approx(1)
    for kind in ("shifted", "frozen", "shuffled"):
        assert values["mse", kind] > 0
        assert values["psnr_rgb", kind] < values["psnr_rgb", "real"]
