"""What all clip readers share: warnings told once, depth figures, and generators that close with the clip."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from vfa.media.depth import DepthStatistics, DepthUnits
from vfa.media.frame import Frame

Self = TypeVar("Self", bound="ClipReader")


class ClipReader:
    """Base of the readers; a reader fills in the attributes and `_frames`.

    Attributes:
        path: the file or folder that was opened.
        name: its name without suffix, for output files.
        rate: average frames per second, exact as recorded.
        width, height: pixels of the frames as delivered (upright).
        n_frames: number of frames by the header (None when it does not say); exact once the clip was read.
        has_depth: whether frames carry depth.
        depth_units: units of the stored depth, None without depth.
        depth_is_metric: False where the depth was normalised without a record, so that its metres are nominal.
        audio_path: a file that carries sound belonging to the clip, or None.
        warnings: things the user should know; more may come while reading.
        depth_statistics: figures of the depth read so far in the latest pass.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem if path.is_file() else path.resolve().name
        self.rate = Fraction(30)
        self.width = self.height = 0
        self.n_frames: int | None = None
        self.has_depth = False
        self.depth_units: DepthUnits | None = None
        self.depth_is_metric = True
        self.audio_path: Path | None = None
        self.warnings: list[str] = []
        self.depth_statistics = DepthStatistics()
        self._passes: weakref.WeakSet[Generator[Frame, None, None]] = weakref.WeakSet()

    @property
    def invalid_depth_share(self) -> float:
        """Share of pixels without depth in the frames read so far, 0..1; NaN without depth."""
        return self.depth_statistics.invalid_share

    def warn(self, text: str) -> None:
        """Records a warning once, however often the clip is read."""
        if text not in self.warnings:
            self.warnings.append(text)

    def __iter__(self) -> Iterator[Frame]:
        """A new pass over the frames; only a few frames are in memory at any time."""
        frames = self._counted()
        self._passes.add(frames)
        return frames

    def _counted(self) -> Generator[Frame, None, None]:
        self.depth_statistics = statistics = DepthStatistics()
        count = 0
        for frame in self._frames():
            if frame.depth is not None:
                statistics.update(frame.depth)
            count += 1
            yield frame
        self.n_frames = count

    def _frames(self) -> Iterator[Frame]:
        raise TypeError(f"{type(self).__name__} does not say how its frames are read")

    def close(self) -> None:
        """Ends all passes under way and releases their files."""
        for frames in list(self._passes):
            frames.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
