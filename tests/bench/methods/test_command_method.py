"""Programs as methods: what they get, and what becomes of those that misbehave."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from method_cases import FRAMES, sample_in, task_in, template_file

from bench.methods.base import MethodFailed, Result
from bench.methods.command import Command
from bench.methods.launcher import landlock_version
from bench.methods.template import read_template
from bench.running.output import check_output
from vfa.errors import InputError


def work(where: Path, program: str, *, seconds: float = 20.0, **keys: str) -> Result:
    """Runs a program on a sample and checks its output as a worker does."""
    method = Command(read_template(template_file(where, program, **keys)))
    assert method.missing() == ""
    task = task_in(where, sample_in(where), seconds)
    result = method.generate(task)
    check_output(task.output, task.scratch, task.sample, method.output)
    return result


def failure(where: Path, program: str, **how: object) -> MethodFailed:
    with pytest.raises(MethodFailed) as caught:
        work(where, program, **how)  # type: ignore[arg-type]
    return caught.value


def test_a_program_that_does_its_work_is_timed_and_measured(tmp_path: Path) -> None:
    result = work(
        tmp_path, "import time\nheld = b'x' * (80 << 20)\ntime.sleep(0.5)\nprint('at work')\nshutil.copy(clip, output)"
    )
    assert result.exit_code == 0
    assert result.peak_bytes is not None
    assert 80 << 20 < result.peak_bytes < 600 << 20
    assert result.stages["program"] > 0
    assert "at work" in (tmp_path / "one.log").read_text()


def test_words_go_to_the_program_as_they_are(tmp_path: Path) -> None:
    odd = "a b; $(touch hacked) 'q' \"d\" *"
    path = template_file(
        tmp_path, "shutil.copy(clip, output)\nprint(repr(os.environ['ODD']))\nprint(sorted(os.environ))"
    )
    path.write_text(path.read_text() + f"[environment]\nODD = '''{odd}'''\n")
    os.environ["BENCH_SECRET"] = "s"
    try:
        method = Command(read_template(path))
        method.generate(task_in(tmp_path, sample_in(tmp_path)))
    finally:
        del os.environ["BENCH_SECRET"]
    log = (tmp_path / "one.log").read_text()
    assert repr(odd) in log
    assert "BENCH_SECRET" not in log
    assert "'HOME'" in log
    assert not list(tmp_path.rglob("hacked"))


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    program = """
child = "import os, time; os.setsid(); open(os.environ['TMPDIR'] + '/alive', 'w'); time.sleep(60)"
subprocess.Popen([sys.executable, '-c', child])
time.sleep(60)
"""
    began = time.monotonic()
    error = failure(tmp_path, program, seconds=3.0)
    assert error.cause == "timeout"
    assert time.monotonic() - began < 15
    assert not _processes_with(str(tmp_path))


def _processes_with(text: str) -> list[str]:
    """Command lines of live processes whose environment or arguments name a text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            seen = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            dead = ") Z " in (entry / "stat").read_text()
        except OSError:
            continue
        if text.encode() in seen and int(entry.name) != os.getpid() and not dead:
            found.append((entry / "cmdline").read_text())
    return found


def test_a_child_left_behind_ends_with_the_program(tmp_path: Path) -> None:
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
    work(tmp_path, child + "shutil.copy(clip, output)")
    assert not _processes_with(str(tmp_path))


def test_the_log_keeps_beginning_and_end_of_a_flood(tmp_path: Path) -> None:
    program = "print('FIRST')\nfor _ in range(300): print('x' * 100_000)\nprint('LAST')\nshutil.copy(clip, output)"
    result = work(tmp_path, program, limits="log_mb = 0.25")
    log = (tmp_path / "one.log").read_text()
    assert len(log) < (1 << 18) + (1 << 16) + 1000
    assert "FIRST" in log
    assert log.rstrip().endswith("LAST")
    assert "bytes left out" in log
    assert any("cut" in note for note in result.notes)


@pytest.mark.parametrize(
    ("program", "cause", "said"),
    [
        ("sys.exit(7)", "exit", "exit code 7"),
        ("raise RuntimeError('no face')", "exit", "no face"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crash", "SIGSEGV"),
        ("pass", "output", "no video was written"),
        ("open(output, 'w')", "output", "empty"),
        ("open(output, 'w').write('no video' * 99)", "output", "cannot be decoded"),
        ("os.mkdir(output)", "output", "no file"),
        ("os.symlink(clip, output)", "output", "link"),
        ("os.symlink('/etc/passwd', output)", "output", "link"),
        ("os.mkfifo(output)", "output", "no file"),
    ],
)
def test_what_goes_wrong_is_told(tmp_path: Path, program: str, cause: str, said: str) -> None:
    error = failure(tmp_path, program)
    assert error.cause == cause
    assert said in error.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": FRAMES - 1}, "5 frames, expected 6"),
        ({"size": (64, 32)}, "64x32, expected 48x32"),
        ({"rate": 50}, "50 frames a second, expected 25"),
    ],
)
def test_a_wrong_length_size_or_rate_is_refused(tmp_path: Path, change: dict, said: str) -> None:
    from method_cases import movie

    other = movie(tmp_path / "other.mp4", **change)
    error = failure(tmp_path, f"shutil.copy({str(other)!r}, output)")
    assert error.cause == "output"
    assert said in error.reason


def test_the_rules_of_the_template_are_used(tmp_path: Path) -> None:
    from method_cases import movie

    other = movie(tmp_path / "other.mp4", frames=13, size=(64, 64), rate=50)
    program = f"shutil.copy({str(other)!r}, output)"
    work(tmp_path, program, result='rate = 50\nsize = "any"\ntolerance = 0.1')


def test_memory_is_limited(tmp_path: Path) -> None:
    error = failure(tmp_path, "held = bytearray(3 << 30)", limits="memory_gb = 1")
    assert error.cause == "memory"


def test_the_size_of_files_is_limited(tmp_path: Path) -> None:
    program = "file = open(output, 'wb')\nfor _ in range(64): file.write(bytes(1 << 20))"
    error = failure(tmp_path, program, limits="file_gb = 0.03")
    assert error.cause in ("crash", "exit")
    assert (tmp_path / "scratch" / "result.mp4").stat().st_size <= 0.03 * (1 << 30) + 1


@pytest.mark.skipif(not landlock_version(), reason="the kernel has no Landlock")
def test_nothing_is_written_outside(tmp_path: Path) -> None:
    outside = tmp_path / "precious.txt"
    outside.write_text("precious")
    program = f"""
for what in ("open({str(outside)!r}, 'w')", "os.remove({str(outside)!r})", "open({str(tmp_path)!r} + '/new', 'w')",
             "os.mkdir({str(tmp_path)!r} + '/made')", "os.rename({str(outside)!r}, scratch + '/stolen')",
             "os.truncate({str(outside)!r}, 0)"):
    try:
        eval(what)
        print('DONE', what)
    except OSError as error:
        print('refused', error)
shutil.copy(clip, output)
"""
    work(tmp_path, program)
    assert outside.read_text() == "precious"
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "made").exists()
    assert "DONE" not in (tmp_path / "one.log").read_text()


@pytest.mark.parametrize("output", ["/etc/passwd", "{scratch}/../../given/clip.mp4", "{scratch}/../*.mp4"])
def test_an_output_outside_the_folder_is_refused(tmp_path: Path, output: str) -> None:
    error = failure(tmp_path, "pass", output=repr(output))
    assert error.cause == "output"
    assert "refused" in error.reason
    assert (tmp_path / "given" / "clip.mp4").is_file()


def test_a_folder_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    program = f"os.symlink({str(tmp_path / 'given')!r}, scratch + '/out')"
    error = failure(tmp_path, program, output='"{scratch}/out/clip.mp4"')
    assert "refused" in error.reason
    assert (tmp_path / "given" / "clip.mp4").is_file()


def test_a_pattern_finds_the_one_video_and_excludes_others(tmp_path: Path) -> None:
    program = "os.mkdir(scratch + '/o')\nfor n in 'a', 'a_concat': shutil.copy(clip, scratch + f'/o/{n}.mp4')"
    work(tmp_path, program, output='"{scratch}/o/*.mp4"', exclude='["*_concat.mp4"]')
    error = failure(tmp_path / "two", program, output='"{scratch}/o/*.mp4"')
    assert "a.mp4, a_concat.mp4" in error.reason


def test_a_mirror_shows_the_clone_and_takes_new_files(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    (clone / "results").mkdir(parents=True)
    (clone / "weights.bin").write_text("w")
    (clone / "results" / "old.mp4").write_text("old")
    program = """
assert open('weights.bin').read() == 'w'
assert os.listdir('results') == []
shutil.copy(clip, 'results/new.mp4')
"""
    keys = {"root": repr(str(clone)), "folder": '"mirror"', "fresh": '["results"]'}
    work(tmp_path, program, output='"{scratch}/mirror/results/*.mp4"', **keys)
    assert sorted(path.name for path in clone.rglob("*.*")) == ["old.mp4", "weights.bin"]


def test_a_method_whose_program_or_clone_is_missing_says_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"
    path.write_text('command = ["no-such-program-here"]\nneeds = []\nsource = "https://example.org/x"\n')
    assert "no-such-program-here" in Command(read_template(path)).missing()
    path.write_text('command = ["{python}", "x.py"]\nneeds = []\nroot = "${NO_SUCH_VARIABLE_SET}"\n')
    assert "$NO_SUCH_VARIABLE_SET" in Command(read_template(path)).missing()


def test_a_driver_that_is_no_sound_is_bad_input(tmp_path: Path) -> None:
    from dataclasses import replace

    path = template_file(tmp_path, "shutil.copy(clip, output)")
    sample = sample_in(tmp_path)
    task = task_in(tmp_path, replace(sample, audio=sample.driving))
    with pytest.raises(InputError, match="no sound"):
        Command(read_template(path)).generate(task)
