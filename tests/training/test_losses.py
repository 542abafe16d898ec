"""Losses of training against closed forms and plain loops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from vfa.errors import AssetError, CheckpointError, InputError
from vfa.training import losses
from vfa.training.perceptual import VGG19, VGGFeatures, build_perceptual, gradient_features


def maps(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.5, shape)).float()


def at(image: np.ndarray, y: int, x: int) -> float:
    """A pixel of a picture that is continued by its border."""
    height, width = image.shape
    return float(image[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])


def differences(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grid = [[(y, x) for x in range(image.shape[1])] for y in range(image.shape[0])]
    along_x = [[(at(image, y, x + 1) - at(image, y, x - 1)) / 2 for y, x in row] for row in grid]
    along_y = [[(at(image, y + 1, x) - at(image, y - 1, x)) / 2 for y, x in row] for row in grid]
    return np.array(along_x), np.array(along_y)


def strongest(image: np.ndarray) -> np.ndarray:
    height, width = image.shape
    return np.array(
        [
            [np.abs(image[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]).max() for x in range(width)]
            for y in range(height)
        ]
    )


def test_l1_and_charbonnier() -> None:
    assert float(losses.l1(torch.tensor([1.0, -2.0]), torch.tensor([0.0, 2.0]))) == 2.5
    assert float(losses.charbonnier(torch.tensor([3.0]), eps=16.0)) == 5.0
    assert float(losses.charbonnier(torch.zeros(4))) == pytest.approx(1e-3)


def test_central_differences_of_a_plane() -> None:
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(6.0), indexing="ij")
    along_x, along_y = losses.central_differences((3 * x - 2 * y)[None, None])
    assert torch.all(along_x[..., 1:-1] == 3) and torch.all(along_y[..., 1:-1, :] == -2)
    assert torch.all(along_x[..., [0, -1]] == 1.5)  # one neighbour is the pixel itself


def test_laplacian_of_a_parabola() -> None:
    x = torch.arange(7.0).expand(1, 1, 4, 7)
    assert torch.all(losses.laplacian(x.square())[..., 1:-1] == -2)
    assert torch.all(losses.laplacian(x)[..., 1:-1] == 0)


def test_structure_loss_is_that_of_plain_loops() -> None:
    prediction, target = maps(0, 2, 1, 7, 9), maps(1, 2, 1, 7, 9)
    expected = 0.0
    for axis in range(2):
        squares = []
        for ours, truth in zip(prediction[:, 0].numpy(), target[:, 0].numpy(), strict=True):
            a, b = differences(ours)[axis], differences(truth)[axis]
            kept = np.abs(b) > 0.1
            squares.append((strongest(a * kept) - strongest(b * kept)) ** 2)
        expected += np.sqrt(np.array(squares) + 1e-6).mean()
    assert float(losses.structure_loss(prediction, target)) == pytest.approx(expected, rel=1e-5)


def test_structure_of_a_step_may_be_a_pixel_off() -> None:
    target = torch.zeros(1, 1, 16, 16)
    target[..., 8:] = 1
    off = torch.zeros_like(target)
    off[..., 9:] = 1
    flat = torch.zeros_like(target)
    nothing = float(losses.structure_loss(target, target))
    assert nothing == pytest.approx(2e-3)
    # The step of 0.5 is in two columns and is seen from six, 5 to 10; a pixel off, it is missed in one of them.
    near = (math.sqrt(0.25 + 1e-6) + 15 * 1e-3) / 16 + 1e-3
    assert float(losses.structure_loss(off, target)) == pytest.approx(near)
    missed = (6 * math.sqrt(0.25 + 1e-6) + 10 * 1e-3) / 16 + 1e-3
    assert float(losses.structure_loss(flat, target)) == pytest.approx(missed)


def test_smoothness_counts_surfaces_alone() -> None:
    prediction, target = maps(2, 1, 1, 6, 6), 0.15 * maps(3, 1, 1, 6, 6)
    p, t = prediction[0, 0].numpy(), target[0, 0].numpy()
    along_x, along_y = differences(t)
    total = 0.0
    for y in range(6):
        for x in range(6):
            curve = 4 * at(p, y, x) - at(p, y + 1, x) - at(p, y - 1, x) - at(p, y, x + 1) - at(p, y, x - 1)
            surface = abs(along_x[y, x]) < 0.1 and abs(along_y[y, x]) < 0.1
            total += math.sqrt((curve * surface) ** 2 + 1e-6)
    assert float(losses.smoothness_loss(prediction, target)) == pytest.approx(total / 36, rel=1e-5)
    plane = torch.arange(6.0).expand(1, 1, 6, 6)
    inner = losses.laplacian(plane)[..., 1:-1]
    assert torch.all(inner == 0)


def test_gradient_loss_of_two_planes() -> None:
    x = torch.arange(8.0).expand(1, 1, 5, 8)
    expected = (6 * 2 + 2 * 1) / 8  # inner columns differ by 2, the border's by 1; nothing changes along y
    assert float(losses.gradient_loss(3 * x, x)) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125])
def test_downsampling_filters_by_a_gaussian(scale: float) -> None:
    image = maps(4, 1, 2, 20, 24)
    step = round(1 / scale)
    sigma = (step - 1) / 2
    reach = round(4 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    expected = np.pad(image.double().numpy(), ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    expected = np.apply_along_axis(np.convolve, 2, expected, weights, mode="valid")
    expected = np.apply_along_axis(np.convolve, 3, expected, weights, mode="valid")[:, :, ::step, ::step]
    np.testing.assert_allclose(losses.downsample(image, scale).numpy(), expected, atol=1e-6)
    assert losses.downsample(image, 1.0) is image


def test_feature_loss_sums_over_features_and_pyramid() -> None:
    constant = torch.full((1, 3, 8, 8), 0.5)
    inner = losses.feature_loss(lambda x: [x, 3 * x], constant, torch.zeros(1, 3, 8, 8), weights=(1, 10), scales=(1,))
    assert float(inner) == pytest.approx(0.5 + 10 * 1.5)
    both = losses.feature_loss(lambda x: [x], constant, torch.zeros(1, 3, 8, 8), scales=(1.0, 0.5))
    half = float(losses.downsample(constant, 0.5).mean())
    assert float(both) == pytest.approx(0.5 + half)


def test_losses_of_a_picture_with_itself_have_gradients_that_vanish() -> None:
    target = maps(5, 1, 1, 8, 8)
    for loss in (losses.structure_loss, losses.l1, losses.gradient_loss):
        prediction = target.clone().requires_grad_()
        loss(prediction, target).backward()
        assert float(prediction.grad.abs().max()) < 1e-6  # type: ignore[union-attr]
    half = target.half().requires_grad_()
    losses.smoothness_loss(half, target.half()).backward()
    assert half.grad is not None and torch.isfinite(half.grad).all()


def test_gradient_features() -> None:
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    color, edges, relative = gradient_features((0.1 * x).expand(2, 3, 8, 8))
    assert color.shape == (2, 3, 8, 8) and edges.shape == (2, 4, 8, 8) and relative.shape == (2, 1, 8, 8)
    inside = edges[0, :, 4, 4]
    torch.testing.assert_close(inside, torch.tensor([0.2, 0.0, 0.2, 0.2]))
    assert float(relative[0, 0, 4, 4].abs()) < 1e-5  # the middle of a ramp is its mean
    brighter = gradient_features((0.1 * x + 0.3).expand(2, 3, 8, 8))
    torch.testing.assert_close(brighter[1], edges)
    torch.testing.assert_close(brighter[2], relative)


def test_a_flat_picture_has_gradients_that_are_numbers() -> None:
    flat = torch.full((1, 3, 16, 16), -1.0, requires_grad=True)
    build_perceptual("gradients_lite")(flat, torch.zeros(1, 3, 16, 16)).backward()
    assert flat.grad is not None and torch.isfinite(flat.grad).all()


def test_perceptual_loss_prefers_the_sharp_picture() -> None:
    perceptual = build_perceptual("gradients_lite")
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    sharp = (((x // 4 + y // 4) % 2) * 2.0 - 1).expand(1, 3, 32, 32)
    blurred = torch.nn.functional.avg_pool2d(sharp, 5, 1, 2)
    assert float(perceptual(sharp, sharp)) == 0
    noisy = sharp + 0.1 * maps(6, 1, 3, 32, 32)
    assert float(perceptual(noisy, sharp)) < float(perceptual(blurred, sharp))


def vgg_state() -> dict[str, torch.Tensor]:
    """VGG-19 up to its fifth stage, as Simonyan and Zisserman (2015) list it; 0 stands for pooling."""
    state, number, channels = {}, 0, 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512):
        if not width:
            number += 1
            continue
        state[f"features.{number}.weight"] = torch.zeros(width, channels, 3, 3)
        state[f"features.{number}.bias"] = torch.full((width,), float(number))
        channels, number = width, number + 2
    return state


def test_vgg_gives_the_five_named_layers() -> None:
    """With weights 0 and the layer's number as bias, each map says which convolution it came from."""
    kept = VGGFeatures(vgg_state())(torch.zeros(1, 3, 32, 32))
    assert [float(layer.mean()) for layer in kept] == [0.0, 5.0, 10.0, 19.0, 28.0]
    assert [tuple(layer.shape[1:]) for layer in kept] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)
    ]  # fmt: skip
    with pytest.raises(CheckpointError, match="VGG-19"):
        VGGFeatures({"features.0.weight": torch.zeros(64, 3, 3, 3)})


def test_which_perceptual_loss(tmp_path: Path) -> None:
    assert build_perceptual("auto", tmp_path).name == "gradients_lite"
    with pytest.raises(AssetError, match=VGG19.file):
        build_perceptual("vgg19", tmp_path)
    with pytest.raises(InputError, match="gradients_lite"):
        build_perceptual("lpips", tmp_path)
    (tmp_path / VGG19.file).write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match="wrong hash"):
        build_perceptual("auto", tmp_path)
