"""Generation: records, what is kept and what is done again, ranks, what a method lacks."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from run_cases import FRAMES, movie, program_method, record, suite

from bench.distributed import Ranks
from bench.running.engine import Generated, RunOptions, generate
from bench.running.records import MethodFolder
from bench.running.scores import scored_samples
from bench.store import RunFolder
from bench.suites.run_sample import RunSample
from bench.suites.tasks import build_tasks
from vfa.errors import InputError


def samples_of(folder: Path, count: int = 2) -> list[RunSample]:
    return build_tasks("avatar", suite(folder / "data", count), folder / "made")


def run(out: Path, samples: list[RunSample], *specs: object, **how: object) -> Generated:
    options = RunOptions(out, "avatar", tuple(map(str, specs)), **how)  # type: ignore[arg-type]
    return generate(samples, options, Ranks())


def test_a_run_leaves_videos_and_records(tmp_path: Path) -> None:
    samples, out = samples_of(tmp_path), tmp_path / "run"
    made = run(out, samples, "static", "oracle")
    assert (made.n_done, made.n_kept, made.n_failed) == (4, 0, 0)
    for method in ("static", "oracle"):
        for sample in samples:
            found = record(out, method, sample.id)
            assert found["status"] == "ok"
            assert (found["frames"], found["rate"]) == (FRAMES, "25")
            assert (found["width"], found["height"]) == (48, 32)
            video = out / method / found["video"]
            assert video.stat().st_size == found["video_bytes"]
            assert found["seconds"] > 0
            assert found["peak_bytes"] > 10 << 20
    about = json.loads((out / "run.json").read_text())
    assert [method["name"] for method in about["methods"]] == ["static", "oracle"]
    assert [sample["id"] for sample in about["samples"]] == ["v000", "v001"]
    assert json.loads((out / "static" / "method.json").read_text())["status"] == "ok"
    left = {path.name for path in (out / "static").iterdir()}
    assert left - {"scratch"} == {"videos", "samples", "method.json"}
    assert not list((out / "static" / "scratch").iterdir())


def test_what_is_done_is_kept_and_what_changed_is_done_again(tmp_path: Path) -> None:
    samples, out = samples_of(tmp_path), tmp_path / "run"
    run(out, samples, "static")
    folder = MethodFolder.of(out, "static")
    before = folder.video("v000").stat().st_mtime_ns
    assert run(out, samples, "static").n_kept == 2
    folder.video("v001").unlink()
    movie(tmp_path / "data" / "gt_test" / "v000.mp4", seed=9)
    again = run(out, build_tasks("avatar", tmp_path / "data", tmp_path / "made"), "static")
    assert (again.n_done, again.n_kept) == (2, 0)
    assert folder.video("v000").stat().st_mtime_ns > before
    assert run(out, samples, "static", overwrite="always").n_done == 2


def test_a_failed_sample_is_tried_again_unless_told_otherwise(tmp_path: Path) -> None:
    samples, out = samples_of(tmp_path, 1), tmp_path / "run"
    method = program_method(tmp_path, "flaky", "sys.exit(3)")
    assert run(out, samples, method).n_failed == 1
    assert run(out, samples, method, overwrite="never").n_kept == 1
    assert run(out, samples, method).n_done == 1
    program_method(tmp_path, "flaky", "shutil.copy(clip, output)", extra='title = "mended"')
    assert run(out, samples, method).n_failed == 0
    assert record(out, "flaky", "v000")["status"] == "ok"


def test_hostile_programs_cost_their_samples_only(tmp_path: Path) -> None:
    samples, out = samples_of(tmp_path), tmp_path / "run"
    programs = {
        "crashes": ("os.kill(os.getpid(), signal.SIGSEGV)", "crash"),
        "idle": ("pass", "output"),
        "kills": ("os.kill(os.getppid(), signal.SIGKILL); time.sleep(30)", "crash"),
        "fine": ("shutil.copy(clip, output)", ""),
    }
    files = [program_method(tmp_path, name, program) for name, (program, _) in programs.items()]
    made = run(out, samples, *files, "static", workers=2)
    assert made.n_failed == 6
    for name, (_, cause) in programs.items():
        for sample in samples:
            assert record(out, name, sample.id)["cause"] == cause
    assert record(out, "static", "v000")["status"] == "ok"
    assert "unexpectedly" in record(out, "kills", "v000")["reason"]


def test_a_method_that_does_not_come_back_is_ended_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.running import crew

    monkeypatch.setattr(crew, "GRACE", 0.0)
    samples, out = samples_of(tmp_path, 1), tmp_path / "run"
    method = program_method(tmp_path, "slow", "time.sleep(60)")
    made = run(out, samples, method, "static", seconds=4.0)
    assert made.n_failed == 1
    assert record(out, "slow", "v000")["cause"] == "timeout"
    assert record(out, "static", "v000")["status"] == "ok"


def test_methods_and_samples_that_do_not_fit_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIA", raising=False)
    samples, out = samples_of(tmp_path, 1), tmp_path / "run"
    samples.append(replace(samples[0], id="without", image=None))
    made = run(out, samples, "lia", "static")
    assert set(made.unavailable) == {"lia"}
    assert (made.n_done, made.n_failed, made.n_lacking) == (1, 0, 1)
    assert record(out, "static", "without")["status"] == "unavailable"
    assert "LIA" in json.loads((out / "lia" / "method.json").read_text())["reason"]
    found = scored_samples(out, "avatar", ["static"], samples)
    assert [sample.id for sample in found.samples] == ["v000"]
    assert "without" in found.unmatched[0]


class Rank(Ranks):
    """One of several ranks that are threads of this process."""

    def __init__(self, rank: int, size: int, meeting: threading.Barrier, board: dict) -> None:
        super().__init__(rank, size)
        self.meeting, self.board = meeting, board

    def barrier(self) -> None:
        self.meeting.wait(120)

    def gathered(self, value: object) -> list:
        self.board[self.rank] = value
        self.barrier()
        everything = [self.board[rank] for rank in range(self.size)]
        self.barrier()
        return everything

    def total(self, value: int) -> int:
        return sum(self.gathered(value))


def in_ranks(size: int, work: Callable[[Ranks], object]) -> list:
    """Runs the same work on so many ranks and returns what each gave."""
    meeting, board = threading.Barrier(size), {}
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(work, [Rank(rank, size, meeting, board) for rank in range(size)]))


@pytest.mark.slow
def test_ranks_share_the_samples_and_any_number_gives_the_same(tmp_path: Path) -> None:
    samples = samples_of(tmp_path, 4)
    options = RunOptions(tmp_path / "one", "avatar", ("static", "copy"))
    generate(samples, options, Ranks())
    shared = replace(options, out=tmp_path / "three")
    folder = MethodFolder.of(shared.out, "copy")
    made = in_ranks(3, lambda ranks: generate(samples, shared, ranks))
    assert {(part.n_done, part.n_kept) for part in made} == {(8, 0)}
    for path in sorted((tmp_path / "one").rglob("*.mp4")):
        other = tmp_path / "three" / path.relative_to(tmp_path / "one")
        assert other.read_bytes() == path.read_bytes()
    for sample in ("v000", "v002"):
        folder.video(sample).unlink()
    again = in_ranks(2, lambda ranks: generate(samples, shared, ranks))
    assert {(part.n_done, part.n_kept) for part in again} == {(2, 6)}


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    samples, out = samples_of(tmp_path, 1), tmp_path / "run"
    holder = RunFolder(out)
    with pytest.raises(InputError, match="another run"):
        run(out, samples, "static")
    holder.close()


def test_a_damaged_record_is_done_again(tmp_path: Path) -> None:
    samples, out = samples_of(tmp_path, 1), tmp_path / "run"
    run(out, samples, "static")
    (out / "static" / "samples" / "v000.json").write_text('{"schema": 1, "stat')
    assert run(out, samples, "static").n_done == 1


def test_odd_names_stay_inside(tmp_path: Path) -> None:
    data = tmp_path / "data" / "gt_test"
    odd = ["-rf", "a b'c\"d;$(x)", "..hidden", "line\nbreak", "x" * 200]
    movie(data / "v.mp4")
    for name in odd:
        shutil.copyfile(data / "v.mp4", data / f"{name}.mp4")
    out = tmp_path / "run"
    samples = build_tasks("avatar", tmp_path / "data", out / "suite")
    method = program_method(tmp_path, "fine", "shutil.copy(clip, output)")
    made = run(out, samples, method, "oracle")
    assert made.n_failed == 0
    assert made.n_done == 2 * len(samples)
    outside = [path for path in tmp_path.iterdir() if path.name not in ("data", "run", "fine.py", "fine.toml")]
    assert outside == []
