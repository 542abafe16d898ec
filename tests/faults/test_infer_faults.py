"""`infer.py` given what it cannot use: one clear message, the exit code of the contract, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from vfa.commands.infer import DEMO_DRIVING, DEMO_SOURCE, infer
from vfa.commands.outcome import guarded
from vfa.errors import AssetError, InputError, VFAError

ROOT = Path(__file__).resolve().parents[2]


def start(*options: object) -> tuple[int, str]:
    """Exit code and everything printed, in this process."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(infer)
    result = CliRunner().invoke(app, [str(option) for option in options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output + result.stderr


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def assert_refused(code: int, output: str, *says: str, expected: int = 3) -> None:
    assert code == expected, output
    assert "Traceback" not in output
    assert "error:" in output and all(text in output for text in says), output


class TestInputs:
    @pytest.mark.parametrize("option", ["--source_path", "--driving_path"])
    def test_missing_files(self, tmp_path: Path, option: str) -> None:
        name = "nowhere.npy" if option == "--source_path" else "nowhere.mp4"
        assert_refused(*start(option, tmp_path / name), name, "no such")
        assert not list(tmp_path.iterdir())

    def test_text_named_mp4(self, tmp_path: Path) -> None:
        clip = write(tmp_path / "clip.mp4", b"this is no film\n" * 50)
        assert_refused(*start("--driving_path", clip), "clip.mp4", "plain text")
        assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]

    def test_a_mesh_without_triangles(self, tmp_path: Path) -> None:
        mesh = write(tmp_path / "empty.obj", b"v 0 0 0\nv 1 0 0\n")
        assert_refused(*start("--source_path", mesh), "empty.obj")
        assert [p.name for p in tmp_path.iterdir()] == ["empty.obj"]

    @pytest.mark.parametrize("content", [b"", b"ply\n", b"<html></html>"])
    def test_meshes_that_are_none(self, tmp_path: Path, content: bytes) -> None:
        assert_refused(*start("--source_path", write(tmp_path / "face.ply", content)), "face.ply")

    def test_objects_in_an_npy_are_never_unpickled(self, tmp_path: Path) -> None:
        class Attack:
            def __reduce__(self):
                return (os.mkdir, (str(tmp_path / "hacked"),))

        np.save(tmp_path / "face.npy", np.array([Attack()], object), allow_pickle=True)
        assert_refused(*start("--source_path", tmp_path / "face.npy"), "face.npy")
        assert [p.name for p in tmp_path.iterdir()] == ["face.npy"]

    @pytest.mark.parametrize("values", [np.zeros(256), np.zeros((2, 257)), np.full(257, np.nan)])
    def test_coefficients_of_another_kind(self, tmp_path: Path, values: np.ndarray) -> None:
        np.save(tmp_path / "face.npy", values)
        assert_refused(*start("--source_path", tmp_path / "face.npy"), "face.npy")

    def test_an_unknown_kind_of_avatar(self, tmp_path: Path) -> None:
        assert_refused(*start("--source_path", write(tmp_path / "face.fbx", b"x")), "face.fbx", ".obj", ".fbx")

    def test_a_folder_that_is_no_recording(self, tmp_path: Path) -> None:
        (tmp_path / "clip").mkdir()
        assert_refused(*start("--driving_path", tmp_path / "clip"), "clip")


class TestOptions:
    @pytest.mark.parametrize(
        ("option", "value"),
        [("--motion", "dance"), ("--missing", "ignore"), ("--head_pose", "half"), ("--renderer", "gpu")],
    )
    def test_unknown_values_are_wrong_usage_and_list_the_known_ones(self, option: str, value: str) -> None:
        code, output = start(option, value)
        assert code == 2 and option in output and f"'{value}'" in output and " not one of " in output

    @pytest.mark.parametrize(
        "options",
        [("--offset", "-1"), ("--length", "0"), ("--weights_k", "0"), ("--lambda_lap", "1.5"), ("--render_size", "8"),
         ("--eye", "1", "2"), ("--nonsense",), ("--length", "many"), ("stray",)],
    )  # fmt: skip
    def test_usage_is_exit_code_2(self, options: tuple[str, ...]) -> None:
        code, output = start(*options)
        assert code == 2 and "Traceback" not in output and options[0] in output


class TestOutput:
    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        write(tmp_path / "taken", b"mine")
        began = time.perf_counter()
        assert_refused(*start("--save_folder", tmp_path / "taken"), "taken", "--save_folder")
        assert (tmp_path / "taken").read_bytes() == b"mine" and time.perf_counter() - began < 60

    @pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")
    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        assert_refused(*start("--save_folder", locked), "locked")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
    def test_a_full_disk_is_named(self) -> None:
        def work() -> None:
            with open("/dev/full", "wb", buffering=0) as file:
                file.write(b"x")

        code, text = outcome(work)
        assert code == 1 and "No space left" in text and "Traceback" not in text


def outcome(work, debug: bool = False) -> tuple[int, str]:
    """Exit code and message of `guarded`."""
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
        guarded(work, debug=debug)
    return int(end.value.code), said.getvalue()


class TestContract:
    @pytest.mark.parametrize(
        ("error", "code", "says"),
        [
            (InputError("broken", path="a.mp4", expected="x", found="y", hint="z"), 3, "a.mp4: broken"),
            (AssetError("weights are missing"), 4, "weights are missing"),
            (VFAError("cannot be saved"), 1, "cannot be saved"),
            (KeyboardInterrupt(), 130, "interrupted"),
            (ValueError("oops"), 1, "--debug"),
            (OSError(28, "No space left on device", "/out/a.mp4"), 1, "/out/a.mp4: No space left"),
        ],
    )
    def test_exit_codes_and_messages(self, error: BaseException, code: int, says: str) -> None:
        def work() -> None:
            raise error

        found, text = outcome(work)
        assert found == code and says in text and "Traceback" not in text

    def test_expected_found_and_hint_are_said(self) -> None:
        def work() -> None:
            raise InputError("broken", path="a.mp4", expected="this", found="that", hint="those")

        assert all(word in outcome(work)[1] for word in ("expected: this", "found: that", "try: those"))

    def test_debug_shows_the_error_itself(self) -> None:
        def work() -> None:
            raise InputError("broken")

        with pytest.raises(InputError):
            guarded(work, debug=True)


def test_interrupting_a_run_leaves_nothing_half_written(tmp_path: Path) -> None:
    """SIGINT while frames are rendered: exit code 130, no temporary file, no half movie."""
    import trimesh

    trimesh.creation.icosphere(subdivisions=3).export(tmp_path / "ball.ply")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "infer.py"), "--source_path", "ball.ply", "--save_folder", "out"], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        # The movie's temporary file, or the landmarks', says that the run is in full swing.
        while time.monotonic() < deadline and process.poll() is None:
            if any(".mp4" in path.name for path in tmp_path.glob("out/*/*/.*")):
                break
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()[1]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, errors
    assert "interrupted" in errors and "Traceback" not in errors
    left = {path.name for path in tmp_path.rglob("out/*/*/*")}
    assert left == {"preview.png"}, left


def test_the_demos_files_are_where_the_command_looks() -> None:
    assert DEMO_SOURCE.is_file() and DEMO_DRIVING.is_file()
