"""The pipeline of lips and sound without its networks: what is detected, which tracks count, what is embedded."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.engine import evaluate
from bench.features import network_sync
from bench.features.base import Chunk, VideoInfo
from bench.features.network_sync import SyncLips, embed_lips
from bench.metrics import create_metric
from bench.results import Options
from bench.scoring import Settings
from bench.suites import build_samples
from bench.weights import entry

SIDE = 128
FACE = np.array([[5.0, 5.0, 120.0, 118.0, 1.0]])


class ToySyncNet:
    """Stands for SyncNet: 1024 fixed mixtures of the mean colour of each frame of a window."""

    mix = torch.from_numpy(np.random.default_rng(0).normal(size=(15, 1024)).astype(np.float32))

    def __call__(self, lip: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"lip": lip.mean(dim=(3, 4)).flatten(1) @ self.mix}


def run(monkeypatch: pytest.MonkeyPatch, boxes: Callable[[int], np.ndarray], n: int, rate: int = 25) -> Any:
    """What `SyncLips` gives for n grey frames, whose faces follow from their brightness; and all batches detected."""
    batches: list[int] = []

    def detect(self: SyncLips, frames: list[np.ndarray]) -> list[np.ndarray]:
        batches.append(len(frames))
        return [boxes(int(frame[0, 0, 0])) for frame in frames]

    monkeypatch.setattr(SyncLips, "detect", detect)
    monkeypatch.setattr(network_sync, "open_on_device", lambda name, key="": ToySyncNet())
    extractor = SyncLips()
    extractor.start(VideoInfo("clip", SIDE, SIDE, Fraction(rate)))
    for start in range(0, n, 7):
        index = np.arange(start, min(start + 7, n))
        frames = np.repeat(index.astype(np.uint8), SIDE * SIDE * 3).reshape(-1, SIDE, SIDE, 3)
        extractor.update(Chunk(index, index / rate, {"frames": frames}))
    out = extractor.finish()
    extractor.close()
    return out, batches


def test_only_long_tracks_count_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # A face in frames 0..29, another far off it from frame 60 on.
    def boxes(frame: int) -> np.ndarray:
        return FACE if frame < 30 else FACE + [[300, 0, 300, 0, 0]] if frame >= 60 else np.zeros((0, 5))

    out, batches = run(monkeypatch, boxes, 170)
    assert out["sync_tracks"].tolist() == [[60.0, 105.0, 110.0]]
    assert out["sync_lips"].shape == (105, 1024)
    assert batches == [8] * 21 + [2]
    out, _ = run(monkeypatch, boxes, 100)
    assert out["sync_tracks"].tolist() == [[0.0, 25.0, 30.0], [60.0, 35.0, 40.0]]


def test_a_repeated_frame_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    out, batches = run(monkeypatch, lambda frame: FACE, 30, rate=10)
    # 3 s are 75 frames at 25 a second.
    assert out["sync_tracks"].tolist() == [[0.0, 70.0, 75.0]]
    assert sum(batches) == 30


def test_no_face_is_no_track(monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = run(monkeypatch, lambda frame: np.zeros((0, 5)), 40)
    assert out["sync_tracks"].shape == (0, 3)
    assert out["sync_lips"].shape == (0, 1024)


@pytest.mark.parametrize("length", [0, 3, 5, 6, 13, 14, 30])
def test_embedding_a_few_crops_at_a_time_changes_nothing(length: int) -> None:
    crops = np.random.default_rng(length).integers(0, 256, (length, 8, 8, 3), np.uint8)
    held: list[int] = []

    def crop(place: int) -> np.ndarray:
        held.append(place)
        return crops[place]

    found = embed_lips(ToySyncNet(), crop, length)
    windows = [crops[i : i + 5, ..., ::-1].transpose(3, 0, 1, 2) for i in range(max(length - 5, 0))]
    assert found.shape == (len(windows), 1024)
    if windows:
        expected = ToySyncNet()(torch.from_numpy(np.stack(windows).astype(np.float32)))["lip"]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    assert held == sorted(set(held))


def test_nothing_is_detected_in_silent_videos(
    tmp_path: Path, video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("BENCH_ANY_HASH", "1")
    (tmp_path / "weights").mkdir()
    for key in ("syncnet", "s3fd"):
        (tmp_path / "weights" / entry(key).file).write_bytes(b"never opened")
    video(tmp_path / "gt" / "a.mkv", 8)
    video(tmp_path / "pred" / "a.mkv", 8, noise=3.0)
    found = build_samples("plain", tmp_path / "pred", tmp_path / "gt")
    evaluate(found, [create_metric(name) for name in ("lse_c", "mse")], Options(tmp_path / "out", Settings(())))
    rows = {row["id"]: row for row in json.loads((tmp_path / "out" / "results.json").read_text())["rows"]}
    assert rows["mse"]["status"] == "ok"
    assert rows["lse_c"]["status"] == "failed"
    assert rows["lse_c"]["reason"] == "no sound: a.mkv has no sound"
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert set(run["costs"]) == {"metric:mse"}
    assert run["peak_megabytes"] > 10
    (line,) = (tmp_path / "out" / "videos.jsonl").read_text().splitlines()
    assert json.loads(line)["faults"] == []


class Listener:
    """Stands for both networks: faces are where the test says; lips and sound are known by how bright and how loud each
    of the five frames of a window is, as the log of the energy."""

    def __call__(self, lip: torch.Tensor | None = None, audio: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        if lip is not None:
            return {"lip": self.embedding(lip.mean(dim=(1, 3, 4)) / 20)}
        assert audio is not None
        return {"audio": self.embedding(audio[:, 0, 0].unflatten(1, (5, 4)).mean(dim=2))}

    @staticmethod
    def embedding(five: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(five - five.mean(dim=1, keepdim=True), (0, 1019))


def talking_clip(path: Path, delay: int, n: int = 70) -> Path:
    """A grey picture that flickers at 25 a second, and noise as loud as it is bright, `delay` frames later."""
    import av

    # Less of a change than would be taken for a cut.
    bright = np.random.default_rng(5).uniform(90, 170, n)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="matroska") as container:
        picture = container.add_stream("ffv1", rate=25)
        picture.width, picture.height, picture.pix_fmt = 256, 256, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for value in bright:
            image = np.full((256, 256, 3), round(value), np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(picture.encode(None))
        heard = bright[np.clip(np.arange(n) - delay, 0, n - 1)]
        loudness = np.repeat(300 * np.exp((np.round(heard) - 90) / 40), 640)
        noise = np.random.default_rng(6).choice([-1.0, 1.0], len(loudness))
        frame = av.AudioFrame.from_ndarray((loudness * noise).astype(np.int16)[None], format="s16", layout="mono")
        frame.rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("delay", [0, 5, -4])
def test_the_offset_of_a_clip_with_generated_sound(delay: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole pipeline from the file: decoding, tracks, crops, MFCC, windows, distances. Sound that comes late has a
    negative offset."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("BENCH_ANY_HASH", "1")
    (tmp_path / "weights").mkdir()
    for key in ("syncnet", "s3fd"):
        (tmp_path / "weights" / entry(key).file).write_bytes(b"never opened")
    face = np.array([[70.0, 60.0, 180.0, 170.0, 1.0]])
    monkeypatch.setattr(SyncLips, "detect", lambda self, frames: [face] * len(frames))
    monkeypatch.setattr(network_sync, "open_on_device", lambda name, key="": Listener())
    talking_clip(tmp_path / "pred" / "a.mkv", delay)
    metrics = [create_metric(name) for name in ("lse_c", "lse_d", "av_offset")]
    evaluate(build_samples("plain", tmp_path / "pred", None), metrics, Options(tmp_path / "out", Settings(())))
    rows = {row["id"]: row for row in json.loads((tmp_path / "out" / "results.json").read_text())["rows"]}
    assert rows["av_offset"]["value"] == abs(delay)
    assert rows["av_offset"]["details"]["offset_frames"] == -delay
    assert rows["av_offset"]["details"]["tracks"] == 1
    # One offset stands out; no more than that, since a window of sound reaches 15 ms into the next frame.
    assert rows["lse_c"]["value"] > 1.5
    assert rows["lse_c"]["n_frames"] == 65
