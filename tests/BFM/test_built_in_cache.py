"""The cache of the built-in head: complete or absent, keyed by the generator, replaced when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from BFM import builtin
from BFM.model import MorphableModel


@pytest.fixture
def quick_generator(head: MorphableModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the generator by one that counts its calls and returns the model at hand."""
    from BFM.procedural import build

    arrays = {name: getattr(head, name) for name in builtin._ARRAYS}
    arrays |= {name: np.array(getattr(head, name)) for name in builtin._NAMES}
    arrays |= {f"group_{name}": members for name, members in head.groups.items()}
    arrays["id_base"], arrays["tex_base"] = arrays["id_base"][:30], arrays["tex_base"][:30]  # a small file
    arrays["ex_base"] = arrays["ex_base"][:30]
    arrays["eye_centers"] = np.stack([eye.center for eye in head.eyes])
    arrays["mm_per_unit"] = np.array(head.mm_per_unit)
    arrays["eye_radius"] = np.float32(head.eyes[0].radius)
    calls: list[int] = []

    def generate() -> dict[str, np.ndarray]:
        calls.append(1)
        return arrays

    monkeypatch.setattr(build, "build_arrays", generate)
    return calls


def test_generated_once_then_read(tmp_path: Path, quick_generator: list[int], head: MorphableModel) -> None:
    first = builtin.load_builtin((tmp_path,))
    second = builtin.load_builtin((tmp_path,))
    assert len(quick_generator) == 1
    np.testing.assert_array_equal(first.mean_shape, second.mean_shape)
    assert second.expression_names == head.expression_names and second.groups.keys() == head.groups.keys()
    assert [path.name for path in tmp_path.iterdir()] == [f"head-{builtin.generator_version()}.npz"]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half a file", b"<html>"])
def test_a_damaged_copy_is_made_again(tmp_path: Path, quick_generator: list[int], damage: bytes) -> None:
    path = tmp_path / f"head-{builtin.generator_version()}.npz"
    path.write_bytes(damage)
    assert builtin.load_builtin((tmp_path,)).n_vertices > 0
    assert len(quick_generator) == 1
    assert path.stat().st_size > 1000


def test_a_truncated_copy_is_made_again(tmp_path: Path, quick_generator: list[int]) -> None:
    builtin.load_builtin((tmp_path,))
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-5000])
    builtin.load_builtin((tmp_path,))
    assert len(quick_generator) == 2


def test_copies_of_older_generators_are_dropped(tmp_path: Path, quick_generator: list[int]) -> None:
    (tmp_path / "head-0123.npz").write_bytes(b"old")
    builtin.load_builtin((tmp_path,))
    assert not (tmp_path / "head-0123.npz").exists()


def test_an_unwritable_folder_is_passed_over(
    tmp_path: Path, quick_generator: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    builtin.load_builtin((blocked / "cache", tmp_path / "second"))
    assert len(list((tmp_path / "second").iterdir())) == 1
    builtin.load_builtin((blocked / "cache",))
    assert "could not be cached" in capsys.readouterr().err


def test_version_depends_on_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = builtin.generator_version()
    assert before == builtin.generator_version()
    (tmp_path / "procedural").mkdir()
    (tmp_path / "procedural" / "build.py").write_text("changed")
    (tmp_path / "geometry.py").write_text("")
    monkeypatch.setattr(builtin, "PACKAGE", tmp_path)
    assert builtin.generator_version() != before


@pytest.mark.slow
def test_the_generator_repeats_itself_byte_for_byte(head: MorphableModel) -> None:
    from BFM.procedural.build import build_arrays

    arrays = build_arrays()
    for name in builtin._ARRAYS:
        np.testing.assert_array_equal(arrays[name], getattr(head, name), err_msg=name)
