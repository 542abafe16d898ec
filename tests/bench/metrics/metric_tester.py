"""The one tester of metric properties, in the manner of torchmetrics' own: each check takes a metric and its inputs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.metrics.base import Metric, PerFrameMetric, VideoScore
from bench.metrics.state import MetricState

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """How one metric is tested.

    Attributes:
        metric: its id.
        truth: makes the inputs of the ground truth (of the prediction when the metric is unpaired).
        worse: name -> level 0 ... 4 -> inputs of a prediction; level 0 is the undistorted one. A metric with a
            direction must worsen with the level; one without must rise.
        options: for the metric's constructor.
        symmetric: swapping prediction and truth gives the same number.
        identity: value of the truth against itself (paired metrics).
        faces: the feature in which NaN rows stand for missing faces.
    """

    metric: str
    truth: Callable[[], Inputs]
    worse: dict[str, Callable[[int], Inputs]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    symmetric: bool = False
    identity: float | None = None
    faces: str | None = None


def split(inputs: Inputs) -> tuple[Inputs, dict[str, np.ndarray] | None, float]:
    """Video features, audio features, frame rate."""
    video = {k: v for k, v in inputs.items() if not k.startswith(("audio", "rate"))}
    audio = {k: v for k, v in inputs.items() if k.startswith("audio")}
    return video, audio or None, float(inputs.get("rate", 25.0))


def score(metric: Metric, prediction: Inputs, truth: Inputs | None) -> VideoScore:
    """The metric's score of given features."""
    video, audio, rate = split(prediction)
    return metric.score(video, None if truth is None else split(truth)[0], audio=audio, rate=rate)


def check_declared(metric: Metric) -> None:
    """Everything a reader needs to know is declared."""
    assert metric.definition and metric.reference and metric.needs
    assert metric.range[0] < metric.range[1]
    assert metric.higher_is_better in (True, False, None)
    assert metric.minimal_n >= 1
    if metric.name.endswith("_lite"):
        assert not metric.comparable


def check_in_range(metric: Metric, value: float) -> None:
    """The value lies in the declared range."""
    low, high = metric.range
    assert low <= value <= high, (metric.id(), value, metric.range)


def check_identity(metric: Metric, case: Case) -> None:
    """The truth against itself gives the best value, and no distortion beats it."""
    same = score(metric, case.truth(), case.truth()).value
    assert case.identity is not None
    assert same == case.identity or math.isclose(same, case.identity, abs_tol=1e-9)
    best = metric.range[1] if metric.higher_is_better else metric.range[0]
    assert metric.higher_is_better is None or math.isclose(same, best, abs_tol=1e-7)
    for make in case.worse.values():
        assert not better(metric, score(metric, make(4), case.truth()).value, same)


def better(metric: Metric, first: float, second: float) -> bool:
    """Whether the first value is better; without a direction, lower counts as better."""
    return first > second + 1e-9 if metric.higher_is_better else first < second - 1e-9


def check_monotone(metric: Metric, case: Case, name: str) -> None:
    """Five levels of a distortion give values that never improve, and the last is worse than the first."""
    truth = case.truth() if metric.paired else None
    values = [score(metric, case.worse[name](level), truth).value for level in range(5)]
    assert all(math.isfinite(v) for v in values), values
    for value in values:
        check_in_range(metric, value)
    assert not any(better(metric, b, a) for a, b in itertools.pairwise(values)), (metric.id(), name, values)
    assert better(metric, values[0], values[-1]), (metric.id(), name, values)


def check_symmetric(metric: Metric, first: Inputs, second: Inputs) -> None:
    """Swapping the sides changes nothing."""
    assert math.isclose(score(metric, first, second).value, score(metric, second, first).value, rel_tol=1e-12)


def check_chunks(metric: PerFrameMetric, prediction: Inputs, truth: Inputs | None) -> None:
    """A streamed metric gives the same frame values however its frames are cut into chunks."""

    def run(rows: Sequence[slice]) -> np.ndarray:
        parts = []
        for part in rows:
            sides = [{k: v[part] for k, v in side.items()} for side in (prediction, truth) if side is not None]
            parts.append(metric.values(sides[0], sides[1] if len(sides) > 1 else None))
        return np.concatenate(parts)

    n = len(next(iter(prediction.values())))
    whole = run([slice(None)])
    np.testing.assert_array_equal(whole, run([slice(i, i + 1) for i in range(n)]))
    np.testing.assert_array_equal(whole, run([slice(0, 5), slice(5, n)]))


def check_states(metric: Metric, scores: Sequence[VideoScore]) -> None:
    """Order of videos and split over ranks change nothing, to the last bit; the state survives pickling."""
    import pickle

    whole = MetricState(metric)
    for i, one in enumerate(scores):
        whole.update(i, one)
    expected = whole.compute()
    backwards = MetricState(metric)
    for i in reversed(range(len(scores))):
        backwards.update(i, scores[i])
    assert repr(backwards.compute()) == repr(expected)
    ranks = [MetricState(metric) for _ in range(3)]
    for i, one in enumerate(scores):
        ranks[i % 3].update(i, one)
    for rank in ranks[1:]:
        ranks[0].merge_state(rank)
    assert repr(ranks[0].compute()) == repr(expected)
    copy = pickle.loads(pickle.dumps(whole))  # noqa: S301  (bytes made two lines above)
    assert repr(copy.compute()) == repr(expected)


def check_missing_faces(metric: Metric, case: Case) -> None:
    """Frames without a face are counted as missing and never as zero; a clip without a face gives NaN and a reason."""
    assert case.faces is not None
    gaps, none = case.truth(), case.truth()
    gaps[case.faces] = np.array(gaps[case.faces], np.float64)
    gaps[case.faces][20:24] = np.nan
    none[case.faces] = np.full_like(np.array(none[case.faces], np.float64), np.nan)
    truth = case.truth() if metric.paired else None
    partly = score(metric, gaps, truth)
    assert math.isfinite(partly.value) and partly.n_missing >= 4 and partly.n_frames > 0
    assert partly.frames is None or np.isnan(partly.frames[21])
    nothing = score(metric, none, truth)
    assert math.isnan(nothing.value) and nothing.reason and nothing.n_frames == 0
    assert list(nothing.statistics or []) == [0.0, 0.0]
