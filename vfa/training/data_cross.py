"""Cross-identity triples of synthetic data: one person's face, another's performance, and the first performing it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from vfa.errors import InputError
from vfa.media.normalize import Convention
from vfa.training.data_layouts import ClipFile
from vfa.training.data_packs import Pack, pack_path
from vfa.training.data_pairs import fit_square

_CROSSED = re.compile(r"^(?P<clip>.+)_by_(?P<driver>[^/]+)$")


class CrossDataset(Dataset[dict[str, Any]]):
    """Triples (source, start, driving, target) in which no pixel of the target was given to the method.

    source: first frame of person A's own clip; start and driving: first and any frame of person B's clip; target: A
    with B's expression and pose of the driving frame, under A's light and camera. Frames drive in order.

    Args:
        clips: packed clips of one side of a synthetic data set, crossed ones (`<clip>_by_<driver>`) among them.
        cache: where the packs are.
        size: side of the pictures, pixels.
        convention: of the normalisation.

    Raises:
        InputError: there is no crossed clip, or the clip it was made from is missing.
    """

    def __init__(
        self, clips: Sequence[ClipFile], cache: Path, *, size: int = 256, convention: Convention = "range"
    ) -> None:
        known = {(clip.person, clip.name): clip for clip in clips}
        self._triples: list[tuple[Path, Path, Path]] = []
        lengths = []
        for clip in clips:
            match = _CROSSED.match(clip.name)
            if match is None:
                continue
            try:
                own, driver = (known[person, match["clip"]] for person in (clip.person, match["driver"]))
            except KeyError as error:
                raise InputError("a crossed clip lacks its origin", path=clip.path, found=f"no {error}") from error
            paths = pack_path(own, cache), pack_path(driver, cache), pack_path(clip, cache)
            self._triples.append(paths)
            pack = Pack(paths[2])
            lengths.append(len(pack))
            pack.close()
        if not lengths:
            raise InputError("there is no crossed clip", hint="python dataset/synthesize.py OUT --crossed 1")
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        self.size, self.convention = size, convention
        self._open: tuple[int, list[Pack]] | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, number: int) -> dict[str, Any]:
        """`source`, `start`, `driving`, `target`: float32 `[4, size, size]`; `triple`, `frame`: int.

        Source and target are normalised alike (as the source's clip), so depth can be compared.
        """
        import torch

        if not 0 <= number < len(self):
            raise IndexError(number)
        triple = int(np.searchsorted(self._starts, number, side="right")) - 1
        frame = number - int(self._starts[triple])
        own, driver, crossed = self._packs(triple)
        item: dict[str, Any] = {"triple": triple, "frame": frame}
        for role, pack, place, like in (
            ("source", own, 0, own),
            ("start", driver, 0, driver),
            ("driving", driver, frame, driver),
            ("target", crossed, frame, own),
        ):
            color, depth = fit_square(*pack.read(place), self.size)
            item[role] = torch.from_numpy(like.index.normalization(self.convention).apply(color, depth))
        return item

    def _packs(self, triple: int) -> list[Pack]:
        if self._open is None or self._open[0] != triple:
            for pack in self._open[1] if self._open else ():
                pack.close()
            self._open = triple, [Pack(path) for path in self._triples[triple]]
        return self._open[1]

    def __getstate__(self) -> dict[str, Any]:
        """A worker opens its own files."""
        return {**self.__dict__, "_open": None}
