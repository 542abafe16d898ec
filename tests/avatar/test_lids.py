"""Closing lids on a sheet with an eye-shaped hole: where they go, how far, and what has no opening."""

from __future__ import annotations

import numpy as np
import pytest

from vfa.avatar.lids import UPPER_SHARE, Lids, find_lids
from vfa.mesh.geodesics import GeodesicSolver

SIZE, FOCAL, DEPTH = 200, 200.0, 2.0  # a pixel is 0.01 wide
LEFT, RIGHT, MIDDLE, HALF = 60.0, 140.0, 100.0, 16.0
PIXEL = DEPTH / FOCAL


def half_opening(x: np.ndarray) -> np.ndarray:
    """Half the height of the eye at a column, in pixels: a parabola from corner to corner."""
    return HALF * np.clip(1 - ((x - 100) / 40) ** 2, 0, None)


@pytest.fixture(scope="module")
def eye():
    """A sheet with vertices every 2 pixels; those within the eye's opening are left out."""
    x, y = np.meshgrid(np.arange(20, 181, 2.0), np.arange(20, 181, 2.0))
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = (q.ravel() for q in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    hole = (np.abs(y - MIDDLE) < half_opening(x)).ravel()
    triangles = triangles[~hole[triangles].any(axis=1)]
    vertices = np.stack([(x - 100) * PIXEL, (100 - y) * PIXEL, 0 * x], axis=-1).reshape(-1, 3)
    screen = np.stack([x, y, np.full_like(x, DEPTH)], axis=-1).reshape(-1, 3)
    usable = np.zeros(len(vertices), bool)
    usable[triangles] = True
    row, column = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    behind = np.abs(row - MIDDLE) < half_opening(column)
    corners = np.array([[LEFT, MIDDLE], [RIGHT, MIDDLE]])
    return vertices, screen, GeodesicSolver(vertices, triangles), usable, corners, behind


def found(eye, **changes) -> Lids | None:
    vertices, screen, solver, usable, corners, behind = eye
    given = {"corners": corners, "behind": behind, "usable": usable, **changes}
    return find_lids(screen, solver, given["usable"], given["corners"], given["behind"], np.array([0.0, 1, 0]),
                     np.arange(len(vertices)), FOCAL)  # fmt: skip


def margins(eye, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heights of the upper and the lower margin over the middle half of the eye, in pixels."""
    _, screen, _, usable, *_ = eye
    top, bottom = [], []
    for column in np.arange(82, 120, 2.0):
        own = np.flatnonzero(usable & (screen[:, 0] == column))
        above = own[screen[own, 1] < MIDDLE]
        below = own[screen[own, 1] > MIDDLE]
        top.append(vertices[above[screen[above, 1].argmax()], 1])
        bottom.append(vertices[below[screen[below, 1].argmin()], 1])
    return np.array(top) / PIXEL, np.array(bottom) / PIXEL


def test_lids_meet_where_the_upper_one_does_most_of_the_way(eye) -> None:
    vertices = eye[0]
    shut = vertices.copy()
    found(eye).apply(shut, 0.0)
    (top, bottom), (top_shut, bottom_shut) = margins(eye, vertices), margins(eye, shut)
    assert (top - bottom).max() > 30
    assert np.abs(top_shut - bottom_shut).max() < 4  # the vertices stand 2 pixels apart
    share = (top - top_shut) / (top - top_shut + bottom_shut - bottom)
    np.testing.assert_allclose(share, UPPER_SHARE, atol=0.03)


def test_lids_move_up_and_down_only_and_linearly(eye) -> None:
    lids = found(eye)
    assert (lids.closing[:, [0, 2]] == 0).all()
    half, open_ = eye[0].copy(), eye[0].copy()
    lids.apply(half, 0.5)
    lids.apply(open_, 1.0)
    np.testing.assert_array_equal(open_, eye[0])
    np.testing.assert_allclose((half - eye[0])[lids.members], 0.5 * lids.closing)


def test_motion_fades_with_the_distance_from_the_lid(eye) -> None:
    lids = found(eye)
    moved = np.zeros(len(eye[0]))
    moved[lids.members] = np.abs(lids.closing[:, 1])
    screen = eye[1]
    column = np.flatnonzero((screen[:, 0] == 100) & (screen[:, 1] < 84))
    above = moved[column[np.argsort(-screen[column, 1])]]
    assert (np.diff(above) <= 1e-9).all() and above[-1] == 0, "strongest at the margin, nothing at the forehead"
    assert not moved[(screen[:, 0] < 55) | (screen[:, 0] > 145)].any(), "nothing beside the eye"


def test_where_nothing_shows_between_the_lids_there_are_none(eye) -> None:
    assert found(eye, behind=np.zeros((SIZE, SIZE), bool)) is None
    slot = eye[5].copy()
    slot[:, :95] = slot[:, 105:] = False  # a quarter of the width is too little
    assert found(eye, behind=slot) is None
    assert found(eye, usable=np.zeros_like(eye[3])) is None
