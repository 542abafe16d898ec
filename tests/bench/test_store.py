"""The output folder: complete or absent files, journal, lock, versions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.store import (
    SCHEMA,
    FeatureStore,
    Journal,
    RunFolder,
    dumps,
    file_hash,
    load_results,
    read_arrays,
    replacing,
    slug,
    write_arrays,
    write_text,
)
from vfa.errors import InputError


def test_arrays_come_back_and_their_file_is_the_same_each_time(tmp_path: Path) -> None:
    arrays = {"a": np.arange(5.0), "b": np.array(["x", "ü"])}
    write_arrays(tmp_path / "1.npz", arrays)
    write_arrays(tmp_path / "2.npz", arrays)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    found = read_arrays(tmp_path / "1.npz")
    assert found is not None
    np.testing.assert_array_equal(found["b"], arrays["b"])
    assert read_arrays(tmp_path / "none.npz") is None


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", a=np.array([{"x": 1}], dtype=object))
    assert read_arrays(tmp_path / "bad.npz") is None


def fail_half_way(target: Path) -> None:
    with replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError):
        fail_half_way(target)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_a_torn_last_line_is_cut_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    journal.append({"kind": "sample", "n": 1})
    journal.append({"kind": "sample", "n": 2})
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"schema": 1, "kind": "sam')
    assert [record["n"] for record in Journal.read(path)] == [1, 2]
    journal = Journal(path)
    journal.append({"kind": "sample", "n": 3})
    journal.close()
    assert [record["n"] for record in Journal.read(path)] == [1, 2, 3]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_records_of_another_version_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text(dumps({"schema": SCHEMA + 1, "n": 1}) + "\n" + dumps({"schema": SCHEMA, "n": 2}) + "\n[1]\n")
    assert [record["n"] for record in Journal.read(path)] == [2]


def test_a_second_run_in_one_folder_is_refused(tmp_path: Path) -> None:
    first = RunFolder(tmp_path)
    with pytest.raises(InputError, match="another run"):
        RunFolder(tmp_path)
    first.close()
    RunFolder(tmp_path).close()


def test_left_overs_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / ".tmp-abc.npz").write_bytes(b"x")
    RunFolder(tmp_path).close()
    assert not list(tmp_path.rglob(".tmp-*"))


def test_newer_results_are_not_overwritten_and_older_are(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(dumps({"schema": SCHEMA + 1}))
    with pytest.raises(InputError, match="newer"):
        RunFolder(tmp_path)
    (tmp_path / "results.json").write_text(dumps({"schema": SCHEMA - 1}))
    RunFolder(tmp_path).close()
    with pytest.raises(InputError, match="another version"):
        load_results(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "x"}', "null"])
def test_damaged_results_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match=r"results\.json"):
        load_results(tmp_path)


def test_strict_json_has_no_nan() -> None:
    text = dumps({"a": float("nan"), "b": np.float32(0.5), "c": [np.inf, np.int64(3)], "d": Path("x")})
    assert json.loads(text) == {"a": None, "b": 0.5, "c": [None, 3], "d": "x"}
    value = 0.1 + 0.2
    assert json.loads(dumps(value)) == value


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/abs", "", "a" * 300, "line\nbreak", "-dash", "a b", "q'\"`$(x);", "..", ".hidden"]
)
def test_any_name_becomes_a_harmless_file_name(name: str) -> None:
    safe = slug(name)
    assert safe
    assert len(safe) < 100
    assert "/" not in safe
    assert not safe.startswith((".", "-"))
    assert safe.isprintable()


def test_different_names_stay_different() -> None:
    names = ["a/b", "a_b", "a b", "a:b", "A_b", "a" * 300, "a" * 301]
    assert len({slug(name) for name in names}) == len(names)


def test_features_are_kept_by_content_extractor_and_version(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.save("ab12", "metric:psnr_rgb", "1", {"x": np.ones(2)})
    assert store.load("ab12", "metric:psnr_rgb", "1") is not None
    assert store.load("ab12", "metric:psnr_rgb", "2") is None
    assert store.load("ab13", "metric:psnr_rgb", "1") is None
    (tmp_path / "file").write_bytes(b"abc")
    assert file_hash(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
