"""LPIPS against torchmetrics' implementation on equal seeded weights, and its closed forms."""

from __future__ import annotations

import published_layouts as layouts
import pytest
import torch
from seeded_weights import fill_like, uniform

from bench.networks import build_network, load_network
from bench.networks.lpips import bundled_heads


def _state(trunk: str) -> dict[str, torch.Tensor]:
    state = {key: torch.from_numpy(value) for key, value in fill_like(layouts.lpips(trunk), gain=1.4).items()}
    return {key: value.abs() if key.startswith("lin") else value for key, value in state.items()}


@pytest.mark.parametrize("trunk", ["alex", pytest.param("vgg", marks=pytest.mark.slow)])
def test_equals_torchmetrics(trunk: str) -> None:
    from torchmetrics.functional.image.lpips import _LPIPS

    state = _state(trunk)
    other = _LPIPS(pretrained=False, net=trunk, pnet_rand=True).eval()
    mapped = {}
    for key in other.state_dict():
        part, _, rest = key.partition(".")
        if part == "net":
            mapped[key] = state["features." + rest.split(".", 1)[1]]
        elif part.startswith("lin") and part != "lins":
            mapped[key] = state[key]
        elif part == "lins":
            mapped[key] = state["lin" + rest]
    other.load_state_dict(mapped, strict=False)
    image, reference = (torch.from_numpy(uniform(seed, (2, 3, 96, 80), 0, 1)) for seed in (1, 2))
    distance = build_network(f"lpips_{trunk}", state)(image=image, reference=reference)["distance"]
    with torch.no_grad():
        expected = other(image, reference, normalize=True).flatten()
    assert distance.shape == (2,) and bool((distance > 0.01).all())
    torch.testing.assert_close(distance, expected, rtol=1e-4, atol=1e-6)


def test_closed_forms() -> None:
    state = _state("alex")
    network = build_network("lpips_alex", state)
    image, other = (torch.from_numpy(uniform(seed, (2, 3, 64, 64), 0, 1)) for seed in (3, 4))
    assert torch.equal(network(image, image)["distance"], torch.zeros(2))
    torch.testing.assert_close(network(image, other)["distance"], network(other, image)["distance"])
    for i in range(5):
        state[f"lin{i}.model.1.weight"] = 2.0 * state[f"lin{i}.model.1.weight"]
    doubled = build_network("lpips_alex", state)(image, other)["distance"]
    torch.testing.assert_close(doubled, 2.0 * network(image, other)["distance"])
    with pytest.raises(ValueError, match="equal sizes"):
        network(image, other[..., :32])


def test_trunk_and_heads_come_from_two_files(tmp_path) -> None:
    state = {key: value for key, value in _state("alex").items() if not key.startswith("lin")}
    torch.save(state, tmp_path / "alexnet-owt-7be5be79.pth")
    loaded = load_network("lpips_alex", tmp_path / "alexnet-owt-7be5be79.pth", parts=[bundled_heads("alex")])
    assert list(loaded.hashes) == ["alexnet-owt-7be5be79.pth", "alex.pth"]
    # The published heads are not negative, so that a distance cannot be.
    heads = [getattr(loaded.network, f"lin{i}").model[1].weight for i in range(5)]
    assert all(bool((head >= 0).all()) for head in heads)
