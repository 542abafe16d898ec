"""LSE-C, LSE-D and offset from distances, the weight-free stand-in, and the MFCC SyncNet expects."""

from __future__ import annotations

import math

import metric_inputs as make
import numpy as np
import pytest

from bench.metrics import create_metric
from bench.metrics.functional.sync import lagged_correlation, sync_distances, sync_lite, sync_score
from vfa.errors import InputError


@pytest.mark.parametrize("column", [0, 11, 15, 30])
def test_a_single_dip_gives_the_closed_form(column: int) -> None:
    """LSE-D is the dip, LSE-C the median minus the dip, the offset 15 minus the dip's column."""
    table = np.full((40, 31), 9.0)
    table[:, column] = 6.25
    score = sync_score(table)
    assert (score.distance, score.confidence, score.offset) == (6.25, 2.75, 15 - column)


def test_the_median_is_over_shifts_of_the_mean_over_frames() -> None:
    table = np.random.default_rng(0).uniform(5, 12, (57, 31))
    means = sorted(float(np.mean(table[:, k])) for k in range(31))
    score = sync_score(table)
    assert score.distance == pytest.approx(means[0])
    assert score.confidence == pytest.approx(means[15] - means[0])


@pytest.mark.parametrize("lead", [-4, 0, 6])
def test_offset_is_positive_where_the_audio_leads(lead: int) -> None:
    """Lip window v belongs with audio window v - lead: the matching sound sits earlier in the stream."""
    sound = np.random.default_rng(1).normal(size=(80, 64))
    lips = np.roll(sound, lead, axis=0)
    score = sync_score(sync_distances(lips, sound)[20:60])
    assert score.offset == lead
    assert score.distance == pytest.approx(1e-6 * 8, rel=1e-3)


def test_distances_equal_torch_with_zero_padding() -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    lips, sound = (torch.randn(25, 16, generator=generator, dtype=torch.float64) for _ in range(2))
    padded = torch.nn.functional.pad(sound, (0, 0, 15, 15))
    expected = torch.stack(
        [torch.nn.functional.pairwise_distance(lips[[v]].repeat(31, 1), padded[v : v + 31]) for v in range(25)]
    )
    np.testing.assert_allclose(sync_distances(lips.numpy(), sound.numpy()), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("lag", [-7, 0, 5])
def test_lite_finds_the_lag_with_the_sign_of_syncnet(lag: int) -> None:
    wave = make.mouth_opening_wave(140, rate=25.0)
    opening, loudness = wave[20:120], wave[20 + lag : 120 + lag]  # the sound is `lag` frames early
    score = sync_lite(opening, loudness)
    assert score is not None
    assert score.offset == lag and score.distance == pytest.approx(0.0, abs=1e-9)


def test_correlation_equals_numpy() -> None:
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(2, 70))
    ours = lagged_correlation(x, y)
    for k, lag in enumerate(range(-15, 16)):
        pairs = [(x[t], y[t + lag]) for t in range(70) if 0 <= t + lag < 70]
        assert ours[k] == pytest.approx(np.corrcoef(np.array(pairs).T)[0, 1])


def test_a_frozen_mouth_has_no_confidence() -> None:
    points = np.repeat(make.landmarks68(1), 200, axis=0)
    sound = {"audio_envelope": make.mouth_opening_wave(900, rate=100.0)}
    assert create_metric("sync_lite")({"landmarks68": points}, audio=sound) == 0.0


def test_real_timing_survives_the_registered_metric() -> None:
    sound = {"audio_envelope": make.mouth_opening_wave(900, rate=100.0)}
    for delay, rate in ((0.0, 25), (0.2, 25), (0.2, 30)):
        points = make.landmarks68(8 * rate, delay=delay, rate=rate)
        score = create_metric("sync_lite").score({"landmarks68": points}, audio=sound, rate=rate)
        assert score.details["offset_frames"] == pytest.approx(round(delay * 25), abs=1)
        assert score.details["peak_correlation"] > 0.95


def test_short_clips_give_a_reason() -> None:
    sound = {"audio_envelope": np.ones(900)}
    score = create_metric("sync_lite").score({"landmarks68": make.landmarks68(20)}, audio=sound)
    assert math.isnan(score.value) and "fewer than 10" in score.reason


def test_refuses_tables_without_a_centre() -> None:
    with pytest.raises(InputError, match="odd"):
        sync_score(np.zeros((4, 30)))
    with pytest.raises(InputError, match="empty"):
        sync_score(np.zeros((0, 31)))


def mfcc_plainly(samples: np.ndarray) -> np.ndarray:
    """The recipe of python_speech_features 0.6 with loops in place of matrices."""
    signal = [samples[0]] + [samples[i] - 0.97 * samples[i - 1] for i in range(1, len(samples))]
    count = 1 if len(signal) <= 400 else 1 + math.ceil((len(signal) - 400) / 160)
    signal = np.array(signal + [0.0] * ((count - 1) * 160 + 400 - len(signal)))
    edges = [math.floor(513 * 700 * (10 ** (m / 2595) - 1) / 16000)
             for m in np.linspace(0, 2595 * math.log10(1 + 8000 / 700), 28)]  # fmt: skip
    rows = []
    for frame in range(count):
        power = np.abs(np.fft.fft(signal[frame * 160 : frame * 160 + 400], 512)[:257]) ** 2 / 512
        logs = []
        for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
            band = sum(power[i] * (i - low) / (centre - low) for i in range(low, centre))
            band += sum(power[i] * (high - i) / (high - centre) for i in range(centre, high))
            logs.append(math.log(band or np.finfo(float).eps))
        row = []
        for k in range(13):
            value = sum(logs[n] * math.cos(math.pi * k * (2 * n + 1) / 52) for n in range(26))
            row.append(value * math.sqrt((1 if k == 0 else 2) / 26) * (1 + 11 * math.sin(math.pi * k / 22)))
        row[0] = math.log(power.sum() or np.finfo(float).eps)
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("count", [100, 400, 401, 3000])
def test_mfcc_equals_the_plain_recipe(count: int) -> None:
    from bench.features.audio import mfcc

    samples = np.round(np.random.default_rng(count).normal(size=count) * 3000)
    np.testing.assert_allclose(mfcc(samples), mfcc_plainly(samples), atol=1e-5)


def test_mfcc_equals_python_speech_features() -> None:
    """Three frames that version 0.6 of the package gave for the same noise."""
    from bench.features.audio import mfcc

    samples = np.clip(np.random.default_rng(7).normal(size=1600) * 3000, -32768, 32767).astype(np.int16)
    found = mfcc(samples.astype(np.float64))
    assert found.shape == (9, 13)
    expected = [
        [21.78706241, -36.09026169, -8.99595576, -8.43282549, -2.08653097, -5.09474362, -7.49854006, -6.83696347,
         -7.19261576, -5.02990639, -1.55525907, -1.92738940, -0.17462073],
        [21.84289762, -32.44017377, -5.84263592, -8.27001301, -5.66189227, -3.70180009, 1.49635990, -1.30266608,
         0.53990394, -7.39031332, -2.26533770, -1.18755344, -0.16073419],
        [21.95210263, -36.53467920, -10.85618932, -15.59906334, -7.56754821, -3.82624450, -0.39167504, -1.33398547,
         -1.26971128, 1.65854711, -3.58357617, -1.07125630, -6.19100209],
    ]  # fmt: skip
    np.testing.assert_allclose(found[[0, 4, -1]], expected, atol=1e-5)


def test_mfcc_of_silence_is_finite() -> None:
    from bench.features.audio import mfcc

    assert np.isfinite(mfcc(np.zeros(1600))).all()
