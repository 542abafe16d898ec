"""A pass decodes each video once; results do not depend on where chunks are cut; failures stay where they happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bench.features.stream as stream_module
from bench.extraction import Extraction
from bench.features.base import Extractor
from bench.features.reader import VideoReader, planes_from_rgb, read_audio, resized_planes
from bench.inputs import Pairing, wanted_extractors
from bench.metrics import create_metric
from bench.store import FeatureStore

WriteVideo = Callable[..., Path]


def extraction(folder: Path, log: list[tuple[str, str, str]] | None = None, fresh: bool = False) -> Extraction:
    log = [] if log is None else log
    return Extraction(FeatureStore(folder), fresh=fresh, record=lambda *row: log.append(row))


def run_pair(
    tmp_path: Path, prediction: Path, truth: Path, names: tuple[str, ...], extra: tuple[str, ...] = ()
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    metrics = [create_metric(name) for name in names]
    run = extraction(tmp_path)
    paired = [metric for metric in metrics if metric.paired]
    t = run.open(truth, wanted_extractors(paired, extra))
    p = run.open(prediction, wanted_extractors(metrics, extra))
    pairing = Pairing(paired, by_time=True)  # type: ignore[arg-type]
    run.run(t, [(p, pairing)])
    assert not p.errors
    assert not t.errors
    return p.arrays, pairing.values


@pytest.mark.parametrize("frames", [1, 2, 7, 64])
def test_numbers_do_not_depend_on_the_chunk_length(
    tmp_path: Path, video: WriteVideo, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    prediction = video(tmp_path / "p.mkv", 17, seed=1, noise=5)
    truth = video(tmp_path / "t.mkv", 17, seed=1)
    names = ("psnr_rgb", "psnr_ffmpeg", "cpbd_compat")
    reference = run_pair(tmp_path / "one", prediction, truth, names, ("pixel_change", "flow_mean"))
    monkeypatch.setattr(stream_module, "CHUNK_FRAMES", frames)
    other = run_pair(tmp_path / "two", prediction, truth, names, ("pixel_change", "flow_mean"))
    for a, b in zip(reference, other, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_each_video_is_decoded_once_for_all_predictions(tmp_path: Path, video: WriteVideo) -> None:
    truth = video(tmp_path / "t.mkv", 10, seed=1)
    predictions = [video(tmp_path / f"p{i}.mkv", 10, seed=1, noise=i + 1) for i in range(3)]
    metrics = [create_metric(name) for name in ("psnr_rgb", "ssim_wang", "psnr_ffmpeg", "cpbd_compat")]
    run = extraction(tmp_path / "features")
    t = run.open(truth, wanted_extractors(metrics, ("pixel_mean", "flow_mean")))
    paired = [metric for metric in metrics if metric.paired]
    extra = ("pixel_mean", "flow_mean")
    rows = [(run.open(path, wanted_extractors(metrics, extra)), Pairing(paired)) for path in predictions]
    before = VideoReader.passes
    run.run(t, rows)  # type: ignore[arg-type]
    assert VideoReader.passes - before == 4
    again = extraction(tmp_path / "features")
    t2 = again.open(truth, wanted_extractors(metrics, ("pixel_mean", "flow_mean")))
    p2 = again.open(predictions[0], wanted_extractors(metrics, ("pixel_mean", "flow_mean")))
    pairing = Pairing([m for m in metrics if m.paired])  # type: ignore[arg-type]
    before = VideoReader.passes
    again.run(t2, [(p2, pairing)])
    assert VideoReader.passes == before
    np.testing.assert_array_equal(pairing.values["metric:psnr_rgb"], rows[0][1].values["metric:psnr_rgb"])


def test_streamed_psnr_equals_the_formula_on_decoded_frames(tmp_path: Path, video: WriteVideo) -> None:
    prediction = video(tmp_path / "p.mkv", 9, seed=2, noise=8)
    truth = video(tmp_path / "t.mkv", 9, seed=2)
    _, values = run_pair(tmp_path / "f", prediction, truth, ("psnr_rgb",))
    for i, (p, t) in enumerate(zip(VideoReader(prediction, {"frames"}), VideoReader(truth, {"frames"}), strict=True)):
        error = ((p.features["frames"].astype(float) - t.features["frames"]) ** 2).mean()
        assert values["metric:psnr_rgb"][i] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)


def test_a_failing_extractor_is_recorded_and_the_others_go_on(tmp_path: Path, video: WriteVideo) -> None:
    class Broken(Extractor):
        name, provides = "broken", ("nothing",)

        def update(self, chunk: object) -> dict[str, np.ndarray]:
            raise ValueError("on purpose")

    log: list[tuple[str, str, str]] = []
    run = extraction(tmp_path / "f", log)
    path = video(tmp_path / "p.mkv", 5)
    item = run.open(path, [Broken(), *wanted_extractors([], ("pixel_mean",))])
    run.run(None, [(item, None)])
    assert item.arrays["pixel_mean"].shape == (5, 3)
    assert item.errors == {"broken": "ValueError: on purpose"}
    assert ("broken", "ValueError: on purpose") in [row[1:] for row in log]
    assert ("pixels", "") in [row[1:] for row in log]


def test_derived_features_are_made_without_decoding(tmp_path: Path, video: WriteVideo) -> None:
    class First(Extractor):
        name, provides = "first", ("bright",)

        def update(self, chunk):  # type: ignore[no-untyped-def]
            return {"bright": chunk["frames"].mean((1, 2, 3))}

    class Second(Extractor):
        name, provides, needs = "second", ("twice",), ("bright",)

        def update(self, chunk):  # type: ignore[no-untyped-def]
            return {"twice": 2 * chunk["bright"]}

    path = video(tmp_path / "p.mkv", 6)
    run = extraction(tmp_path / "f")
    run.run(None, [(run.open(path, [First()]), None)])
    before = VideoReader.passes
    item = run.open(path, [First(), Second()])
    run.run(None, [(item, None)])
    assert VideoReader.passes == before
    np.testing.assert_array_equal(item.arrays["twice"], 2 * item.arrays["bright"])


def test_a_damaged_feature_file_is_made_anew(tmp_path: Path, video: WriteVideo) -> None:
    path = video(tmp_path / "p.mkv", 6)
    run = extraction(tmp_path / "f")
    run.run(None, [(run.open(path, wanted_extractors([], ("pixel_mean",))), None)])
    stored = next((tmp_path / "f").rglob("pixels-*.npz"))
    whole = stored.read_bytes()
    stored.write_bytes(whole[: len(whole) // 2])
    item = run.open(path, wanted_extractors([], ("pixel_mean",)))
    run.run(None, [(item, None)])
    assert item.arrays["pixel_mean"].shape == (6, 3)
    assert stored.read_bytes() == whole


def test_planes_have_half_size_chroma_also_for_odd_sizes() -> None:
    planes = planes_from_rgb(np.zeros((31, 45, 3), np.uint8))
    assert [plane.shape for plane in planes] == [(31, 45), (16, 23), (16, 23)]
    assert planes.y.max() == 16
    assert (planes.u == 128).all()


def test_flat_planes_stay_flat_when_resized() -> None:
    small = planes_from_rgb(np.full((40, 60, 3), 120, np.uint8))
    large = resized_planes(small, 90, 70)
    assert [plane.shape for plane in large] == [(70, 90), (35, 45), (35, 45)]
    assert len(np.unique(large.y)) == 1
    assert abs(int(large.y[0, 0]) - int(small.y[0, 0])) <= 1


def test_sound_is_read_as_mono_at_16_khz(tmp_path: Path, video: WriteVideo) -> None:
    samples = read_audio(video(tmp_path / "p.mkv", 25, tone=True))
    assert samples is not None
    assert len(samples) == 16000
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() == 440
    assert np.abs(samples).max() == pytest.approx(12000 / 32768, rel=1e-3)
    assert read_audio(video(tmp_path / "silent.mkv", 5)) is None
