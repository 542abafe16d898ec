"""Weights on disk: found again, recomputed when asked, damaged or impossible to keep."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from vfa.mesh import ControllerWeights
from vfa.mesh.cache import cached_weights, weights_key


class Counter:
    """Makes weights and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> ControllerWeights:
        self.calls += 1
        return ControllerWeights(np.array([[0, 1]], np.int32), np.array([[0.75, 0.25]], np.float32), 3)


def same(a: ControllerWeights, b: ControllerWeights) -> bool:
    return (a.index == b.index).all() and (a.weight == b.weight).all() and a.n_controllers == b.n_controllers


def test_the_second_time_they_come_from_the_file(tmp_path: Path) -> None:
    make = Counter()
    first, hit_first = cached_weights(tmp_path / "deep" / "weights", "head", "k1", make)
    second, hit_second = cached_weights(tmp_path / "deep" / "weights", "head", "k1", make)
    assert (hit_first, hit_second, make.calls) == (False, True, 1) and same(first, second)


def test_force_and_other_keys_compute(tmp_path: Path) -> None:
    make = Counter()
    for key, force in (("k1", False), ("k1", True), ("k2", False)):
        assert not cached_weights(tmp_path, "head", key, make, force=force)[1]
    assert make.calls == 3 and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"<html></html>", b"\x93NUMPY\x01\x00v\x00"])
def test_a_damaged_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    make = Counter()
    cached_weights(tmp_path, "head", "k1", make)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert not cached_weights(tmp_path, "head", "k1", make)[1]
    assert cached_weights(tmp_path, "head", "k1", make)[1] and make.calls == 2


def test_a_truncated_file_is_replaced(tmp_path: Path) -> None:
    make = Counter()
    cached_weights(tmp_path, "head", "k1", make)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for size in (len(whole) // 3, len(whole) - 30):
        file.write_bytes(whole[:size])
        assert same(cached_weights(tmp_path, "head", "k1", make)[0], make())


def test_objects_in_a_file_are_never_unpickled(tmp_path: Path) -> None:
    make = Counter()
    cached_weights(tmp_path, "head", "k1", make)
    (file,) = tmp_path.iterdir()
    with open(file, "wb") as handle:
        np.savez(handle, key="k1", index=np.array([{}], object), weight=np.ones((1, 2)), n_controllers=3)
    assert not cached_weights(tmp_path, "head", "k1", make)[1] and make.calls == 2


def test_without_a_folder_nothing_is_kept() -> None:
    assert not cached_weights(None, "head", "k1", Counter())[1]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert same(cached_weights(tmp_path, "head", "k1", Counter())[0], Counter()())
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("not a folder")
    assert same(cached_weights(tmp_path / "weights", "head", "k1", Counter())[0], Counter()())


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a b'\"$(x)", "x" * 400, "-rf", "line\nbreak"])
def test_any_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "weights"
    assert not cached_weights(folder, name, "k1", Counter())[1]
    assert cached_weights(folder, name, "k1", Counter())[1]
    assert [p.name for p in tmp_path.iterdir()] == ["weights"] and len(list(folder.iterdir())) == 1


def test_nothing_half_written_stays_when_computing_fails(tmp_path: Path) -> None:
    def fail() -> ControllerWeights:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cached_weights(tmp_path, "head", "k1", fail)
    assert not list(tmp_path.iterdir())


def test_the_key_tells_values_shapes_and_types_apart() -> None:
    a = np.arange(6.0)
    keys = [weights_key(*parts) for parts in (
        (a, 1), (a, 2), (a, 1.0), (a.reshape(2, 3), 1), (a.astype(np.float32), 1), (a + 1e-12, 1), (1, a), (a,),
    )]  # fmt: skip
    assert len(set(keys)) == len(keys) and weights_key(a.copy(), 1) == keys[0]
    assert weights_key(a.reshape(2, 3).T) != weights_key(a.reshape(3, 2))
