"""The benchmark on bad input: a message, the right exit code, the rest saved, nothing outside the output folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from bench.store import RunFolder

FAST = ("--metrics", "psnr,mse")


def write_video(path: Path, n: int = 6, seed: int = 0, noise: float = 0.0) -> Path:
    """A small lossless video; noise makes it differ from the one of the same seed."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.random.default_rng(seed).integers(60, 180, (n, 32, 48, 3)).astype(float)
    frames += noise * np.random.default_rng(seed + 1).normal(size=frames.shape)
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for image in np.clip(frames, 0, 255).astype(np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def bench(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Exit code of the command in this process."""
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("a", "b"):
        write_video(tmp_path / "gt" / f"{name}.mkv", seed=ord(name))
        write_video(tmp_path / "p" / f"{name}.mkv", seed=ord(name), noise=5)
    return tmp_path / "p", tmp_path / "gt"


BAD_VIDEOS = {
    "zero bytes": b"",
    "random bytes": np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes(),
    "text": b"this is a text\n" * 30,
    "web page": b"<!DOCTYPE html><html></html>",
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
}


@pytest.mark.parametrize("kind", [*BAD_VIDEOS, "truncated"])
def test_a_bad_video_is_a_partial_run(
    pair: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    pred, truth = pair
    content = BAD_VIDEOS.get(kind, (pred / "a.mkv").read_bytes()[:200])
    (pred / "a.mkv").write_bytes(content)
    code = bench(monkeypatch, "evaluate", "--pred", pred, "--gt", truth, "--out", tmp_path / "o", *FAST)
    assert code == 5
    lines = [json.loads(line) for line in (tmp_path / "o" / "videos.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["failed", "ok"]
    assert "a.mkv" in lines[0]["faults"][0]
    assert lines[1]["scores"]["psnr_rgb"]["value"] > 0
    assert "Traceback" not in "".join(capfd.readouterr())


def test_only_bad_videos_are_bad_input(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pred, truth = pair
    for path in pred.iterdir():
        path.write_bytes(b"")
    assert bench(monkeypatch, "evaluate", "--pred", pred, "--gt", truth, "--out", tmp_path / "o", *FAST) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--pred", "{p}", "--gt", "{empty}", "--out", "{o}"],
        ["evaluate", "--pred", "{p}/nowhere", "--gt", "{g}", "--out", "{o}"],
        ["evaluate", "--pred", "{p}", "--gt", "{g}", "--metrics", "pnsr", "--out", "{o}"],
        ["evaluate", "--pred", "{p}", "--gt", "{g}", "--metrics", ",", "--out", "{o}"],
        ["evaluate", "--pred", "{p}", "--gt", "{g}", "--metrics", "cpbd", "--align", "dtw", "--out", "{o}"],
        ["evaluate", "--pred", "{p}", "--gt", "{g}", "--suite", "avatar", "--out", "{o}"],
        ["evaluate", "--pred", "{p}", "--gt", "{g}", "--out", "{p}/a.mkv"],
        ["report", "{empty}"],
        ["report", "{p}/a.mkv"],
        ["selftest", "--gt", "{empty}", "--out", "{o}"],
        ["process", "{empty}", "{o}"],
        ["process", "{g}", "{o}", "--detector", "nonsense"],
        ["weights", "fetch", "nonsense"],
    ],
)
def test_bad_arguments_are_bad_input_with_a_message(
    pair: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"p": pair[0], "g": pair[1], "empty": tmp_path / "empty", "o": tmp_path / "o"}
    assert bench(monkeypatch, *(argument.format(**places) for argument in arguments)) == 3
    said = capfd.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate"],
        ["evaluate", "--pred"],
        ["nonsense"],
        ["evaluate", "--pred", "x", "--workers", "0"],
        ["evaluate", "--pred", "x", "--suite", "nonsense"],
        ["report", "x", "--format", "pdf"],
        ["list", "nonsense"],
    ],
)
def test_wrong_usage_is_two(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert bench(monkeypatch, *arguments) == 2


def test_an_internal_error_is_one_and_debug_shows_it(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import bench.commands.evaluate as command

    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(command, "choose_metrics", fail)
    arguments = ("evaluate", "--pred", pair[0], "--out", tmp_path / "o")
    assert bench(monkeypatch, *arguments) == 1
    assert "--debug" in capfd.readouterr().err
    monkeypatch.setattr(sys, "argv", ["bench", "--debug", *map(str, arguments)])
    with pytest.raises(RuntimeError, match="on purpose"):
        main()


NASTY_NAMES = (
    "a b", "quote'\"", "semi;colon $(touch X) `x`", "-dash", "ümläut 漢字", "line\nbreak", "x" * 240,
    "{brace} %s", "dots..", "back\\slash",
)  # fmt: skip


def test_any_file_name_is_scored_and_stays_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i, name in enumerate(NASTY_NAMES):
        write_video(tmp_path / "gt dir's" / f"{name}.mkv", 3, seed=i)
        write_video(tmp_path / "p $(x)" / f"{name}.mkv", 3, seed=i, noise=4)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    out = tmp_path / "out; rm -rf"
    folders = ("--pred", tmp_path / "p $(x)", "--gt", tmp_path / "gt dir's", "--out", out)
    assert bench(monkeypatch, "evaluate", *folders, *FAST) == 0
    lines = [json.loads(line) for line in (out / "videos.jsonl").read_text().splitlines()]
    assert {line["video"] for line in lines} == set(NASTY_NAMES)
    assert len({line["arrays"] for line in lines}) == len(NASTY_NAMES)
    after = sorted(str(path) for path in tmp_path.rglob("*") if out not in (path, *path.parents))
    assert after == before
    assert bench(monkeypatch, "report", out, "--format", "html") == 0


def test_a_folder_in_use_is_refused(pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = RunFolder(tmp_path / "o")
    try:
        assert bench(monkeypatch, "evaluate", "--pred", pair[0], "--gt", pair[1], "--out", tmp_path / "o", *FAST) == 3
    finally:
        holder.close()
    assert bench(monkeypatch, "evaluate", "--pred", pair[0], "--gt", pair[1], "--out", tmp_path / "o", *FAST) == 0


def test_results_of_a_newer_version_are_left_alone(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "results.json").write_text('{"schema": 999}')
    assert bench(monkeypatch, "evaluate", "--pred", pair[0], "--gt", pair[1], "--out", tmp_path / "o", *FAST) == 3
    assert (tmp_path / "o" / "results.json").read_text() == '{"schema": 999}'


@pytest.mark.parametrize("when", ["replace", "fsync"])
def test_a_failed_save_fails_the_run(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, when, full)
    assert bench(monkeypatch, "evaluate", "--pred", pair[0], "--gt", pair[1], "--out", tmp_path / "o", *FAST) == 3
    assert not (tmp_path / "o" / "results.json").exists()
    monkeypatch.undo()
    assert bench(monkeypatch, "evaluate", "--pred", pair[0], "--gt", pair[1], "--out", tmp_path / "o", *FAST) == 0


def test_a_torn_journal_is_mended(pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("evaluate", "--pred", pair[0], "--gt", pair[1], "--out", tmp_path / "o", *FAST)
    assert bench(monkeypatch, *arguments) == 0
    whole = (tmp_path / "o" / "results.json").read_bytes()
    journal = tmp_path / "o" / "journal" / "rank0.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    assert bench(monkeypatch, *arguments) == 0
    assert (tmp_path / "o" / "results.json").read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY broken", np.random.default_rng(0).bytes(300)],
)
def test_bad_vertex_sequences_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    for folder in ("p", "gt"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "good.npy", np.random.default_rng(0).normal(size=(4, 9, 3)))
        np.save(tmp_path / folder / "bad.npy", np.zeros((4, 9, 3)))
    (tmp_path / "p" / "bad.npy").write_bytes(content)
    arguments = ("evaluate", "--pred", tmp_path / "p", "--gt", tmp_path / "gt", "--out", tmp_path / "o")
    assert bench(monkeypatch, *arguments, "--metrics", "mve") == 5


@pytest.mark.parametrize("kind", ["objects", "nan", "flat", "text"])
def test_vertex_sequences_that_hold_something_else_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    wrong = {
        "objects": np.array([{"a": 1}], dtype=object),
        "nan": np.full((4, 9, 3), np.nan),
        "flat": np.zeros((4, 27)),
        "text": np.array(["a", "b"]),
    }[kind]
    for folder in ("p", "gt"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", np.zeros((4, 9, 3)))
    np.save(tmp_path / "p" / "a.npy", wrong, allow_pickle=True)
    arguments = ("evaluate", "--pred", tmp_path / "p", "--gt", tmp_path / "gt", "--out", tmp_path / "o")
    assert bench(monkeypatch, *arguments, "--metrics", "mve") == 3


@pytest.mark.parametrize("text", ["", "frame\n", "a,b\n1,2,3\n", "\x00\xff", "frame, AU01_r\n1,x\n"])
def test_bad_tables_are_recorded_and_the_rest_is_scored(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    pred, truth = pair
    for folder in pair:
        (folder / "a.au.csv").write_text(text, encoding="latin-1")
    arguments = ("evaluate", "--pred", pred, "--gt", truth, "--out", tmp_path / "o", "--metrics", "psnr,aue_u")
    assert bench(monkeypatch, *arguments) == 5
    lines = [json.loads(line) for line in (tmp_path / "o" / "videos.jsonl").read_text().splitlines()]
    assert lines[0]["scores"]["psnr_rgb"]["value"] > 0
    assert lines[0]["scores"]["aue_u"]["value"] is None


def start(pair: tuple[Path, Path], out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench", "evaluate", "--pred", str(pair[0]), "--gt", str(pair[1])]
    command += ["--out", str(out), "--metrics", "psnr,mse,cpbd,psnr_ffmpeg", *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def many_videos(tmp_path: Path, count: int, n: int = 40) -> tuple[Path, Path]:
    for i in range(count):
        write_video(tmp_path / "gt" / f"{i}.mkv", n, seed=i)
        write_video(tmp_path / "p" / f"{i}.mkv", n, seed=i, noise=5)
    return tmp_path / "p", tmp_path / "gt"


def files_of(out: Path) -> dict[str, bytes]:
    paths = [out / "results.json", out / "videos.jsonl", *sorted((out / "frames").rglob("*.npz"))]
    paths += sorted((out / "features").rglob("*.npz"))
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def test_interrupt_is_130_and_the_run_goes_on_later(tmp_path: Path) -> None:
    pair = many_videos(tmp_path, 10, 50)
    process = start(pair, tmp_path / "o")
    journal = tmp_path / "o" / "journal" / "rank0.jsonl"
    wait_for(lambda: journal.exists() and b'"sample"' in journal.read_bytes(), process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert start(pair, tmp_path / "o").wait(120) == 0
    run = json.loads((tmp_path / "o" / "run.json").read_text())
    assert run["kept"] >= 1
    assert run["kept"] + run["scored"] == 10


def wait_for(ready: object, process: subprocess.Popen[bytes], seconds: float = 90) -> None:
    end = time.time() + seconds
    while time.time() < end and process.poll() is None:
        if ready():  # type: ignore[operator]
            return
        time.sleep(0.005)
    raise AssertionError("it never got there")


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_at_random_moments_the_results_are_the_same_bytes(tmp_path: Path, workers: str) -> None:
    pair = many_videos(tmp_path, 12, 60)
    began = time.time()
    assert start(pair, tmp_path / "whole").wait(300) == 0
    span = time.time() - began
    expected = files_of(tmp_path / "whole")
    rng = np.random.default_rng(int(workers))
    moments = 20 if workers == "1" else 5
    for moment in range(moments):
        process = start(pair, tmp_path / "killed", "--workers", workers)
        try:
            process.wait(float(rng.uniform(0.15, 0.6)) * span)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        if moment % 4 == 3:
            assert start(pair, tmp_path / "killed", "--workers", workers).wait(300) == 0
            assert files_of(tmp_path / "killed") == expected
            subprocess.run(["rm", "-rf", str(tmp_path / "killed")], check=True)
    assert start(pair, tmp_path / "killed", "--workers", workers).wait(300) == 0
    assert files_of(tmp_path / "killed") == expected
    assert not list((tmp_path / "killed").rglob(".tmp-*"))


def test_a_worker_that_is_killed_costs_its_videos_only(tmp_path: Path) -> None:
    from bench.pool import run_jobs

    events = list(run_jobs(die_on_two, [0, 1, 2, 3], 2, lambda message: None))
    assert sorted(event.item for event in events) == [0, 1, 2, 3]
    results = {event.item: event for event in events}
    assert results[2].result is None
    assert "unexpectedly" in results[2].died
    assert [results[i].result for i in (0, 1, 3)] == [0, 10, 30]


def die_on_two(item: int, tell: object) -> int:
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return 10 * item


@pytest.mark.slow
def test_ranks_of_torchrun_give_the_same_bytes(tmp_path: Path) -> None:
    pair = many_videos(tmp_path, 5, 20)
    assert start(pair, tmp_path / "one").wait(300) == 0
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "bench",
               "evaluate", "--pred", str(pair[0]), "--gt", str(pair[1]), "--out", str(tmp_path / "two"),
               "--metrics", "psnr,mse,cpbd,psnr_ffmpeg"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")
