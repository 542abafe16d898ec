"""The 257-number layout, rotations and spherical-harmonics light against closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from BFM import load_coefficients, split_coefficients
from BFM.coefficients import rotation
from BFM.geometry import vertex_normals
from BFM.lighting import harmonics, shade
from vfa.errors import InputError

SHARED = Path(__file__).parents[2].parent / "shared"


def test_parts_follow_each_other() -> None:
    parts = split_coefficients(np.arange(257.0))
    starts = [
        float(part[0])
        for part in (parts.identity, parts.expression, parts.texture, parts.euler, parts.gamma, parts.translation)
    ]
    assert starts == [0, 80, 144, 224, 227, 254]
    np.testing.assert_array_equal(parts.joined(), np.arange(257))


@pytest.mark.parametrize("bad", [np.zeros(256), np.zeros((2, 257)), np.array(["x"] * 257), np.full(257, np.nan)])
def test_other_arrays_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(InputError):
        split_coefficients(bad)


def test_files(tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", np.ones((1, 257)))
    assert load_coefficients(tmp_path / "good.npy").translation.tolist() == [1, 1, 1]
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "archive.npz", a=np.ones(257))
    (tmp_path / "text.npy").write_text("<html>")
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("objects.npy", "archive.npz", "text.npy", "empty.npy", "missing.npy"):
        with pytest.raises(InputError, match=name):
            load_coefficients(tmp_path / name)


@pytest.mark.skipif(not (SHARED / "real" / "bfm09_coefficients.npy").exists(), reason="shared data is absent")
def test_a_published_reconstruction_is_read() -> None:
    parts = load_coefficients(SHARED / "real" / "bfm09_coefficients.npy")
    assert np.abs(parts.euler).max() < np.pi
    assert np.abs(parts.identity).max() > 0


def test_rotation_about_each_axis() -> None:
    quarter = np.pi / 2
    np.testing.assert_allclose(rotation([quarter, 0, 0]) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation([0, quarter, 0]) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation([0, 0, quarter]) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    turn = rotation(np.array([0.3, -0.2, 0.5]))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    about_z, about_y, about_x = rotation([0, 0, 0.5]), rotation([0, -0.2, 0]), rotation([0.3, 0, 0])
    np.testing.assert_allclose(turn, about_z @ about_y @ about_x, atol=1e-12)


def directions(n: int = 20000) -> np.ndarray:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice)."""
    k = np.arange(n) + 0.5
    z = 1 - 2 * k / n
    turn = np.pi * (1 + 5**0.5) * k
    return np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], -1)


def test_no_light_coefficients_give_the_same_light_everywhere() -> None:
    lit = shade(directions(50), np.full((50, 3), 200.0), np.zeros(27))
    assert np.unique(lit).tolist() == [round(200 * 0.8 * np.sqrt(np.pi) / 2)]


def test_harmonics_are_orthogonal_with_the_known_norms() -> None:
    # Real spherical harmonics are orthonormal over the sphere; the bands are scaled by pi, 2 pi/sqrt 3, 2 pi/sqrt 8.
    basis = harmonics(directions())
    gram = basis.T @ basis * 4 * np.pi / len(basis)
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=0.02)
    bands = np.array([np.pi, *[2 * np.pi / np.sqrt(3)] * 3, *[2 * np.pi / np.sqrt(8)] * 5]) ** 2
    np.testing.assert_allclose(np.diag(gram), bands, rtol=2e-3)


def test_channels_are_independent() -> None:
    gamma = np.zeros(27)
    gamma[9 + 2] = 0.3  # green light from the front
    front, back = shade(np.array([[0, 0, 1.0], [0, 0, -1.0]]), np.full((2, 3), 100.0), gamma).astype(int)
    assert front[1] > back[1]
    assert front[0] == back[0] and front[2] == back[2]


def test_normals_of_a_sphere_point_outwards() -> None:
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [9, 9, 9]], float)
    corners = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    normals = vertex_normals(vertices, np.array(corners))
    np.testing.assert_allclose(normals[:6], vertices[:6], atol=1e-12)
    assert not normals[6].any()
