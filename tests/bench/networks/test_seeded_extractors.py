"""Every extractor of a network on real frames with seeded weights: finite numbers that depend on the frames alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import wave
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seeded_files import red_detector, write_weights

from bench.engine import evaluate
from bench.features.base import AudioExtractor, Extractor, VideoInfo
from bench.features.network_base import NetworkExtractor
from bench.features.reader import StreamFrame, VideoReader, read_audio
from bench.features.registry import all_extractors, resolve
from bench.features.stream import VideoPass
from bench.metrics import create_metric
from bench.networks import build_network, published
from bench.networks.s3fd import detect_faces, detect_in_frames
from bench.results import Options
from bench.scoring import Settings
from bench.suites import SampleList, build_samples

REAL = Path(__file__).parents[3].parent / "shared" / "real"
CLIP, TALKING = REAL / "performance_rgb_256.mp4", REAL / "talking_with_audio.mp4"
FFMPEG = shutil.which("ffmpeg") or ""
SIDE = 160
N = 6
HEAVY = {"aesthetic": 3}
"""Frames for extractors that take seconds for each."""

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")

needs_real = pytest.mark.skipif(not CLIP.is_file(), reason="needs the real clips")


def network_extractors() -> list[type[Extractor]]:
    """Extractors of pictures with weights for which seeded files exist."""
    from seeded_files import SEEDED

    found = [cls for cls in all_extractors() if cls.weights and set(cls.weights) <= set(SEEDED)]
    return [cls for cls in found if not issubclass(cls, AudioExtractor)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture
def weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(folder))
    monkeypatch.setenv("BENCH_ANY_HASH", "1")
    return folder


def real_frames(n: int) -> list[np.ndarray]:
    """The face of the clip, uint8 [160,160,3] each."""
    import cv2

    frames = []
    for frame in VideoReader(CLIP, {"frames"}):
        frames.append(cv2.resize(frame.features["frames"], (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        if len(frames) == n:
            break
    return frames


def extracted(cls: type[Extractor], frames: list[np.ndarray], chunk: int) -> Mapping[str, np.ndarray]:
    """What an extractor gives for frames at 25 a second that come in chunks of a certain length."""
    one = VideoPass(VideoInfo("clip", SIDE, SIDE, Fraction(25)), [c() for c in resolve(cls.provides)], {})
    one.length = chunk
    try:
        for i, frame in enumerate(frames):
            one.push(StreamFrame(i, Fraction(i, 25), {"frames": frame}))
        found = one.finish()
        assert one.errors == {}
        return found[cls.name]
    finally:
        one.close()


@needs_real
@pytest.mark.slow
@pytest.mark.parametrize("cls", network_extractors(), ids=lambda cls: cls.name)
def test_numbers_depend_on_the_frames_alone(
    cls: type[Extractor], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on chunks, threads or the frames before (bit for bit), nor on the size of batches (to rounding)."""
    write_weights(weights, *(key for key in cls.weights))
    clips = {"i3d_clips": 17, "i3d_video": 12, "sync_lips": 34}
    frames = real_frames(clips.get(cls.name, HEAVY.get(cls.name, N)))
    whole = extracted(cls, frames, 32)
    for name, values in whole.items():
        assert values.size, name
        assert np.isfinite(values).all(), name
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        parts = extracted(cls, frames, 2)
    finally:
        torch.set_num_threads(before)
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values, err_msg=name)
    if issubclass(cls, NetworkExtractor):
        monkeypatch.setattr(cls, "batch", 2)
        for name, values in extracted(cls, frames, 32).items():
            scale = np.abs(whole[name]).max()
            np.testing.assert_allclose(values, whole[name], rtol=1e-4, atol=1e-4 * scale, err_msg=name)
        backwards = extracted(cls, frames[::-1], 32)
        if "landmarks68" not in cls.needs and "face_box" not in cls.needs and "face_frames" not in cls.needs:
            for name, values in backwards.items():
                scale = np.abs(whole[name]).max()
                np.testing.assert_allclose(values[::-1], whole[name], rtol=1e-4, atol=1e-4 * scale, err_msg=name)
    # One network at a time in memory and on the disk.
    published._opened.cache_clear()
    for path in weights.iterdir():
        path.unlink()


LIGHT = ("fid_pt", "is", "kid", "lpips_alex", "vbench_bc", "vbench_dd", "vbench_ms", "aed", "diversity", "fvd_common")
FILES = (
    "fid_inception", "alexnet", "clip_b32", "raft", "amt_s", "deep3d", "deep3d_landmarks", "hopenet", "i3d",
)  # fmt: skip


def results(found: SampleList, out: Path, **how: Any) -> bytes:
    evaluate(found, [create_metric(name) for name in LIGHT], Options(out, Settings(()), **how))
    return (out / "results.json").read_bytes()


@needs_real
@pytest.mark.slow
def test_workers_and_the_order_of_files_change_nothing(tmp_path: Path, weights: Path) -> None:
    """Two videos by two methods, scored by ten metrics of networks: the same bytes by one or two workers; the same
    numbers in another order."""
    import av

    write_weights(weights, *FILES)
    frames = real_frames(24)
    for name, start in (("a", 0), ("b", 12)):
        for side, crf in (("gt", 10), ("pred/soft", 30), ("pred/hard", 45)):
            path = tmp_path / side / f"{name}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            with av.open(str(path), "w") as container:
                stream = container.add_stream("libx264", rate=25, options={"crf": str(crf)})
                stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
                for image in frames[start : start + 12]:
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                container.mux(stream.encode(None))
    found = build_samples("plain", tmp_path / "pred", tmp_path / "gt")
    first = results(found, tmp_path / "one")
    rows = {(row["method"], row["id"]): row for row in json.loads(first)["rows"]}
    for (_, name), row in rows.items():
        assert row["status"] == "ok", (name, row["reason"])
        assert row["value"] is not None
    for name in ("fid_pt", "lpips_alex", "aed"):
        assert 0 < rows["soft", name]["value"] < rows["hard", name]["value"]
    assert results(found, tmp_path / "two", workers=2) == first
    turned = SampleList(found.suite, found.samples[::-1], found.unmatched)
    again = {(row["method"], row["id"]): row for row in json.loads(results(turned, tmp_path / "three"))["rows"]}
    for key, row in rows.items():
        assert again[key]["value"] == pytest.approx(row["value"], rel=1e-12), key
    for out in ("two", "three"):
        shutil.rmtree(tmp_path / out)


@pytest.mark.slow
@pytest.mark.skipif(not TALKING.is_file() or not FFMPEG, reason="needs the real clips and ffmpeg")
def test_a_talking_clip_is_scored_by_its_own_sound_or_by_the_same_in_a_file(tmp_path: Path, weights: Path) -> None:
    write_weights(weights, "syncnet", "s3fd")
    own, beside = tmp_path / "own" / "a.mp4", tmp_path / "beside" / "a.mp4"
    for path, sound in ((own, ["-c:a", "copy"]), (beside, ["-an"])):
        path.parent.mkdir()
        command = [FFMPEG, "-v", "error", "-t", "1.4", "-i", str(TALKING), "-crf", "20", *sound, str(path)]
        subprocess.run(command, check=True)
    samples = read_audio(own)
    assert samples is not None
    with wave.open(str(beside.with_suffix(".wav")), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.round(samples * 32768).astype("<i2").tobytes())
    found = []
    for folder in (own.parent, beside.parent):
        out = tmp_path / f"out_{folder.name}"
        metrics = [create_metric(name) for name in ("lse_c", "lse_d", "av_offset")]
        evaluate(build_samples("plain", folder, None), metrics, Options(out, Settings(())))
        rows = {row["id"]: row for row in json.loads((out / "results.json").read_text())["rows"]}
        assert all(row["status"] == "ok" for row in rows.values()), rows["lse_c"]["reason"]
        assert rows["lse_d"]["value"] > 0
        assert rows["lse_c"]["n_frames"] >= 20
        found.append([row["value"] for row in rows.values()])
    assert found[0] == found[1]


def test_the_seeded_detector_finds_what_is_red() -> None:
    network = build_network("s3fd", red_detector())
    grey = np.full((512, 512, 3), 90, np.uint8)
    red = grey.copy()
    red[150:400, 120:380] = (190, 110, 90)
    (one,) = detect_faces(network, red)
    centre = (one[:2] + one[2:4]) / 2
    # The cells of this level lie 128 pixels apart.
    assert np.abs(centre - (250, 275)).max() < 100
    assert one[2] - one[0] == pytest.approx(0.8 * 128 * 4, rel=1e-4)
    empty, found = detect_in_frames(network, [grey, red])
    assert len(empty) == 0
    np.testing.assert_allclose(found, one[None], rtol=1e-5)
