"""The command line: instant help, lists, and the same through `python -m bench`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli import main

WriteVideo = Callable[..., Path]


def bench(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_help_is_instant() -> None:
    """Processor time, best of three, so that a busy machine does not decide."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "bench", "--help"], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.3


@pytest.mark.parametrize("arguments", [["--help"], ["evaluate", "--help"], ["report", "--help"], ["weights", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; sys.argv = ['bench', *sys.argv[1:]]\n"
        "from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'mediapipe', 'numpy', 'cv2', 'av', 'scipy', 'torchmetrics'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_listing_metrics_loads_neither_torch_nor_mediapipe() -> None:
    program = (
        "import sys; sys.argv = ['bench', 'list', 'metrics', '-v']\n"
        "from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'mediapipe', 'torchmetrics', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("psnr_rgb", "ssim_wang", "lmd_centered", "niqe"):
        assert name in done.stdout


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("metrics", ("psnr_ffmpeg", "aue_u", "not comparable")),
        ("suites", ("avatar", "talking-head", "micro", "plain")),
        ("weights", ("niqe", "Apache-2.0", "missing")),
        ("methods", ("folder",)),
    ],
)
def test_lists(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    topic: str,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    assert bench(monkeypatch, "list", topic) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in words)


def test_evaluate_then_report_in_every_format(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folders: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["--pred", folders[0], "--gt", folders[1], "--metrics", "psnr, ssim", "--out", out]
    assert bench(monkeypatch, "evaluate", *arguments, "--plan") == 0
    assert not out.exists()
    assert "psnr_rgb, ssim_wang" in capsys.readouterr().out
    assert bench(monkeypatch, "evaluate", *arguments) == 0
    said = capsys.readouterr().out
    assert "next: bench report" in said
    value = json.loads((out / "results.json").read_text())["rows"][0]["value"]
    for format in ("md", "csv", "latex"):
        assert bench(monkeypatch, "report", out, "--format", format) == 0
        assert (repr(value) if format == "csv" else f"{value:.4g}") in capsys.readouterr().out
    assert bench(monkeypatch, "report", out, "--format", "html", "--out", tmp_path / "page.html") == 0
    assert f"{value:.4g}" in (tmp_path / "page.html").read_text()


def test_only_missing_weights_is_a_missing_asset_without_decoding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folders: tuple[Path, Path], tmp_path: Path
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "none"))
    arguments = ["--pred", folders[0], "--gt", folders[1], "--metrics", "niqe", "--out", tmp_path / "out"]
    assert bench(monkeypatch, "evaluate", *arguments) == 4
    said = capsys.readouterr().out
    assert "bench weights fetch niqe" in said
    assert "0 decoding passes" in said
    row = json.loads((tmp_path / "out" / "results.json").read_text())["rows"][0]
    assert (row["status"], row["value"]) == ("unavailable", None)


def test_weights_fetch_offline_is_a_missing_asset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    assert bench(monkeypatch, "weights", "fetch") == 3
    assert "--all" in capsys.readouterr().err
    assert bench(monkeypatch, "weights", "fetch", "--all", "--offline") == 4
    assert "niqe_pris_params.npz" in capsys.readouterr().err
    assert bench(monkeypatch, "weights", "verify") == 0
    assert bench(monkeypatch, "weights", "verify", "niqe") == 4


def test_process_with_dwpose_needs_its_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, video: WriteVideo
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "w"))
    video(tmp_path / "in" / "a.mkv", 3)
    assert bench(monkeypatch, "process", tmp_path / "in", tmp_path / "out", "--detector", "dwpose") == 4
    assert "yolox_l.onnx" in capsys.readouterr().err


def test_doctor_says_what_is_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import bench.commands.doctor as doctor

    monkeypatch.setattr(doctor, "_landmarks", lambda: [("face landmarks", True, "not tried")])
    monkeypatch.setattr(doctor, "_distributed", lambda: [("several processes", False, "no Gloo")])
    assert bench(monkeypatch, "doctor") == 4
    said = capsys.readouterr().out
    assert "ok  video" in said
    assert "NO  several processes: no Gloo" in said
    assert "missing: several processes" in said
