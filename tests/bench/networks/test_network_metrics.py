"""Metrics of networks with seeded weights: each equals a direct computation and depends on nothing it should not."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded_files import write_weights

from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.network_base import SteadyRate
from bench.metrics import create_metric
from bench.networks import open_network
from vfa.errors import AssetError

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights")
    write_weights(path, "fid_inception", "alexnet", "arcface", "syncnet", "s3fd", "i3d", "raft", "amt_s")
    return path


@pytest.fixture
def weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(folder))
    monkeypatch.setenv("BENCH_ANY_HASH", "1")
    return folder


def clip(n: int, seed: int, size: tuple[int, int] = (60, 52)) -> np.ndarray:
    """Smooth random pictures, uint8 [n,H,W,3]."""
    import cv2

    small = np.random.default_rng(seed).uniform(0, 255, (n, 7, 7, 3)).astype(np.float32)
    return np.stack([np.clip(cv2.resize(x, size, interpolation=cv2.INTER_CUBIC), 0, 255) for x in small]).astype(
        np.uint8
    )


def extracted(extractor: Extractor, frames: np.ndarray, cut: int, **known: np.ndarray) -> dict[str, np.ndarray]:
    """What an extractor gives for frames at 25 fps that come in chunks of a certain length."""
    extractor.start(VideoInfo("clip", frames.shape[2], frames.shape[1], Fraction(25)))
    try:
        for start in range(0, len(frames), cut):
            index = np.arange(start, min(start + cut, len(frames)))
            rows = {"frames": frames[index], **{name: values[index] for name, values in known.items()}}
            extractor.update(Chunk(index, index / 25, rows))
        return dict(extractor.finish())
    finally:
        extractor.close()


def frechet_by_eigenvalues(first: np.ndarray, second: np.ndarray) -> float:
    """The distance with the trace of the root from the eigenvalues of (A B^T)(A B^T)^T."""
    a, b = (x.astype(np.float64) for x in (first, second))
    gap = a.mean(0) - b.mean(0)
    traces = a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum()
    a, b = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b))
    cross = a @ b.T
    return float(gap @ gap + traces - 2 * np.sqrt(np.maximum(np.linalg.eigvalsh(cross @ cross.T), 0)).sum())


def inception_features(frames: np.ndarray) -> np.ndarray:
    network = open_network("fid_inception").network
    image = torch.from_numpy(frames.transpose(0, 3, 1, 2).copy()).float() / 255
    return network(image)["features"].numpy()


def test_fid_equals_a_direct_computation(weights: Path) -> None:
    first, second = clip(5, 1), clip(4, 2)
    expected = frechet_by_eigenvalues(inception_features(first), inception_features(second))
    score = create_metric("fid").score(first, second)
    assert score.value == pytest.approx(expected, rel=1e-4)
    assert (score.n_frames, score.details["n_truth"]) == (5, 4)
    assert create_metric("fid_vico")(first, second) == score.value
    assert create_metric("fid")(first, first) == pytest.approx(0, abs=1e-6 * expected)


def test_features_do_not_depend_on_where_chunks_are_cut(weights: Path) -> None:
    from bench.features.network_images import InceptionPt

    frames = clip(9, 3)
    whole = extracted(InceptionPt(), frames, 9)["inception_pt"]
    assert np.array_equal(whole, extracted(InceptionPt(), frames, 3)["inception_pt"])
    np.testing.assert_allclose(whole, inception_features(frames), rtol=1e-4, atol=1e-4 * np.abs(whole).max())


def test_kid_and_is(weights: Path) -> None:
    first, second = clip(4, 1), clip(3, 2)
    x, y = (inception_features(frames).astype(np.float64) for frames in (first, second))
    same = [
        np.mean([(a @ b / 2048 + 1) ** 3 for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j])
        for rows in (x, y)
    ]
    other = np.mean([(a @ b / 2048 + 1) ** 3 for a in x for b in y])
    assert create_metric("kid")(first, second) == pytest.approx(sum(same) - 2 * other, rel=1e-3)
    assert create_metric("is").score(first).value >= 1.0
    assert create_metric("is").score(np.repeat(first[:1], 4, 0)).value == pytest.approx(1.0, abs=1e-6)


def test_lpips_equals_a_direct_computation(weights: Path) -> None:
    from torchvision.models import alexnet

    from bench.networks.lpips import bundled_heads

    first, second = clip(3, 4, (80, 72)), clip(3, 5, (80, 72))
    state = torch.load(weights / "alexnet-owt-7be5be79.pth", weights_only=True)
    trunk = alexnet(weights=None).features.eval()
    trunk.load_state_dict(
        {key[len("features.") :]: value for key, value in state.items() if key.startswith("features")}
    )
    heads = torch.load(bundled_heads("alex"), weights_only=True, map_location="cpu")
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])

    def taps(image: np.ndarray) -> list[torch.Tensor]:
        x = torch.from_numpy(image).float() / 255 * 2 - 1
        x, found = ((x - shift) / scale).permute(2, 0, 1)[None], []
        for i, layer in enumerate(trunk):
            x = layer(x)
            if i in (1, 4, 7, 9, 11):
                found.append(x[0] / (x[0].norm(dim=0, keepdim=True) + 1e-10))
                found[-1] = found[-1].clone()
        return found

    with torch.no_grad():
        expected = [
            sum(
                float((((p - q) ** 2) * heads[f"lin{i}.model.1.weight"][0]).sum(0).mean())
                for i, (p, q) in enumerate(zip(taps(a), taps(b), strict=True))
            )
            for a, b in zip(first, second, strict=True)
        ]
    score = create_metric("lpips").score(first, second)
    np.testing.assert_allclose(score.frames, expected, rtol=1e-4)
    assert create_metric("lpips_alex")(first, first) == 0.0


def test_csim_equals_a_direct_computation(weights: Path) -> None:
    from bench.features.network_faces import ArcFaceAligned, ArcFaceWhole
    from bench.networks.arcface_align import TEMPLATE

    frames = clip(3, 6, (112, 112))
    points = np.zeros((3, 68, 2), np.float32)
    five = (TEMPLATE + 0.5).astype(np.float32)
    points[:, 36:42], points[:, 42:48] = five[0], five[1]
    points[:, 30], points[:, 48], points[:, 54] = five[2], five[3], five[4]
    points[1] = np.nan
    found = extracted(ArcFaceAligned(), frames, 2, landmarks68=points)["arcface"]
    network = open_network("arcface_iresnet100").network
    image = torch.from_numpy(frames.transpose(0, 3, 1, 2).copy()).float() / 127.5 - 1
    expected = network(image)["embedding"].numpy()
    # The points lie where the template has them, so alignment changes nothing; the second frame has no face.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found[[0, 2]], expected[[0, 2]], atol=2e-3 * scale)
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(extracted(ArcFaceWhole(), frames, 3)["arcface_whole"], expected, atol=1e-3 * scale)
    other = np.roll(expected, 1, axis=0)
    cosine = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in zip(found, other, strict=True)]
    score = create_metric("csim").score({"arcface": found}, {"arcface": other})
    assert (score.n_frames, score.n_missing) == (2, 1)
    assert score.value == pytest.approx(np.nanmean(cosine), rel=1e-6)


@pytest.mark.slow
def test_lse_equals_a_direct_computation(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.features.audio import mfcc
    from bench.features.network_sync import SyncAudio, SyncLips

    n, box = 27, np.array([40.0, 30.0, 150.0, 145.0])
    drift = clip(n, 7, (180, 170)).astype(int) // 12
    frames = (clip(1, 8, (180, 170)).astype(int) * 9 // 10 + drift).astype(np.uint8)
    monkeypatch.setattr(SyncLips, "detect", lambda self, frames: [np.array([[*box, 1.0]])] * len(frames))
    video = extracted(SyncLips(), frames, 5)
    assert video["sync_tracks"].tolist() == [[0.0, n - 5, n]]
    samples = (np.random.default_rng(8).normal(size=n * 640) * 0.1).astype(np.float32)
    audio = SyncAudio().extract(samples)
    score = {
        name: create_metric(name).score({**video, "frames": frames}, audio=audio)
        for name in ("lse_c", "lse_d", "av_offset")
    }

    # By hand: the crop of a constant box but for six frames at either end, where the median filter sees zeros.
    from bench.networks.syncnet_track import crop_lips, smooth_track

    crops = [crop_lips(frame, *row) for frame, row in zip(frames, smooth_track(np.tile(box, (n, 1))), strict=True)]
    lips = torch.from_numpy(np.stack(crops)[..., ::-1].transpose(3, 0, 1, 2).copy()).float()
    columns = torch.from_numpy(mfcc(samples.astype(np.float64) * 32768).T.copy())
    network = open_network("syncnet").network
    v = np.array([network(lip=lips[None, :, i : i + 5])["lip"][0].numpy() for i in range(n - 5)], np.float64)
    a = np.array(
        [network(audio=columns[None, None, :, 4 * i : 4 * i + 20])["audio"][0].numpy() for i in range(n - 5)],
        np.float64,
    )
    mean = []
    for k in range(-15, 16):
        rows = [a[i + k] if 0 <= i + k < len(a) else np.zeros(1024) for i in range(len(v))]
        mean.append(np.mean([np.sqrt(((x - y + 1e-6) ** 2).sum()) for x, y in zip(v, rows, strict=True)]))
    assert score["lse_d"].value == pytest.approx(min(mean), rel=1e-4)
    assert score["lse_c"].value == pytest.approx(np.median(mean) - min(mean), rel=1e-3, abs=1e-4 * min(mean))
    assert score["av_offset"].value == abs(15 - int(np.argmin(mean)))
    assert score["lse_d"].details["short_tracks"] == 1.0


def test_tracks_weigh_by_their_length_and_long_ones_come_first() -> None:
    rng = np.random.default_rng(0)
    audio = rng.normal(size=(300, 1024))
    lips = np.concatenate([audio[3 : 3 + 150], rng.normal(size=(40, 1024))])
    tracks = np.array([[0.0, 150, 155], [200.0, 40, 45]])
    sample = {"sync_lips": lips, "sync_tracks": tracks, "frames": np.zeros((300, 4, 4, 3), np.uint8)}
    score = create_metric("av_offset").score(sample, audio={"sync_audio": audio})
    # The lips of the first track show what is heard three frames later: the audio lags, the offset is negative.
    assert score.value == 3.0
    assert score.details["offset_frames"] == -3.0
    assert score.details["tracks"] == 1.0
    assert score.n_frames == 150


def test_fvd_takes_clips_of_sixteen_frames(weights: Path) -> None:
    first, second = clip(50, 1, (32, 32)), clip(34, 2, (32, 32))
    score = create_metric("fvd").score(first, second)
    assert (score.n_frames, score.details["n_truth"]) == (3, 2)
    from seeded_files import ToyI3D

    net = ToyI3D()

    def logits(frames: np.ndarray) -> np.ndarray:
        clips = frames[: len(frames) // 16 * 16].reshape(-1, 16, *frames.shape[1:])
        return net(torch.from_numpy(clips.transpose(0, 4, 1, 2, 3).copy()).float()).numpy()

    assert score.value == pytest.approx(frechet_by_eigenvalues(logits(first), logits(second)), rel=1e-4)
    assert create_metric("fvd_common").score(first, second).n_frames == 1


def test_small_frames_are_told(weights: Path) -> None:
    from vfa.errors import InputError

    for name in ("vbench_ms", "vbench_dd"):
        with pytest.raises(InputError, match="at least 128 pixels"):
            create_metric(name)(clip(6, 1))


def test_scores_from_features_by_closed_forms() -> None:
    unit = np.array([[1.0, 0], [0, 1], [0, 2]])
    assert create_metric("vbench_sc")({"dino": unit}) == pytest.approx(0.25)
    assert create_metric("vbench_bc").score({"clip_b32": unit}).n_missing == 0
    score = create_metric("vbench_ms").score({"amt_error": np.array([0.1, 0.3])})
    assert score.value == pytest.approx(0.8)
    assert score.details["normalised"] == pytest.approx((0.8 - 0.706) / (0.9975 - 0.706))
    assert create_metric("vbench_iq")({"musiq_spaq": np.full((3, 1), 70.0)}) == pytest.approx(0.7)
    assert create_metric("vbench_aq")({"aesthetic": np.full((3, 1), 5.5)}) == pytest.approx(0.55)
    coefficients = np.zeros((4, 257))
    other = coefficients.copy()
    other[:, 80:144], other[:, 224:227], other[:, 254:257] = 0.5, 0.1, 0.3
    other[2] = np.nan
    sides = {"deep3d": coefficients}, {"deep3d": other}
    for name, value in (("aed", 0.5), ("apd", 0.1), ("apd_6", 0.2)):
        score = create_metric(name).score(*sides)
        assert (score.value, score.n_missing) == (pytest.approx(value), 1)
    emotion = np.array([[0.5, -0.5], [-0.25, 0.25]]), np.array([[0.2, -0.1], [0.25, 0.25]])
    sides = {"emotion": emotion[0]}, {"emotion": emotion[1]}
    assert create_metric("v_rmse_emonet")(*sides) == pytest.approx(math.sqrt((0.09 + 0.25) / 2))
    assert create_metric("v_sagr_emonet")(*sides) == 0.5
    assert create_metric("a_sagr_emonet")(*sides) == 1.0
    turn = np.array([[0.0, 0, 0], [6, 0, 0]])
    assert create_metric("diversity")({"hopenet_pose": turn}) == pytest.approx(1.0)
    assert create_metric("esd")({"emotion_feature": unit}, {"emotion_feature": unit}) == pytest.approx(1.0)


@pytest.mark.parametrize(("rate", "n", "expected"), [(25, 5, 5), (50, 10, 5), (12.5, 5, 10), (30, 60, 50)])
def test_steady_rate(rate: float, n: int, expected: int) -> None:
    steady, shown = SteadyRate(), []
    for i in range(n):
        frame, times = steady.push(i, i / rate)
        shown += [frame] * times
    frame, times = steady.end(1 / rate)
    shown += [frame] * times
    assert len(shown) == expected
    assert shown == sorted(shown)
    assert max(abs(source / rate - k / 25) for k, source in enumerate(shown)) <= max(0.02, 1 / rate)


def test_without_weights_a_metric_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(AssetError, match="bench weights fetch fid_inception"):
        create_metric("fid")(clip(3, 1), clip(3, 2))
