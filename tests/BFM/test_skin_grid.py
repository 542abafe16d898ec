"""The thinned grid of the skin is a closed surface for any map of levels, with and without slits."""

from __future__ import annotations

import numpy as np
import pytest

from BFM.procedural.grid import BLOCK, balance_levels, build_skin

SEAMS = (5, 8)
BLOCKS = (12, 10)
ROWS, COLUMNS = BLOCKS[0] * BLOCK + 1 + len(SEAMS), BLOCKS[1] * BLOCK


def counted_edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    return np.unique(pairs, axis=0, return_counts=True)


def random_levels(seed: int) -> np.ndarray:
    return balance_levels(np.random.default_rng(seed).integers(0, 3, BLOCKS), SEAMS)


@pytest.mark.parametrize("seed", range(6))
def test_balanced_levels_differ_by_one_and_agree_across_seams(seed: int) -> None:
    wanted = np.random.default_rng(seed).integers(0, 3, BLOCKS)
    level = balance_levels(wanted, SEAMS)
    assert (level <= wanted).all()
    assert np.abs(np.diff(level, axis=0)).max() <= 1
    assert np.abs(level - np.roll(level, 1, 1)).max() <= 1
    for seam in SEAMS:
        np.testing.assert_array_equal(level[seam - 1], level[seam])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("slit", [0, 7])
def test_surface_is_closed_but_for_the_slits(seed: int, slit: int) -> None:
    level = random_levels(seed)
    level[SEAMS[1] - 1 : SEAMS[1] + 1] = 0  # a slit needs all nodes of its row
    level = balance_levels(level, SEAMS)
    opened = np.zeros(COLUMNS, bool)
    opened[3 : 3 + slit] = True
    flip = np.random.default_rng(seed).uniform(size=(ROWS, COLUMNS)) < 0.3
    skin = build_skin(level, SEAMS, (np.zeros(COLUMNS, bool), opened), flip)
    pairs, count = counted_edges(skin.triangles)
    assert set(count) <= {1, 2}
    assert (count == 1).sum() == (2 * (slit + 1) if slit else 0)  # both lips of the slit
    holes = 1 if slit else 0
    used = len(np.unique(skin.triangles))
    assert used == len(skin.node)
    assert used - len(pairs) + len(skin.triangles) == 2 - holes  # Euler's formula
    np.testing.assert_array_equal(np.unique(skin.index[skin.index >= 0]), np.arange(used))


def test_neighbouring_triangles_turn_the_same_way() -> None:
    skin = build_skin(random_levels(1), SEAMS, (np.zeros(COLUMNS, bool),) * 2, np.zeros((ROWS, COLUMNS), bool))
    t = skin.triangles
    directed = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed)  # each direction of an edge is used once
