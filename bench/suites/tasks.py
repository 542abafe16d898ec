"""Suites that methods are run on: each turned into one list of samples, whatever its layout."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench.store import slug, write_text
from bench.suites.layouts import continued, first_file
from bench.suites.run_sample import RunSample
from bench.suites.sample import AUDIO_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, contents, files_by_stem
from vfa.errors import InputError


def avatar_tasks(data: Path, made: Path, facts: VideoFacts) -> list[RunSample]:
    """The avatar benchmark: every video of `gt_test/`, driven by itself from its first frame."""
    videos = _videos(data, "gt_test")
    return [
        _from_video(stem, path, _first_frame(path, made / "sources" / f"{slug(stem)}.png"), None, facts)
        for stem, path in videos.items()
    ]


def talking_head_tasks(data: Path, made: Path, facts: VideoFacts) -> list[RunSample]:
    """`gt_video/`, each driven by itself (or by `gt_audio/`) from its first frame; tables of `gt_au_csv/`."""
    samples = []
    for stem, path in _videos(data, "gt_video").items():
        picture = _first_frame(path, made / "sources" / f"{slug(stem)}.png")
        sound = first_file(data / "gt_audio", stem, AUDIO_SUFFIXES)
        tables = {
            f"{kind}_truth": table
            for kind in ("au", "va")
            if (table := data / f"gt_{kind}_csv" / f"{stem}.csv").is_file()
        }
        samples.append(_from_video(stem, path, picture, sound, facts, tables))
    return samples


def micro_tasks(data: Path, made: Path, facts: VideoFacts) -> list[RunSample]:
    """The six subjects: `source_images/<name>`, driven by `driving_audios/` or `reference_videos/` of that name."""
    videos = _videos(data, "reference_videos")
    pictures = files_by_stem(data / "source_images", IMAGE_SUFFIXES)
    folder = data / "driving_audios"
    sounds = files_by_stem(folder, AUDIO_SUFFIXES) if folder.is_dir() else {}
    samples = []
    for name, picture in pictures.items():
        video = continued(videos, name)
        if video is not None:
            samples.append(_from_video(name, video, picture, continued(sounds, name), facts))
    if not samples:
        raise InputError(
            "no source image has a reference video", path=data, expected="source_images/may.png, reference_videos/may*"
        )
    return samples


TASKS: dict[str, Callable[[Path, Path, VideoFacts], list[RunSample]]] = {
    "avatar": avatar_tasks,
    "micro": micro_tasks,
    "talking-head": talking_head_tasks,
}


def build_tasks(suite: str, data: Path | None, made: Path) -> list[RunSample]:
    """The samples of a suite of existing videos, sorted by id.

    Args:
        suite: a name of `TASKS`. data: its folder. made: folder for the first frames.

    Raises:
        InputError: unknown suite, a folder that is missing or empty, or a video that cannot be read.
    """
    if suite not in TASKS:
        raise InputError(f"methods cannot be run on the suite {suite!r}", expected=", ".join(["synthetic", *TASKS]))
    if data is None:
        raise InputError(f"the suite {suite} needs its files", expected="--data FOLDER", hint="bench list suites")
    facts = VideoFacts(made / "videos.json")
    samples = sorted(TASKS[suite](data, made, facts), key=lambda sample: sample.id)
    facts.save()
    return samples


def _videos(data: Path, name: str) -> dict[str, Path]:
    folder = data / name
    if not folder.is_dir():
        raise InputError("the suite's folder is missing", path=data, expected=f"{name}/ in it", found=contents(data))
    videos = files_by_stem(folder, VIDEO_SUFFIXES)
    if not videos:
        raise InputError("no videos here", path=folder, expected=", ".join(VIDEO_SUFFIXES), found=contents(folder))
    return videos


class VideoFacts:
    """What the headers of a suite's videos say, kept in a file, so that only one rank and one run has to read them.

    Args:
        path: the file; what it says of a video holds as long as the video's size and time of change do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, dict[str, Any]] = {}
        self._changed = False
        with suppress(OSError, ValueError):
            found = json.loads(path.read_text())
            self._known = found if isinstance(found, dict) else {}

    def of(self, video: Path) -> dict[str, Any]:
        """Frames, rate, width, height, and whether there is sound.

        Raises:
            DecodeError: it cannot be read.
        """
        from vfa.media.video import decode, describe

        state = os.stat(video)
        mark = [state.st_size, state.st_mtime_ns]
        known = self._known.get(video.name)
        if known is None or known.get("mark") != mark:
            about = describe(video)
            frames = about.n_frames or sum(1 for _ in decode(video, warn=lambda text: None))
            known = {"mark": mark, "frames": frames, "rate": str(about.rate), "width": about.width}
            known |= {"height": about.height, "sound": about.has_audio}
            self._known[video.name] = known
            self._changed = True
        return known

    def save(self) -> None:
        """Writes the file where something is new."""
        if self._changed:
            write_text(self.path, json.dumps(self._known) + "\n")


def _from_video(
    stem: str,
    path: Path,
    picture: Path,
    sound: Path | None,
    facts: VideoFacts,
    tables: dict[str, Path] | None = None,
) -> RunSample:
    """A sample whose truth is the driving video."""
    about = facts.of(path)
    # Encoders want even sizes; so do the methods' results.
    width, height = about["width"] + about["width"] % 2, about["height"] + about["height"] % 2
    audio = sound or (path if about["sound"] else None)
    return RunSample(
        stem, about["frames"], Fraction(about["rate"]), width, height, "self", image=picture, driving=path,
        audio=audio, truth=path, tables=tables or {},
    )  # fmt: skip


def _first_frame(video: Path, picture: Path) -> Path:
    """Writes the first frame of a video unless it is there."""
    if picture.is_file() and os.stat(picture).st_mtime >= os.stat(video).st_mtime:
        return picture
    from bench.methods.pictures import write_picture
    from vfa.media import open_clip

    with open_clip(video, with_depth=False) as clip:
        first = next(iter(clip), None)
    if first is None:
        raise InputError("the video has no frames", path=video)
    write_picture(picture, first.color)
    return picture
