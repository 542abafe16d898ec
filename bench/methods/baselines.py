"""Methods without any skill that bound all others: the still source, the driver itself, the truth, existing files."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

from bench.methods.base import Method, MethodFailed, OutputRules, Result, Task
from bench.methods.motion import copy_motion, still_motion
from bench.store import text_hash
from bench.suites.run_sample import RunSample
from bench.suites.sample import VIDEO_SUFFIXES, contents, files_by_stem
from vfa.errors import InputError


class Static(Method):
    """The source's picture, still: the best of all in identity, and nobody performs anything."""

    name, title = "static", "the source's picture, still, as long as the driving clip"
    needs, gives, cost = (("image",),), ("video", "motion"), 0.002

    def generate(self, task: Task) -> Result:
        from bench.methods.pictures import fitted, read_picture
        from vfa.export.movie import MovieWriter

        sample = task.sample
        assert sample.image is not None
        picture = fitted(read_picture(sample.image), sample.width, sample.height)
        sound = sample.audio
        with MovieWriter(
            task.output, width=sample.width, height=sample.height, rate=sample.rate, audio_from=sound
        ) as movie:
            for frame in range(sample.frames):
                movie.write(picture, Fraction(frame) / sample.rate)
        if task.motion is not None and sample.points is not None:
            still_motion(task.motion, sample.points, sample.frames, sample.rate)
        return Result()


class Copy(Method):
    """The driving video as it is: all of the performance, and the wrong person in the wrong place."""

    name, title = "copy", "the driving video itself, at the size of the source"
    needs, cost = (("video",),), 0.004

    def generate(self, task: Task) -> Result:
        from bench.methods.pictures import fitted
        from vfa.export.movie import MovieWriter
        from vfa.media import open_clip

        sample = task.sample
        assert sample.driving is not None
        with (
            open_clip(sample.driving, with_depth=False) as clip,
            MovieWriter(
                task.output, width=sample.width, height=sample.height, rate=sample.rate, audio_from=sample.audio
            ) as movie,
        ):
            for frame in clip:
                movie.write(fitted(frame.color, sample.width, sample.height), frame.time)
        return Result()


class Oracle(Method):
    """The truth itself: what a perfect method would score."""

    name, title = "oracle", "the ground truth: what a perfect method would score"
    needs, gives, cost = (("truth",),), ("video", "motion"), 0.001

    def inputs(self, sample: RunSample) -> list[Path]:
        return [path for path in (sample.truth, sample.tables.get("vertices_truth")) if path is not None]

    def generate(self, task: Task) -> Result:
        assert task.sample.truth is not None
        shutil.copyfile(task.sample.truth, task.output)
        truth = task.sample.tables.get("vertices_truth")
        if task.motion is not None and truth is not None:
            copy_motion(task.motion, truth)
        return Result()


class Folder(Method):
    """Videos that exist already, by the samples' names.

    Args:
        folder: holds `<sample>.mp4` (or another video file).

    Raises:
        InputError: there is no such folder, or no video in it.
    """

    title = "existing videos, by the samples' names"
    needs, cost, output = ((),), 0.001, OutputRules(rate=0.0, size=(0, 0), tolerance=0.1)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.resolve().name  # type: ignore[misc]
        self.files = files_by_stem(folder, VIDEO_SUFFIXES)
        if not self.files:
            raise InputError("no videos here", path=folder, expected=", ".join(VIDEO_SUFFIXES), found=contents(folder))

    def fingerprint(self) -> str:
        return text_hash("folder", str(self.version))

    def about(self) -> dict[str, object]:
        return {**super().about(), "folder": str(self.folder)}

    def inputs(self, sample: RunSample) -> list[Path]:
        return [self.files[sample.id]] if sample.id in self.files else []

    def generate(self, task: Task) -> Result:
        found = self.files.get(task.sample.id)
        if found is None:
            raise MethodFailed("output", f"the folder has no video named {task.sample.id}")
        if found.suffix == task.output.suffix:
            shutil.copyfile(found, task.output)
        else:
            _remux(found, task.output)
        return Result()


def _remux(source: Path, target: Path) -> None:
    """Puts the streams of a video into an .mp4, without encoding them again."""
    import av

    with av.open(f"file:{source.resolve()}") as given, av.open(str(target), "w", format="mp4") as made:
        streams = {s: made.add_stream_from_template(s) for s in (*given.streams.video[:1], *given.streams.audio[:1])}
        for packet in given.demux(list(streams)):
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                made.mux(packet)
