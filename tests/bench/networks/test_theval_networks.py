"""The networks of THEval: values of their public modules on the same seeded weights and inputs, and their recipes.

The numbers were computed by pyiqa 0.1.13 (CFANet), facexlib 0.3.0 and retina-face 0.0.19 (RetinaFace), and for
FaceXFormer by the transformer of segment-anything 1.0, which it uses, on torchvision's Swin.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import theval_layouts as layouts
import torch
from seeded_files import middle_detector, upscaled_detector, write_loudness_vad
from seeded_weights import fill_like, uniform

from bench.networks import build_network, load_network
from bench.networks.face_boxes import BORDER_RGB, TEMPLATE, Faces, align_512, suppress
from bench.networks.facexformer import facexformer_input
from vfa.errors import CheckpointError


def scaled(layout: layouts.Layout, gain: float, parts: tuple[str, ...], factor: float) -> dict[str, np.ndarray]:
    """Seeded values, those of some parts made smaller."""
    state = fill_like({name.removeprefix("module."): shape for name, shape in layout.items()}, gain=gain)
    return {
        name: value * np.float32(factor) if any(p in name for p in parts) else value for name, value in state.items()
    }


@pytest.mark.slow
def test_topiq_of_faces() -> None:
    network = build_network("topiq_face", fill_like(layouts.topiq_face()))
    score = network(torch.from_numpy(uniform(3, (1, 3, 512, 512), 0, 1)))["score"]
    assert score.tolist() == pytest.approx([-0.07137925], rel=1e-4)


@pytest.mark.slow
def test_topiq_of_aesthetics() -> None:
    network = build_network("topiq_aesthetic", fill_like(layouts.topiq_aesthetic()))
    image = torch.from_numpy(uniform(3, (2, 3, 200, 310), 0, 1))
    assert network(image)["score"].tolist() == pytest.approx([5.29433012, 5.33374500], rel=1e-5)


@pytest.mark.slow
def test_facexformer_pose() -> None:
    network = build_network("facexformer_pose", fill_like(layouts.facexformer()))
    pose = network(torch.from_numpy(uniform(1, (2, 3, 224, 224), -2, 2)))["pose"]
    expected = [[-44.6902, -33.5138, 23.3851], [-44.6173, -32.0168, 27.8166]]
    np.testing.assert_allclose(pose.numpy(), expected, atol=2e-4)


@pytest.mark.slow
def test_retinaface_of_facexlib() -> None:
    network = build_network("retinaface", scaled(layouts.retinaface(), 1.0, ("Head",), 0.02))
    found = {k: v[0].numpy() for k, v in network(torch.from_numpy(uniform(5, (1, 3, 75, 101), -110, 140))).items()}
    assert found["scores"][[0, 100, -1]] == pytest.approx([0.39525822, 0.56878376, 0.37322220], rel=1e-4)
    assert found["scores"].mean() == pytest.approx(0.36511848, rel=1e-4)
    assert found["boxes"][100] == pytest.approx([80.63015, 20.542887, 100.070969, 34.054821], rel=1e-4)
    assert found["boxes"][-1] == pytest.approx([-74.202026, -152.95108, 391.63507, 340.19693], rel=1e-4)
    assert found["points"][100, 0] == pytest.approx([93.008095, 27.920816], rel=1e-4)
    assert found["points"][100, 4] == pytest.approx([89.423874, 26.90987], rel=1e-4)


@pytest.mark.slow
def test_retinaface_of_the_package() -> None:
    state = scaled(layouts.retinaface_preact(), 0.7, ("landmark_pred", "bbox_pred"), 0.1)
    image = uniform(6, (64, 88, 3), 0, 255).transpose(2, 0, 1)[None].copy()
    found = {k: v[0].numpy() for k, v in build_network("retinaface_preact", state)(torch.from_numpy(image)).items()}
    assert found["scores"][[0, 30, 200]] == pytest.approx([0.42746130, 0.34931168, 0.025290644], rel=1e-4)
    assert found["scores"].mean() == pytest.approx(0.26392916, rel=1e-4)
    assert found["boxes"][200] == pytest.approx([30.3147964, 34.7183332, 56.6196346, 63.0], rel=1e-4)
    assert found["points"][200, 0] == pytest.approx([29.2166004, 57.087986], rel=1e-4)
    assert found["points"][200, 4] == pytest.approx([46.0341720, 48.1830711], rel=1e-4)


def test_thinning_keeps_the_surer_of_two() -> None:
    boxes = np.array([[0, 0, 9, 9], [5, 0, 14, 9], [0, 6, 9, 15], [30, 30, 39, 39]], float)
    # Pixels at both ends count: the first two share 50 of 150 pixels, the first and third 40 of 160.
    assert suppress(boxes, np.array([0.9, 0.8, 0.7, 0.6]), 0.3).tolist() == [0, 2, 3]
    assert suppress(boxes, np.array([0.9, 0.8, 0.7, 0.6]), 1 / 3).tolist() == [0, 1, 2, 3]
    assert suppress(boxes, np.array([0.1, 0.8, 0.7, 0.6]), 0.2).tolist() == [1, 2, 3]
    assert suppress(np.zeros((0, 4)), np.zeros(0), 0.4).tolist() == []


def test_which_face_counts() -> None:
    boxes = np.array([[0, 0, 40, 40], [45, 45, 55, 55], [60, -100, 100, 20]], float)
    faces = Faces(boxes, np.zeros((3, 5, 2)), np.array([0.99, 0.98, 0.97]))
    assert (len(faces), faces.central(100, 100)) == (3, 1)
    # Of the third only 40 x 20 pixels lie inside.
    assert faces.largest(100, 100) == 0


def test_aligned_face() -> None:
    """Points that lie where the template has them change nothing; the image's surroundings are grey."""
    image = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    face = align_512(image, TEMPLATE)
    assert face is not None and face.dtype == np.float32
    assert np.abs(face - image)[2:-2, 2:-2].max() < 4.0
    small = align_512(image[100:400, 100:400], TEMPLATE - 100)
    assert small is not None
    assert tuple(small[5, 5]) == BORDER_RGB
    assert np.abs(small - image)[110:390, 110:390].max() < 4.0
    assert align_512(image, np.full((5, 2), 7.0)) is None


def test_head_crop_is_cut_to_whole_pixels_and_squashed() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:30, 20:60] = 255
    crop = facexformer_input(image, np.array([20.9, 10.9, 60.2, 30.7]))
    assert tuple(crop.shape) == (1, 3, 224, 224)
    white = (1 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(crop[0].mean(dim=(1, 2)).numpy(), white, rtol=1e-5)
    with pytest.raises(ValueError, match="no area"):
        facexformer_input(image, np.array([20.0, 10, 20.5, 30]))


@pytest.mark.slow
def test_detectors_on_values_that_fire_everywhere() -> None:
    """Anchors of one size only: their grid, thinned at IoU 0.4, in pixels of the frame."""
    from bench.networks.retinaface import detect
    from bench.networks.retinaface_preact import detect_upscaled

    frame = np.zeros((128, 160, 3), np.uint8)
    faces = detect(build_network("retinaface", middle_detector()), frame)
    sides = np.unique(faces.boxes[:, 2:] - faces.boxes[:, :2])
    assert sides.tolist() == [256.0]
    centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    assert set(np.unique(centres[:, 1])) <= {16.0, 48.0, 80.0, 112.0}
    np.testing.assert_allclose(faces.points[:, 2] - centres, np.tile([0.0, 12.8], (len(faces), 1)), atol=1e-3)
    faces = detect_upscaled(build_network("retinaface_preact", upscaled_detector()), frame)
    # The frame is enlarged eight times; 512 there are 64 here, but for what the border cuts.
    assert len(faces) > 0 and np.ptp(faces.boxes[:, ::2], axis=1).max() == pytest.approx(511 / 8)


def test_voice_detector_hears_each_window(tmp_path: Path) -> None:
    write_loudness_vad(tmp_path / "silero_vad.onnx")
    network = load_network("silero_vad", tmp_path / "silero_vad.onnx").network
    samples = np.zeros(512 * 5 + 100, np.float32)
    samples[512 * 2 : 512 * 4] = 0.1
    found = network(samples)["speech"]
    assert found.shape == (6,)
    # The window of 512 with the 64 samples before it: the fifth still hears an eighth of what was loud.
    assert (found > 0.5).tolist() == [False, False, True, True, True, False]
    assert network(samples[:0])["speech"].shape == (0,)
    (tmp_path / "noise.onnx").write_bytes(np.random.default_rng(0).bytes(999))
    with pytest.raises(CheckpointError, match="not a readable ONNX"):
        load_network("silero_vad", tmp_path / "noise.onnx")
