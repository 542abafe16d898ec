"""A progress bar with frames per second, and the closing lines of a run."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from vfa.pipeline import Options, Result


class _FramesPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:5.1f} frames/s" if speed and task.completed else "")


class RichProgress:
    """`vfa.pipeline.Progress` on the terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            _FramesPerSecond(),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> RichProgress:
        self._progress.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
        self._progress.__exit__(kind, error, trace)

    def stage(self, name: str, total: int | None) -> None:
        """Ends the stage before and shows a new line."""
        self._finish()
        self._task = self._progress.add_task(name, total=total)

    def step(self) -> None:
        """One frame further."""
        if self._task is not None:
            self._progress.advance(self._task)

    def _finish(self) -> None:
        if self._task is not None:
            done = self._progress.tasks[self._task].completed
            self._progress.update(self._task, total=max(done, 1), completed=max(done, 1))


def tell(result: Result, options: Options) -> None:
    """Closing lines: what was found, where the results are, what to try next."""
    for note in result.notes:
        print(f"  {note}")
    if options.adjust_camera:
        print(f"Preview: {result.files[0]}\nNext: change --eye or --translation, or run again without --adjust_camera.")
        return
    print(f"{result.frames} frames, the driver's face was seen in {result.detection_rate:.0%} of them. Results:")
    for path in result.files:
        print(f"  {path}")
    print(f"The model's animation is exact to {result.max_error:.2g} mesh units.")
    print("Next: open animation.glb in Blender, or try your own face and video:")
    print("  python infer.py --source_path portrait.jpg --driving_path video.mp4")
