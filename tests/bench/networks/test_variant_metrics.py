"""Variants by other files: CSIM by ONNX, FID by TorchScript, landmark metrics by FAN, affect by EmoNet-5."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_files import ToyInception, write_weights

from bench.features.base import Chunk, VideoInfo
from bench.metrics import create_metric
from bench.metrics.functional.frechet import frechet_distance
from bench.metrics.registry import metric_class

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("BENCH_ANY_HASH", "1")
    return tmp_path


def clip(n: int, seed: int, side: int = 112) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def test_csim_by_any_onnx_file(weights: Path) -> None:
    from bench.features.network_faces import ArcFaceOnnx
    from bench.networks.arcface_align import TEMPLATE

    write_weights(weights, "arcface_onnx")
    (weights / "w600k_r50.onnx").rename(weights / "arcface.onnx")
    frames = clip(3, 1)
    five = (TEMPLATE + 0.5).astype(np.float32)
    points = np.zeros((3, 68, 2), np.float32)
    points[:, 36:42], points[:, 42:48] = five[0], five[1]
    points[:, 30], points[:, 48], points[:, 54] = five[2], five[3], five[4]
    points[2] = np.nan
    extractor = ArcFaceOnnx()
    extractor.start(VideoInfo("clip", 112, 112, Fraction(25)))
    index = np.arange(3)
    extractor.update(Chunk(index, index / 25, {"frames": frames, "landmarks68": points}))
    found = extractor.finish()["arcface_onnx"]
    mix = np.random.default_rng(10).standard_normal((48, 512)).astype(np.float32)
    parts = (frames[:2] / 127.5 - 1).reshape(2, 4, 28, 4, 28, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2).reshape(2, 48)
    # The points lie where the template has them, so alignment changes little.
    np.testing.assert_allclose(found[:2], parts @ mix, atol=0.02 * np.abs(parts @ mix).max())
    assert np.isnan(found[2]).all()
    score = create_metric("csim_onnx").score({"arcface_onnx": found}, {"arcface_onnx": found})
    assert (score.value, score.n_missing) == (pytest.approx(1.0), 1)
    assert not metric_class("csim_onnx").comparable


def test_fid_by_the_archive(weights: Path) -> None:
    write_weights(weights, "fid_inception_ts")
    first, second = clip(4, 1, 60), clip(5, 2, 60)
    net = ToyInception().layers

    def features(frames: np.ndarray) -> np.ndarray:
        return net((torch.from_numpy(frames.transpose(0, 3, 1, 2).copy()).float() - 128) / 128).numpy()

    expected = frechet_distance(features(first).astype(float), features(second).astype(float))
    assert create_metric("fid_ts")(first, second) == pytest.approx(expected, rel=1e-4)
    assert create_metric("fid_clean_ts").score(first, first).value == pytest.approx(0, abs=1e-5 * expected)
    # Averages of parts of the picture hardly notice another resizing.
    assert create_metric("fid_clean_ts")(first, second) == pytest.approx(expected, rel=0.2)


def test_landmark_metrics_on_those_of_fan() -> None:
    points = np.random.default_rng(3).uniform(50, 150, (4, 68, 2))
    other = points + np.random.default_rng(4).normal(size=points.shape)
    other[2] = np.nan
    for name, feature in (("lmd_vico", "landmarks68_fan_flip"), ("lmd_centered", "landmarks68_fan"), ("f_lmd", "")):
        feature = feature or "landmarks68_fan"
        fan = "f_lmd_fan" if name == "f_lmd" else f"{name}_fan"
        plain = create_metric(name)({"landmarks68": other}, {"landmarks68": points})
        score = create_metric(fan).score({feature: other}, {feature: points})
        assert (score.value, score.n_missing) == (plain, 1)
        cls = metric_class(fan)
        assert cls.comparable and cls.weights == ("fan", "s3fd_fan") and not metric_class(name).comparable
    akd = create_metric("akd_l1_fan", size=(512, 512))({"landmarks68_fan": other}, {"landmarks68_fan": points})
    assert akd == pytest.approx(np.nanmean(np.abs(other - points)) / 2)
    mouth = create_metric("ma_outer_fan")({"landmarks68_fan": points}, {"landmarks68_fan": points})
    assert mouth == 1.0


@pytest.mark.slow
def test_fan_of_the_largest_face(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two boxes the larger is cut, mirrored and plain, as the network itself gives it."""
    from bench.features.network_landmarks import FanLandmarks
    from bench.networks import open_network
    from bench.networks.fan import FanFrame, fan_crop, fan_points

    write_weights(weights, "fan", "s3fd_fan")
    boxes = np.array([[5, 5, 20, 20, 0.99], [30, 20, 110, 115, 0.6]], np.float32)
    seen = [boxes, np.zeros((0, 5), np.float32)]
    monkeypatch.setattr(FanLandmarks, "detect", lambda self, frame: seen.pop(0))
    frames = clip(2, 5, 128)
    extractor = FanLandmarks()
    extractor.start(VideoInfo("clip", 128, 128, Fraction(25)))
    found = extractor.update(Chunk(np.arange(2), np.arange(2) / 25, {"frames": frames}))
    place = FanFrame.of_box(boxes[1])
    network = open_network("fan_68").network
    plain, flipped = network.both(fan_crop(frames[0], place))
    for name, heatmap in (("landmarks68_fan", plain), ("landmarks68_fan_flip", flipped)):
        np.testing.assert_array_equal(found[name][0], fan_points(heatmap[0].numpy(), place))
        assert np.isnan(found[name][1]).all()


def test_affect_by_the_network_of_five_classes() -> None:
    first, second = np.array([[0.5, -0.5], [-0.25, 0.25]]), np.array([[0.2, -0.1], [0.25, 0.25]])
    sides = {"emotion_5": first}, {"emotion_5": second}
    assert create_metric("v_rmse_emonet5")(*sides) == pytest.approx(np.sqrt((0.09 + 0.25) / 2))
    assert create_metric("a_rmse_emonet5")(*sides) == pytest.approx(np.sqrt(0.16 / 2))
    assert create_metric("v_sagr_emonet5")(*sides) == 0.5
    assert create_metric("a_sagr_emonet5")(*sides) == 1.0
    assert metric_class("a_sagr_emonet5").weights == ("emonet_5",)
