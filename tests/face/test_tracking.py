"""Tracking with a scripted detector: gaps, several people, borders, memory, statistics."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.face.landmarks import FaceLandmarks
from vfa.face.smoothing import OneEuro
from vfa.face.tracking import DetectionStatistics, track


@dataclass(frozen=True)
class StubFrame:
    index: int
    time: Fraction
    color: np.ndarray


def face_at(x, y=50, size=60):
    points = np.zeros((478, 3), np.float32)
    points[:, 0] = np.linspace(x - size / 2, x + size / 2, 478)
    points[:, 1] = np.linspace(y - size / 2, y + size / 2, 478)
    return FaceLandmarks(points)


class Script:
    """A detector that reads its answer off the first pixel of the image."""

    def __init__(self, answers):
        self.answers, self.resets = answers, 0

    def detect_all(self, image):
        return self.answers[int(image[0, 0, 0])]

    def reset(self):
        self.resets += 1


def frames(count, alive=None):
    for index in range(count):
        color = np.zeros((100, 200, 3), np.uint8)
        color[0, 0] = index
        if alive is not None:
            alive.append(index)
        yield StubFrame(index, Fraction(index, 25), color)


def centers(tracked):
    return [None if t.landmarks is None else round(float(t.landmarks.center[0]), 3) for t in tracked]


def test_hold_repeats_the_last_face_and_has_none_before_the_first():
    answers = [[], [face_at(50)], [], [], [face_at(56)]]
    statistics = DetectionStatistics()
    tracked = list(track(frames(5), Script(answers), missing="hold", statistics=statistics))
    assert centers(tracked) == [None, 50, 50, 50, 56]
    assert [t.detected for t in tracked] == [False, True, False, False, True]
    assert (statistics.frames, statistics.detected, statistics.rate) == (5, 2, 0.4)


def test_interpolate_is_linear_in_time():
    answers = [[], [face_at(50)], [], [], [face_at(56)], []]
    assert centers(track(frames(6), Script(answers), missing="interpolate")) == [50, 50, 52, 54, 56, 56]


def test_interpolation_looks_ahead_no_further_than_told():
    answers = [[face_at(50)]] + [[]] * 8 + [[face_at(59)]]
    alive: list[int] = []
    result, kept = [], 0
    for item in track(frames(10, alive), Script(answers), missing="interpolate", look_ahead=3):
        result.append(item)
        kept = max(kept, alive[-1] - item.frame.index)
    assert kept <= 3
    assert centers(result) == [50, 50, 50, 50, 50, 50, 56, 57, 58, 59]


def test_fail_names_the_frame():
    with pytest.raises(InputError, match=r"frame 2 \(0.080 s\)"):
        list(track(frames(3), Script([[face_at(50)], [face_at(50)], []]), missing="fail"))


def test_no_face_at_all_is_an_error_at_the_end():
    with pytest.raises(InputError, match="no face found"):
        list(track(frames(4), Script([[]] * 4)))
    with pytest.raises(InputError, match="hold"):
        list(track(frames(1), Script([[]]), missing="guess"))  # type: ignore[arg-type]


def test_two_people_the_largest_first_then_the_nearest():
    small, large = [face_at(40 + i, size=40) for i in range(3)], [face_at(150 - i, size=70) for i in range(3)]
    answers = [[small[0], large[0]], [small[1], large[1]], [small[2]]]
    assert centers(track(frames(3), Script(answers))) == [150, 149, 149]


def test_someone_else_takes_over_after_a_while():
    answers = [[face_at(35, size=64)]] + [[face_at(165, size=64)]] * 20
    result = centers(track(frames(21), Script(answers)))
    assert result[1] == 35 and result[-1] == 165


def test_face_that_left_the_frame_is_not_detected():
    answers = [[face_at(50)], [face_at(20)], [face_at(-10)]]
    tracked = list(track(frames(3), Script(answers)))
    assert [t.detected for t in tracked] == [True, True, False]
    assert tracked[1].landmarks.points[0, 0] < 0  # a face on the border keeps its points outside


def test_small_faces_are_tracked_in_a_window():
    """The detector sees a window of 2.5 times the face, and results come back in frame pixels."""

    class Finder:
        def __init__(self):
            self.sizes = []

        def reset(self):
            pass

        def detect_all(self, image):
            self.sizes.append(image.shape[:2])
            rows, columns = np.nonzero(image[..., 0])
            return [face_at(columns.mean() + 0.5, rows.mean() + 0.5, 30)] if len(rows) else []

    def clip():
        for index in range(20):
            color = np.zeros((300, 400, 3), np.uint8)
            color[100:102, 50 + 5 * index : 52 + 5 * index] = 255
            yield StubFrame(index, Fraction(index, 25), color)

    finder = Finder()
    assert centers(track(clip(), finder)) == [51 + 5 * i for i in range(20)]
    assert finder.sizes[0] == (300, 400) and set(finder.sizes[1:]) == {(75, 75)}


def test_smoothing_is_resolution_free():
    generator = np.random.default_rng(0)
    xs = 50 + generator.normal(size=12)
    results = []
    for scale in (1, 4):
        answers = [[FaceLandmarks(face_at(x).points * scale)] for x in xs]
        border = ((0, 100 * (scale - 1)), (0, 200 * (scale - 1)), (0, 0))
        clip = (StubFrame(f.index, f.time, np.pad(f.color, border)) for f in frames(12))
        tracked = track(clip, Script(answers), smooth=OneEuro(min_cutoff=1, beta=3))
        results.append(np.array([t.landmarks.points for t in tracked]) / scale)
    np.testing.assert_allclose(results[0], results[1], atol=1e-3)
    assert np.std(np.diff(results[0][:, 0, 0])) < 0.7 * np.std(np.diff(xs))
