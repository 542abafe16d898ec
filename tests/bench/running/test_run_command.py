"""`bench run` from the command line to the scores."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from run_cases import program_method, suite

from bench.cli import main


def bench(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Exit code of the command in this process."""
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_methods_are_run_and_scored_in_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = suite(tmp_path / "data", 2), tmp_path / "run"
    command = ("run", "--suite", "avatar", "--data", data, "--methods", "oracle,static", "--out", out)
    assert bench(monkeypatch, *command, "--metrics", "psnr,mse") == 0
    results = json.loads((out / "scores" / "results.json").read_text())
    assert results["suite"] == "avatar"
    table = {(row["method"], row["id"]): row["value"] for row in results["rows"]}
    assert table["oracle", "mse"] == 0
    assert table["static", "mse"] > 0
    assert table["oracle", "psnr_rgb"] > table["static", "psnr_rgb"]
    before = (out / "scores" / "results.json").read_bytes()
    assert bench(monkeypatch, *command, "--metrics", "psnr,mse") == 0
    assert (out / "scores" / "results.json").read_bytes() == before


def test_a_failing_method_makes_the_run_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = suite(tmp_path / "data", 1), tmp_path / "run"
    bad = program_method(tmp_path, "bad", "sys.exit(1)")
    command = ("run", "--suite", "avatar", "--data", data, "--out", out, "--metrics", "mse")
    assert bench(monkeypatch, *command, "--methods", f"static,{bad}") == 5
    results = json.loads((out / "scores" / "results.json").read_text())
    assert any("bad: no result for v000: exit" in line for line in results["unmatched"])
    assert bench(monkeypatch, *command, "--methods", bad) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--methods", "nonsense"], "unknown method"),
        (["--methods", ","], "names nothing"),
        (["--methods", "static", "--suite", "avatar"], "--data"),
        (["--methods", "static", "--suite", "avatar", "--data", "{empty}"], "gt_test"),
        (["--methods", "static", "--suite", "micro", "--data", "{empty}"], "reference_videos"),
        (["--methods", "static", "--metrics", "nonsense"], "unknown metric"),
        (["--methods", "static", "--metrics", "psnr", "--profile", "avatar"], "exclude"),
        (["--methods", "static", "--rate", "fast"], "--rate"),
        (["--methods", "static", "--size", "65"], "--size"),
        (["--methods", "static,static"], "one name"),
        (["--methods", "folder:{empty}"], "no videos"),
    ],
)
def test_bad_arguments_are_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    given = [text.replace("{empty}", str(tmp_path / "empty")) for text in arguments]
    assert bench(monkeypatch, "run", "--out", tmp_path / "run", *given) == 3
    output = capfd.readouterr().err
    assert said in output
    assert "Traceback" not in output


def test_only_missing_assets_have_their_own_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAV2LIP", raising=False)
    data = suite(tmp_path / "data", 1)
    command = ("run", "--suite", "avatar", "--data", data, "--out", tmp_path / "run", "--metrics", "mse")
    assert bench(monkeypatch, *command, "--methods", "wav2lip") == 4
