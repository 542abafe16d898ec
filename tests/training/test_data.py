"""Training data: layouts, packs, pairs, and batches that a seed fixes."""

from __future__ import annotations

import os
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vfa.errors import DecodeError, InputError
from vfa.media.depth import DepthUnits
from vfa.media.pictures import write_picture
from vfa.media.writers import ColorWriter, DepthWriter
from vfa.training.data_layouts import find_clips
from vfa.training.data_module import PairDataModule
from vfa.training.data_packs import Pack, pack_path, write_pack
from vfa.training.data_pairs import PairDataset, PairSampler

UNITS = DepthUnits.for_range(0.3, 0.7)
COUNT = 7


def level(person: int, frame: int) -> int:
    """Grey of a frame: tells person and frame apart after compression."""
    return 20 + 60 * person + 8 * frame


def steps_of(person: int, frame: int, size: int = 32) -> np.ndarray:
    steps = np.random.default_rng([person, frame]).integers(1, 65536, (size, size), dtype=np.uint16)
    steps[: size // 4] = 0
    return steps


def write_clip(folder: Path, person: int, name: str = "a", count: int = COUNT, truth: bool = False) -> None:
    rate = Fraction(30000, 1001)
    with (
        ColorWriter(folder / "color" / f"{name}.mp4", width=32, height=32, rate=rate, crf=4) as colors,
        DepthWriter(folder / "depth" / f"{name}.nut", 32, 32, rate, units=UNITS) as depths,
    ):
        for frame in range(count):
            colors.write(np.full((32, 32, 3), level(person, frame), np.uint8), frame / rate)
            depths.write(steps_of(person, frame), frame / rate)
    if truth:
        (folder / "truth").mkdir()
        np.savez(folder / "truth" / f"{name}.npz", coefficients=np.arange(count * 4.0).reshape(count, 4), fps=[30.0])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person, side in enumerate(("train", "train", "test")):
        write_clip(tmp_path / "data" / side / f"p{person}", person, truth=True)
    return tmp_path / "data"


def packed(root: Path, **options: object) -> PairDataset:
    clips = [clip for clip in find_clips(root, "MMFace4D") if clip.split == "train"]
    for clip in clips:
        write_pack(clip, root / ".packed")
    return PairDataset(clips, root / ".packed", **{"size": 32, **options})  # type: ignore[arg-type]


def test_layout_with_its_own_split(root: Path) -> None:
    found = [(clip.split, clip.person, clip.name, clip.truth is not None) for clip in find_clips(root, "synthetic")]
    assert found == [("test", "p2", "a", True), ("train", "p0", "a", True), ("train", "p1", "a", True)]


def test_split_by_person_is_stable_when_people_come(tmp_path: Path) -> None:
    for person in range(40):
        (tmp_path / f"p{person}" / "color").mkdir(parents=True)
        (tmp_path / f"p{person}" / "depth").mkdir()
        for name in ("a", "b"):
            (tmp_path / f"p{person}" / "color" / f"{name}.mp4").touch()
            (tmp_path / f"p{person}" / "depth" / f"{name}.nut").touch()

    def sides() -> dict[str, set[str]]:
        result: dict[str, set[str]] = {}
        for clip in find_clips(tmp_path, "MMFace4D", test_share=0.25):
            result.setdefault(clip.person, set()).add(clip.split)
        return result

    before = sides()
    assert all(len(sides_of) == 1 for sides_of in before.values())
    assert 3 <= sum(side == {"test"} for side in before.values()) <= 18
    (tmp_path / "newcomer" / "color").mkdir(parents=True)
    (tmp_path / "newcomer" / "depth").mkdir()
    (tmp_path / "newcomer" / "color" / "a.mp4").touch()
    (tmp_path / "newcomer" / "depth" / "a.nut").touch()
    after = sides()
    assert {person: after[person] for person in before} == before


def test_kinect_layout(tmp_path: Path) -> None:
    for frame in range(3):
        folder = tmp_path / "train" / "anna" / "take"
        write_picture(folder / f"color_{frame}.png", np.full((32, 32, 3), level(0, frame), np.uint8))
        write_picture(folder / f"depth_{frame}.png", np.arange(1024, dtype=np.uint16).reshape(32, 32) + 400)
    (clip,) = find_clips(tmp_path, "kinect")
    pack = Pack(write_pack(clip, tmp_path / "cache"))
    color, depth = pack.read(2)
    assert abs(int(color.mean()) - level(0, 2)) <= 1
    np.testing.assert_allclose(depth, (np.arange(1024).reshape(32, 32) + 400) / 1000, atol=1e-6)


@pytest.mark.parametrize("layout", ["MMFace4D", "kinect", "synthetic", "other"])
def test_nothing_there(tmp_path: Path, layout: str) -> None:
    with pytest.raises(InputError):
        find_clips(tmp_path, layout)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        find_clips(tmp_path / "none", layout)  # type: ignore[arg-type]


def test_a_person_on_both_sides_is_refused(root: Path) -> None:
    write_clip(root / "test" / "p0", 0, "b")
    with pytest.raises(InputError, match="p0"):
        find_clips(root, "MMFace4D")


def test_pack_gives_any_frame_with_exact_depth(root: Path) -> None:
    clip = find_clips(root, "MMFace4D")[1]
    pack = Pack(write_pack(clip, root / ".packed"))
    assert len(pack) == COUNT
    assert pack.index.times == tuple(Fraction(1001 * frame, 30000) for frame in range(COUNT))
    for frame in (5, 0, 6, 3):
        color, depth = pack.read(frame)
        np.testing.assert_array_equal(depth, UNITS.to_metres(steps_of(0, frame)))
        assert np.abs(color.astype(int) - level(0, frame)).max() <= 3


def test_packs_are_written_once_and_again_when_the_clip_changes(root: Path) -> None:
    clip = find_clips(root, "MMFace4D")[1]
    path = write_pack(clip, root / ".packed")
    stamp, data = path.stat().st_mtime_ns, path.read_bytes()
    write_pack(clip, root / ".packed")
    assert path.stat().st_mtime_ns == stamp
    path.write_bytes(data[:-100])  # cut short: made again, the same bytes
    with pytest.raises(DecodeError, match="damaged"):
        Pack(path)
    write_pack(clip, root / ".packed")
    assert path.read_bytes() == data
    write_clip(root / "train" / "p0", 0, count=4)
    os.utime(clip.path, ns=(1, 1))
    assert len(Pack(write_pack(clip, root / ".packed"))) == 4
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.zip"]


def test_pairs_are_frames_of_one_clip(root: Path) -> None:
    dataset = packed(root, source="random")
    assert len(dataset) == 2 * COUNT
    for number in range(3 * len(dataset)):
        clip, source, driving = dataset.locate(number)
        assert source != driving
        assert 0 <= source < COUNT
        assert clip * COUNT + driving == number % len(dataset)
    item = dataset[9]
    assert item["source"].shape == (4, 32, 32)
    assert item["source"].dtype == torch.float32
    for role in ("source", "driving"):
        expected = level(item["clip"], item[f"{role}_frame"]) / 127.5 - 1
        assert abs(float(item[role][0, 20, 20]) - expected) < 0.03
        assert float(item[role][3, :8].max()) == -1.0
    assert packed(root, source="first").locate(9)[1] == 0


def test_depth_of_a_pair_is_normalised_over_the_clip(root: Path) -> None:
    """near and far are those of all frames, so a depth has one number in all of them."""
    dataset = packed(root)
    metres = np.stack([UNITS.to_metres(steps_of(0, frame)) for frame in range(COUNT)])
    near, far = float(np.nanmin(metres)), float(np.nanmax(metres))
    item = dataset[3]
    expected = 2 * (metres[3, 8:] - near) / (far - near) - 1
    np.testing.assert_allclose(item["driving"][3, 8:].numpy(), expected, atol=1e-5)


def test_truth_of_both_frames(root: Path) -> None:
    item = packed(root, truth=True)[4]
    np.testing.assert_array_equal(item["driving_truth"]["coefficients"].numpy(), np.arange(4.0) + 16)
    np.testing.assert_array_equal(item["source_truth"]["coefficients"].numpy(), np.arange(4.0))
    assert set(item["driving_truth"]) == {"coefficients"}  # what is not per frame stays out


def test_sampler_visits_all_once_and_reshuffles(root: Path) -> None:
    dataset = packed(root)
    sampler = PairSampler(dataset, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(len(dataset)))
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(second) == list(range(len(dataset), 2 * len(dataset)))
    assert [number % len(dataset) for number in second] != first
    ranks = [list(PairSampler(dataset, seed=3, rank=rank, world=3)) for rank in range(3)]
    assert len({number for rank in ranks for number in rank}) == 12  # 14 pairs, 4 for each of 3 ranks
    assert {len(rank) for rank in ranks} == {4}


def batches(module: PairDataModule, epochs: int = 2) -> list[torch.Tensor]:
    loader = module.train_dataloader()
    seen = []
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        seen += [torch.cat([batch["source"], batch["driving"]], dim=1) for batch in loader]
    return seen


@pytest.mark.parametrize("workers", [0, 2])
def test_two_runs_see_the_same_batches(root: Path, workers: int) -> None:
    def run(workers: int, seed: int) -> list[torch.Tensor]:
        module = PairDataModule(root, size=32, batch_size=4, workers=workers, seed=seed, source="random")
        module.prepare_data()
        return batches(module)

    one, other = run(0, 7), run(workers, 7)
    assert len(one) == 6
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, run(0, 8), strict=True))


def test_lightning_reshuffles_each_epoch_and_repeats_with_the_seed(root: Path) -> None:
    import pytorch_lightning as pl

    class Watcher(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.seen: list[list[tuple[int, int]]] = []

        def on_train_epoch_start(self) -> None:
            self.seen.append([])

        def training_step(self, batch: dict, index: int) -> torch.Tensor:
            self.seen[-1] += list(zip(batch["clip"].tolist(), batch["driving_frame"].tolist(), strict=True))
            return self.weight.sum() * 0

        def validation_step(self, batch: dict, index: int) -> None:
            assert batch["person"].eq(0).all()  # the one person of the test side

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.1)

    def run() -> list[list[tuple[int, int]]]:
        watcher = Watcher()
        trainer = pl.Trainer(
            max_epochs=2,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(watcher, datamodule=PairDataModule(root, size=32, batch_size=7, workers=0, seed=1))
        return watcher.seen

    first, second = run()
    assert sorted(first) == sorted(second) == [(clip, frame) for clip in range(2) for frame in range(COUNT)]
    assert first != second
    assert run() == [first, second]


def test_sizes_are_checked_before_training(root: Path) -> None:
    with pytest.raises(InputError, match="smaller"):
        packed(root, size=64)
    assert packed(root, size=16)[0]["source"].shape == (4, 16, 16)


def test_nobody_to_test(tmp_path: Path) -> None:
    write_clip(tmp_path / "p0", 0)
    module = PairDataModule(tmp_path, test_share=0.0)
    module.prepare_data()
    with pytest.raises(InputError, match="nobody for test"):
        module.val_dataloader()


def test_a_pack_is_an_ordinary_zip(root: Path) -> None:
    clip = find_clips(root, "MMFace4D")[0]
    write_pack(clip, root / ".packed")
    with zipfile.ZipFile(pack_path(clip, root / ".packed")) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 2 * COUNT + 1


@pytest.mark.slow
def test_random_access_is_ten_times_faster_than_decoding_the_clip(tmp_path: Path) -> None:
    from tests.performance.data import measure

    figures = measure(tmp_path, seconds=8)
    assert figures["ratio"] >= 10, figures
