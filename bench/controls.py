"""Controls for a self-test: copies of real videos, without loss, that are frozen or late."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.store import replacing
from bench.suites.sample import Sample, SampleList

SHIFT = 5
KINDS = ("real", "shifted", "frozen", "shuffled")


def write_control(source: Path, target: Path, kind: str) -> None:
    """Writes a control of one video, with its own time stamps and planes, by the lossless codec FFV1.

    Args:
        source: a real video. target: .mkv. kind: `frozen` (its first frame throughout) or `shifted` (5 frames late,
            the first one held).

    Raises:
        DecodeError: it cannot be decoded. InputError: the target cannot be written.
    """
    import av

    from vfa.media.video import decode, describe

    about = describe(source)
    held: deque[Any] = deque()
    with replacing(target) as temporary, av.open(str(temporary), "w", format="matroska") as container:
        stream: Any = None
        for time, frame in decode(source, warn=lambda text: None):
            if stream is None:
                stream = container.add_stream("ffv1", rate=about.rate)
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
                stream.time_base = frame.time_base
            if kind == "shifted" or not held:
                held.append(frame)
            shown = held[0]
            if len(held) > SHIFT:
                held.popleft()
            copy = av.VideoFrame(shown.width, shown.height, shown.format.name)
            for plane, origin in zip(copy.planes, shown.planes, strict=True):
                plane.update(_packed(origin, plane))
            copy.pts, copy.time_base = round(time / stream.time_base), stream.time_base
            container.mux(stream.encode(copy))
        if stream is not None:
            container.mux(stream.encode(None))


def _packed(origin: Any, target: Any) -> bytes:
    """The bytes of a plane with the row length of another."""
    if origin.line_size == target.line_size:
        return bytes(origin)
    import numpy as np

    rows = np.frombuffer(origin, np.uint8).reshape(-1, origin.line_size)[: target.height]
    packed = np.zeros((target.height, target.line_size), np.uint8)
    width = min(origin.line_size, target.line_size)
    packed[:, :width] = rows[:, :width]
    return packed.tobytes()


def control_samples(videos: Sequence[Path], folder: Path) -> SampleList:
    """Samples whose methods are the controls; `shuffled` pairs each video with the next one.

    Args:
        videos: real ones. folder: where the copies are written.
    """
    samples: list[Sample] = []
    for i, path in enumerate(videos):
        samples.append(Sample(path.stem, "real", path, path))
        for kind in ("shifted", "frozen"):
            copy = folder / kind / f"{path.stem}.mkv"
            if not copy.is_file():
                write_control(path, copy, kind)
            samples.append(Sample(path.stem, kind, copy, path, audio=path))
        if len(videos) > 1:
            samples.append(Sample(path.stem, "shuffled", videos[(i + 1) % len(videos)], path, audio=path))
    return SampleList("plain", tuple(sorted(samples, key=lambda s: (s.method, s.id))))
