"""The progress bar and the closing lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from vfa.commands.progress import RichProgress, tell
from vfa.pipeline import Options, Result

OPTIONS = Options(Path("face.npy"), Path("clip.mp4"))


def test_stages_with_and_without_a_known_length() -> None:
    with RichProgress() as progress:
        progress.step()  # before any stage: nothing to count
        for total, steps in ((None, 0), (3, 3), (5, 2), (None, 4)):
            progress.stage("stage", total)
            for _ in range(steps):
                progress.step()
    tasks = progress._progress.tasks
    assert [task.completed for task in tasks] == [1, 3, 2, 4]
    assert all(task.finished for task in tasks), "a clip shorter than its header says still ends at 100 %"


def test_an_error_is_not_shown_as_done() -> None:
    progress = RichProgress()
    progress.__enter__()
    progress.stage("stage", 10)
    progress.step()
    progress.__exit__(ValueError, ValueError("broken"), None)
    assert not progress._progress.tasks[0].finished


def test_closing_lines(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Result(Path("out"), [Path("out/avatar.mp4")], 12, 0.75, 1.5e-4, ["2 eyeballs"]), OPTIONS)
    said = capsys.readouterr().out
    assert all(text in said for text in ("12 frames", "75%", "out/avatar.mp4", "0.00015", "2 eyeballs", "Next:"))


def test_after_adjusting_the_camera(capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    tell(Result(Path("out"), [Path("out/preview.png")]), replace(OPTIONS, adjust_camera=True))
    said = capsys.readouterr().out
    assert "out/preview.png" in said and "--adjust_camera" in said and "frames" not in said
