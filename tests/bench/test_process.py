"""Face regions: the box rule, DWPose's pre- and post-processing, the folders that come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.features.reader import VideoReader
from bench.process.boxes import FacePoints, square_of
from bench.process.dwpose import (
    DWPose,
    crop_region,
    decode_points,
    letterbox,
    people_of,
    pose_region,
    suppress,
)
from bench.process.extract import extract_face
from vfa.errors import AssetError, InputError

WriteVideo = Callable[..., Path]


def test_box_of_a_still_face_is_expanded_and_square() -> None:
    square = square_of([np.array([100.0, 100, 200, 180])] * 10)
    assert square.side == round(1.25 * 100)
    assert square.x == round(150 - 125 / 2)
    top, bottom = 140 - 1.35 * 40, 140 + 1.25 * 40
    assert square.y == round((top + bottom) / 2 - 125 / 2)


def test_single_wrong_frames_do_not_move_the_box() -> None:
    boxes: list[np.ndarray | None] = [np.array([100.0, 100, 200, 200])] * 60
    usual = square_of(boxes)
    boxes[10] = np.array([0.0, 0, 900, 900])
    boxes[20] = None
    assert square_of(boxes) == usual


def test_a_moving_face_stays_inside() -> None:
    boxes = [np.array([100.0 + i, 100, 200 + i, 200]) for i in range(101)]
    square = square_of(boxes)
    assert square.x <= 105
    assert square.x + square.side >= 295


def test_fewer_than_half_of_the_frames_is_an_error() -> None:
    face = np.array([0.0, 0, 10, 10])
    square_of([face, None])
    with pytest.raises(InputError, match="1 of 3"):
        square_of([face, None, None])
    with pytest.raises(InputError, match="0 of 0"):
        square_of([])


def test_unsure_points_do_not_count() -> None:
    points = np.random.default_rng(0).uniform(10, 20, (68, 2))
    points[60:] = 1000
    score = np.ones(68)
    score[60:] = 0.3
    box = FacePoints(points, score).box()
    assert box is not None
    assert box.max() <= 20
    score[:40] = 0
    assert FacePoints(points, score).box() is None


def test_letterbox_keeps_the_aspect_in_the_top_left() -> None:
    image = np.full((100, 300, 3), 200, np.uint8)
    data, ratio = letterbox(image)
    assert data.shape == (1, 3, 640, 640)
    assert data.dtype == np.float32
    assert ratio == pytest.approx(640 / 300)
    assert (data[0, :, :213] == 200).all()
    assert (data[0, :, 213:] == 114).all()


def detector_output(x: float, y: float, w: float, h: float, score: float) -> np.ndarray:
    """Raw YOLOX output with one person (in 640-pixel coordinates) at the cell of stride 32 that holds its centre."""
    output = np.zeros((1, 8400, 85), np.float32)
    output[..., 2:4] = -10
    column, row = int(x // 32), int(y // 32)
    cell = 80 * 80 + 40 * 40 + row * 20 + column
    output[0, cell, :6] = (x / 32 - column, y / 32 - row, np.log(w / 32), np.log(h / 32), 1.0, score)
    return output


def test_a_person_is_decoded_to_its_box_in_the_image() -> None:
    boxes = people_of(detector_output(320, 200, 160, 240, 0.9), 0.5)
    np.testing.assert_allclose(boxes, [[480, 160, 800, 640]], rtol=1e-5)
    assert len(people_of(detector_output(320, 200, 160, 240, 0.25), 0.5)) == 0


def test_suppression_equals_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (60, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 60, (60, 2))], 1)
    scores = rng.uniform(0, 1, 60)

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + 1)
        h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + 1)
        area = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
        return w * h / (area[0] + area[1] - w * h)

    kept: list[int] = []
    for i in sorted(range(60), key=lambda i: -scores[i]):
        if all(overlap(boxes[i], boxes[j]) <= 0.45 for j in kept):
            kept.append(i)
    assert suppress(boxes, scores, 0.45) == kept


def test_region_has_the_networks_aspect_and_points_come_back() -> None:
    centre, size = pose_region(np.array([100.0, 50, 200, 450]), 288, 384)
    np.testing.assert_allclose(centre, [150, 250])
    np.testing.assert_allclose(size, [500 * 0.75, 500])
    x, y = np.zeros((1, 133, 576), np.float32), np.zeros((1, 133, 768), np.float32)
    x[0, :, 288] = 0.8
    y[0, :, 384] = 0.6
    x[0, 5], y[0, 5] = 0, 0
    points, score = decode_points(x, y, centre[None], size[None], 288, 384)
    np.testing.assert_allclose(points[0, 0], centre, atol=1e-9)
    assert score[0, 0] == pytest.approx(0.6)
    assert score[0, 5] == 0


def test_crop_is_normalised_and_centred() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[195:206, 145:156] = (255, 0, 0)
    crop = crop_region(image, np.array([150.0, 200.0]), np.array([144.0, 192.0]), 288, 384)
    assert crop.shape == (3, 384, 288)
    assert crop[0, 192, 144] == pytest.approx((255 - 123.675) / 58.395, rel=1e-4)
    assert crop[2, 192, 144] == pytest.approx(-103.53 / 57.375, rel=1e-4)


def constant_model(path: Path, input_shape: list[object], outputs: dict[str, np.ndarray]) -> Path:
    """An ONNX model that gives the same outputs for any input."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
        for name, array in outputs.items()
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(a.shape)) for name, a in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def test_networks_in_files_give_face_points(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    detector = constant_model(tmp_path / "d.onnx", [1, 3, 640, 640], {"out": detector_output(320, 320, 300, 400, 0.9)})
    x, y = np.zeros((1, 133, 576), np.float32), np.zeros((1, 133, 768), np.float32)
    for k in range(133):
        x[0, k, 200 + k], y[0, k, 300 + k] = 0.9, 0.9
    pose = constant_model(tmp_path / "p.onnx", [1, 3, 384, 288], {"simcc_x": x, "simcc_y": y})
    network = DWPose(detector, pose)
    face = network.detect(np.zeros((640, 640, 3), np.uint8))
    assert face is not None
    assert face.points.shape == (68, 2)
    width, height = 500 * 0.75, 500.0
    expected = np.array([(200 + 23) / 2 / 288 * width + 320 - width / 2, (300 + 23) / 2 / 384 * height + 320 - 250])
    np.testing.assert_allclose(face.points[0], expected, rtol=1e-4)
    assert network.provider.endswith("ExecutionProvider")


def test_what_is_no_model_is_an_asset_error(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(AssetError, match=r"x\.onnx"):
        DWPose(tmp_path / "x.onnx", tmp_path / "x.onnx")


def test_one_box_for_all_frames_and_the_folders_of_the_benchmark(tmp_path: Path, video: WriteVideo) -> None:
    source = video(tmp_path / "clip.mkv", 6, size=(64, 48), tone=True)

    def detect(image: np.ndarray) -> FacePoints:
        grid = np.stack(np.meshgrid(np.linspace(20, 40, 17), np.linspace(15, 35, 4)), -1).reshape(-1, 2)
        return FacePoints(grid.astype(np.float32), np.ones(68, np.float32))

    done = extract_face(source, tmp_path / "out", detect, "test", size=64, images=True)
    assert (done.n_frames, done.n_faces, done.square.side) == (6, 6, 26)
    images = sorted((tmp_path / "out" / "face_images" / "clip").iterdir())
    assert [image.name for image in images] == [f"{i:05d}.png" for i in range(6)]
    reader = VideoReader(tmp_path / "out" / "face_videos" / "clip.mp4", {"frames"})
    frames = list(reader)
    assert len(frames) == 6
    assert (reader.info.width, reader.info.height, reader.has_sound) == (64, 64, True)
    with np.load(tmp_path / "out" / "face_landmarks" / "clip.npz", allow_pickle=False) as saved:
        assert saved["points"].shape == (6, 68, 2)
        assert saved["box"].tolist() == [done.square.x, done.square.y, 26, 64]
        assert str(saved["method"]) == "test"
    assert not list((tmp_path / "out").rglob(".tmp-*"))


def test_a_video_without_faces_leaves_nothing(tmp_path: Path, video: WriteVideo) -> None:
    source = video(tmp_path / "clip.mkv", 4)
    with pytest.raises(InputError, match=r"clip\.mkv"):
        extract_face(source, tmp_path / "out", lambda image: None, "test", size=64, images=True)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.*"))
