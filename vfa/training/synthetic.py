"""`--dataset synthetic`: people who do not exist, rendered while training, with exact truth; needs no files.

Each item is a function of (seed, number) alone, so any number of workers gives the same stream. Rendering costs more
than learning on a CPU; with `reuse` each group of pictures is drawn on several times, filmed differently each time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset

from vfa.errors import InputError

if TYPE_CHECKING:
    from dataset.portraits import PortraitStream
    from dataset.stream import Group, GroupStream

TEST_SEED = 2**20
"""Added to the seed for people who are never trained on."""
BEFORE = 2**40


@dataclass
class SyntheticSource:
    """The data set of a run, see `vfa.training.data_stream.Source`.

    Attributes:
        size: side of the pictures, pixels.
        seed: of everything.
        convention: of the normalisation; only "range" and "skin", whose colours are alike, are made here.
        frames: pictures of each person.
        pairs: pairs with exact truth of each person; 0 gives single pictures for a stage that needs no more.
        at_rest: all sources are about neutral and seen from the front, as avatars are.
        reuse: how often each of a group's pairs or pictures is drawn. Every worker renders for itself, so reuse pays
            with few workers.
        together: how many pairs of a group follow each other, filmed alike: their source need be encoded only once.
        basis: portraits with what each expression component does to each pixel, and nothing else.
        test_people: people for validation.
    """

    size: int = 128
    seed: int = 0
    convention: str = "range"
    frames: int = 8
    pairs: int = 6
    at_rest: bool = False
    reuse: int = 1
    together: int = 1
    basis: bool = False
    test_people: int = 24

    def __post_init__(self) -> None:
        if self.convention == "foreground":
            raise InputError("synthetic data has the colours of a camera", expected="range or skin",
                             found=self.convention)  # fmt: skip
        if min(self.reuse, self.together, self.test_people) < 1:
            raise InputError("reuse, together and test_people of synthetic data are at least 1")
        if (self.pairs or self.frames) % self.together:
            raise InputError("the pairs of a group cannot be shared out", expected=f"a divisor of {self.pairs}",
                             found=f"together={self.together}")  # fmt: skip
        self._stream("train")

    def prepare_data(self) -> None:
        """Builds and caches the head, so that the workers need not."""
        from dataset.scenes import head

        head()

    def dataset(self, split: str) -> Dataset[dict[str, Any]]:
        """Endless training items, or the validation items."""
        endless, fixed = (PortraitItems, PortraitTestItems) if self.basis else (SyntheticItems, SyntheticTestItems)
        if split == "train":
            return endless(self._stream("train"), self.reuse, self.together)
        return fixed(self._stream("test"), self.test_people)

    def _stream(self, split: str) -> GroupStream | PortraitStream:
        from dataset.portraits import PortraitStream
        from dataset.stream import GroupStream

        seed = self.seed + (TEST_SEED if split == "test" else 0)
        if self.basis:
            return PortraitStream(seed, self.size)
        return GroupStream(seed=seed, size=self.size, frames=self.frames, pairs=self.pairs, at_rest=self.at_rest)


class SyntheticItems(Dataset[dict[str, Any]]):
    """Endless items; see `item` for what they hold.

    Neighbours come from different groups, but for those `together`: of `span` lots in a row each shows another person,
    one of them new, and a group has had all its turns after `span` such rows.

    Args:
        stream: of groups.
        reuse: how often each of a group's items is drawn.
        together: items of a group in a lot.
    """

    def __init__(self, stream: Any, reuse: int = 1, together: int = 1) -> None:
        self.stream, self.together = stream, together
        self.per_group = stream.pairs or stream.frames
        self.span = self.per_group // together * reuse
        self._groups: OrderedDict[int, Any] = OrderedDict()

    def place(self, number: int) -> tuple[int, int]:
        """Group and row of an item."""
        lot, place = divmod(number, self.together)
        turn, use = divmod(lot, self.span)
        group = turn - use
        # The first rows take the places of people who would have come before the first.
        return (group if group >= 0 else BEFORE - group), (use * self.together + place) % self.per_group

    def __getitem__(self, number: int) -> dict[str, Any]:
        group, row = self.place(number)
        return self.item(self._group(group), row, number)

    def item(self, group: Any, row: int, number: int) -> dict[str, Any]:
        """A row of a group, filmed."""
        return item(group, row, self.stream.seed, number, number // self.together)

    def _group(self, index: int) -> Any:
        if index not in self._groups:
            self._groups[index] = self.stream.group(index)
            if len(self._groups) > self.span + 1:
                self._groups.popitem(last=False)
        self._groups.move_to_end(index)
        return self._groups[index]

    def __getstate__(self) -> dict[str, Any]:
        """A worker renders its own groups."""
        return {**self.__dict__, "_groups": OrderedDict()}


class SyntheticTestItems(SyntheticItems):
    """The items of some people who are never trained on, the same each time, group by group."""

    def __init__(self, stream: Any, people: int) -> None:
        super().__init__(stream)
        self._people = people

    def __len__(self) -> int:
        return self._people * self.per_group

    def place(self, number: int) -> tuple[int, int]:
        return divmod(number % len(self), self.per_group)


class PortraitItems(SyntheticItems):
    """Endless portraits for the stage `basis`: `source` float32 [4, S, S]; `basis` float32 [14, 3, S, S], see
    `dataset.portraits`; `weight` float32 [1, S, S], how much each pixel counts; `number`."""

    def item(self, group: Any, row: int, number: int) -> dict[str, Any]:
        import torch

        from vfa.training.animation_pairs import portrait

        picture, weight, seen = portrait(group.color, group.depth, group.kind,
                                         np.random.default_rng([self.stream.seed, 13, number]))  # fmt: skip
        basis = np.where(seen, group.basis.astype(np.float32), np.float32(0))
        return {"source": torch.from_numpy(picture), "basis": torch.from_numpy(basis),
                "weight": torch.from_numpy(weight), "number": number}  # fmt: skip


class PortraitTestItems(PortraitItems, SyntheticTestItems):
    """Portraits of people who are never trained on."""


def item(group: Group, row: int, seed: int, number: int, lot: int) -> dict[str, Any]:
    """One sample as tensors.

    Args:
        group: rendered pictures.
        row: of the group's pairs, or of its frames where it has no pairs.
        seed: of what the camera makes of the pictures.
        number: of the item.
        lot: items of one lot have the same source, to the pixel.

    Returns:
        `recording` float32 [4, S, S]: the driving frame as a driver's camera records it, with `code` [20], its motion
        code, and `recorded`, which kind of depth it has (`vfa.training.driving_pictures`). With pairs also `source`
        and `driving` [4, S, S], clean, the depth mapped alike; `code_source` [20]; and the truth between them, see
        `vfa.training.animation_pairs`. `number` and `lot`, int.
    """
    import torch

    from vfa.training.animation_pairs import animation_pair
    from vfa.training.driving_pictures import SHARES, driving_picture

    rng, pair = np.random.default_rng([seed, 13, number]), None
    source, driving = (0, row) if not len(group.pairs) else (int(frame) for frame in group.pairs[row])
    if len(group.pairs):
        both = [source, driving]
        pair = animation_pair(
            group.color[both], group.depth[both], group.kind[both], group.flow[row], group.visible[row],
            np.random.default_rng([seed, 14, lot]),
        )  # fmt: skip
    recorded = int(rng.choice(len(SHARES), p=SHARES))
    values: dict[str, Any] = {
        "recording": driving_picture(group.color[driving], group.depth[driving], group.kind[driving], rng, recorded),
        "code": group.code[driving],
    }
    if pair is not None:
        values |= {**pair, "code_source": group.code[source]}
        values["driving"] = values.pop("target")
    return {
        **{name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in values.items()},
        "recorded": recorded,
        "number": number,
        "lot": lot,
    }
