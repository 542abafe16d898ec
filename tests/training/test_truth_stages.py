"""The stages that learn from exact truth: what learns, what their figures mean, and whole runs on rendered people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from vfa.errors import InputError
from vfa.models.checkpoint import load_checkpoint
from vfa.models.config import AnimatorConfig
from vfa.models.network import AnimatorNetwork
from vfa.training.options import RunOptions
from vfa.training.run import train
from vfa.training.stage_basis import BasisStage, unit_scale
from vfa.training.stage_generator import GeneratorStage
from vfa.training.stage_motion import MOTION_GAIN, MotionStage
from vfa.training.stages import Stage
from vfa.training.synthetic import SyntheticSource
from vfa.training.tracing import VALIDATION, read_table

SIZES = {"channel_multiplier": 1 / 32, "max_channels": 32, "latent_dim_style": 32, "flow_channels": 4,
         "flow_blocks": 1, "motion_channels": 4, "basis_channels": 4}  # fmt: skip
CONFIG = AnimatorConfig(size=64, **SIZES)  # type: ignore[arg-type]
STAGES: dict[str, tuple[Stage, str, dict[str, Any]]] = {
    "motion": (MotionStage(), "motion_enc.", {"pairs": 0, "frames": 3}),
    "generator": (GeneratorStage(), "enc. dec.", {"pairs": 2, "frames": 3, "at_rest": True, "together": 2}),
    "basis": (BasisStage(), "motion_basis.", {"basis": True}),
}


def batch(name: str, count: int = 2) -> dict[str, Any]:
    items = SyntheticSource(size=64, convention="skin", **STAGES[name][2]).dataset("train")
    return default_collate([items[number] for number in range(count)])


@pytest.mark.parametrize("name", STAGES)
def test_what_learns_has_gradients_and_nothing_else_does(name: str) -> None:
    torch.manual_seed(0)
    network, (stage, parts, _) = AnimatorNetwork(CONFIG), STAGES[name]
    learning = {id(parameter) for parameter in stage.trainable(network)}
    sum(stage.losses(network, batch(name)).values()).backward()  # type: ignore[union-attr]
    assert learning
    for title, parameter in network.named_parameters():
        assert (parameter.grad is not None) == (id(parameter) in learning), title
        if parameter.grad is not None:
            assert title.startswith(tuple(parts.split())) and torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("name", STAGES)
def test_a_run_trains_validates_draws_and_exports(name: str, tmp_path: Path) -> None:
    _, _, data = STAGES[name]
    options = RunOptions(
        exp_path=tmp_path, exp_name="r", stage=name, dataset=("synthetic",), model={**SIZES, "size": 64}, iterations=2,
        batch_size=2, warmup=0, lr=1e-3, save_freq=1, display_freq=2, log_freq=1, workers=0, accelerator="cpu",
        precision="bf16-mixed", normalization="skin", validation_samples=2,
        data_options={key: str(value).lower() for key, value in {**data, "test_people": 1}.items()},
    )  # fmt: skip
    assert train(options).step == 2
    rows = read_table(tmp_path / "r" / VALIDATION)
    assert [int(row["step"]) for row in rows] == [1, 2]
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    assert (tmp_path / "r" / "sheets" / "0000002.png").is_file()
    exported = load_checkpoint(tmp_path / "r" / "animator.safetensors")
    assert exported.config == CONFIG and exported.normalization == "skin"


def test_figures_of_the_basis_are_shares_of_what_moves() -> None:
    stage, given = BasisStage(), batch("basis")
    network = AnimatorNetwork(CONFIG).eval()

    class Known(torch.nn.Module):
        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

        def forward(self, source: torch.Tensor) -> torch.Tensor:
            return self.share * given["basis"] / MOTION_GAIN

    for share, missed in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.25)):
        network.motion_basis = Known(share)
        figures = stage.summary(stage.metrics(network, given))
        for key in ("error", "detail_error", "detail_0", "detail_3"):
            assert figures[key] == pytest.approx(missed, abs=1e-6)


def test_the_basis_learns_a_face_by_heart() -> None:
    torch.manual_seed(0)
    network, stage, given = AnimatorNetwork(CONFIG), BasisStage(), batch("basis")
    optimizer = torch.optim.Adam(stage.trainable(network), 5e-3)
    losses = []
    for _ in range(100):
        loss = stage.losses(network, given)["basis"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]
    assert torch.allclose(network.motion_basis.scale, unit_scale().float() / MOTION_GAIN)


def test_the_basis_needs_portraits() -> None:
    network = AnimatorNetwork(CONFIG)
    with pytest.raises(InputError, match="basis=true"):
        BasisStage().losses(network, batch("motion") | {"source": torch.zeros(2, 4, 64, 64)})
    with pytest.raises(InputError, match="basis_channels"):
        BasisStage().trainable(AnimatorNetwork(AnimatorConfig(size=64, **{**SIZES, "basis_channels": 0})))  # type: ignore[arg-type]


def test_found_motion_is_in_units_of_the_code() -> None:
    """A held pose keeps its units; the expression is stretched for the generator and taken back."""
    network, stage = AnimatorNetwork(CONFIG), MotionStage()
    gain = stage.gain(network)
    assert gain.tolist() == [MOTION_GAIN] * 14 + [1.0] * 6
    network.motion_enc.gain.copy_(gain)
    network.eval()
    frames = batch("motion")["recording"]
    plain = network.motion_enc(frames) / gain
    torch.testing.assert_close(stage.found(network, frames), plain)
