"""The animator as it is used: agreement with an independent implementation, and what must always hold."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from network_cases import SMALL, frames, relative, small_network

from vfa.errors import InputError
from vfa.models import AnimatorConfig, AnimatorOutput, VersatileFaceAnimator
from vfa.models.folding import RowSampler, Target
from vfa.models.network import AnimatorNetwork

NAMES = ("rgbd", "flow", "mask", "warped", "inpainted")


@pytest.fixture(scope="module")
def model() -> VersatileFaceAnimator:
    return VersatileFaceAnimator.from_network(small_network())


def largest_error(out: AnimatorOutput, other: AnimatorOutput) -> float:
    return max(relative(getattr(out, name), getattr(other, name)) for name in NAMES)


def test_equals_the_straightforward_implementation(model: VersatileFaceAnimator) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "performance"))
    from reference_network import ReferenceAnimator

    reference = ReferenceAnimator(small_network().state_dict())
    source, driving, start = frames(1, 1), frames(3, 2), frames(1, 3)
    for first in (None, start):
        out = model.animate(source, driving, first)
        with torch.no_grad():
            expected = reference.animate(source, driving, first)
        for name in NAMES:
            assert relative(getattr(out, name), expected[name]) < 1e-3, name
            error = (getattr(out, name) - expected[name]).abs().median()
            assert float(error / expected[name].abs().mean()) < 1e-5, name


def test_paths_of_other_devices_give_the_same(model: VersatileFaceAnimator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain convolutions and grid_sample, as on a GPU, instead of packed weights and row gathering."""
    monkeypatch.setattr(Target, "packs_weights", property(lambda _: False))
    plain_sampler = RowSampler.__init__

    def elsewhere(self: RowSampler, target: Target, size: int) -> None:
        plain_sampler(self, target, size)
        self.on_cpu = False

    monkeypatch.setattr(RowSampler, "__init__", elsewhere)
    generic = VersatileFaceAnimator.from_network(small_network())
    source, driving, start = frames(1, 1), frames(3, 2), frames(1, 3)
    expected = model.animate(source, driving, start)
    assert largest_error(generic.animate(source, driving, start, batch_size=3), expected) < 1e-3
    for dtype in (torch.bfloat16, torch.float16):
        half = VersatileFaceAnimator.from_network(small_network(), dtype=dtype).animate(source, driving, start)
        assert float((half.flow - expected.flow).abs().mean()) < 0.02
        assert float((half.rgbd - expected.rgbd).abs().mean() / expected.rgbd.abs().mean()) < 0.1


@pytest.mark.parametrize("channels", [3, 4])
def test_equals_the_trainable_modules(channels: int) -> None:
    network = small_network(replace(SMALL, input_channels=channels))
    model = VersatileFaceAnimator.from_network(network)
    source, driving = frames(1, 1, network.config), frames(2, 2, network.config)
    out = model.animate(source, driving)
    with torch.no_grad():
        generated, field = network(source.expand(2, -1, -1, -1), driving)
    assert relative(out.rgbd, generated.rgbd) < 1e-3
    assert relative(out.flow, field.flow) < 1e-3
    assert relative(out.inpainted, field.inpainted) < 1e-3


def test_driving_equal_to_start_gives_the_source_back(model: VersatileFaceAnimator) -> None:
    """No relative motion: the same picture as the source driven by itself."""
    source, start = frames(1, 1), frames(1, 2)
    still = model.animate(source, start, start)
    itself = model.animate(source, source)
    assert largest_error(still, itself) < 1e-3


def test_motion_is_relative(model: VersatileFaceAnimator) -> None:
    source, driving, start = frames(1, 1), frames(1, 2), frames(1, 3)
    clip = model.prepare(source, start)
    motion = model.encode_motion(driving) - model.encode_motion(start) + model.encode_motion(source)
    absolute = model.prepare(source).animate_motion(motion)
    assert largest_error(clip.animate(driving), absolute) < 1e-3


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_batches_do_not_mix(model: VersatileFaceAnimator, batch_size: int) -> None:
    source, driving, start = frames(1, 1), frames(5, 2), frames(1, 3)
    whole = model.animate(source, driving, start, batch_size=5)
    parts = model.animate(source, driving, start, batch_size=batch_size)
    assert largest_error(parts, whole) < 1e-4
    for index in range(5):
        single = model.animate(source, driving[index : index + 1], start)
        assert relative(single.rgbd, whole.rgbd[index : index + 1]) < 1e-4


def test_clip_of_one_frame_and_shapes(model: VersatileFaceAnimator) -> None:
    out = model.animate(frames(1, 1), frames(1, 2), frames(1, 3))
    size = SMALL.size
    shapes = {name: tuple(getattr(out, name).shape) for name in NAMES}
    assert shapes == {
        "rgbd": (1, 4, size, size), "flow": (1, 2, size, size), "mask": (1, 1, size, size),
        "warped": (1, 3, size, size), "inpainted": (1, 3, size, size),
    }  # fmt: skip
    assert all(getattr(out, name).dtype == torch.float32 for name in NAMES)
    assert model.encode_motion(frames(3, 2)).shape == (3, SMALL.latent_dim_motion)
    assert float(out.mask.min()) > 0 and float(out.mask.max()) < 1
    assert float(out.flow.abs().max()) < 2  # a regular grid plus a tanh


def test_motion_dictionary_is_orthonormal(model: VersatileFaceAnimator) -> None:
    for directions in (
        model.engine.directions,
        AnimatorNetwork(SMALL).dec.direction.directions().detach(),
        AnimatorNetwork(SMALL).dec.motion_in_depths[0].directions().detach(),
    ):
        identity = torch.eye(directions.shape[1])
        assert torch.allclose(directions.T @ directions, identity, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near_float32(model: VersatileFaceAnimator, dtype: torch.dtype) -> None:
    half = VersatileFaceAnimator.from_network(small_network(), dtype=dtype)
    source, driving = frames(1, 1), frames(2, 2)
    out, expected = half.animate(source, driving), model.animate(source, driving)
    assert out.rgbd.dtype == torch.float32
    assert float((out.rgbd - expected.rgbd).abs().mean() / expected.rgbd.abs().mean()) < 0.1
    assert float((out.flow - expected.flow).abs().mean()) < 0.02


def test_inference_leaves_the_network_alone() -> None:
    network = small_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    VersatileFaceAnimator.from_network(network).animate(frames(1, 1), frames(1, 2))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("source", "driving", "words"),
    [
        (frames(1, 1)[:, :3], frames(1, 2), ("source", "[1, 4, 32, 32]", "[1, 3, 32, 32]")),
        (frames(2, 1), frames(1, 2), ("source", "[2, 4, 32, 32]")),
        (frames(1, 1), frames(1, 2)[..., :16], ("driving", "[N, 4, 32, 32]", "[1, 4, 32, 16]")),
        (frames(1, 1), frames(1, 2)[0], ("driving", "[4, 32, 32]")),
        (frames(1, 1), frames(1, 2)[:0], ("driving", "N = 0")),
        (frames(1, 1), (frames(1, 2) * 255).to(torch.uint8), ("driving", "uint8")),
    ],
)
def test_frames_that_do_not_fit_are_named(
    model: VersatileFaceAnimator, source: torch.Tensor, driving: torch.Tensor, words: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as error:
        model.animate(source, driving)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(("channel", "name"), [(3, "depth"), (0, "red")])
def test_nan_is_named_by_channel(model: VersatileFaceAnimator, channel: int, name: str) -> None:
    broken = frames(2, 2)
    broken[1, channel, 5, 5] = float("nan")
    with pytest.raises(InputError, match=name):
        model.animate(frames(1, 1), broken)


def test_small_configuration_trains_one_step_with_finite_gradients() -> None:
    config = AnimatorConfig(
        size=128, channel_multiplier=1 / 8, max_channels=96, latent_dim_style=128, flow_channels=16, flow_blocks=2
    )
    torch.manual_seed(0)
    network = AnimatorNetwork(config).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.0, 0.99))
    source, driving, start = (frames(2, seed, config) for seed in (1, 2, 3))
    generated, field = network(source, driving, start)
    target = torch.rand_like(generated.rgbd)
    loss = (generated.rgbd - target).abs().mean() + (field.inpainted - target[:, :3]).abs().mean()
    (loss + (field.warped * field.mask).square().mean()).backward()
    missing = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    assert {n.split(".")[1] for n, p in network.named_parameters() if not p.requires_grad} == {"to_rgb1"}
    before = [p.detach().clone() for p in network.parameters() if p.requires_grad]
    optimiser.step()
    after = [p for p in network.parameters() if p.requires_grad]
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > 0.9 * len(after)
    assert all(torch.isfinite(p).all() for p in after)


def test_noise_is_injected_in_training_only() -> None:
    network = small_network()
    source, driving = frames(1, 1), frames(1, 2)
    with torch.no_grad():
        assert torch.equal(network(source, driving)[0].rgbd, network(source, driving)[0].rgbd)
        network.dec.train()
        assert not torch.equal(network(source, driving)[0].rgbd, network(source, driving)[0].rgbd)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"size": 100}, "power of two"), ({"input_channels": 5}, "RGBD"), ({"latent_dim_motion": 1000}, "directions"),
     ({"channel_multiplier": 0.0}, "positive"), ({"latent_dim_depth_motion": 100}, "depth-motion")],
)  # fmt: skip
def test_impossible_configurations_are_refused(options: dict[str, int], word: str) -> None:
    with pytest.raises(InputError, match=word):
        AnimatorConfig(**options)


def test_importing_the_package_does_not_load_torch() -> None:
    code = "import sys, vfa.models, vfa.models.checkpoint, vfa.models.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
