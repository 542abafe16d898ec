"""`infer.py` as a user runs it: what is written, and whether it is right."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from runs import DEMO_DRIVING, DEMO_SOURCE, environment, infer, pictures, stamps, write_ball, write_driver

from vfa.export.reader import read_animation
from vfa.pipeline import Options, run

# Irregular, as phones record: exact to the tick of 1/90000 s.
TIMES = [Fraction(t, 30) for t in (0, 1, 2, 4, 5, 6, 9, 10)]
FILES = {"avatar.mp4", "inference.mp4", "animation.glb", "animation.npz", "run.json", "preview.png"}


class Quiet:
    """Progress that only counts."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps = 0

    def stage(self, name: str, total: int | None) -> None:
        self.stages.append(name)

    def step(self) -> None:
        self.steps += 1


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def driver(place: Path) -> Path:
    return write_driver(place / "driver.mp4", TIMES)


@pytest.fixture(scope="module")
def ball(place: Path) -> Path:
    return write_ball(place / "ball.ply")


@pytest.fixture(scope="module")
def finished(place: Path, driver: Path):
    """One run of the built-in avatar through the command line."""
    return infer(place, "--driving_path", driver, "--render_size", 128, "--save_folder", "out")


@pytest.fixture(scope="module")
def folder(place: Path, finished) -> Path:
    assert finished.returncode == 0, finished.stderr
    return place / "out" / "landmarks" / "demo_driver_0"


class TestTheRun:
    def test_every_file_is_there_and_nothing_else(self, place: Path, folder: Path) -> None:
        assert {path.name for path in folder.iterdir()} == FILES
        assert {path.name for path in place.iterdir()} - {"ball.ply"} == {"driver.mp4", "out", "weights"}

    def test_it_says_where_results_are_and_what_to_try_next(self, finished, folder: Path) -> None:
        for name in FILES:
            assert f"{folder.relative_to(folder.parents[2])}/{name}" in finished.stdout
        assert "8 frames" in finished.stdout and "Next:" in finished.stdout
        assert "Traceback" not in finished.stdout + finished.stderr

    def test_movies_have_the_drivers_exact_time_stamps(self, driver: Path, folder: Path) -> None:
        assert stamps(driver) == TIMES
        assert stamps(folder / "avatar.mp4") == TIMES and stamps(folder / "inference.mp4") == TIMES

    def test_pictures_have_the_size_asked_for(self, driver: Path, folder: Path) -> None:
        alone, together = pictures(folder / "avatar.mp4"), pictures(folder / "inference.mp4")
        assert alone.shape == (8, 128, 128, 3) and together.shape == (8, 128, 3 * 128, 3)
        apart = np.abs(together[:, :, 128:256].astype(int) - alone).mean()
        assert apart < 4, "the middle panel is the avatar, but for coding losses"
        assert np.abs(together[:, :, 256:].astype(int) - alone).mean() > 3, "the second view is another one"

    def test_the_avatar_moves(self, folder: Path) -> None:
        animation = read_animation(folder / "animation.npz")
        first, last = animation.frame(0), animation.frame(7)
        assert np.abs(first.vertices - last.vertices).max() > 1e-3

    def test_the_start_frame_is_the_avatar_at_rest(self, folder: Path) -> None:
        animation = read_animation(folder / "animation.npz")
        start = json.loads((folder / "run.json").read_text())["start_frame"]
        frame = animation.frame(start)
        # Smoothed landmarks are measured against themselves, so only the reduction's error is left.
        assert np.linalg.norm(frame.vertices - animation.vertices, axis=1).max() <= animation.max_error + 1e-6
        np.testing.assert_allclose(frame.pose, np.eye(4), atol=1e-6)

    def test_the_glb_reads_back_within_the_error_it_states(self, folder: Path) -> None:
        model, cache = read_animation(folder / "animation.glb"), read_animation(folder / "animation.npz")
        said = json.loads((folder / "run.json").read_text())["max_error"]
        assert len(model) == len(cache) == 8 and cache.times == tuple(TIMES)
        assert model.max_error <= said + 1e-9
        np.testing.assert_array_equal(model.triangles.shape, cache.triangles.shape)
        for index in range(8):
            apart = np.linalg.norm(model.frame(index).vertices - cache.frame(index).vertices, axis=1).max()
            assert apart <= model.max_error + cache.max_error
            np.testing.assert_allclose(model.poses[index], cache.poses[index], atol=1e-5)
        np.testing.assert_allclose([float(t) for t in model.times], [float(t) for t in TIMES], atol=1e-6)

    def test_the_record(self, driver: Path, folder: Path) -> None:
        import hashlib

        record = json.loads((folder / "run.json").read_text())
        assert record["options"]["render_size"] == 128 and record["options"]["driving_path"] == str(driver)
        assert record["frames"] == 8 and 0 <= record["start_frame"] < 8 and record["detection_rate"] == 1
        assert record["driving"]["sha256"] == hashlib.sha256(driver.read_bytes()).hexdigest()
        assert record["source"]["sha256"] == hashlib.sha256(DEMO_SOURCE.read_bytes()).hexdigest()
        assert {"avatar", "driver", "animation", "export"} <= record["seconds"].keys()
        assert {"python", "numpy", "mediapipe"} <= record["versions"].keys()
        assert 100 < record["peak_memory_mb"] < 4000 and len(record["avatar"]["content_hash"]) == 64

    def test_weights_are_kept(self, place: Path, finished) -> None:
        assert len(list((place / "weights").glob("demo_*.npz"))) == 1


class TestOptions:
    """On a mesh without a face, which needs no looking at."""

    def run(self, place: Path, ball: Path, driver: Path, name: str, **changes) -> tuple[Path, Quiet]:
        progress = Quiet()
        given = {"length": 3, "render_size": 64, "weights_folder": place / "ball_weights", **changes}
        result = run(Options(ball, driver, place / name, **given), progress)
        return result.folder, progress

    def test_no_head_pose_is_identity(self, place: Path, ball: Path, driver: Path) -> None:
        folder, progress = self.run(place, ball, driver, "still", head_pose="none", offset=2)
        animation = read_animation(folder / "animation.npz")
        np.testing.assert_array_equal(animation.poses, np.tile(np.eye(4), (3, 1, 1)))
        assert folder.name == "ball_driver_2" and animation.times == tuple(TIMES[2:5])
        assert progress.steps == 2 * 3 and len(progress.stages) == 4

    def test_the_head_may_turn_in_place(self, place: Path, ball: Path, driver: Path) -> None:
        folder, _ = self.run(place, ball, driver, "turn", head_pose="rotation", length=8, best_frame=0)
        poses = read_animation(folder / "animation.npz").poses
        assert np.abs(poses - np.eye(4)).max() > 1e-4
        np.testing.assert_allclose(np.linalg.det(poses[:, :3, :3]), 1, atol=1e-6)
        np.testing.assert_allclose(poses[0], np.eye(4), atol=1e-6)

    def test_one_frame_only(self, place: Path, ball: Path, driver: Path) -> None:
        from PIL import Image

        folder, _ = self.run(place, ball, driver, "one", target_frame=4, length=None)
        assert {p.name for p in folder.iterdir()} == FILES | {"target.png"}
        assert stamps(folder / "avatar.mp4") in ([TIMES[4]], [Fraction(0)])
        assert len(read_animation(folder / "animation.npz")) == 1
        assert Image.open(folder / "target.png").size == (64, 64)

    def test_adjusting_the_camera_writes_a_preview_and_stops(self, place: Path, ball: Path, driver: Path) -> None:
        folder, progress = self.run(place, ball, driver, "camera", adjust_camera=True, eye=(0, 0, 6))
        assert [p.name for p in folder.iterdir()] == ["preview.png"] and progress.steps == 0

    def test_weights_are_used_again_or_computed_anew(self, place: Path, ball: Path, driver: Path) -> None:
        weights = place / "own_weights"
        given = {"adjust_camera": True, "weights_folder": weights}
        self.run(place, ball, driver, "first", **given)
        (kept,) = weights.iterdir()
        before = kept.stat().st_mtime_ns
        self.run(place, ball, driver, "again", **given)
        assert kept.stat().st_mtime_ns == before
        self.run(place, ball, driver, "anew", **given, calc_weights=True)
        assert kept.stat().st_mtime_ns > before and list(weights.iterdir()) == [kept]

    @pytest.mark.slow
    def test_the_same_run_twice_gives_the_same_animation(self, place: Path, ball: Path, driver: Path) -> None:
        one, two = (self.run(place, ball, driver, name)[0] / "animation.npz" for name in ("once", "twice"))
        with np.load(one) as a, np.load(two) as b:
            assert all(np.array_equal(a[key], b[key]) for key in a.files)

    def test_strength_zero_leaves_the_face_at_rest(self, place: Path, ball: Path, driver: Path) -> None:
        folder, _ = self.run(place, ball, driver, "calm", strength=0.0)
        animation = read_animation(folder / "animation.npz")
        assert np.abs(animation.frame(2).vertices - animation.vertices).max() < 1e-6


def test_help_is_instant_and_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from vfa.commands.infer import main; sys.argv = ['infer.py', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'mediapipe', 'numba', 'av', 'cv2', 'scipy'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=DEMO_DRIVING.parents[3], env=environment(),
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert "heavy: []" in done.stdout and "--driving_path" in done.stdout and "python infer.py" in done.stdout
