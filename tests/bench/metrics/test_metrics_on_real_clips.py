"""Monotony on real faces: five levels of blur, noise, compression and time shift; needs the clips."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.metrics import create_metric

REAL = Path(__file__).parents[3].parent / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no real clips here")

CLIP, FIRST, COUNT = "performance_rgb_256.mp4", 20, 12
PIXELS = ("psnr_rgb", "psnr_vico", "psnr_ffmpeg", "ssim_wang", "ssim_piq", "ssim_ffmpeg", "mse", "mae")


def decode(name: str) -> Iterator[np.ndarray]:
    import av

    with av.open(str(REAL / name)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


@lru_cache
def clip(name: str = CLIP, first: int = FIRST, count: int = COUNT) -> np.ndarray:
    return np.stack(list(itertools.islice(decode(name), first, first + count)))


def distorted(kind: str, level: int, name: str = CLIP, count: int = COUNT) -> np.ndarray:
    import cv2

    frames = clip(name, FIRST, count)
    if level == 0:
        return frames
    if kind == "blur":
        return np.stack([cv2.GaussianBlur(frame, (0, 0), 0.8 * level) for frame in frames])
    if kind == "noise":
        noise = np.random.default_rng(0).normal(size=frames.shape) * 5.0 * level
        return np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)
    if kind == "compression":
        quality = [cv2.IMWRITE_JPEG_QUALITY, (0, 80, 45, 20, 6)[level]]
        return np.stack([cv2.imdecode(cv2.imencode(".jpg", frame, quality)[1], cv2.IMREAD_COLOR) for frame in frames])
    return clip(name, FIRST - level, count)


def check(metric: str, inputs: list[Any], truth: Any) -> None:
    made = create_metric(metric)
    values = [made(one, truth) if made.paired else made(one) for one in inputs]
    worsens = np.diff(values) if made.higher_is_better is False else -np.diff(values)
    assert np.isfinite(values).all(), values
    assert (worsens > 0).all(), (metric, values)


@pytest.mark.parametrize("kind", ["blur", "noise", "compression", "time shift"])
@pytest.mark.parametrize("metric", PIXELS)
def test_paired_pixel_metrics_worsen_with_each_level(metric: str, kind: str) -> None:
    check(metric, [distorted(kind, level) for level in range(5)], clip())


@pytest.mark.parametrize(("metric", "kind"), [
    ("cpbd_compat", "blur"), ("cpbd_strict", "blur"), ("iq_lite", "blur"), ("iq_lite", "noise"),
])  # fmt: skip
def test_no_reference_metrics_worsen_with_each_level(metric: str, kind: str) -> None:
    check(metric, [distorted(kind, level)[:4] for level in range(5)], None)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blur", "noise"])
def test_niqe_against_the_ground_truth_worsens_with_each_level(kind: str) -> None:
    name = "expressive_a.mp4"
    check("niqe_gt_lite", [distorted(kind, level, name, 41) for level in range(5)], clip(name, FIRST, 41))


@lru_cache
def landmarks(name: str, count: int) -> dict[str, np.ndarray]:
    """MediaPipe points of the first frames."""
    from vfa.face.landmarks import FaceLandmarker
    from vfa.face.topology import IBUG68

    points = np.full((count, 478, 3), np.nan)
    with FaceLandmarker(static=False) as landmarker:
        for row, frame in zip(points, itertools.islice(decode(name), count), strict=True):
            face = landmarker.detect(frame)
            if face is not None:
                row[:] = face.points
    return {"landmarks68": points[:, list(IBUG68), :2], "landmarks478": points}


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["lmd", "lmd_norm", "lmd_vico", "f_lmd", "ma", "akd", "akd_l2"])
def test_landmark_metrics_worsen_with_each_frame_of_shift(metric: str) -> None:
    points = landmarks(CLIP, 120)["landmarks68"]
    options = {"size": (256, 256)} if metric.startswith("akd") else {}
    made = create_metric(metric, **options)
    values = [made({"landmarks68": points[20 - s : 110 - s]}, {"landmarks68": points[20:110]}) for s in range(5)]
    assert (np.diff(values) * (-1 if made.higher_is_better else 1) > 0).all(), values


@pytest.mark.slow
def test_timing_error_of_a_shifted_real_mouth_is_the_shift() -> None:
    points = landmarks("talking_with_audio.mp4", 200)["landmarks68"]
    for shift in (0, 2, 4):
        truth, late = points[10:190], points[10 - shift : 190 - shift]
        score = create_metric("mtm_2d").score({"landmarks68": late}, {"landmarks68": truth})
        assert score.details["signed_lag_ms"] == pytest.approx(40.0 * shift, abs=16.0)


@pytest.mark.slow
def test_sync_stand_in_follows_a_delay_of_the_sound_of_a_real_clip() -> None:
    """Delaying the sound by five frames moves the whole correlation curve by five lags."""
    from bench.features.audio import Sound
    from bench.features.reader import read_audio
    from bench.metrics.functional.landmarks import lip_opening
    from bench.metrics.functional.sync import lagged_correlation

    name, delay = "expressive_b.mp4", 5
    opening = lip_opening(landmarks(name, 300)["landmarks68"])
    samples = read_audio(REAL / name)
    assert samples is not None
    curves = []
    for sound in (samples, np.concatenate([np.zeros(16000 * delay // 30, np.float32), samples])):
        envelope = Sound().extract(sound)["audio_envelope"]
        loudness = np.interp(np.arange(300) / 30, 0.0125 + 0.01 * np.arange(len(envelope)), envelope)
        curves.append(lagged_correlation(opening, loudness))
    np.testing.assert_allclose(curves[1][delay:], curves[0][:-delay], atol=0.1)
    assert curves[1].argmax() == curves[0].argmax() + delay
