"""Synthetic performances: truth against closed forms and invariants, determinism, resuming, detection."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from dataset.scenes import Scene, draw_scene, head, personal
from dataset.synthesis import Clip, Options, make_clip, plan, scene_of, side
from dataset.synthesize import app
from dataset.truth import Truth, correspondence, read_scene, write_truth
from vfa.errors import DecodeError, InputError
from vfa.media import open_clip
from vfa.render import Camera
from vfa.training.data_cross import CrossDataset
from vfa.training.data_layouts import find_clips
from vfa.training.data_module import PairDataModule
from vfa.training.data_packs import write_pack

RUNNER = CliRunner()
SMALL = Options(people=2, clips=1, frames=5, size=64, seed=3)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(0, 0, 0, frames=60, size=128).flat()


@pytest.fixture(scope="module")
def truth(scene: Scene) -> Truth:
    return Truth(scene)


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_personal_model_is_the_model_with_that_identity() -> None:
    rng = np.random.default_rng(0)
    identity = rng.normal(0, 0.5, 80).astype(np.float32)
    weights = np.zeros(64, np.float32)
    weights[[3, 24, 40]] = 0.7, 0.4, 0.9
    gaze = np.array([0.2, -0.1])
    expected = head().vertices(identity, weights, gaze)
    np.testing.assert_allclose(personal(head(), identity).vertices(None, weights, gaze), expected, atol=2e-5)


def test_nothing_flows_without_motion(truth: Truth) -> None:
    flow, visible = truth.flow(30, 30)
    _, raster = truth.frame(30)
    assert np.nanmax(np.abs(flow)) < 1e-3
    np.testing.assert_array_equal(np.isnan(flow[..., 0]), ~raster.mask)
    assert visible[raster.mask].mean() > 0.995


def test_a_sideways_shift_flows_by_focal_times_shift_over_depth(scene: Scene) -> None:
    """A pinhole camera looking along -Z: x moves by f dx / z, for every pixel by its own depth."""
    camera = Camera(size := (0, 0, 8), focal=500, principal=(64, 64), width=128, height=128)
    assert size == tuple(camera.eye)
    play = replace(
        scene.performance,
        expression=np.zeros((2, 64), np.float32),
        euler=np.zeros((2, 3), np.float32),
        translation=np.array([[0, 0, 0], [0.1, 0.05, 0]], np.float32),
        gaze=np.zeros((2, 2), np.float32),
        time=np.arange(2.0),
    )
    moved = Truth(replace(scene, camera=camera, performance=play))
    flow, _ = moved.flow(0, 1)
    depth = moved.frame(1)[1].depth
    seen = np.isfinite(depth)
    np.testing.assert_allclose(flow[seen, 0], -500 * 0.1 / depth[seen], atol=2e-3)
    np.testing.assert_allclose(flow[seen, 1], 500 * 0.05 / depth[seen], atol=2e-3)


@pytest.mark.parametrize(("source", "driving"), [(0, 59), (10, 40), (50, 20)])
def test_warping_by_the_flow_gives_the_driving_picture(scene: Scene, truth: Truth, source: int, driving: int) -> None:
    """Median photometric error under 2 of 255 on visible pixels, with flat light."""
    flow, visible = truth.flow(source, driving)
    renderer = scene.renderer(supersample=1)
    pictures = [scene.render(frame, renderer).color.astype(np.float32) for frame in (source, driving)]
    y, x = np.mgrid[0:128, 0:128].astype(np.float32)
    moved = np.nan_to_num(flow)
    warped = cv2.remap(pictures[0], x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR)
    error = np.abs(warped - pictures[1]).mean(axis=2)[visible]
    assert np.median(error) < 2
    assert visible[truth.frame(driving)[1].mask].mean() > 0.8


def test_flow_there_and_back_meets_itself(truth: Truth) -> None:
    there, seen = truth.flow(10, 40)
    back, _ = truth.flow(40, 10)
    rows, columns = np.nonzero(seen)
    x, y = columns + there[rows, columns, 0], rows + there[rows, columns, 1]
    returned = cv2.remap(back, x[None].astype(np.float32), y[None].astype(np.float32), cv2.INTER_LINEAR)[0]
    error = np.linalg.norm(returned + there[rows, columns], axis=1)
    assert np.nanmedian(error) < 0.1
    assert np.nanpercentile(error, 95) < 1.0


def test_hidden_points_are_not_visible(scene: Scene) -> None:
    """A head turned by 70 degrees shows one side; seen from the front before, that side's ear was hidden or slanted."""
    play = replace(
        scene.performance,
        expression=np.zeros((2, 64), np.float32),
        euler=np.radians([[0, 0, 0], [0, 110, 0]]).astype(np.float32),
        translation=np.zeros((2, 3), np.float32),
        gaze=np.zeros((2, 2), np.float32),
        time=np.arange(2.0),
    )
    turned = Truth(replace(scene, performance=play))
    _, visible = turned.flow(0, 1)
    vertices, raster = turned.frame(1)
    corners = turned.scene.vertices(0)[head().triangles[raster.triangle[raster.mask]]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    view = turned.scene.camera.eye - corners.mean(axis=1)
    facing = np.einsum("nc,nc->n", normals, view)
    length = np.linalg.norm(normals, axis=1) * np.linalg.norm(view, axis=1)
    away = facing / np.maximum(length, 1e-12) < -0.3  # clearly on the far side in the source frame
    assert away.sum() > 200
    assert visible[raster.mask][away].mean() < 0.02


def test_truth_file_round_trip(tmp_path: Path, scene: Scene) -> None:
    write_truth(tmp_path / "a.npz", scene)
    again = read_scene(tmp_path / "a.npz")
    assert again.rate == scene.rate
    for frame in (0, 33):
        np.testing.assert_allclose(again.vertices(frame), scene.vertices(frame), atol=1e-6)
        np.testing.assert_allclose(again.pose(frame), scene.pose(frame), atol=1e-6)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        parts = head().split(stored["coefficients"][33])
    np.testing.assert_array_equal(parts.identity, scene.person.identity)
    np.testing.assert_array_equal(parts.expression, scene.performance.expression[33])
    np.testing.assert_array_equal(parts.euler, scene.performance.euler[33])
    (tmp_path / "b.npz").write_bytes(b"PK broken")
    with pytest.raises(DecodeError):
        read_scene(tmp_path / "b.npz")


def test_a_person_keeps_the_face_and_changes_everything_else() -> None:
    one, other = (draw_scene(1, 4, clip, frames=40, size=64) for clip in (0, 1))
    np.testing.assert_array_equal(one.person.identity, other.person.identity)
    assert not np.array_equal(one.performance.expression, other.performance.expression)
    assert not np.array_equal(one.gamma, other.gamma)
    assert one.camera.focal != other.camera.focal
    assert not np.array_equal(one.person.identity, draw_scene(1, 5, 0, frames=8, size=64).person.identity)


def test_light_stays_within_its_bounds() -> None:
    """Brightest normal .92 to 1.1 of the albedo within the tint, ambient .5 to .75 on normals across the light."""
    from dataset.scenes import draw_light
    from vfa.render import Light

    normals = np.random.default_rng(0).normal(size=(4000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for seed in range(20):
        values = Light.from_bfm(draw_light(np.random.default_rng(seed))).diffuse(normals)
        assert 0.9 < values[:, 1].max() < 1.11
        assert 0.49 < np.median(values[:, 1]) < 0.76


def test_crossed_scene_is_the_driver_in_another_face() -> None:
    options = replace(SMALL, frames=40)
    crossed, driver, source = (scene_of(clip, options) for clip in (Clip(0, 0, 1), Clip(1, 0), Clip(0, 0)))
    np.testing.assert_array_equal(crossed.person.identity, source.person.identity)
    np.testing.assert_array_equal(crossed.performance.expression, driver.performance.expression)
    np.testing.assert_array_equal(crossed.pose(39), driver.pose(39))
    np.testing.assert_array_equal(crossed.camera.eye, source.camera.eye)
    flow, visible = correspondence(source.camera, Truth(source).frame(0), Truth(crossed).frame(39))
    assert visible.any()
    assert np.nanmax(np.abs(flow)) < 64


def test_people_are_on_one_side_of_the_split() -> None:
    options = replace(SMALL, people=40, crossed=2)
    clips = plan(options)
    assert len(clips) == len(set(clips))
    assert {side(clip.person, options) for clip in clips if clip.person in (9, 19, 29, 39)} == {"test"}
    for clip in clips:
        if clip.driver is not None:
            assert clip.driver != clip.person
            assert side(clip.driver, options) == side(clip.person, options)


def test_clips_are_a_normal_data_set_with_truth(tmp_path: Path) -> None:
    clip = Clip(0, 0)
    assert make_clip(clip, tmp_path, SMALL)
    with open_clip(tmp_path / "train" / "p00000" / "color" / "clip0000.mp4") as frames:
        pictures = list(frames)
    assert frames.warnings == []
    assert [picture.time for picture in pictures] == [Fraction(index, 30) for index in range(5)]
    scene = scene_of(clip, SMALL)
    renderer = scene.renderer()
    units = frames.depth_units
    for picture in pictures:
        rendered = scene.render(picture.index, renderer)
        metres = rendered.depth * scene.metres_per_unit
        near, far = units.to_metres(np.array([1, 65535]))
        np.testing.assert_array_equal(np.isfinite(picture.depth), np.isfinite(metres))
        seen = np.isfinite(metres)
        np.testing.assert_allclose(picture.depth[seen], np.clip(metres[seen], near, far), atol=units.scale)
        assert np.abs(picture.color.astype(int) - rendered.color).mean() < 4
    module = PairDataModule(tmp_path, "synthetic", size=64, batch_size=2, workers=0, truth=True)
    module.prepare_data()
    batch = next(iter(module.train_dataloader()))
    assert batch["driving_truth"]["coefficients"].shape == (2, 257)
    assert batch["source"].shape == (2, 4, 64, 64)


def test_crossed_clips_load_as_triples(tmp_path: Path) -> None:
    options = replace(SMALL, frames=20, crossed=1)
    for clip in plan(options):
        make_clip(clip, tmp_path, options)
    clips = find_clips(tmp_path, "synthetic")
    for file in clips:
        write_pack(file, tmp_path / ".packed")
    dataset = CrossDataset(clips, tmp_path / ".packed", size=64)
    assert len(dataset) == 40
    item = dataset[19]
    assert (item["triple"], item["frame"]) == (0, 19)
    source, crossed = (scene_of(clip, options) for clip in (Clip(0, 0), Clip(0, 0, 1)))
    for role, scene, frame in (("source", source, 0), ("target", crossed, 19)):
        color = scene.render(frame, scene.renderer()).color / 127.5 - 1
        assert np.abs(item[role][:3].numpy().transpose(1, 2, 0) - color).mean() < 0.04
    with pytest.raises(InputError, match="no crossed"):
        CrossDataset([file for file in clips if "_by_" not in file.name], tmp_path / ".packed", size=64)
    with pytest.raises(InputError, match="origin"):
        CrossDataset([file for file in clips if "_by_" in file.name], tmp_path / ".packed", size=64)


def test_same_seed_same_bytes_and_what_is_there_stays(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert make_clip(Clip(0, 0), tmp_path / name, SMALL)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert not make_clip(Clip(0, 0), tmp_path / "one", SMALL)
    path = tmp_path / "two" / "train" / "p00000" / "depth" / "clip0000.nut"
    path.write_bytes(path.read_bytes()[:500])
    assert make_clip(Clip(0, 0), tmp_path / "two", SMALL)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert make_clip(Clip(0, 0), tmp_path / "two", replace(SMALL, frames=4))
    assert contents(tmp_path / "one") != contents(tmp_path / "two")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--people", "0"),
        ("--size", "63"),
        ("--rate", "x"),
        ("--rate", "1/0"),
        ("--background", "blue"),
        ("--single", "../up"),
        ("--people", "1", "--crossed", "2"),
    ],
)
def test_bad_options_are_bad_input(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = RUNNER.invoke(app, [str(tmp_path / "out"), "--workers", "1", *arguments])
    assert result.exit_code == 3
    assert arguments[-2] in result.output
    assert not (tmp_path / "out").exists()


def test_single_clip_with_coarse_depth(tmp_path: Path) -> None:
    arguments = [str(tmp_path), "--single", "demo", "--frames", "3", "--size", "64", "--depth_step", "0.0001"]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert sorted(contents(tmp_path)) == ["color/demo.mp4", "depth/demo.nut", "record/demo.json", "truth/demo.npz"]
    clip = open_clip(tmp_path / "color" / "demo.mp4")
    assert clip.depth_units.scale == 0.0001
    with pytest.raises(InputError):
        Options(people=1, clips=1, depth_step=-1)


@pytest.mark.slow
def test_killed_and_resumed_gives_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "dataset" / "synthesize.py"

    def start(out: Path, workers: int) -> subprocess.Popen:
        command = [sys.executable, str(script), str(out), "--people", "3", "--clips", "2", "--frames", "12"]
        command += ["--crossed", "1", "--size", "128", "--seed", "5", "--workers", str(workers)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert start(tmp_path / "whole", 2).wait() == 0
    done, rng = tmp_path / "killed", np.random.default_rng(0)
    for seen in (1, 6, 13, 20):
        process = start(done, 1)
        while process.poll() is None and sum(1 for path in done.rglob("*") if path.is_file()) < seen:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(done, 1).wait() == 0
    assert contents(done) == contents(tmp_path / "whole")


@pytest.mark.slow
def test_a_detector_finds_the_faces() -> None:
    """99 % of 500 frames of a fixed seed: 100 people, 5 moments each, half of them before a random picture."""
    from vfa.face.landmarks import FaceLandmarker

    found = 0
    with FaceLandmarker(static=True) as landmarker:
        for person in range(100):
            background = "random" if person % 2 else "none"
            scene = draw_scene(0, person, 0, frames=100, background=background)
            renderer = scene.renderer()
            for frame in (0, 25, 50, 75, 99):
                found += landmarker.detect(scene.render(frame, renderer).color) is not None
    assert found >= 495, found
