"""The reader of the licensed file: values arrive unchanged, damaged files are named and explained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from BFM import load_model
from BFM.licensed import load_licensed
from vfa.errors import AssetError


def test_every_entry_arrives(licensed_file: Path, licensed_arrays: dict[str, np.ndarray]) -> None:
    model = load_licensed(licensed_file)
    mean = licensed_arrays["meanshape"].reshape(-1, 3)
    np.testing.assert_allclose(model.mean_shape, mean - mean.mean(0), atol=1e-6)
    np.testing.assert_allclose(model.id_base, licensed_arrays["idBase"], rtol=1e-6)
    np.testing.assert_allclose(model.ex_base, licensed_arrays["exBase"], rtol=1e-6)
    np.testing.assert_allclose(model.tex_base, licensed_arrays["texBase"], rtol=1e-6)
    np.testing.assert_array_equal(model.triangles, licensed_arrays["tri"] - 1)
    np.testing.assert_array_equal(model.point_buf, licensed_arrays["point_buf"] - 1)
    np.testing.assert_array_equal(model.keypoints, licensed_arrays["keypoints"].ravel() - 1)
    np.testing.assert_array_equal(model.skin_mask, licensed_arrays["skinmask"].ravel())
    assert model.source == "licensed"
    assert model.eyes == ()


def test_vertices_are_mean_plus_bases(licensed_file: Path, licensed_arrays: dict[str, np.ndarray]) -> None:
    model = load_licensed(licensed_file)
    rng = np.random.default_rng(1)
    identity, expression = rng.standard_normal(80), rng.standard_normal(64)
    flat = licensed_arrays["idBase"] @ identity + licensed_arrays["exBase"] @ expression
    mean = licensed_arrays["meanshape"].reshape(-1, 3)
    expected = mean - mean.mean(0) + flat.reshape(-1, 3)
    np.testing.assert_allclose(model.vertices(identity, expression), expected, atol=1e-4)
    np.testing.assert_array_equal(
        model.vertices(identity, expression, gaze=(0.2, 0.1)), model.vertices(identity, expression)
    )


def test_load_model_takes_a_path(licensed_file: Path) -> None:
    assert load_model(licensed_file).source == "licensed"


@pytest.mark.parametrize(
    "key", ["meanshape", "idBase", "exBase", "meantex", "texBase", "tri", "point_buf", "keypoints"]
)
def test_a_missing_entry_is_named(tmp_path: Path, licensed_arrays: dict[str, np.ndarray], key: str) -> None:
    del licensed_arrays[key]
    path = tmp_path / "model.mat"
    savemat(path, licensed_arrays)
    with pytest.raises(AssetError, match=key) as caught:
        load_licensed(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("idBase", np.zeros((21, 79))),
        ("idBase", np.full((21, 80), np.nan)),
        ("exBase", np.zeros((80, 21))),
        ("meanshape", np.zeros((1, 20))),
        ("tri", np.array([[1, 2, 8]])),
        ("tri", np.array([[0, 1, 2]])),
        ("keypoints", np.ones((1, 67))),
        ("meantex", np.array(["text"])),
        ("point_buf", np.ones((7, 7))),
    ],
)
def test_a_wrong_entry_is_named(
    tmp_path: Path, licensed_arrays: dict[str, np.ndarray], key: str, value: np.ndarray
) -> None:
    path = tmp_path / "model.mat"
    savemat(path, licensed_arrays | {key: value})
    with pytest.raises(AssetError, match=key):
        load_licensed(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "damaged"),
        (b"not a MATLAB file " * 20, "damaged"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git-LFS pointer"),
    ],
)
def test_a_file_of_another_kind_is_explained(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "model.mat"
    path.write_bytes(content)
    with pytest.raises(AssetError, match=expected):
        load_licensed(path)


def test_a_truncated_file_is_refused(tmp_path: Path, licensed_file: Path) -> None:
    whole = licensed_file.read_bytes()
    path = tmp_path / "cut.mat"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AssetError, match=r"damaged|no entry"):
        load_licensed(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"nowhere\.mat"):
        load_licensed(tmp_path / "nowhere.mat")
