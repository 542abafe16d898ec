"""SyncNet's tracks, crops and windows: the stated example, and sequences whose tracks are known."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy.signal import medfilt

from bench.networks.syncnet_track import (
    audio_windows,
    box_iou,
    crop_lips,
    crop_window,
    lip_windows,
    smooth_track,
    track_faces,
)


def test_crop_example() -> None:
    """Box (100,100)-(200,220): half side 60, centre (150,160); rows 100..268, columns 66..234, a square of 168."""
    half, x, y = smooth_track(np.tile([100.0, 100.0, 200.0, 220.0], (20, 1)))[10]
    assert (half, x, y) == (60.0, 150.0, 160.0)
    top, bottom, left, right, padding = crop_window(half, x, y)
    assert (top - padding, bottom - padding, left - padding, right - padding) == (100, 268, 66, 234)
    rows, columns = np.mgrid[:400, :400]
    image = np.stack((rows // 2, columns // 2, rows * 0), axis=-1).astype(np.uint8)
    crop = crop_lips(image, half, x, y)
    assert crop.shape == (224, 224, 3)
    # 168 pixels become 224: the centre of result pixel i reads (i + 0.5) * 0.75 - 0.5.
    places = (np.arange(224) + 0.5) * 0.75 - 0.5
    np.testing.assert_allclose(crop[:, 112, 0], (100 + places) / 2, atol=1.0)
    np.testing.assert_allclose(crop[112, :, 1], (66 + places) / 2, atol=1.0)


@pytest.mark.parametrize(("half", "x", "y"), [(60.0, 20.0, 30.0), (80.5, 390.2, 290.7), (33.3, 150.5, 299.0)])
def test_crop_equals_cutting_the_padded_image(half: float, x: float, y: float) -> None:
    import cv2

    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    padding = int(half * 1.8)
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)), constant_values=110)
    my, mx = y + padding, x + padding
    expected = padded[int(my - half) : int(my + half * 1.8), int(mx - half * 1.4) : int(mx + half * 1.4)]
    np.testing.assert_array_equal(crop_lips(image, half, x, y), cv2.resize(expected, (224, 224)))


def test_crop_far_outside_is_grey() -> None:
    assert np.unique(crop_lips(np.zeros((50, 50, 3), np.uint8), 20.0, -500.0, 900.0)).tolist() == [110]


def test_median_smooths_size_and_centre() -> None:
    boxes = np.tile([0.0, 0.0, 100.0, 80.0], (40, 1))
    boxes[20] = (500.0, 500.0, 900.0, 900.0)
    smoothed = smooth_track(boxes)
    np.testing.assert_array_equal(smoothed[10:30], np.tile([50.0, 50.0, 40.0], (20, 1)))
    np.testing.assert_array_equal(smoothed[:, 1], medfilt((boxes[:, 0] + boxes[:, 2]) / 2, 13))


def _box(x: float, y: float, side: float = 120.0) -> np.ndarray:
    return np.array([x, y, x + side, y + side, 0.99])


def test_two_faces_are_two_tracks() -> None:
    detections = [np.stack((_box(10 + 0.5 * t, 10), _box(300, 40))[:: 1 if t % 2 else -1]) for t in range(150)]
    tracks = track_faces(detections, first_frame=1000)
    assert [(len(track.frames), track.frames[0], track.frames[-1]) for track in tracks] == [(150, 1000, 1149)] * 2
    lefts = sorted(float(track.boxes[0, 0]) for track in tracks)
    assert lefts == [10.0, 300.0]
    for track in tracks:
        assert np.abs(np.diff(track.boxes[:, 0])).max() <= 0.5


def test_gaps_are_filled_up_to_25_frames() -> None:
    def seen(gap: int) -> list[np.ndarray]:
        return [np.empty((0, 5)) if 60 <= t < 60 + gap else _box(t, 0)[None] for t in range(60 + gap + 60)]

    (track,) = track_faces(seen(24))
    np.testing.assert_allclose(track.boxes[:, 0], np.arange(144))
    assert track_faces(seen(25)) == []
    assert [len(track.frames) for track in track_faces(seen(25), min_track=50)] == [60, 60]


def test_short_small_and_jumping_faces_are_dropped() -> None:
    assert track_faces([_box(0, 0)[None]] * 100) == []
    assert len(track_faces([_box(0, 0)[None]] * 101)) == 1
    assert track_faces([_box(0, 0, 100.0)[None]] * 150) == []
    jumping = [_box(0 if t < 75 else 400, 0)[None] for t in range(150)]
    assert track_faces(jumping) == []
    assert track_faces([]) == [] and track_faces([np.empty((0, 5))] * 10) == []


def test_overlap() -> None:
    others = np.array([[1.0, 0, 3, 2], [2, 2, 3, 3], [0, 0, 2, 2], [1, 1, 1, 1]])
    np.testing.assert_allclose(box_iou(np.array([0.0, 0, 2, 2]), others), [1 / 3, 0, 1, 0])
    assert box_iou(np.zeros(4), np.zeros((1, 4))) == 0


def test_detections_are_counted_without_the_filled_gaps() -> None:
    (track,) = track_faces([_box(t, 0)[None] if t % 2 else np.empty((0, 5)) for t in range(240)])
    assert (len(track.frames), track.detections) == (239, 120)


def test_noise_of_many_boxes_takes_no_time() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 400, (30, 300, 2))
    noise = [np.concatenate([places, places + 20], axis=1) for places in corners]
    began = time.process_time()
    assert track_faces(noise, min_track=25) == []
    assert time.process_time() - began < 20


def test_windows_of_frames_and_sound() -> None:
    crops = np.zeros((12, 8, 8, 3), np.uint8)
    crops[:, :, :, 0], crops[:, :, :, 2] = np.arange(12)[:, None, None], 100 + np.arange(12)[:, None, None]
    windows = lip_windows(crops)
    # Seven of the eight possible windows, blue first.
    assert tuple(windows.shape) == (7, 3, 5, 8, 8)
    assert windows[2, :, :, 0, 0].tolist() == [[102, 103, 104, 105, 106], [0] * 5, [2, 3, 4, 5, 6]]
    mfcc = np.arange(48 * 13, dtype=np.float64).reshape(48, 13)
    sound = audio_windows(mfcc, 7)
    assert tuple(sound.shape) == (7, 1, 13, 20) and sound.dtype == torch.float32
    np.testing.assert_array_equal(sound[3, 0].numpy(), mfcc[12:32].T)
    assert len(audio_windows(mfcc[:40], 7)) == 6 and len(audio_windows(mfcc[:10], 7)) == 0
    assert tuple(lip_windows(crops[:5]).shape) == (0, 3, 5, 8, 8)
