"""Videos and pictures beside the page: copied or linked where browsers play them, else encoded as H.264."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bench.leaderboard.runs import SuiteRuns
from bench.store import StoreError, replacing, slug
from bench.suites.sample import IMAGE_SUFFIXES
from vfa.errors import VFAError

PLAYED = {
    ".mp4": {("h264", "yuv420p"), ("av1", "yuv420p"), ("vp9", "yuv420p")},
    ".m4v": {("h264", "yuv420p")},
    ".webm": {("vp8", "yuv420p"), ("vp9", "yuv420p"), ("av1", "yuv420p")},
}
"""Codec and pixel format by suffix that every current browser plays."""

SHARED = ("truth", "driving", "source")
Warn = Callable[[str], None]


def place_media(suite: SuiteRuns, samples: list[str], folder: Path, mode: str, warn: Warn) -> dict[str, dict[str, str]]:
    """Puts the videos of some samples below `folder/media/` and says where they are.

    What an earlier call left and whose source has not changed since stays as it is. A file that cannot be read is
    left out with a warning; nothing but videos and pictures is ever copied.

    Args:
        mode: `copy`, `link` (hard links; the page and the runs must be on one file system) or `none`.

    Returns:
        By sample: address relative to `folder` by `truth`, `driving`, `source`, and `method:LABEL`.

    Raises:
        StoreError: the folder cannot be written, or links cannot be made there.
    """
    placed: dict[str, dict[str, str]] = {sample: {} for sample in samples}
    if mode == "none":
        return placed
    for sample in samples:
        place = Path("media") / slug(suite.suite) / slug(sample)
        wanted = [(name, f"_{name}", path) for name, path in suite.media[sample].items() if name in SHARED]
        for entry in suite.entries:
            path = entry.video(sample)
            if path is not None and path.is_file():
                wanted.append((f"method:{entry.label}", slug(entry.label), path))
        for key, name, source in wanted:
            try:
                placed[sample][key] = _place(source, folder, place, name, mode).as_posix()
            except StoreError:
                raise
            except VFAError as error:
                warn(f"not shown: {error.path or source}: {error.what}")
    return placed


def _place(source: Path, folder: Path, place: Path, name: str, mode: str) -> Path:
    """Puts one file at `folder/place/name` with a suffix for what it is; gives the address."""
    suffix = source.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        _check_picture(source)
        ready = True
    else:
        ready = plays_in_browsers(source)
    target = place / f"{name}{suffix if ready else '.mp4'}"
    path = folder / target
    changed = source.stat().st_mtime_ns
    if path.is_file() and path.stat().st_mtime_ns == changed and (not ready or same_size(path, source)):
        return target
    _write(source, path, mode if ready else "encode")
    return target


def same_size(first: Path, second: Path) -> bool:
    """Whether two files have as many bytes."""
    return first.stat().st_size == second.stat().st_size


def _write(source: Path, path: Path, how: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if how == "encode":
            encode(source, path)
        elif how == "link":
            path.unlink(missing_ok=True)
            os.link(source.resolve(), path)
            return
        else:
            with replacing(path) as temporary:
                shutil.copyfile(source, temporary)
        about = source.stat()
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    except OSError as error:
        raise StoreError(
            "the video cannot be linked beside the page"
            if how == "link"
            else "the video cannot be put beside the page",
            path=path,
            found=error.strerror or str(error),
            hint="--videos copy" if how == "link" else "free some space, or --videos none",
        ) from error


def plays_in_browsers(path: Path) -> bool:
    """Whether a browser plays a video as it is.

    Raises:
        DecodeError: it is no video.
    """
    from vfa.media.video import open_container

    with open_container(path) as container:
        stream = container.streams.video[0].codec_context
        return (stream.name.replace("libdav1d", "av1"), stream.pix_fmt) in PLAYED.get(path.suffix.lower(), set())


def encode(source: Path, target: Path) -> None:
    """Writes a video as H.264 with its own time stamps and its sound.

    Raises:
        DecodeError: it cannot be decoded.
    """
    from vfa.export.movie import MovieWriter
    from vfa.media.video import VideoClip

    clip = VideoClip(source)
    with MovieWriter(
        target, width=clip.width, height=clip.height, rate=clip.rate, audio_from=clip.audio_path, crf=20
    ) as movie:
        for frame in clip:
            movie.write(frame.color, frame.time)


def _check_picture(path: Path) -> None:
    from vfa.media.pictures import read_color

    read_color(path)


def chosen_samples(samples: list[str], limit: int) -> list[str]:
    """At most so many samples, spread evenly over the sorted list.

    >>> chosen_samples(list("abcdef"), 3)
    ['a', 'c', 'e']
    """
    n = len(samples)
    return samples if n <= limit else [samples[i * n // limit] for i in range(limit)]
