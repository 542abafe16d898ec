"""Stages: their options, what learns, their figures; and the pictures of a sheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_cases import TINY

from vfa.errors import InputError
from vfa.models.network import AnimatorNetwork
from vfa.training import sheets, stages
from vfa.training.keeping import _in_order
from vfa.training.stage_animator import AnimatorStage, psnr
from vfa.training.stage_distillation import DistillationStage
from vfa.training.stages import Stage, build_stage


@dataclass(frozen=True)
class ToyStage(Stage):
    """Learns the motion head."""

    scale: float = 1.0
    count: int = 2
    kind: Literal["a", "b"] = "a"
    on: bool = False
    word: str | None = None

    name: ClassVar[str] = "toy"
    best: ClassVar[str] = "error"
    weight_decay: ClassVar[float] = 0.1

    def learning(self, network: AnimatorNetwork) -> Iterable[nn.Module]:
        return network.enc.fc, network.enc.fc[0]

    def losses(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        return {"motion": self.scale * network.enc(batch["source"])[1].square().mean()}

    def metrics(self, network: AnimatorNetwork, batch: dict[str, Any]) -> dict[str, Tensor]:
        return {"error": network.enc(batch["source"])[1].abs().mean(1)}

    def sheet(self, network: AnimatorNetwork, batch: dict[str, Any]) -> np.ndarray:
        return sheets.sheet({"source": sheets.color_picture(batch["source"])})


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "STAGES", {**stages.STAGES, "toy": f"{__name__}:ToyStage"})


def test_options_come_as_text_or_values(toy: None) -> None:
    assert build_stage("toy", {"scale": "0.5", "count": 3, "kind": "b", "on": "true", "word": "none"}) == ToyStage(
        0.5, 3, "b", True, None
    )
    assert build_stage("toy", {"scale": 2, "word": "x"}) == ToyStage(2.0, word="x")


@pytest.mark.parametrize(
    ("option", "word"),
    [({"scale": "big"}, "scale"), ({"count": 0.5}, "count"), ({"kind": "c"}, "kind"), ({"on": 1}, "on"),
     ({"pace": 1}, "no option 'pace'")],
)  # fmt: skip
def test_unfit_options(toy: None, option: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        build_stage("toy", option)
    with pytest.raises(InputError, match="unknown stage"):
        build_stage("drawing")


def test_only_the_named_modules_learn(toy: None) -> None:
    network = AnimatorNetwork(TINY)
    learning = build_stage("toy").trainable(network)
    assert {id(p) for p in learning} == {id(p) for p in network.enc.fc.parameters()} and len(learning) == 10
    assert not any(p.requires_grad for n, p in network.named_parameters() if not n.startswith("enc.fc"))
    assert network.enc.fc.training and not network.dec.training and not network.training
    optimizer = build_stage("toy").optimizer(learning, 1e-3)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.param_groups[0]["betas"] == (0.0, 0.99) and optimizer.param_groups[0]["weight_decay"] == 0.1


def batch(count: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(4)
    return {name: torch.rand(count, 4, 16, 16, generator=generator) * 2 - 1 for name in ("source", "driving")}


@pytest.mark.parametrize("noise", [False, True])
def test_every_parameter_that_learns_has_a_gradient(noise: bool) -> None:
    """Otherwise distributed training would wait for it."""
    torch.manual_seed(0)
    network = AnimatorNetwork(TINY)
    stage = AnimatorStage("gradients_lite", noise=noise)
    learning = stage.trainable(network)
    strengths = [p for n, p in network.named_parameters() if n.endswith("noise.weight")]
    assert strengths and all(p.requires_grad == noise for p in strengths)
    terms = stage.losses(network, batch())
    assert set(terms) == {"perceptual", "depth_l1", "depth_structure", "depth_smoothness"}
    sum(terms.values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in learning)


def test_distillation_teaches_the_flow_generator_alone() -> None:
    torch.manual_seed(0)
    network = AnimatorNetwork(TINY)
    stage = DistillationStage("gradients_lite")
    learning = stage.trainable(network)
    assert {id(p) for p in learning} == {id(p) for p in network.student_dec.parameters()}
    sum(stage.losses(network, batch()).values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None for p in learning)
    assert all(p.grad is None for n, p in network.named_parameters() if not n.startswith("student_dec."))


def test_weights_multiply_their_terms() -> None:
    torch.manual_seed(0)
    network = AnimatorNetwork(TINY)
    with torch.no_grad():
        once = AnimatorStage("gradients_lite", 1, 1, 1, 1, 1).losses(network, batch())
        more = AnimatorStage("gradients_lite", 2, 3, 5, 7, 11).losses(network, batch())
    assert len(once) == 5
    for name, factor in zip(once, (2, 3, 5, 7, 11), strict=True):
        assert float(more[name]) == pytest.approx(factor * float(once[name]), rel=1e-5)


def test_figures_are_those_of_each_sample() -> None:
    network = AnimatorNetwork(TINY).eval()
    pair = batch(3)
    with torch.no_grad():
        together = AnimatorStage("gradients_lite").metrics(network, pair)
        alone = AnimatorStage("gradients_lite").metrics(network, {n: v[1:2] for n, v in pair.items()})
        output = network(pair["source"], pair["driving"])[0].rgbd
    assert all(values.shape == (3,) for values in together.values())
    for name, values in alone.items():
        torch.testing.assert_close(values[0], together[name][1], atol=1e-5, rtol=1e-4)
    expected = np.abs(output[0, :3].numpy() - pair["driving"][0, :3].numpy()).mean()
    assert float(together["rgb_l1"][0]) == pytest.approx(expected, rel=1e-4)
    assert build_stage("animator").summary({"x": torch.tensor([1.0, 2.0, 6.0])}) == {"x": 3.0}


def test_psnr_has_its_closed_form() -> None:
    target = torch.zeros(2, 3, 4, 4)
    wrong = torch.stack([target[0] + 0.2, target[1] + 5])  # the second is clipped to 1
    torch.testing.assert_close(psnr(wrong, target), torch.tensor([20.0, 10 * np.log10(4.0)], dtype=torch.float32))


def test_colour_only_networks_have_no_depth_losses() -> None:
    from dataclasses import replace

    network = AnimatorNetwork(replace(TINY, input_channels=3))
    colour = {name: value[:, :3] for name, value in batch().items()}
    stage = AnimatorStage("gradients_lite")
    assert set(stage.losses(network, colour)) == {"perceptual"}
    with torch.no_grad():
        assert stage.sheet(network, colour).ndim == 3


def test_figures_of_one_process_stay_as_they_are() -> None:
    own = {"a": torch.arange(3.0)}
    assert _in_order(own, 1) is own


def test_pictures_of_a_sheet(tmp_path: Path) -> None:
    depth = torch.tensor([-1.0, -0.999, 1.0]).view(1, 1, 1, 3)
    assert sheets.depth_picture(depth)[0, 0, 0].tolist() == pytest.approx([0.0, 0.9996, 0.2], abs=1e-3)
    still = sheets.flow_picture(torch.zeros(1, 2, 1, 1))
    assert still.flatten().tolist() == [1, 1, 1]
    right = sheets.flow_picture(torch.tensor([0.25, 0.0]).view(1, 2, 1, 1))
    assert right.flatten().tolist() == pytest.approx([1, 0, 0])
    left = sheets.flow_picture(torch.tensor([-0.5, 0.0]).view(1, 2, 1, 1))
    assert left.flatten().tolist() == pytest.approx([0, 1, 1], abs=1e-6)
    assert sheets.mask_picture(torch.full((1, 1, 1, 1), 2.0)).flatten().tolist() == [1, 1, 1]
    grey = torch.full((8, 3, 16, 16), 0.5)
    picture = sheets.sheet({"one": grey, "two": 0 * grey})
    side = 64 + sheets.GAP
    assert picture.shape == (sheets.TITLE + sheets.ROWS * side, 2 * side - sheets.GAP, 3)
    assert (picture[sheets.TITLE : sheets.TITLE + 64, :64] == 128).all()
    assert (picture[sheets.TITLE : sheets.TITLE + 64, side:] == 0).all()
    assert (picture[: sheets.TITLE, :64] < 255).any()  # its title
    sheets.write_sheet(tmp_path / "a" / "s.png", picture)
    from PIL import Image

    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a" / "s.png")), picture)
