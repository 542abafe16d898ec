"""Where metrics are found by name. The contract between the engine and whoever writes a metric:

Write a subclass of `PerFrameMetric` or `Metric` (bench/metrics/base.py) in any module of this package and decorate it:

    @register_metric
    class Lmd(PerFrameMetric):
        name, variant, default, aliases = "lmd", "centered", True, ("landmark_distance",)
        higher_is_better, range, unit = False, (0.0, math.inf), "px"
        needs, paired, warpable = ("landmarks68",), True, True
        definition = "mean over frames and lip points of the distance after removing each set's own mean"
        reference = "InsTaG, ER-NeRF: metrics.py"

        def values(self, prediction, truth):
            p, t = prediction["landmarks68"][:, 48:], truth["landmarks68"][:, 48:]      # [N,20,2], aligned already
            p, t = p - p.mean(1, keepdims=True), t - t.mean(1, keepdims=True)
            return np.linalg.norm(p - t, axis=-1).mean(-1)                              # [N], NaN where no face

Modules here are imported by `bench list`, so torch, mediapipe, numba and scipy are imported inside functions.

How a metric sees its data
- Features are named arrays; the list is in bench/features/base.py. `needs` names them; the engine computes each once.
- *Paired data*: alignment (rate, length, size, warp) happened before the metric. `values(prediction, truth)` gets equal
  numbers of rows; frames of the prediction are resized to the truth's size (bicubic) and its pixel coordinates scaled.
  A `Metric` with its own `measure(sample)` uses `sample.aligned("landmarks68") -> (prediction [N,..], truth [N,..])`,
  or the unaligned time lines `sample.prediction["pose"]`, `sample.truth["pose"]`, the pairing `sample.pairs [N,2]` and
  `sample.rate` (Fraction, frames a second), `sample.audio["audio_envelope"]` (100 values a second),
  `sample.prediction.times`.
- *Streamed data*: a `PerFrameMetric` that needs `frames`, `planes` or `face_frames` is called on chunks while decoding;
  `frames` is uint8 [n,H,W,3] RGB, `planes` a list of n `Planes(y,u,v)`. Metrics with a memory over frames (flow between
  sampled frames, interpolation of odd frames, similarity to the first frame) define an `Extractor` in their module with
  `@register_extractor` (bench/features/registry.py) and read its result from `needs`; unregistered feature names are an
  error at the start of a run. An Extractor may need other features (`needs = ("frames", "landmarks68")`).
- *Tables*: `au`, `va` and `vertices` come from files beside the videos and are features like the others.

What a metric gives back
- per-frame values: NaN where a frame does not count; never 0 for a missing face;
- per-video value and counts: `PerFrameMetric` makes them (mean over finite frames, then `finish`); `measure` returns a
  `VideoScore(value, n_frames, n_missing, frames=..., statistics=..., details={...}, reason="...")`;
- pooled value: from `VideoScore.statistics` of all videos by `pool(statistics [n_videos,K])`; default sum / count of
  frame values, so pooled = mean over all frames of all videos. Override both for e.g. an RMSE of several series.
- The engine keeps the statistics in a torchmetrics state (bench/metrics/state.py) whose rows are gathered from all
  ranks and sorted by video before `pool`, so the result is the same for any number of workers and ranks. Nothing to
  do for it.

Names: `create_metric("psnr")` gives the default variant, `create_metric("psnr_ffmpeg")` a certain one; aliases work
too; two classes that claim one name are an error. Other packages add metrics by the entry point group `bench.metrics`
(`myname = "mypackage.module"`, a module that registers when imported, or a Metric class).
`create_metric("psnr")(pred_frames, gt_frames) -> float` works on uint8 [T,H,W,3] directly;
`create_metric("lmd")({"landmarks68": p}, {"landmarks68": g})` on features; `.score(...)` gives the `VideoScore`.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import TypeVar

from bench.metrics.base import Metric
from vfa.errors import InputError

ENTRY_POINT_GROUP = "bench.metrics"
PLUMBING = {"base", "functional", "registry", "rows", "sets", "state"}

_metrics: dict[str, type[Metric]] = {}
_names: dict[str, str] = {}
_loaded = False

M = TypeVar("M", bound=type[Metric])


def register_metric(cls: M) -> M:
    """Makes a metric known under its id, its aliases and, for the default variant, its bare name.

    Raises:
        ValueError: one of the names belongs to another metric already.
    """
    names = [cls.id(), *cls.aliases]
    if cls.default or not cls.variant:
        names.append(cls.name)
    for name in names:
        owner = _names.get(_key(name))
        if owner is not None and owner != cls.id():
            raise ValueError(
                f"metric name {name!r} of {cls.__module__}.{cls.__qualname__} is taken by "
                f"{_metrics[owner].__module__}.{_metrics[owner].__qualname__}"
            )
    other = _metrics.get(cls.id())
    if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"two metrics have the id {cls.id()!r}: {other.__module__} and {cls.__module__}")
    _metrics[cls.id()] = cls
    for name in names:
        _names[_key(name)] = cls.id()
    return cls


def _key(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(":", "_")


def _load_all() -> None:
    """Imports every metric module of this package and of installed packages, once."""
    global _loaded
    if _loaded:
        return
    import bench.metrics as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if module.name not in PLUMBING:
            importlib.import_module(f"{package.__name__}.{module.name}")
    for point in entry_points(group=ENTRY_POINT_GROUP):
        found = point.load()
        if isinstance(found, type) and issubclass(found, Metric):
            register_metric(found)
    _loaded = True


def metric_class(name: str) -> type[Metric]:
    """Finds a metric by id, bare name or alias.

    Raises:
        InputError: no such name; the message lists near ones.
    """
    _load_all()
    found = _names.get(_key(name))
    if found is None:
        near = difflib.get_close_matches(_key(name), list(_names), n=4, cutoff=0.5)
        raise InputError(
            f"unknown metric {name!r}",
            expected="one of: " + ", ".join(near) if near else "a name of `bench list metrics`",
            hint="bench list metrics",
        )
    return _metrics[found]


def create_metric(name: str, **options: object) -> Metric:
    """Makes a metric by name; options go to its constructor.

    >>> import numpy as np
    >>> frames = np.zeros((2, 16, 16, 3), np.uint8)
    >>> round(create_metric("mse")(frames, frames + 51), 6)
    0.04
    """
    cls = metric_class(name)
    try:
        return cls(**options)
    except TypeError as error:
        raise InputError(f"metric {name!r} does not take these options: {error}") from error


def all_metrics() -> list[type[Metric]]:
    """All metric classes, sorted by id."""
    _load_all()
    return [_metrics[name] for name in sorted(_metrics)]


def names_of(cls: type[Metric]) -> list[str]:
    """All names under which a metric is found, its id first."""
    _load_all()
    others = sorted(name for name, owner in _names.items() if owner == cls.id() and name != _key(cls.id()))
    return [cls.id(), *others]
