"""One built-in model for all tests of this folder, and a small licensed-style file written with scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from BFM import load_model
from BFM.model import MorphableModel


@pytest.fixture(scope="session")
def head() -> MorphableModel:
    """The built-in head, from the cache where there is one."""
    from BFM.builtin import load_builtin

    return load_builtin()


@pytest.fixture
def licensed_arrays() -> dict[str, np.ndarray]:
    """The entries of a licensed-style file for a tetrahedron with seven vertices (three of them unused)."""
    rng = np.random.default_rng(0)
    n = 7
    triangles = np.array([[1, 3, 2], [1, 2, 4], [2, 3, 4], [1, 4, 3]])
    return {
        "meanshape": rng.standard_normal((1, 3 * n)) + 5,
        "idBase": rng.standard_normal((3 * n, 80)),
        "exBase": rng.standard_normal((3 * n, 64)),
        "meantex": rng.uniform(0, 255, (1, 3 * n)),
        "texBase": rng.standard_normal((3 * n, 80)),
        "tri": triangles,
        "point_buf": rng.integers(1, 6, (n, 8)),
        "keypoints": rng.integers(1, n + 1, (1, 68)),
        "skinmask": np.array([[1, 1, 1, 0, 1, 0, 1]]),
        "frontmask2_idx": np.array([[1], [2]]),
    }


@pytest.fixture
def licensed_file(tmp_path: Path, licensed_arrays: dict[str, np.ndarray]) -> Path:
    """That file on disk."""
    from scipy.io import savemat

    path = tmp_path / "BFM09_model_info.mat"
    savemat(path, licensed_arrays)
    return path


@pytest.fixture(autouse=True)
def _fresh_models() -> None:
    load_model.cache_clear()
