"""The published weights' layout and numbers, against vectors of the original implementation.

With seeded random weights the generator is chaotic: sampled features are noise, so a rounding error of 4e-7 in the
latent grows about tenfold per level. Run in float64, the same network is 1.4e-4 (mean) from the stored float32 vectors
and up to 1e-2 in single pixels; no float32 implementation can be closer than that by more than luck. So what follows
the sampling pyramid is compared by its median and mean error, what does not pass through it by its largest error.
"""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
import torch
from network_cases import PARITY, parity_frame, relative, seeded_state

from vfa.models import AnimatorConfig, VersatileFaceAnimator
from vfa.models.network import AnimatorNetwork

SOURCE, DRIVING, START = 2, 3, 4
MAX_TOLERANCE, MEDIAN_TOLERANCE, MEAN_TOLERANCE = 1e-4, 1e-4, 1e-3


@cache
def model() -> VersatileFaceAnimator:
    return VersatileFaceAnimator.from_official(seeded_state())


@cache
def vectors() -> dict[str, torch.Tensor]:
    with np.load(PARITY / "vfa_seed1.npz", allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


@cache
def outputs() -> dict[str, torch.Tensor]:
    source, driving, start = map(parity_frame, (SOURCE, DRIVING, START))
    out = model().animate(source, driving, start)
    absolute = model().animate(source, driving)
    named = {"recon": out.rgbd, "flow": out.flow, "mask": out.mask, "warp": out.warped, "inpaint": out.inpainted,
             "recon_absolute": absolute.rgbd}  # fmt: skip
    return {name: value[:, :, ::2, ::2] for name, value in named.items()}


def test_state_dict_has_the_published_names_and_shapes() -> None:
    entries = json.loads((PARITY / "vfa_state.json").read_text())
    with torch.device("meta"):
        state = AnimatorNetwork(AnimatorConfig()).state_dict()
    assert {name: list(value.shape) for name, value in state.items()} == {e["name"]: e["shape"] for e in entries}
    assert len(entries) == 338


def test_encoder_matches_in_every_number() -> None:
    source, driving, start = map(parity_frame, (SOURCE, DRIVING, START))
    assert relative(model().encode_motion(driving), vectors()["motion_driving"]) < MAX_TOLERANCE
    assert relative(model().encode_motion(start), vectors()["motion_start"]) < MAX_TOLERANCE
    assert relative(model().engine.encode_source(source).latent, vectors()["latent_source"]) < MAX_TOLERANCE


@pytest.mark.parametrize("name", ["recon", "recon_absolute", "flow", "mask", "warp", "inpaint"])
def test_outputs_match(name: str) -> None:
    expected = vectors()[name]
    error = (outputs()[name] - expected).abs()
    assert error.shape == expected.shape
    assert float(error.median() / expected.square().mean().sqrt()) < MEDIAN_TOLERANCE
    assert float(error.mean() / expected.abs().mean()) < MEAN_TOLERANCE


def test_flow_and_mask_are_within_tolerance_almost_everywhere() -> None:
    for name in ("flow", "mask"):
        error = (outputs()[name] - vectors()[name]).abs() / vectors()[name].abs().max()
        assert float((error > MAX_TOLERANCE).float().mean()) < 0.05


@pytest.mark.slow
def test_float32_is_as_close_to_the_vectors_as_float64() -> None:
    """What is left is the vectors' own rounding: exact arithmetic is not much nearer to them."""
    network = AnimatorNetwork(AnimatorConfig()).eval()
    network.load_state_dict(seeded_state())
    source, driving, start = (parity_frame(seed).double() for seed in (SOURCE, DRIVING, START))
    with torch.no_grad():
        generated, field = network.double()(source, driving, start)
    exact = {"recon": generated.rgbd, "flow": field.flow, "mask": field.mask, "inpaint": field.inpainted}
    for name, value in exact.items():
        expected = vectors()[name].double()
        floor = (value[:, :, ::2, ::2] - expected).abs().mean()
        ours = (outputs()[name].double() - expected).abs().mean()
        assert floor < 2e-4 * expected.abs().mean()
        assert ours < 3 * floor
