"""The `ffmpeg` variants against ffmpeg's own psnr and ssim filters on clips re-encoded at several qualities."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import metric_inputs as make
import numpy as np
import pytest

from bench.features.reader import VideoReader
from bench.metrics import create_metric
from bench.metrics.functional.ffmpeg import psnr_ffmpeg, ssim_ffmpeg
from bench.metrics.pixels import stack_planes
from vfa.errors import InputError

FFMPEG = shutil.which("ffmpeg")
REAL = Path(__file__).parents[3].parent / "shared" / "real"
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")


def ffmpeg(*arguments: str) -> str:
    assert FFMPEG is not None
    run = subprocess.run([FFMPEG, "-hide_banner", "-y", *arguments], capture_output=True, text=True, check=True)
    return run.stdout


def filter_values(prediction: Path, truth: Path, name: str, key: str, *options: str) -> np.ndarray:
    """What the filter writes for each frame (six decimals)."""
    numbered = "settb=AVTB,setpts=N"
    graph = f"[0:v]{numbered}[a];[1:v]{numbered}[b];[a][b]{name}=shortest=1,metadata=print:key={key}:file=-"
    text = ffmpeg(*options, "-i", str(prediction), "-i", str(truth), "-lavfi", graph, "-f", "null", "-")
    return np.array([float(value) for value in re.findall(rf"{re.escape(key)}=(\S+)", text)])


def decoded(path: Path) -> list[np.ndarray]:
    return stack_planes([frame.features["planes"] for frame in VideoReader(path, {"planes"})])


def reencoded(source: Path, folder: Path, crf: int, *options: str) -> Path:
    out = folder / f"crf{crf}.mp4"
    ffmpeg("-i", str(source), "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", str(crf), *options, str(out))
    return out


def check_pair(prediction: Path, truth: Path, *options: str) -> None:
    ours = decoded(prediction), decoded(truth)
    count = min(len(ours[0][0]), len(ours[1][0]))
    first, second = ([plane[:count] for plane in side] for side in ours)
    psnr = filter_values(prediction, truth, "psnr", "lavfi.psnr.psnr_avg", *options)
    ssim = filter_values(prediction, truth, "ssim", "lavfi.ssim.All", *options)
    assert len(psnr) == len(ssim) == count > 0
    np.testing.assert_allclose(psnr_ffmpeg(first, second), np.minimum(psnr, 100.0), atol=1e-3)
    np.testing.assert_allclose(ssim_ffmpeg(first, second), ssim, atol=1e-5)
    score = create_metric("psnr_ffmpeg").score(*({"planes": list(zip(*side, strict=True))} for side in (first, second)))
    assert score.value == pytest.approx(np.minimum(psnr, 100.0).mean(), abs=1e-3)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lossless clip of odd-ish size (150x110: chroma 75x55, not a multiple of the 4-pixel grid)."""
    path = tmp_path_factory.mktemp("clip") / "truth.mp4"
    source = "testsrc2=size=150x110:rate=25:duration=0.6"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "0", str(path))
    return path


@needs_ffmpeg
@pytest.mark.parametrize("crf", [18, 30, 42])
def test_equals_the_filters_on_a_synthetic_clip(synthetic: Path, tmp_path: Path, crf: int) -> None:
    # The vector code of the ssim filter is off at this chroma width; the C code is the reference.
    check_pair(reencoded(synthetic, tmp_path, crf), synthetic, "-cpuflags", "0")


@needs_ffmpeg
@pytest.mark.skipif(not REAL.is_dir(), reason="no real clips here")
@pytest.mark.parametrize("crf", [20, 32, 44])
@pytest.mark.parametrize("name", ["performance_rgb_256.mp4", "expressive_a.mp4"])
def test_equals_the_filters_on_real_clips(name: str, crf: int, tmp_path: Path) -> None:
    truth = reencoded(REAL / name, tmp_path, 1, "-frames:v", "8")
    check_pair(reencoded(truth, tmp_path, crf), truth)


@needs_ffmpeg
@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="no real clips here")
@pytest.mark.parametrize("path", sorted(REAL.glob("*.mp4")), ids=lambda p: p.stem)
def test_equals_the_filters_on_whole_real_clips(path: Path, tmp_path: Path) -> None:
    for crf in (18, 28, 38):
        check_pair(reencoded(path, tmp_path, crf), path)


def test_planes_are_weighted_by_area() -> None:
    """Luma counts 2/3 and each chroma plane 1/6 in 4:2:0."""
    clip = make.planes(make.frames(1))
    for plane, weight in ((0, 2 / 3), (1, 1 / 6), (2, 1 / 6)):
        base = [np.full_like(p, 100) for p in stack_planes(clip)]
        other = [p + np.uint8(10) if i == plane else p for i, p in enumerate(base)]
        assert psnr_ffmpeg(other, base)[0] == pytest.approx(10 * np.log10(255**2 / (100 * weight)))


def test_identical_frames_give_one_and_the_cap() -> None:
    same = stack_planes(make.planes(make.frames(2)))
    assert ssim_ffmpeg(same, same).tolist() == [1.0, 1.0]
    assert psnr_ffmpeg(same, same).tolist() == [100.0, 100.0]


def test_ssim_equals_a_plain_loop_over_blocks() -> None:
    generator = np.random.default_rng(1)
    a = generator.integers(0, 256, (1, 21, 18), dtype=np.uint8)
    b = np.clip(a + generator.normal(size=a.shape) * 30, 0, 255).astype(np.uint8)
    values = []
    for y in range(0, 20 - 4, 4):
        for x in range(0, 16 - 4, 4):
            p, q = (side[0, y : y + 8, x : x + 8].astype(float) for side in (a, b))
            s1, s2, ss, s12 = p.sum(), q.sum(), (p * p + q * q).sum(), (p * q).sum()
            variances, covariance = 64 * ss - s1 * s1 - s2 * s2, 64 * s12 - s1 * s2
            top = (2 * s1 * s2 + 416) * (2 * covariance + 235963)
            values.append(top / ((s1 * s1 + s2 * s2 + 416) * (variances + 235963)))
    assert ssim_ffmpeg([a], [b])[0] == pytest.approx(np.mean(values), abs=1e-12)


@pytest.mark.parametrize(
    "planes", [[], [np.zeros((0, 8, 8), np.uint8)], [np.zeros((1, 8, 8))], [np.zeros((8, 8), np.uint8)]]
)
def test_refuses_what_are_no_planes(planes: list[np.ndarray]) -> None:
    with pytest.raises(InputError, match="planes"):
        psnr_ffmpeg(planes, planes)


def test_refuses_planes_of_different_size() -> None:
    with pytest.raises(InputError, match="differ"):
        ssim_ffmpeg([np.zeros((1, 8, 8), np.uint8)], [np.zeros((1, 16, 8), np.uint8)])
    with pytest.raises(InputError, match="too small"):
        ssim_ffmpeg([np.zeros((1, 4, 8), np.uint8)], [np.zeros((1, 4, 8), np.uint8)])
