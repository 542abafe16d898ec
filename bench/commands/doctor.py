"""`bench doctor`: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from vfa.errors import EXIT_ASSET, EXIT_OK

Check = tuple[str, bool, str]
"""Name, whether it is well, what was found or what to do."""

NEEDED = ("numpy", "scipy", "opencv-contrib-python-headless", "av", "mediapipe", "torch", "torchmetrics", "jinja2")
SPACE_MB = 500


def run_doctor(profile: str = "") -> int:
    """Prints all checks, or what of a profile would run; returns 4 when something needed is missing."""
    if profile:
        return _profile(profile)
    checks: list[Check] = []
    for check in (_python, _packages, _decoding, _landmarks, _distributed, _metrics, _space):
        checks += _safely(check)
    for name, well, text in checks:
        print(f"{'ok ' if well else 'NO '} {name}: {text}")
    for name, text in _optional():
        print(f"--  {name}: {text}")
    bad = [name for name, well, _ in checks if not well]
    print("all that is needed is here" if not bad else f"missing: {', '.join(bad)}")
    return EXIT_ASSET if bad else EXIT_OK


def _profile(name: str) -> int:
    """Says of each column of a profile whether its weights are here, and what to do where they are not."""
    from bench.metrics.registry import create_metric
    from bench.plan import missing_weights
    from bench.profiles import find_profile

    profile = find_profile(name)
    print(f"{profile.name} ({profile.title})")
    ready = 0
    for column in profile.columns:
        why = missing_weights(create_metric(column.metric)) if column.metric else column.reason
        ready += not why
        stand_in = f" (meanwhile {column.stand_in}, not comparable)" if why and column.stand_in else ""
        label = f"{column.label}: {column.metric}" if column.metric != column.label else column.label
        print(f"{'NO ' if why else 'ok '} {label.rstrip(': ')}{': ' + why if why else ''}{stand_in}")
    lacking = ready < len(profile.columns)
    rest = f"; bench weights fetch --profile {name} gets what may be downloaded and says how to get the rest"
    print(f"{ready} of {len(profile.columns)} columns can run{rest if lacking else ''}")
    return EXIT_OK if ready == len(profile.columns) else EXIT_ASSET


def _safely(check: Callable[[], list[Check]]) -> list[Check]:
    try:
        return check()
    except Exception as error:
        return [(check.__name__.strip("_"), False, f"{type(error).__name__}: {error}")]


def _python() -> list[Check]:
    version = platform.python_version_tuple()
    well = ("3", "10") <= (version[0], version[1].zfill(2)) <= ("3", "12")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [("python", well, f"{platform.python_version()}, {cores} cores (3.10 to 3.12 are supported)")]


def _packages() -> list[Check]:
    found = []
    for name in NEEDED:
        try:
            found.append((name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            found.append((name, False, "not installed; make setup"))
    return found


def _decoding() -> list[Check]:
    """Writes a small video and reads it back."""
    from fractions import Fraction

    import numpy as np

    from bench.features.reader import VideoReader
    from vfa.export.movie import MovieWriter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.mp4"
        image = np.zeros((64, 64, 3), np.uint8)
        image[:, 32:] = 200
        with MovieWriter(path, width=64, height=64, rate=Fraction(25)) as writer:
            for i in range(5):
                writer.write(image, Fraction(i, 25))
        frames = list(VideoReader(path, {"frames"}))
    error = float(np.abs(frames[0].features["frames"].astype(int) - image).max())
    return [("video", len(frames) == 5 and error < 12, f"H.264 written and read, {len(frames)} of 5 frames")]


def _landmarks() -> list[Check]:
    import numpy as np

    from vfa.face.landmarks import FaceLandmarker

    with FaceLandmarker(static=True) as landmarker:
        face = landmarker.detect(np.zeros((64, 64, 3), np.uint8))
    return [("face landmarks", face is None, "MediaPipe runs")]


def _distributed() -> list[Check]:
    import torch

    well = torch.distributed.is_available() and torch.distributed.is_gloo_available()
    return [("several processes", well, "Gloo is there" if well else "this torch lacks Gloo; one process only")]


def _metrics() -> list[Check]:
    from bench.metrics.registry import all_metrics
    from bench.weights import find

    every = all_metrics()
    lacking = sorted({key for cls in every for key in cls.weights if find(key) is None})
    ready = sum(all(find(key) for key in cls.weights) for cls in every)
    text = f"{ready} of {len(every)} can run" + (f"; missing weights: {', '.join(lacking)}" if lacking else "")
    return [("metrics", ready > 0, text)]


def _space() -> list[Check]:
    free = shutil.disk_usage(".").free / 1e6
    return [("disk", free > SPACE_MB, f"{free / 1000:.1f} GB free here")]


def _optional() -> list[tuple[str, str]]:
    """What only some commands use."""
    from bench.weights import MANIFEST, find

    found = []
    here = [item.key for item in MANIFEST if find(item.key)]
    text = f"{len(here)} of {len(MANIFEST)} are here" + (f": {', '.join(here)}" if here else "")
    found.append(("weights", f"{text} (bench weights list)"))
    try:
        import onnxruntime

        found.append(("onnxruntime", f"{onnxruntime.__version__}: {', '.join(onnxruntime.get_available_providers())}"))
    except ImportError:
        found.append(("onnxruntime", "not installed; needed by bench process --detector dwpose"))
    return found
