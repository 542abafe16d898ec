"""Alignment of faces for ArcFace, Deep3DFaceRecon, Hopenet and EmoNet: closed forms and an independent estimate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from scipy.spatial.transform import Rotation
from skimage.transform import SimilarityTransform

from bench.networks.arcface_align import TEMPLATE, align_face, arcface_input, squash_face
from bench.networks.emonet import emonet_input
from bench.networks.facerecon import split_coefficients
from bench.networks.facerecon_align import (
    RESCALE,
    facerecon_input,
    fit_standard_face,
    load_standard_points,
    rotation_matrix,
    standard_five,
)
from bench.networks.hopenet import degrees, head_window, hopenet_input
from bench.networks.similarity import five_points, similarity_transform
from vfa.errors import AssetError, CheckpointError


def _blobs(size: tuple[int, int], centres: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    """Bright spots whose centres lie at the given x, y (pixel centres at +0.5)."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    image = sum(np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)) for cx, cy in centres)
    return np.repeat((255 * np.clip(image, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def _peak(image: np.ndarray, near: np.ndarray, reach: int = 6) -> np.ndarray:
    """Centre of mass around a place, x and y with pixel centres at whole numbers."""
    x0, y0 = np.round(near).astype(int) - reach
    window = image[y0 : y0 + 2 * reach + 1, x0 : x0 + 2 * reach + 1, 0].astype(float)
    y, x = np.mgrid[: window.shape[0], : window.shape[1]]
    return np.array([(x * window).sum(), (y * window).sum()]) / window.sum() + (x0, y0)


def test_similarity_recovers_an_exact_one() -> None:
    rng = np.random.default_rng(0)
    source = rng.normal(size=(5, 2))
    angle, scale, shift = 0.7, 3.5, np.array([10.0, -4.0])
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity_transform(source, source @ linear.T + shift)
    np.testing.assert_allclose(matrix, np.column_stack((linear, shift)), atol=1e-12)


def test_similarity_equals_an_independent_estimate_and_never_mirrors() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        source, target = rng.normal(size=(2, 5, 2))
        other = SimilarityTransform.from_estimate(source, target)
        matrix = similarity_transform(source, target)
        np.testing.assert_allclose(matrix, other.params[:2], atol=1e-9)
        assert np.linalg.det(matrix[:, :2]) >= 0
    mirrored = similarity_transform(source, source * (-1, 1))
    assert np.linalg.det(mirrored[:, :2]) >= 0


@pytest.mark.parametrize("points", [np.ones((5, 2)), np.full((5, 2), np.nan), np.zeros((5, 3)), np.zeros((1, 2))])
def test_similarity_refuses_what_determines_none(points: np.ndarray) -> None:
    with pytest.raises(ValueError):
        similarity_transform(points, points)


def test_five_points_of_68() -> None:
    points = np.arange(136.0).reshape(68, 2)
    expected = [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]
    np.testing.assert_array_equal(five_points(points), expected)
    assert five_points(np.zeros((3, 68, 2))).shape == (3, 5, 2)
    with pytest.raises(ValueError, match="68"):
        five_points(points[:5])


def test_aligned_face_has_its_points_at_the_template() -> None:
    angle, scale, centre = np.deg2rad(25), 2.2, np.array([200.0, 160.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (TEMPLATE - 56) @ turn.T + centre
    aligned = align_face(_blobs((330, 400), points, sigma=4.0), points)
    assert aligned.shape == (112, 112, 3)
    for place in TEMPLATE:
        np.testing.assert_allclose(_peak(aligned, place), place, atol=0.1)
    tensor = arcface_input(aligned[None])
    assert tuple(tensor.shape) == (1, 3, 112, 112)
    assert tensor.min() == -1 and abs(float(tensor.max()) - (aligned.max() / 127.5 - 1)) < 1e-6
    assert squash_face(np.zeros((50, 200, 3), np.uint8)).shape == (112, 112, 3)


def _standard() -> np.ndarray:
    return np.array([(-0.3, 0.3, 0.1), (0.3, 0.3, 0.1), (0.0, 0.0, 0.5), (-0.25, -0.35, 0.2), (0.25, -0.35, 0.2)])


def test_standard_face_is_fitted_exactly() -> None:
    standard = _standard()
    for scale, x0, y0 in ((80.0, 130.0, 90.0), (311.0, -20.0, 400.0)):
        fit = fit_standard_face(standard[:, :2] * scale + (x0, y0), standard)
        np.testing.assert_allclose((fit.scale, fit.x0, fit.y0), (scale, x0, y0), rtol=1e-9)
    # A turn about the line of sight leaves the scale alone.
    turn = Rotation.from_euler("z", 30, degrees=True).as_matrix()[:2, :2]
    fit = fit_standard_face(standard[:, :2] @ turn.T * 100 + (50, 60), standard)
    np.testing.assert_allclose(fit.scale, 100, rtol=1e-9)


@pytest.mark.parametrize(("size", "scale"), [((300, 400), 150.0), ((480, 360), 60.0)])
def test_facerecon_crop_puts_the_standard_face_at_its_scale(size: tuple[int, int], scale: float) -> None:
    """The face's origin lands in the middle of the crop, its points at 102 pixels a unit around it."""
    standard, height = _standard(), size[0]
    x0, y0 = size[1] / 2 + 21.0, size[0] / 2 - 17.0
    upwards = standard[:, :2] * scale + (x0, y0)
    points = np.column_stack((upwards[:, 0], height - 1 - upwards[:, 1]))
    image = _blobs(size, points + 0.5, sigma=3.0 * scale / RESCALE)
    crop = facerecon_input(image, points, standard)
    assert tuple(crop.shape) == (1, 3, 224, 224) and float(crop.min()) >= 0 and float(crop.max()) <= 1
    picture = crop[0].permute(1, 2, 0).numpy() * 255
    for x, y, _ in standard:
        place = np.array([112 + x * RESCALE, 112 - y * RESCALE])
        # Sizes and corners are cut to whole pixels, and rows count from 0: within two pixels.
        assert np.abs(_peak(picture, place) - place).max() < 2.0
    np.testing.assert_array_equal(facerecon_input(image, points, standard), crop)


def test_facerecon_takes_68_points_and_refuses_a_point() -> None:
    points = np.zeros((68, 2))
    five = _standard()[:, :2] * (100, -100) + (150, 150)
    points[[36, 39]], points[[42, 45]], points[30], points[48], points[54] = five
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert torch.equal(facerecon_input(image, points, _standard()), facerecon_input(image, five, _standard()))
    with pytest.raises(ValueError, match="do not span a face"):
        facerecon_input(image, np.full((5, 2), 100.0), _standard())


def test_standard_points_come_from_the_published_file(tmp_path: Path) -> None:
    landmarks = np.random.default_rng(0).normal(size=(68, 3))
    savemat(tmp_path / "similarity_Lm3D_all.mat", {"lm": landmarks})
    five = load_standard_points(tmp_path / "similarity_Lm3D_all.mat")
    # One-based 37/40, 43/46, 31, 49, 55 of the original's selection.
    pairs = [(37, 40), (43, 46), (31, 31), (49, 49), (55, 55)]
    np.testing.assert_allclose(five, [landmarks[[a - 1, b - 1]].mean(0) for a, b in pairs])
    np.testing.assert_allclose(standard_five(landmarks), five)
    with pytest.raises(AssetError):
        load_standard_points(tmp_path / "none.mat")
    savemat(tmp_path / "other.mat", {"lm": landmarks[:5]})
    (tmp_path / "noise.mat").write_bytes(np.random.default_rng(1).bytes(500))
    (tmp_path / "page.mat").write_text("<html></html>")
    for name in ("other.mat", "noise.mat", "page.mat"):
        with pytest.raises(CheckpointError):
            load_standard_points(tmp_path / name)


def test_coefficients_and_angles() -> None:
    parts = split_coefficients(torch.arange(257.0)[None])
    assert [len(part[0]) for part in parts.values()] == [80, 64, 80, 3, 27, 3]
    assert parts["expression"][0, 0] == 80 and parts["angle"][0].tolist() == [224, 225, 226]
    assert parts["translation"][0].tolist() == [254, 255, 256]
    with pytest.raises(ValueError, match="257"):
        split_coefficients(torch.zeros(1, 256))
    angles = np.array([0.1, -0.4, 0.9])
    expected = Rotation.from_euler("xyz", angles).as_matrix().T
    np.testing.assert_allclose(rotation_matrix(angles), expected, atol=1e-12)


def test_hopenet_degrees_are_the_expected_bin() -> None:
    logits = torch.full((4, 66), -1e4)
    logits[0, 33], logits[1, 0], logits[2, 65] = 0.0, 0.0, 0.0
    logits[3, 10] = logits[3, 13] = 0.0
    torch.testing.assert_close(degrees(logits), torch.tensor([0.0, -99.0, 96.0, 11.5 * 3 - 99]))


def test_hopenet_crop() -> None:
    # Box 100 x 120 at (100, 100): 50 more at the sides, 90 above, 30 below; cut at the border of the frame.
    assert head_window(np.array([100, 100, 200, 220]), 640, 480) == (50, 10, 250, 250)
    assert head_window(np.array([10, 10, 110, 130]), 140, 140) == (0, 0, 140, 140)
    image = np.full((480, 640, 3), 255, np.uint8)
    x = hopenet_input(image, np.array([100, 100, 200, 220]))
    assert tuple(x.shape) == (1, 3, 224, 224)
    np.testing.assert_allclose(
        x[0, :, 0, 0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], rtol=1e-5
    )
    with pytest.raises(ValueError, match="outside the image"):
        hopenet_input(image, np.array([2000, 100, 2100, 220]))


def test_emonet_crop_is_a_square_around_the_box() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[50:150, 100:200] = (255, 127, 0)
    x = emonet_input(image, np.array([100, 60, 200, 140]), expand=1.0)
    assert tuple(x.shape) == (1, 3, 256, 256)
    torch.testing.assert_close(x[0, :, 128, 128], torch.tensor([1.0, 127 / 255, 0.0]))
    assert float(x[0, 0].min()) == 1.0
    wide = emonet_input(image, np.array([100, 60, 200, 140]), expand=2.0)
    share = float((wide[0, 0] > 0.5).float().mean())
    assert abs(share - 0.25) < 0.01
    assert abs(float((emonet_input(image)[0, 0] > 0.5).float().mean()) - 100 * 100 / (200 * 300)) < 0.01
