"""S3FD: priors, decoding, thinning and both published layouts."""

from __future__ import annotations

import numpy as np
import published_layouts as layouts
import pytest
import torch
from seeded_weights import fill_like

from bench.networks import build_network
from bench.networks.s3fd import detect_faces, detector_input

STEPS, SIZES = (4, 8, 16, 32, 64, 128), (16, 32, 64, 128, 256, 512)


def _silent_state() -> dict[str, np.ndarray]:
    """Every head constant: offsets zero, background certain on each level."""
    state = fill_like(layouts.s3fd())
    for key, value in state.items():
        if key.startswith(("loc.", "conf.")):
            value[...] = 0.0
    for level in range(6):
        state[f"conf.{level}.bias"][0] = 20.0
    return state


def test_boxes_without_offsets_are_the_priors() -> None:
    network = build_network("s3fd", _silent_state())
    output = network(torch.zeros(1, 3, 128, 192))
    expected = []
    for step, size in zip(STEPS, SIZES, strict=True):
        rows, columns = (int(np.ceil(side / step)) for side in (128, 192))
        for i in range(rows):
            for j in range(columns):
                x, y = (j + 0.5) * step, (i + 0.5) * step
                expected.append((x - size / 2, y - size / 2, x + size / 2, y + size / 2))
    np.testing.assert_allclose(output["boxes"][0].numpy(), expected, atol=1e-4)
    assert output["scores"].max() < 1e-6


def test_offsets_follow_the_variances() -> None:
    state = _silent_state()
    state["loc.3.bias"][...] = (1.0, -2.0, np.log(2.0) / 0.2, np.log(0.5) / 0.2)
    boxes = build_network("s3fd", state)(torch.zeros(1, 3, 128, 128))["boxes"][0]
    start = sum((128 // step) ** 2 for step in STEPS[:3])
    # Prior of 128 pixels centred at 16, 16: moved by 0.1 * (1, -2) * 128, twice as wide, half as high.
    x, y = 16 + 12.8, 16 - 25.6
    np.testing.assert_allclose(boxes[start].numpy(), (x - 128, y - 32, x + 128, y + 32), rtol=1e-4)


def test_the_largest_of_three_backgrounds_counts() -> None:
    state = _silent_state()
    state["conf.0.bias"][...] = (0.0, 1.0, -3.0, 2.0)
    scores = build_network("s3fd", state)(torch.zeros(1, 3, 64, 64))["scores"][0]
    np.testing.assert_allclose(scores[: 16 * 16].numpy(), 1 / (1 + np.exp(-1.0)), rtol=1e-5)


def test_one_certain_prior_is_one_face_in_pixels_of_the_frame() -> None:
    """Only the coarsest level fires; at scale 0.25 its one cell of 128 pixels is a box of 2048 in the frame."""
    state = _silent_state()
    state["conf.5.bias"][...] = (0.0, 5.0)
    faces = detect_faces(build_network("s3fd", state), np.zeros((400, 480, 3), np.uint8), scale=0.25)
    assert faces.shape == (1, 5)
    np.testing.assert_allclose(faces[0, :4], (256 - 1024, 256 - 1024, 256 + 1024, 256 + 1024), rtol=1e-5)
    np.testing.assert_allclose(faces[0, 4], 1 / (1 + np.exp(-5.0)), rtol=1e-5)
    state["conf.5.bias"][...] = (0.0, 2.0)
    assert detect_faces(build_network("s3fd", state), np.zeros((400, 480, 3), np.uint8)).shape == (0, 5)


def test_overlapping_faces_are_thinned_twice() -> None:
    """Equal boxes of 512 pixels every 128: IoU at distance d is (512 - d) / (512 + d)."""
    state = _silent_state()
    state["conf.5.bias"][...] = (0.0, 5.0)
    faces = detect_faces(build_network("s3fd", state), np.zeros((64, 1024, 3), np.uint8), scale=1.0)
    centres = np.sort((faces[:, 0] + faces[:, 2]) / 2)
    # IoU <= 0.3 keeps every third cell (384: 0.143); of those IoU <= 0.1 keeps every second (768).
    np.testing.assert_allclose(np.diff(centres), 768.0)


def test_input_has_the_mean_removed_in_the_networks_order() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 200, 100, 50
    np.testing.assert_allclose(detector_input(image)[0, :, 0, 0], (200 - 123, 100 - 117, 50 - 104))
    np.testing.assert_allclose(detector_input(image, bgr=True)[0, :, 0, 0], (50 - 104, 100 - 117, 200 - 123))
    assert tuple(detector_input(image, scale=0.25).shape) == (1, 3, 2, 2)


def test_face_alignment_layout_is_the_same_detector() -> None:
    """Equal weights under either file's names: equal scores on the three finest levels, which precede fc6."""
    own, other = layouts.s3fd(), layouts.s3fd_fan()
    state = fill_like(other)
    order = [key for key in own if key.startswith("vgg.")]
    trunk = [key for key in other if key.startswith(("conv1_", "conv2_", "conv3_", "conv4_", "conv5_", "fc"))]
    trunk = [key for key in trunk if "norm" not in key and "mbox" not in key]
    renamed = dict(zip(order, (state[key] for key in trunk), strict=True))
    for i, name in enumerate(("conv6_1", "conv6_2", "conv7_1", "conv7_2")):
        renamed |= {f"extras.{i}.{kind}": state[f"{name}.{kind}"] for kind in ("weight", "bias")}
    for i, name in enumerate(("conv3_3_norm", "conv4_3_norm", "conv5_3_norm", "fc7", "conv6_2", "conv7_2")):
        for kind in ("loc", "conf"):
            renamed |= {f"{kind}.{i}.{part}": state[f"{name}_mbox_{kind}.{part}"] for part in ("weight", "bias")}
    renamed |= {f"L2Norm{name}.weight": state[f"conv{name}_norm.weight"] for name in ("3_3", "4_3", "5_3")}
    image = torch.from_numpy(np.random.default_rng(0).uniform(-100, 100, (1, 3, 64, 64)).astype(np.float32))
    first, second = build_network("s3fd", renamed)(image), build_network("s3fd_fan", state)(image)
    shared = 16 * 16 + 8 * 8 + 4 * 4
    assert first["scores"][0, :shared].std() > 0
    torch.testing.assert_close(first["scores"][:, :shared], second["scores"][:, :shared])
    # fc6 of face_alignment's file is padded by 3 without dilation, which adds four cells to each side of the map.
    assert second["scores"].shape[1] - shared == (2 + 4) ** 2 + 3**2 + 2**2


@pytest.mark.slow
def test_batch_of_frames_equals_single_frames() -> None:
    network = build_network("s3fd", fill_like(layouts.s3fd()))
    images = torch.from_numpy(np.random.default_rng(1).uniform(-100, 100, (3, 3, 96, 80)).astype(np.float32))
    together = network(images)["scores"]
    for i in range(3):
        torch.testing.assert_close(network(images[i : i + 1])["scores"][0], together[i])
