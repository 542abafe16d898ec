"""Preparation of recordings: truth of a constructed capture, resuming, failures."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from skimage.data import astronaut
from typer.testing import CliRunner

from dataset.captures import find_captures, fingerprint
from dataset.preprocess import app
from vfa.errors import InputError
from vfa.media import open_clip
from vfa.media.pictures import write_depth_exr, write_picture

RUNNER = CliRunner()
WALL, FACE = 1.2, 0.42


def head(offset: int, size: int = 320) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photo of a face, an ellipsoid of depth before a wall, and the ellipse that is the truth."""
    image = np.roll(astronaut(), offset - 60, axis=1)[:size, :size]
    y, x = np.mgrid[0:size, 0:size] + 0.5
    radius = ((x - 164 - offset) / 70) ** 2 + ((y - 112) / 88) ** 2
    truth = radius < 1
    depth = np.full((size, size), WALL, np.float32)
    depth[truth] = FACE - 0.06 * np.sqrt(1 - radius[truth])
    return image, depth, truth


def write_capture(folder: Path, count: int = 6, *, holes: bool = True, shift: float = 0.0) -> Path:
    rng = np.random.default_rng(0)
    for index in range(count):
        image, depth, _ = head(index)
        depth = depth + np.float32(shift) + rng.normal(0, 0.0005, depth.shape).astype(np.float32)
        if holes:
            depth[rng.random(depth.shape) < 0.01] = np.nan
            depth[130:136, 160:168] = 0
        write_depth_exr(folder / "depth" / f"{index}.exr", depth)
        write_picture(folder / "rgb" / f"{index}.jpg", image)
    (folder / "metadata.json").write_text(json.dumps({"fps": 29.97}))
    return folder


def run(*arguments: object) -> tuple[int, str]:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("prepared")
    write_capture(root / "in" / "anna" / "take")
    code, output = run(root / "in", root / "out", "--workers", 1)
    assert code == 0, output
    return root / "in", root / "out"


def test_layout_and_record(prepared: tuple[Path, Path]) -> None:
    _, out = prepared
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert files == ["anna/color/take.mp4", "anna/depth/take.nut", "anna/preview/take.png", "anna/record/take.json"]
    record = json.loads((out / "anna/record/take.json").read_text())
    assert record["frames"] == 6
    assert record["detection_rate"] == 1.0
    assert record["rate"] == "30000/1001"
    assert record["invalid_depth_share"] == pytest.approx(0.01 + 48 / 320**2, abs=2e-3)
    assert record["warnings"] == []


def test_person_is_cut_out_as_constructed(prepared: tuple[Path, Path]) -> None:
    """IoU >= .97 with the ellipse, seen through the recorded crop; background black; depth order and metres kept."""
    _, out = prepared
    record = json.loads((out / "anna/record/take.json").read_text())
    left, top, side = record["crop"]
    with open_clip(out / "anna/color/take.mp4") as clip:
        frames = list(clip)
    assert clip.warnings == []
    assert [frame.time for frame in frames] == [Fraction(1001 * index, 30000) for index in range(6)]
    centres = (np.arange(256) + 0.5) * side / 256
    for frame in frames:
        x, y = left + centres[None, :], top + centres[:, None]
        radius = ((x - 164 - frame.index) / 70) ** 2 + ((y - 112) / 88) ** 2
        truth = radius < 1
        seen = np.isfinite(frame.depth)
        assert (seen & truth).sum() / (seen | truth).sum() >= 0.97
        outside = ~binary_dilation(seen, iterations=6)  # H.264 rings around the cut
        assert frame.color[outside].max() <= 8
        inner = truth & seen & (radius < 0.8)
        expected = FACE - 0.06 * np.sqrt(1 - radius[inner])
        clipped = np.clip(expected, record["depth_near"], record["depth_far"])
        assert np.abs(frame.depth[inner] - clipped).max() < 0.004
        assert np.corrcoef(frame.depth[inner], expected)[0, 1] > 0.99
    assert record["depth_far"] - record["depth_near"] == pytest.approx(4 * record["depth_sigma"])


def test_the_face_box_holds_the_face(prepared: tuple[Path, Path]) -> None:
    """The photo's face lies within x 180..270 of the original, here moved left by 60 (+0..5)."""
    _, out = prepared
    left, top, right, bottom = json.loads((out / "anna/record/take.json").read_text())["face_box"]
    assert 110 < left < 140
    assert 200 < right < 225
    assert 55 < top < 85
    assert 160 < bottom < 190


def test_a_second_run_keeps_what_is_there_and_repairs_what_is_not(prepared: tuple[Path, Path]) -> None:
    captures, out = prepared
    path = out / "anna/color/take.mp4"
    before = path.read_bytes()
    stamp = path.stat().st_mtime_ns
    code, output = run(captures, out)
    assert (code, "kept as it was" in output, path.stat().st_mtime_ns) == (0, True, stamp)
    path.write_bytes(before[:1000])
    code, output = run(captures, out)
    assert "prepared" in output
    assert path.read_bytes() == before


def test_one_bad_recording_does_not_stop_the_others(tmp_path: Path) -> None:
    write_capture(tmp_path / "in" / "good", 2)
    write_capture(tmp_path / "in" / "bad", 2)
    (tmp_path / "in" / "bad" / "depth" / "0.exr").write_bytes(b"no exr")
    code, output = run(tmp_path / "in", tmp_path / "out", "--workers", 1)
    assert code == 5
    assert "bad: failed" in output
    assert "0.exr" in output
    assert (tmp_path / "out" / "color" / "good.mp4").exists()
    assert not (tmp_path / "out" / "color" / "bad.mp4").exists()


def test_a_person_beyond_the_limit_is_told_the_distance(tmp_path: Path) -> None:
    write_capture(tmp_path / "take", 2, shift=0.5)
    code, output = run(tmp_path / "take", tmp_path / "out")
    assert code == 3
    assert "--far" in output
    assert "0.8" in output or "0.9" in output
    assert run(tmp_path / "take", tmp_path / "out", "--far", 1.1)[0] == 0


def test_no_face_and_no_depth_are_bad_input(tmp_path: Path) -> None:
    for index in range(2):
        write_depth_exr(tmp_path / "a" / "depth" / f"{index}.exr", head(0)[1])
        write_picture(tmp_path / "a" / "rgb" / f"{index}.jpg", np.full((320, 320, 3), 90, np.uint8))
    code, output = run(tmp_path / "a", tmp_path / "out")
    assert (code, "no face" in output) == (3, True)
    from vfa.media.writers import ColorWriter

    with ColorWriter(tmp_path / "b.mp4", width=16, height=16, rate=Fraction(30)) as writer:
        writer.write(np.zeros((16, 16, 3), np.uint8), Fraction(0))
    code, output = run(tmp_path / "b.mp4", tmp_path / "out")
    assert (code, "no depth" in output) == (3, True)


def test_side_by_side_video_with_leave(tmp_path: Path) -> None:
    """Depth of 8 bits has no metres, so the limit does not apply: all that is not 0 is the person."""
    from vfa.media.writers import ColorWriter

    with ColorWriter(tmp_path / "both.mp4", width=640, height=320, rate=Fraction(30), crf=4) as writer:
        for index in range(3):
            image, depth, truth = head(index)
            steps = np.where(truth, (depth - 0.30) / 0.15 * 250, 0).astype(np.uint8)
            writer.write(np.concatenate([np.repeat(steps[..., None], 3, axis=2), image], axis=1), Fraction(index, 30))
    code, output = run(tmp_path / "both.mp4", tmp_path / "out")
    assert (code, "--allow_8bit_depth" in output) == (3, True)
    code, output = run(tmp_path / "both.mp4", tmp_path / "out", "--allow_8bit_depth")
    assert code == 0, output
    record = json.loads((tmp_path / "out" / "record" / "both.json").read_text())
    assert record["depth_is_metric"] is False
    assert record["foreground_share"] > 0.5
    frame = next(iter(open_clip(tmp_path / "out" / "color" / "both.mp4")))
    assert np.isfinite(frame.depth).mean() > 0.5


@pytest.mark.parametrize("arguments", [("--far", -1), ("--size", 255), ("--sigma", 0)])
def test_options_out_of_range(tmp_path: Path, arguments: tuple[str, float]) -> None:
    write_capture(tmp_path / "take", 1, holes=False)
    code, output = run(tmp_path / "take", tmp_path / "out", *arguments)
    assert (code, arguments[0] in output) == (3, True)


def test_finding_captures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such"):
        find_captures(tmp_path / "none")
    with pytest.raises(InputError, match="no recording"):
        find_captures(tmp_path)
    write_capture(tmp_path / "train" / "anna" / "one", 1)
    (tmp_path / "train" / "ben").mkdir()
    (tmp_path / "train" / "ben" / "two.r3d").write_bytes(b"x")
    (tmp_path / "test" / "cleo" / "color").mkdir(parents=True)
    (tmp_path / "test" / "cleo" / "depth").mkdir(parents=True)
    (tmp_path / "test" / "cleo" / "color" / "three.mp4").write_bytes(b"x")
    found = [capture.label for capture in find_captures(tmp_path)]
    assert found == ["test/cleo/three", "train/anna/one", "train/ben/two"]
    assert find_captures(tmp_path / "train" / "anna" / "one")[0].label == "one"


def test_the_fingerprint_sees_a_lost_file(tmp_path: Path) -> None:
    write_capture(tmp_path, 2)
    before = fingerprint(tmp_path)
    (tmp_path / "rgb" / "1.jpg").unlink()
    assert fingerprint(tmp_path) != before


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_capture(tmp_path / "in" / name, 12)
    script = Path(__file__).parents[2] / "dataset" / "preprocess.py"

    def start(out: Path) -> subprocess.Popen:
        command = [sys.executable, str(script), str(tmp_path / "in"), str(out), "--workers", "1"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert start(tmp_path / "whole").wait() == 0
    rng = np.random.default_rng(0)
    done = tmp_path / "killed"
    for seen in range(1, 9, 2):
        process = start(done)
        while process.poll() is None and sum(1 for path in done.rglob("*") if path.is_file()) < seen:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(done).wait() == 0

    def contents(root: Path) -> dict[str, bytes]:
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert contents(done) == contents(tmp_path / "whole")


@pytest.mark.slow
def test_interrupted_by_the_user_leaves_nothing_half_written(tmp_path: Path) -> None:
    write_capture(tmp_path / "in" / "a", 40)
    script = Path(__file__).parents[2] / "dataset" / "preprocess.py"
    command = [sys.executable, str(script), str(tmp_path / "in"), str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list((tmp_path / "out").rglob("*.part")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert [path for path in tmp_path.joinpath("out").rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_two_runs_in_one_folder_end_in_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_capture(tmp_path / "in" / name, 8)
    script = Path(__file__).parents[2] / "dataset" / "preprocess.py"

    def start(out: str) -> subprocess.Popen:
        command = [sys.executable, str(script), str(tmp_path / "in"), str(tmp_path / out), "--workers", "1"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert start("alone").wait() == 0
    both = [start("both"), start("both")]
    assert [process.wait() for process in both] == [0, 0]
    files = [path for path in (tmp_path / "alone").rglob("*") if path.is_file()]
    assert len(files) == 8
    for path in files:
        assert path.read_bytes() == (tmp_path / "both" / path.relative_to(tmp_path / "alone")).read_bytes()
