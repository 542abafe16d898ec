"""Index groups against MediaPipe's own connection sets and against the symmetry of the face."""

from __future__ import annotations

import numpy as np
import pytest

from vfa.face import topology as t


@pytest.fixture(scope="module")
def connections():
    return pytest.importorskip("mediapipe.python.solutions.face_mesh_connections")


def undirected(edges):
    return {frozenset(edge) for edge in edges}


def chain(indices):
    return undirected(zip(indices[:-1], indices[1:], strict=True))


def test_triangles_are_the_tessellation(connections):
    edges = {(int(a), int(b)) for tri in t.TRIANGLES for a, b in zip(tri, np.roll(tri, -1), strict=True)}
    assert edges == set(connections.FACEMESH_TESSELATION)
    assert sorted(set(t.TRIANGLES.ravel().tolist())) == list(range(468))


def test_lips_are_the_lip_contour(connections):
    groups = (t.OUTER_LIPS_UPPER, t.OUTER_LIPS_LOWER, t.INNER_LIPS_UPPER, t.INNER_LIPS_LOWER)
    assert set().union(*map(chain, groups)) == undirected(connections.FACEMESH_LIPS)


@pytest.mark.parametrize("side", ["LEFT", "RIGHT"])
def test_lids_and_brows(connections, side):
    upper, lower = getattr(t, f"{side}_EYE_UPPER"), getattr(t, f"{side}_EYE_LOWER")
    assert chain(upper) | chain(lower) == undirected(getattr(connections, f"FACEMESH_{side}_EYE"))
    brow = chain(getattr(t, f"{side}_BROW_UPPER")) | chain(getattr(t, f"{side}_BROW_LOWER"))
    assert brow == undirected(getattr(connections, f"FACEMESH_{side}_EYEBROW"))
    assert set(getattr(t, f"{side}_IRIS")[1:]) == set().union(*getattr(connections, f"FACEMESH_{side}_IRIS"))
    assert set(getattr(t, f"{side}_EYE")) == set(upper) | set(lower)


def test_oval(connections):
    assert chain((*t.FACE_OVAL, t.FACE_OVAL[0])) == undirected(connections.FACEMESH_FACE_OVAL)


def mirror_map():
    """Walk the triangulation from the midline edge (10, 151) on both sides at once."""
    opposite = {(a, b): c for tri in t.TRIANGLES.tolist() for a, b, c in (tri, tri[1:] + tri[:1], tri[2:] + tri[:2])}
    mirror, stack, done = {10: 10, 151: 151}, [(10, 151), (151, 10)], set()
    while stack:
        u, v = stack.pop()
        if (u, v) in done or (u, v) not in opposite or (mirror[v], mirror[u]) not in opposite:
            continue
        done.add((u, v))
        w = opposite[u, v]
        mirror.setdefault(w, opposite[mirror[v], mirror[u]])
        stack += [(v, w), (w, v), (w, u), (u, w)]
    return mirror


@pytest.mark.parametrize("name", ["EYE_UPPER", "EYE_LOWER", "BROW_UPPER", "BROW_LOWER"])
def test_left_and_right_mirror_each_other(name):
    mirror = mirror_map()
    assert [mirror[i] for i in getattr(t, f"RIGHT_{name}")][::-1] == list(getattr(t, f"LEFT_{name}"))


def test_paired_groups_mirror_themselves_and_share_corners():
    mirror = mirror_map()
    for name in ("OUTER_LIPS", "INNER_LIPS", "LEFT_EYE", "RIGHT_EYE"):
        upper, lower = getattr(t, f"{name}_UPPER"), getattr(t, f"{name}_LOWER")
        assert len(upper) == len(lower) and (upper[0], upper[-1]) == (lower[0], lower[-1])
        if "LIPS" in name:
            for group in (upper, lower):
                assert [mirror[i] for i in group][::-1] == list(group)


def test_ibug_order_is_mirror_symmetric():
    mirror = mirror_map()
    swap = list(range(16, -1, -1)) + list(range(26, 16, -1)) + [27, 28, 29, 30, 35, 34, 33, 32, 31]
    swap += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    swap += [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    assert len(t.IBUG68) == 68 == len(swap)
    assert [mirror[i] for i in t.IBUG68] == [t.IBUG68[j] for j in swap]


def test_loops_of_holes():
    """The edges used once are the oval, the eyes and the inner lips."""
    edges = [frozenset(e) for tri in t.TRIANGLES.tolist() for e in zip(tri, tri[1:] + tri[:1], strict=True)]
    border = {e for e in edges if edges.count(e) == 1}
    loops = (t.FACE_OVAL, t.LEFT_EYE, t.RIGHT_EYE, t.INNER_LIPS_UPPER + t.INNER_LIPS_LOWER[-2:0:-1])
    assert border == set().union(*(chain((*loop, loop[0])) for loop in loops))
