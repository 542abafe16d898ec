"""Training pairs: two frames of one clip, drawn so that a seed fixes every batch whatever the number of workers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.utils.data import Dataset, Sampler

from vfa.errors import InputError
from vfa.media.foreground import shrink_depth
from vfa.media.normalize import Convention
from vfa.training.data_layouts import ClipFile
from vfa.training.data_packs import Pack, pack_path, read_truth

SourcePolicy = Literal["first", "random"]
OPEN_PACKS = 64
"""Packs kept open by a worker."""


class PairDataset(Dataset[dict[str, Any]]):
    """Pairs (source, driving) of frames of the same clip.

    An item's number n fixes it completely: n // len is the epoch, n % len the driving frame (every frame of the data
    set drives once an epoch), and the source is the clip's first frame or drawn with the generator of (seed, n).

    Args:
        clips: packed clips.
        cache: where the packs are.
        size: side of the pictures, pixels (not larger than the packs').
        convention: of the normalisation.
        source: "first" frame of the clip, as the original does, or a "random" one.
        seed: of the draws.
        truth: also give the arrays of the clips' truth files for both frames.
    """

    def __init__(
        self,
        clips: Sequence[ClipFile],
        cache: Path,
        *,
        size: int = 256,
        convention: Convention = "range",
        source: SourcePolicy = "first",
        seed: int = 0,
        truth: bool = False,
    ) -> None:
        if source not in ("first", "random"):
            raise InputError("unknown choice of the source frame", expected="first or random", found=source)
        self.clips, self.cache = list(clips), cache
        self.size, self.convention, self.source, self.seed, self.truth = size, convention, source, seed, truth
        self._open: OrderedDict[int, tuple[Pack, dict[str, np.ndarray]]] = OrderedDict()
        people = sorted({clip.person for clip in self.clips})
        self._person = [people.index(clip.person) for clip in self.clips]
        lengths = []
        for clip in self.clips:
            pack = Pack(pack_path(clip, cache))
            lengths.append(len(pack))
            if size > min(pack.index.width, pack.index.height):
                raise InputError(
                    "the clips are smaller than the pictures wanted",
                    path=clip.path,
                    expected=f"at least {size}x{size}",
                    found=f"{pack.index.width}x{pack.index.height}",
                )
            pack.close()
        self._starts = np.concatenate([[0], np.cumsum(lengths)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def locate(self, number: int) -> tuple[int, int, int]:
        """(clip, source frame, driving frame) of item `number`."""
        place = number % len(self)
        clip = int(np.searchsorted(self._starts, place, side="right")) - 1
        driving, count = place - int(self._starts[clip]), int(self._starts[clip + 1] - self._starts[clip])
        if self.source == "first" or count == 1:
            return clip, 0, driving
        draw = int(np.random.default_rng([self.seed, number]).integers(count - 1))
        return clip, draw + (draw >= driving), driving

    def __getitem__(self, number: int) -> dict[str, Any]:
        """One pair.

        Returns:
            `source`, `driving`: float32 tensors `[4, size, size]` in [-1, 1]; `person`, `clip`, `source_frame`,
            `driving_frame`: int; with truth also `source_truth` and `driving_truth`: name -> tensor.
        """
        import torch

        clip, source, driving = self.locate(number)
        pack, truth = self._clip(clip)
        normalization = pack.index.normalization(self.convention)
        item: dict[str, Any] = {
            "person": self._person[clip],
            "clip": clip,
            "source_frame": source,
            "driving_frame": driving,
        }
        for role, frame in (("source", source), ("driving", driving)):
            color, depth = fit_square(*pack.read(frame), self.size)
            item[role] = torch.from_numpy(normalization.apply(color, depth))
            if self.truth:
                item[f"{role}_truth"] = {name: torch.from_numpy(np.array(v[frame])) for name, v in truth.items()}
        return item

    def _clip(self, number: int) -> tuple[Pack, dict[str, np.ndarray]]:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        clip = self.clips[number]
        truth: dict[str, np.ndarray] = {}
        pack = Pack(pack_path(clip, self.cache))
        if self.truth:
            if clip.truth is None:
                raise InputError("the clip has no truth", path=clip.path, expected="synthetic data, truth/<clip>.npz")
            truth = {name: v for name, v in read_truth(clip.truth).items() if v.shape[:1] == (len(pack),)}
        self._open[number] = (pack, truth)
        if len(self._open) > OPEN_PACKS:
            self._open.popitem(last=False)[1][0].close()
        return self._open[number]

    def __getstate__(self) -> dict[str, Any]:
        """A worker opens its own files."""
        return {**self.__dict__, "_open": OrderedDict()}


def fit_square(color: np.ndarray, depth: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The middle square of a picture and its depth at `size` pixels, by area average."""
    import cv2

    height, width = depth.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    color, depth = color[top : top + side, left : left + side], depth[top : top + side, left : left + side]
    if side == size:
        return color, depth
    return cv2.resize(color, (size, size), interpolation=cv2.INTER_AREA), shrink_depth(depth, size)


class PairSampler(Sampler[int]):
    """Item numbers of one epoch: a seeded permutation, shared out over ranks; another one each epoch.

    Args:
        dataset: the pairs.
        seed: of the permutations.
        rank, world: this process and how many there are; every rank gets the same number of items.
        shuffle: False goes through the data in order.
    """

    def __init__(
        self, dataset: PairDataset, *, seed: int = 0, rank: int = 0, world: int = 1, shuffle: bool = True
    ) -> None:
        if not 0 <= rank < world:
            raise InputError("such a rank does not exist", expected=f"0..{world - 1}", found=str(rank))
        self._length, self._seed, self._rank, self._world, self._shuffle = len(dataset), seed, rank, world, shuffle
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch to come (Lightning calls this)."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length // self._world

    def __iter__(self) -> Iterator[int]:
        order = np.arange(self._length)
        if self._shuffle:
            order = np.random.default_rng([self._seed, self._epoch]).permutation(self._length)
        mine = order[self._rank : len(self) * self._world : self._world]
        yield from (int(place) + self._epoch * self._length for place in mine)
