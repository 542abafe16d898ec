"""`bench validate`: a method that keeps the contract, and some that do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_cases import program_method

from bench.running.validation import Point, validate
from bench.suites.synthetic import Recipe

pytestmark = pytest.mark.slow

RECIPE = Recipe(people=2, clips=1, crossed=1, frames=4, rate="10", size=96)


def points(spec: object, out: Path, seconds: float = 60.0) -> dict[str, Point]:
    return {point.what: point for point in validate(str(spec), RECIPE, out, seconds)}


def failed(found: dict[str, Point]) -> list[str]:
    return [point.what for point in found.values() if point.verdict == "failed"]


@pytest.mark.parametrize("name", ["static", "copy", "oracle"])
def test_the_baselines_keep_the_contract(tmp_path: Path, name: str) -> None:
    found = points(name, tmp_path)
    assert failed(found) == []
    assert found["the same input gives the same bytes"].verdict == "ok"
    assert any("frames/s" in point.found for point in found.values())


def test_a_program_that_copies_keeps_it_but_takes_bad_input(tmp_path: Path) -> None:
    method = program_method(tmp_path, "copies", "shutil.copy(clip, output)")
    found = points(method, tmp_path / "out")
    # A file that is no video is passed on, and the check of the output refuses it.
    assert failed(found) == []
    assert found["bad input is refused"].found.startswith("output")


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("sys.exit(2)", "it makes a video of the right length, rate and size"),
        ("shutil.copy(clip, output); open(output, 'ab').truncate(900)", "it makes a video"),
    ],
)
def test_a_program_that_fails_is_told_where(tmp_path: Path, program: str, what: str) -> None:
    found = points(program_method(tmp_path, "bad", program), tmp_path / "out")
    assert len(failed(found)) == 2
    assert all(name.startswith(what) for name in failed(found))


def test_a_program_with_another_result_each_time_is_warned_of(tmp_path: Path) -> None:
    program = "shutil.copy(clip, output)\nopen(output, 'ab').write(os.urandom(8))"
    found = points(program_method(tmp_path, "random", program), tmp_path / "out")
    assert found["the same input gives the same bytes"].verdict == "warning"


def test_what_cannot_run_here_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HALLO2", raising=False)
    found = points("hallo2", tmp_path)
    assert failed(found) == ["it can run on this machine"]
    assert "HALLO2" in found["it can run on this machine"].found
