"""The methods without skill: exactly what they promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from method_cases import FRAMES, HEIGHT, RATE, WIDTH, movie, sample_in, task_in

from bench.methods.base import MethodFailed, Task
from bench.methods.baselines import Copy, Folder, Oracle, Static
from bench.methods.motion import MotionRecorder, rigid
from bench.running.output import check_output
from bench.store import read_arrays, write_arrays
from vfa.errors import DecodeError, InputError
from vfa.media import open_clip
from vfa.render import Camera


def frames(path: Path) -> np.ndarray:
    with open_clip(path) as clip:
        return np.stack([frame.color for frame in clip])


def run(method: object, task: Task) -> np.ndarray:
    method.generate(task)  # type: ignore[attr-defined]
    check_output(task.output, task.scratch, task.sample, method.output)  # type: ignore[attr-defined]
    return frames(task.output)


def test_static_is_the_picture_for_as_long_as_the_driver(tmp_path: Path) -> None:
    made = run(Static(), task_in(tmp_path, sample_in(tmp_path)))
    assert made.shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert np.abs(made.astype(int) - [200, 60, 30]).max() <= 6
    assert (made == made[0]).all()


def test_copy_is_the_driver_at_the_size_of_the_source(tmp_path: Path) -> None:
    sample = sample_in(tmp_path, driving=movie(tmp_path / "wide.mp4", size=(128, 64)))
    made = run(Copy(), task_in(tmp_path, sample))
    assert made.shape == (FRAMES, HEIGHT, WIDTH, 3)
    # Cut around the middle to 96 x 64, then halved.
    expected = frames(tmp_path / "wide.mp4")[:, :, 16:112].astype(float)
    assert abs(made.mean() - expected.mean()) < 4


def test_oracle_is_the_truth_to_the_byte(tmp_path: Path) -> None:
    sample = sample_in(tmp_path)
    task = task_in(tmp_path, sample)
    run(Oracle(), task)
    assert sample.truth is not None
    assert task.output.read_bytes() == sample.truth.read_bytes()


def test_folder_takes_the_video_of_the_samples_name(tmp_path: Path) -> None:
    movie(tmp_path / "made" / "one.mp4", size=(64, 64))
    method = Folder(tmp_path / "made")
    assert method.name == "made"
    assert run(method, task_in(tmp_path, sample_in(tmp_path))).shape == (FRAMES, 64, 64, 3)
    other = task_in(tmp_path / "other", replace(sample_in(tmp_path), id="two"))
    with pytest.raises(MethodFailed, match="no video named two"):
        method.generate(other)
    with pytest.raises(InputError, match="no videos"):
        Folder(tmp_path)


def test_a_picture_that_is_none_is_a_decode_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    with pytest.raises(DecodeError, match=r"bad\.png"):
        Static().generate(task_in(tmp_path, sample_in(tmp_path, image=bad)))


def test_what_a_sample_lacks_is_said(tmp_path: Path) -> None:
    sample = sample_in(tmp_path, image=None)
    assert "needs image" in Static().lacks(sample)
    assert Copy().lacks(sample) == ""


def rotated(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def test_the_rigid_fit_finds_a_known_motion() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3))
    rotation, shift = rigid(points, points @ rotated(0.7).T + [1, 2, 3])
    np.testing.assert_allclose(rotation, rotated(0.7), atol=1e-12)
    np.testing.assert_allclose(shift, [1, 2, 3], atol=1e-12)
    # Mirrored points are not reached by a reflection.
    assert np.linalg.det(rigid(points, points * [-1, 1, 1])[0]) == pytest.approx(1)


def watched(folder: Path) -> tuple[Path, np.ndarray]:
    """A file of watched points of a cloud of 40 vertices: four of the skull, two that move."""
    cloud = np.random.default_rng(1).normal(size=(40, 3)) * 0.3
    index = np.array([0, 1, 2, 3, 10, 11])
    about = {
        "index": index, "stable": np.arange(4), "neutral": cloud[index] * 100, "at_rest": np.ones((6, 2)),
        "keypoints": np.arange(2), "landmarks_at_rest": np.ones((2, 2)), "n_vertices": np.array(40),
        "mm_per_unit": np.array(100.0),
    }  # fmt: skip
    write_arrays(folder / "points.npz", about)
    return folder / "points.npz", cloud


def test_recorded_motion_splits_into_head_and_face(tmp_path: Path) -> None:
    points, cloud = watched(tmp_path)
    camera = Camera(width=64, height=64, principal=(32, 32), focal=250)
    recorder = MotionRecorder(points, camera)
    assert recorder.fits(40)
    assert not recorder.fits(41)
    moved = cloud.copy()
    moved[10] += [0.01, 0.02, 0.03]
    world = moved @ rotated(0.3).T + [0.1, 0, 0]
    recorder.add(world)
    recorder.write(tmp_path / "m.npz", RATE)
    arrays = read_arrays(tmp_path / "m.npz")
    assert arrays is not None
    face = arrays["vertices"][0] - cloud[[0, 1, 2, 3, 10, 11]] * 100
    np.testing.assert_allclose(face[4], [1, 2, 3], atol=1e-4)
    np.testing.assert_allclose(face[[0, 1, 2, 3, 5]], 0, atol=1e-4)
    np.testing.assert_allclose(arrays["rotation"][0], rotated(0.3), atol=1e-6)
    np.testing.assert_allclose(arrays["shift"][0], [10, 0, 0], atol=1e-4)
    x, y, z = world[10]
    np.testing.assert_allclose(arrays["points"][0, 4], [32 + 250 * x / (8 - z), 32 - 250 * y / (8 - z)], atol=1e-3)


def test_a_still_source_keeps_the_points_at_rest(tmp_path: Path) -> None:
    points, _ = watched(tmp_path)
    task = task_in(tmp_path, sample_in(tmp_path, points=points))
    Static().generate(replace(task, motion=task.scratch / "m.npz"))
    arrays = read_arrays(task.scratch / "m.npz")
    about = read_arrays(points)
    assert arrays is not None
    assert about is not None
    assert arrays["vertices"].shape == (FRAMES, 6, 3)
    np.testing.assert_allclose(arrays["vertices"][-1], about["neutral"], rtol=1e-6)
    assert (arrays["rotation"] == np.eye(3)).all()
