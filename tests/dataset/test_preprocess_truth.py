"""A Record3D capture rendered by the morphable model, with wall, noise and holes, through the whole preparation."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import spearmanr

from dataset.captures import find_captures
from dataset.preparation import Options, constant_crop, find_face, prepare
from dataset.scenes import draw_backdrop, draw_scene
from vfa.face.landmarks import FaceLandmarker
from vfa.media import open_clip
from vfa.media.pictures import write_depth_exr, write_picture
from vfa.render import Camera

pytestmark = pytest.mark.slow

WIDTH, HEIGHT, COUNT, FIRST = 480, 640, 20, 25
WALL, FAR = 0.9, 0.5


class Capture(NamedTuple):
    """Folder, true depth in metres (NaN beside the head), and the face's box in clean pictures of twice the size."""

    folder: Path
    depths: list[np.ndarray]
    boxes: np.ndarray


@pytest.fixture(scope="module", params=[2, 4, 10])
def capture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Capture:
    seed = request.param
    folder = tmp_path_factory.mktemp("captures") / "take"
    rng = np.random.default_rng(seed)
    scene = draw_scene(seed, 0, 0, frames=FIRST + COUNT)
    camera = Camera((0, -0.1, 3.3), (0, -0.15, 0), focal=480, principal=(240, 320), width=WIDTH, height=HEIGHT)
    scene = replace(scene, camera=camera, backdrop=draw_backdrop(rng, HEIGHT)[:, :WIDTH])
    renderer = scene.renderer()
    clean = replace(scene, camera=camera.scaled(2), backdrop=None).renderer()
    landmarker = FaceLandmarker(static=True)
    depths, boxes = [], []
    for index in range(COUNT):
        vertices = scene.vertices(FIRST + index)
        face = landmarker.detect(clean.render_color(vertices))
        assert face is not None
        boxes.append(face.box / 2)
        picture = renderer.render(vertices)
        depth = picture.depth * scene.metres_per_unit
        depths.append(depth)
        noisy = np.where(np.isfinite(depth), depth, WALL) + rng.normal(0, 0.001, depth.shape)
        noisy[rng.random(depth.shape) < 0.01] = np.nan
        for _ in range(6):
            y, x = rng.integers(0, HEIGHT - 9), rng.integers(0, WIDTH - 9)
            noisy[y : y + 8, x : x + 8] = 0
        write_depth_exr(folder / "depth" / f"{index}.exr", noisy.astype(np.float32))
        write_picture(folder / "rgb" / f"{index}.jpg", picture.color)
    landmarker.close()
    (folder / "metadata.json").write_text(json.dumps({"fps": 30}))
    return Capture(folder, depths, np.array(boxes))


def test_face_box_is_within_4_pixels_of_truth(capture: Capture) -> None:
    """In pixels of the 256x256 pictures that are written."""
    with open_clip(capture.folder) as clip:
        boxes, rate = find_face(clip)
    assert rate == 1.0
    scale = 256 / constant_crop(boxes, Options().margin).side
    error = np.abs(boxes - capture.boxes) * scale
    assert np.percentile(error, 90) <= 4, error.max(axis=0)
    assert np.abs(np.median(boxes - capture.boxes, axis=0)).max() * scale <= 4


def test_foreground_depth_and_order(capture: Capture, tmp_path: Path) -> None:
    (found,) = find_captures(capture.folder)
    prepare(found, tmp_path, Options(far=FAR))
    record = json.loads((tmp_path / "record" / "take.json").read_text())
    left, top, side = record["crop"]
    near, far = record["depth_near"], record["depth_far"]
    centres = (np.arange(256) + 0.5) * side / 256
    columns, rows = np.floor(left + centres).astype(int), np.floor(top + centres).astype(int)
    inside = np.ix_((rows >= 0) & (rows < HEIGHT), (columns >= 0) & (columns < WIDTH))
    for frame, depth in zip(open_clip(tmp_path / "color" / "take.mp4"), capture.depths, strict=True):
        truth = np.full((256, 256), np.nan)
        source = depth[np.clip(rows, 0, HEIGHT - 1)][:, np.clip(columns, 0, WIDTH - 1)]
        truth[inside] = source[inside]
        truth[truth > FAR] = np.nan
        person, seen = np.isfinite(truth), np.isfinite(frame.depth)
        assert (person & seen).sum() / (person | seen).sum() >= 0.97
        both = person & seen & (truth > near) & (truth < far)
        assert np.median(np.abs(frame.depth[both] - truth[both])) < 0.001
        assert spearmanr(frame.depth[both], truth[both])[0] > 0.99


def test_the_result_drives_an_avatar(capture: Capture, tmp_path: Path) -> None:
    (found,) = find_captures(capture.folder)
    prepare(found, tmp_path, Options(far=FAR))
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "infer.py"), "--driving_path", str(tmp_path / "color" / "take.mp4")]
    done = subprocess.run(
        [*command, "--save_folder", str(tmp_path / "results"), "--render_size", "128"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (movie,) = (tmp_path / "results").rglob("avatar.mp4")
    with open_clip(movie) as clip:
        assert [frame.time for frame in clip] == [Fraction(index, 30) for index in range(COUNT)]
