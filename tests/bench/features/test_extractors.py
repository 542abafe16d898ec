"""First extractors against closed forms."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bench.features.audio import Sound
from bench.features.base import Chunk, Extractor, VideoInfo
from bench.features.crop import FaceCrop
from bench.features.flow import OpticalFlow
from bench.features.pixels import PixelStatistics
from bench.features.pose import REFERENCE, STABLE, angles_of, solve_pose
from bench.features.registry import all_extractors, provider, register_extractor, resolve
from vfa.errors import InputError


def chunk(**features: np.ndarray) -> Chunk:
    n = len(next(iter(features.values())))
    return Chunk(np.arange(n), np.arange(n) / 25, dict(features))


def test_pixel_statistics_are_mean_deviation_and_change() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 20, 30, 3), dtype=np.uint8)
    extractor = PixelStatistics()
    extractor.start(VideoInfo("v", 30, 20, Fraction(25)))
    found = extractor.update(chunk(frames=frames))
    np.testing.assert_allclose(found["pixel_mean"], frames.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found["pixel_std"], frames.std((1, 2)), rtol=1e-5)
    change = np.abs(np.diff(frames.astype(int), axis=0)).mean((1, 2, 3))
    assert np.isnan(found["pixel_change"][0])
    np.testing.assert_allclose(found["pixel_change"][1:], change, rtol=1e-5)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """R = Rz(-roll) Ry(yaw) Rx(-pitch), written out."""
    y, p, r = np.radians([yaw, -pitch, -roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, 0, 0), (0, 15, 0), (0, 0, -20), (-30, 10, 12)])
def test_pose_of_a_projected_head_is_recovered(angles: tuple[float, float, float]) -> None:
    place = np.array([12.0, -8.0, -650.0])
    head = REFERENCE @ rotation(*angles).T + place
    points = np.full((68, 2), np.nan)
    points[list(STABLE)] = np.stack([160 + 320 * head[:, 0] / -head[:, 2], 120 - 320 * head[:, 1] / -head[:, 2]], 1)
    found, position = solve_pose(points, 320, 240)
    np.testing.assert_allclose(found, angles, atol=1e-4)
    np.testing.assert_allclose(position, place, atol=1e-3)
    np.testing.assert_allclose(angles_of(rotation(*angles)), angles, atol=1e-9)


def test_pose_without_a_face_is_nan_never_zero() -> None:
    angles, position = solve_pose(np.full((68, 2), np.nan), 100, 100)
    assert np.isnan(angles).all()
    assert np.isnan(position).all()


def test_yaw_is_positive_when_the_nose_points_to_the_images_right() -> None:
    nose = rotation(20, 0, 0) @ np.array([0, 0, 1.0])
    assert nose[0] > 0
    assert (rotation(0, 20, 0) @ np.array([0, 0, 1.0]))[1] > 0


def test_flow_of_a_moved_picture_is_its_shift() -> None:
    rng = np.random.default_rng(0)
    import cv2

    texture = cv2.GaussianBlur(rng.uniform(0, 255, (200, 200)), (0, 0), 3)
    texture = np.clip((texture - texture.mean()) * 12 + 128, 0, 255).astype(np.uint8)
    frames = np.stack([np.repeat(texture[20:148, 20 + 3 * i : 148 + 3 * i, None], 3, 2) for i in range(3)])
    extractor = OpticalFlow()
    extractor.start(VideoInfo("v", 128, 128, Fraction(25)))
    found = extractor.update(chunk(frames=frames))
    assert np.isnan(found["flow_mean"][0])
    np.testing.assert_allclose(found["flow_mean"][1:], 3, atol=0.25)


def test_face_crop_takes_the_square_around_the_box() -> None:
    frame = np.zeros((2, 100, 100, 3), np.uint8)
    frame[:, 40:60, 30:70] = 255
    box = np.array([[30, 30, 70, 70], [np.nan] * 4], np.float32)
    crops = FaceCrop().update(chunk(frames=frame, face_box=box))["face_frames"]
    assert crops.shape == (2, 256, 256, 3)
    assert crops[0, 128, 128, 0] == 255
    assert crops[0, 10, 128, 0] == 0
    rows = np.flatnonzero(crops[0, :, 128, 0] > 127)
    assert (rows[-1] - rows[0] + 1) / 256 == pytest.approx(20 / 52, abs=0.02)
    assert (crops[1] == 0).all()


def test_envelope_of_a_sine_is_its_effective_value() -> None:
    t = np.arange(16000) / 16000
    found = Sound().extract((0.5 * np.sin(2 * np.pi * 400 * t)).astype(np.float32))
    assert len(found["audio_envelope"]) == 1 + int(np.ceil((16000 - 400) / 160))
    np.testing.assert_allclose(found["audio_envelope"][2:-3], 0.5 / np.sqrt(2), rtol=1e-3)
    assert found["mfcc"].shape == (len(found["audio_envelope"]), 13)


def test_onsets_are_where_sound_begins() -> None:
    samples = np.zeros(16000, np.float32)
    for start in (4000, 9600):
        samples[start : start + 1600] = np.random.default_rng(0).uniform(-0.5, 0.5, 1600)
    onset = Sound().extract(samples)["audio_onset"]
    peaks = sorted(int(i) for i in np.argsort(onset)[-8:])
    assert min(abs(p - 25) for p in peaks) <= 3
    assert min(abs(p - 60) for p in peaks) <= 3
    assert onset[40:55].max() < 0.1 * onset.max()


def test_extractors_are_found_by_feature_in_a_runnable_order() -> None:
    order = resolve(["pose", "face_frames", "landmarks68"])
    names = [extractor.name for extractor in order]
    assert names.index("landmarks") < names.index("pose")
    assert names.index("landmarks") < names.index("face_crop")
    assert len(names) == len(set(names))
    assert provider("pose").name == "pose"
    assert {"pixels", "landmarks", "pose", "face_crop", "flow", "sound"} <= {e.name for e in all_extractors()}


def test_unknown_features_and_collisions_are_errors() -> None:
    with pytest.raises(InputError, match="landmark"):
        provider("landmarks69")

    class Second(Extractor):
        name, provides = "second_pose", ("pose",)

    with pytest.raises(ValueError, match="pose"):
        register_extractor(Second)

    class SameName(Extractor):
        name, provides = "pose", ("other",)

    with pytest.raises(ValueError, match="two extractors"):
        register_extractor(SameName)
