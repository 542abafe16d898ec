"""The driver is watched once: cut, start frame, frames before the first face, landmarks on disk."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from drivers import mouth_opened, plain_face

import vfa.face.landmarks as detector
from vfa.errors import InputError
from vfa.face.landmarks import FaceLandmarks
from vfa.media.frame import Frame
from vfa.motion.driver import cut, watch

SIZE = 200


class Script:
    """Stands in for the detector: the red value of a picture's first pixel names the face it shows; 0 is none."""

    faces: tuple[np.ndarray, ...] = ()

    def __init__(self, **options: object) -> None: ...

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *error: object) -> None: ...

    def reset(self) -> None: ...

    def detect_all(self, image: np.ndarray) -> list[FaceLandmarks]:
        number = int(image[0, 0, 0])
        return [FaceLandmarks(self.faces[number - 1].astype(np.float32), 1.0)] if number else []


@pytest.fixture
def clip(monkeypatch: pytest.MonkeyPatch):
    """Makes a clip whose frame `i` shows face number `numbers[i]` (0: none); face n opens its mouth by `n - 1` tenths.

    Face 1 is the neutral one.
    """
    neutral = plain_face()
    Script.faces = tuple(mouth_opened(neutral, share / 10) for share in range(5))
    monkeypatch.setattr(detector, "FaceLandmarker", Script)

    def make(numbers: list[int]) -> SimpleNamespace:
        pictures = np.zeros((len(numbers), SIZE, SIZE, 3), np.uint8)
        pictures[:, :, :, 0] = np.array(numbers)[:, None, None]
        frames = [Frame(i, Fraction(i * 1001, 30000), picture, None) for i, picture in enumerate(pictures)]

        class Clip(SimpleNamespace):
            def __iter__(self):
                return iter(frames)

        return Clip(path=Path("driver.mp4"), n_frames=len(frames))

    return make


def test_cut_counts_from_the_offset() -> None:
    assert list(cut(range(10), 3, 4)) == [3, 4, 5, 6]
    assert list(cut(range(10), 8, None)) == [8, 9] and list(cut(range(3), 5, 2)) == []


def test_landmarks_times_and_the_most_neutral_frame(clip, tmp_path: Path) -> None:
    told = []
    driver = watch(clip([4, 3, 1, 2]), tmp_path, progress=lambda: told.append(1))
    np.testing.assert_allclose(driver.landmarks, np.stack([Script.faces[n] for n in (3, 2, 0, 1)]), rtol=1e-6)
    assert driver.times == [Fraction(i * 1001, 30000) for i in range(4)] and len(told) == 4
    assert driver.start == 2 and driver.detection_rate == 1


def test_landmarks_live_on_disk_and_leave_no_file(clip, tmp_path: Path) -> None:
    driver = watch(clip([1] * 5), tmp_path)
    assert isinstance(driver.landmarks, np.memmap) and driver.landmarks.shape == (5, 478, 3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "start"),
    [({"find_best": False}, 0), ({"best_frame": 3}, 3), ({"offset": 1}, 1), ({"offset": 2, "best_frame": 3}, 1),
     ({"offset": 2, "length": 2}, 0), ({"length": 1}, 0), ({"find_best": False, "best_frame": 2}, 2)],
)  # fmt: skip
def test_the_start_frame(clip, tmp_path: Path, options: dict, start: int) -> None:
    assert watch(clip([5, 4, 1, 2]), tmp_path, **options).start == start


@pytest.mark.parametrize(("best", "offset", "length"), [(4, 0, None), (0, 1, None), (2, 0, 2)])
def test_a_start_frame_outside_the_cut(clip, tmp_path: Path, best: int, offset: int, length: int | None) -> None:
    with pytest.raises(InputError, match="--best_frame lies outside") as caught:
        watch(clip([1, 1, 1, 1]), tmp_path, best_frame=best, offset=offset, length=length)
    last = 3 if length is None else offset + length - 1
    assert f"{offset}..{last}" in str(caught.value) and "driver.mp4" in str(caught.value)


def test_an_offset_beyond_the_end(clip, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames to animate") as caught:
        watch(clip([1, 1, 1]), tmp_path, offset=3)
    assert "more than 3 frames" in str(caught.value) and "3 frames" in str(caught.value)


def test_no_face_at_all(clip, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no face found"):
        watch(clip([0, 0, 0]), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["hold", "interpolate"])
def test_frames_before_the_first_face_take_it(clip, tmp_path: Path, missing: str) -> None:
    driver = watch(clip([0, 0, 2, 3]), tmp_path, missing=missing)
    for index in (0, 1, 2):
        np.testing.assert_allclose(driver.landmarks[index], Script.faces[1], rtol=1e-6)
    assert driver.detection_rate == 0.5 and driver.start == 2, "a frame without a face is no start"


def test_more_frames_before_the_first_face_than_are_looked_ahead(clip, tmp_path: Path) -> None:
    driver = watch(clip([0] * 45 + [2, 1]), tmp_path)
    assert driver.landmarks.shape == (47, 478, 3) and driver.start == 46
    np.testing.assert_allclose(driver.landmarks[:46], np.stack([Script.faces[1]] * 46), rtol=1e-6)


def test_gaps_are_held_or_bridged(clip, tmp_path: Path) -> None:
    held = watch(clip([1, 0, 3]), tmp_path, missing="hold").landmarks
    bridged = watch(clip([1, 0, 3]), tmp_path, missing="interpolate").landmarks
    np.testing.assert_allclose(held[1], Script.faces[0], rtol=1e-6)
    np.testing.assert_allclose(bridged[1], (Script.faces[0] + Script.faces[2]) / 2, rtol=1e-4, atol=1e-3)


def test_a_gap_may_be_an_error(clip, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no face in frame 1"):
        watch(clip([1, 0, 1]), tmp_path, missing="fail")
    assert not list(tmp_path.iterdir())


def test_smoothing_calms_but_keeps_a_still_face(clip, tmp_path: Path) -> None:
    still = watch(clip([1] * 6), tmp_path, smoothing=4.0).landmarks
    np.testing.assert_allclose(still, np.stack([Script.faces[0]] * 6), atol=1e-3)
    flicker = [1, 2] * 6
    rough, calm = (watch(clip(flicker), tmp_path, smoothing=cutoff).landmarks for cutoff in (0.0, 1.0))
    assert np.abs(np.diff(calm[6:, 14, 1])).mean() < 0.7 * np.abs(np.diff(rough[6:, 14, 1])).mean()
