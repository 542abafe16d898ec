"""`--dataset synthetic`: one stream for any number of workers; recordings that look as drivers do."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from vfa.errors import InputError
from vfa.training.driving_pictures import CUT, LANDMARKS, NO_DEPTH, SENSOR, driving_picture, recorded_depth
from vfa.training.synthetic import SyntheticItems, SyntheticSource

SMALL = {"size": 64, "frames": 3, "pairs": 2, "test_people": 2}


def test_any_number_of_workers_gives_the_same_items() -> None:
    dataset = SyntheticSource(**SMALL, reuse=2).dataset("train")
    numbers = list(range(5))
    alone = list(DataLoader(dataset, sampler=numbers, batch_size=1))
    together = list(DataLoader(dataset, sampler=numbers, batch_size=1, num_workers=2))
    for one, other in zip(alone, together, strict=True):
        assert set(one) == set(other)
        for name, value in one.items():
            torch.testing.assert_close(value, other[name], rtol=0, atol=0, equal_nan=True)
    backwards = dataset[2]
    torch.testing.assert_close(backwards["recording"], alone[2]["recording"][0], rtol=0, atol=0)


def test_every_pair_has_its_turns_and_neighbours_are_other_people() -> None:
    source = SyntheticSource(size=64, frames=4, pairs=3, reuse=2)
    items = SyntheticItems(source._stream("train"), reuse=2)
    places = [items.place(number) for number in range(600)]
    for first in range(0, 600, items.span):
        assert len({group for group, _ in places[first : first + items.span]}) == items.span
    turns = Counter(places)
    complete = [group for group in range(0, 600 // items.span - items.span)]
    for group in complete:
        assert [turns[group, row] for row in range(3)] == [2, 2, 2]


def test_items_hold_what_the_stages_need() -> None:
    source = SyntheticSource(**SMALL)
    test = source.dataset("test")
    assert len(test) == 4
    values = test[1]
    for name in ("recording", "source", "driving"):
        assert values[name].shape == (4, 64, 64) and values[name].abs().max() <= 1
    assert values["code"].shape == values["code_source"].shape == (20,)
    assert values["flow"].shape == (2, 64, 64) and torch.isfinite(values["flow"]).all()
    train = source.dataset("train")[0]
    assert not torch.equal(train["source"], values["source"])
    single = SyntheticSource(**{**SMALL, "pairs": 0}).dataset("train")[0]
    assert set(single) == {"recording", "code", "recorded", "number", "lot"}


def test_pairs_of_a_lot_have_one_source_to_the_pixel() -> None:
    source = SyntheticSource(**{**SMALL, "frames": 5, "pairs": 4, "at_rest": True, "together": 2, "reuse": 2})
    items = [source.dataset("train")[number] for number in range(8)]
    assert [item["lot"] for item in items] == [0, 0, 1, 1, 2, 2, 3, 3]
    for first, second in zip(items[::2], items[1::2], strict=True):
        assert torch.equal(first["source"], second["source"])
        assert not torch.equal(first["driving"], second["driving"])
        assert not torch.equal(first["recording"], second["recording"])
    assert not torch.equal(items[1]["source"], items[2]["source"])


def test_every_pair_of_lots_has_its_turns() -> None:
    source = SyntheticSource(size=64, frames=5, pairs=4, at_rest=True, together=2, reuse=3)
    items = source.dataset("train")
    turns = Counter(items.place(number) for number in range(600))
    for group in range(600 // (items.span * 2) - items.span):
        assert [turns[group, row] for row in range(4)] == [3, 3, 3, 3]


def test_the_head_of_a_portrait_keeps_still() -> None:
    group = SyntheticSource(**{**SMALL, "frames": 5, "pairs": 4, "at_rest": True})._stream("train").group(3)
    assert (np.ptp(group.code[:, 14:], axis=0) < 1e-6).all() and np.ptp(group.code[:, 0]) > 0.1
    assert (group.pairs[:, 0] == 0).all()
    middle = (np.arange(64) + 0.5) / 32 - 1
    here = np.stack(np.meshgrid(middle, middle), -1)
    still = (group.kind[group.pairs[:, 1]] == 2) & np.isfinite(group.flow[..., 0])  # hair, ears and neck
    moved = np.abs(group.flow - here)[still].max(axis=-1)
    assert np.quantile(moved, 0.9) < 0.01


def test_unfit_options_are_named() -> None:
    with pytest.raises(InputError, match="reuse"):
        SyntheticSource(reuse=0)
    with pytest.raises(InputError, match="shared out"):
        SyntheticSource(frames=8, pairs=7, together=2)
    with pytest.raises(InputError, match="range or skin"):
        SyntheticSource(convention="foreground")


def face() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A square face with hair above, one eye and a mouth; depth grows to the right."""
    size = 40
    kind = np.zeros((size, size), np.uint8)
    kind[4:10, 8:32], kind[10:36, 8:32] = 2, 1
    kind[15:18, 13:18], kind[28:32, 16:24] = 3, 4
    depth = np.where(kind > 0, np.linspace(5, 6, size)[None], np.nan).astype(np.float32)
    return np.full((size, size, 3), 120, np.uint8), depth, kind


def test_depth_is_recorded_in_four_ways() -> None:
    color, depth, kind = face()
    seen, skin, hair = kind > 0, kind == 1, kind == 2
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert (recorded_depth(depth, kind, rng, NO_DEPTH) == -1).all()
        landmarks = recorded_depth(depth, kind, rng, LANDMARKS)
        assert (landmarks[hair | ~seen] == -1).all()
        inner = np.zeros_like(skin)
        inner[16, 14:17], inner[29:31, 17:23] = True, True
        assert (landmarks[inner] == -1).mean() > 0.6  # but for sloppy openings of a pixel less
        sensor = recorded_depth(depth, kind, rng, SENSOR)
        assert (sensor[~seen] == -1).all() and (sensor[seen] > -1).mean() > 0.9
        kept = (sensor > -1) & seen
        assert np.corrcoef(sensor[kept], depth[kept])[0, 1] > 0.99
        cut = recorded_depth(depth, kind, rng, CUT)
        assert (cut[hair] > -1).mean() > 0.9 and (cut[inner] == -1).mean() > 0.6


def test_recordings_vary_but_the_face_stays() -> None:
    color, depth, kind = face()
    rng = np.random.default_rng(0)
    pictures = np.stack([driving_picture(color, depth, kind, rng) for _ in range(8)])
    assert pictures.shape == (8, 4, 40, 40) and np.abs(pictures).max() <= 1
    assert pictures[:, :3].std(axis=0).mean() > 0.1
