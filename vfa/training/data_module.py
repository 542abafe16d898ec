"""The data of a training run as a Lightning module: found, packed once, split by person, shuffled by seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from vfa.errors import InputError
from vfa.media.normalize import Convention
from vfa.training.data_layouts import ClipFile, Layout, find_clips
from vfa.training.data_packs import write_pack
from vfa.training.data_pairs import PairDataset, PairSampler, SourcePolicy


class PairDataModule(pl.LightningDataModule):
    """Pairs of frames for training and testing; two runs with one seed see the same batches.

    Give the trainer `use_distributed_sampler=False`: the sampler shares the data out over ranks itself.

    Args:
        root: the data set.
        layout: "MMFace4D", "kinect" or "synthetic".
        cache: folder for the packed clips; default `<root>/.packed`.
        size: side of the pictures, pixels.
        batch_size: pairs in a batch of this process.
        workers: loading processes.
        seed: of split draws, permutations and source frames.
        convention: of the normalisation; goes into the checkpoint.
        source: which frame is the source.
        truth: also load the truth of synthetic clips.
        test_share: share of people for testing where the data set has no split of its own.
    """

    def __init__(
        self,
        root: str | Path,
        layout: Layout = "MMFace4D",
        *,
        cache: str | Path | None = None,
        size: int = 256,
        batch_size: int = 16,
        workers: int = 2,
        seed: int = 0,
        convention: Convention = "range",
        source: SourcePolicy = "first",
        truth: bool = False,
        test_share: float = 0.1,
    ) -> None:
        super().__init__()
        self.root, self.layout = Path(root), layout
        self.cache = Path(cache) if cache is not None else self.root / ".packed"
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self.convention, self.test_share = convention, test_share
        self._options: dict[str, Any] = {
            "size": size,
            "convention": convention,
            "source": source,
            "seed": seed,
            "truth": truth,
        }
        self._datasets: dict[str, PairDataset] = {}

    def clips(self, split: str) -> list[ClipFile]:
        """The clips of one side of the split."""
        found = find_clips(self.root, self.layout, test_share=self.test_share)
        return [clip for clip in found if clip.split == split]

    def prepare_data(self) -> None:
        """Packs what is not packed yet (Lightning calls this on one process per node)."""
        for clip in find_clips(self.root, self.layout, test_share=self.test_share):
            write_pack(clip, self.cache)

    def dataset(self, split: str) -> PairDataset:
        """The pairs of "train" or "test".

        Raises:
            InputError: nobody is on that side.
        """
        if split not in self._datasets:
            clips = self.clips(split)
            if not clips:
                raise InputError(
                    f"the data set has nobody for {split}",
                    path=self.root,
                    hint="more people, or train/ and test/ folders",
                )
            self._datasets[split] = PairDataset(clips, self.cache, **self._options)
        return self._datasets[split]

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled pairs of the training people; an incomplete last batch is left out."""
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Pairs of the test people in order."""
        return self._loader("test", shuffle=False)

    test_dataloader = val_dataloader

    def _loader(self, split: str, *, shuffle: bool) -> DataLoader[Any]:
        dataset = self.dataset(split)
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=PairSampler(dataset, seed=self.seed, rank=rank, world=world, shuffle=shuffle),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            worker_init_fn=_one_thread,
            drop_last=shuffle,
        )


def _one_thread(worker: int) -> None:
    """Workers are the parallelism; threads inside them would only contend, and do not survive a fork."""
    import cv2

    cv2.setNumThreads(0)
