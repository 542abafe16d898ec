"""Meshes that are broken in every usual way: mended with an exact account, or refused with a message."""

from __future__ import annotations

import numpy as np
import pytest

from vfa.avatar import load_avatar
from vfa.avatar.raw import RawMesh
from vfa.avatar.repair import repair, winding_flips
from vfa.errors import MeshError

pytest.importorskip("trimesh")

CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
FACES = np.array([t for a, b, c, d in QUADS for t in ((a, b, c), (a, c, d))])


def volume(vertices, triangles):
    a, b, c = (np.asarray(vertices, float)[triangles[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def obj(path, vertices, faces):
    text = "".join("v " + " ".join(map(repr, v)) + "\n" for v in np.asarray(vertices, float).tolist())
    path.write_text(text + "".join("f " + " ".join(str(i + 1) for i in f) + "\n" for f in faces))
    return path


def mended(vertices, faces):
    return repair(RawMesh(np.asarray(vertices, float), np.asarray(faces, np.int64)))[0]


def test_a_sound_mesh_is_left_alone():
    mesh, origin = repair(RawMesh(CORNERS, FACES))
    assert mesh.report == [] and not origin.any()
    np.testing.assert_array_equal(mesh.positions, CORNERS)
    np.testing.assert_array_equal(mesh.triangles, FACES)


def test_vertex_that_is_not_finite():
    vertices = np.concatenate([CORNERS, [[np.nan, 0, 0], [0, np.inf, 0]]])
    mesh = mended(vertices, [*FACES, (0, 1, 8), (8, 9, 2)])
    assert mesh.report == [
        "dropped 2 vertices that are not finite, with 2 triangles",
        "dropped 2 unreferenced vertices",
    ]
    assert len(mesh.triangles) == 12 and np.isfinite(mesh.positions).all()


def test_degenerate_duplicated_and_unreferenced():
    extra = np.concatenate([CORNERS, [[9, 9, 9], [-1, -1, 0]]])  # vertex 9 halves the edge 0-1
    faces = [*FACES, (0, 0, 1), (0, 1, 9), tuple(FACES[3]), tuple(FACES[3][[1, 2, 0]]), tuple(FACES[4][::-1])]
    mesh = mended(extra, faces)
    assert mesh.report == [
        "dropped 2 degenerate triangles",
        "dropped 3 duplicated triangles",
        "dropped 2 unreferenced vertices",
    ]
    assert volume(mesh.positions, mesh.triangles) == pytest.approx(8)


def test_triangle_soup_is_welded():
    mesh = mended(CORNERS[FACES].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    assert len(mesh.positions) == 8 and "welded 28 vertices" in mesh.report[0]
    assert volume(mesh.positions, mesh.triangles) == pytest.approx(8)


@pytest.mark.parametrize("seed", range(4))
def test_random_winding_becomes_outward(seed):
    flip = np.random.default_rng(seed).random(12) < 0.5
    faces = FACES.copy()
    faces[flip] = faces[flip][:, ::-1]
    mesh = mended(CORNERS, faces)
    assert volume(mesh.positions, mesh.triangles) == pytest.approx(8)
    assert mesh.report == ([f"turned {int(flip.sum())} triangles so that all face outwards"] if flip.any() else [])


def test_each_closed_component_faces_outward():
    faces = np.concatenate([FACES, FACES[:, ::-1] + 8])
    mesh = mended(np.concatenate([CORNERS, CORNERS / 2 + 5]), faces)
    assert volume(mesh.positions, mesh.triangles) == pytest.approx(8 + 1)


def test_a_moebius_strip_is_left_alone():
    turns = 16
    angle = 2 * np.pi * np.arange(turns) / turns
    side = np.array([-0.3, 0.3])[:, None]
    radius = 1 + side * np.cos(angle / 2)
    vertices = np.stack([radius * np.cos(angle), radius * np.sin(angle), side * np.sin(angle / 2)], axis=-1).reshape(
        -1, 3
    )
    faces = []
    for i in range(turns):
        a, b, c, d = i, i + 1, turns + i + 1, turns + i
        if i == turns - 1:
            b, c = turns, 0  # the other way round
        faces += [(a, b, c), (a, c, d)]
    flips, unoriented = winding_flips(vertices, np.array(faces))
    assert unoriented == 1 and not flips.any()


def test_non_manifold_edges_are_kept_and_counted():
    fin = np.concatenate([CORNERS, [[-1, -3.0, 0]]])
    mesh = mended(fin, [*FACES, (0, 1, 8)])
    assert len(mesh.triangles) == 13
    assert "1 edges are shared by more than two triangles (non-manifold); kept" in mesh.report


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_any_scale(tmp_path, scale):
    avatar = load_avatar(obj(tmp_path / "a.obj", CORNERS * scale, FACES), orient=False)
    np.testing.assert_allclose(avatar.vertices, CORNERS * scale, rtol=1e-6)
    assert not avatar.origin.any()


def test_far_from_the_origin_keeps_its_detail(tmp_path):
    away = np.array([1e6, -2e6, 3e6])
    detail = CORNERS + np.random.default_rng(0).normal(size=(8, 3)) * 1e-3
    avatar = load_avatar(obj(tmp_path / "a.obj", detail + away, FACES), orient=False)
    restored = avatar.vertices.astype(float) + avatar.origin
    assert np.abs(restored - (detail + away)).max() < 1e-6  # float32 alone is off by 0.1 there
    assert any("moved" in line for line in avatar.report)


def test_quads_and_missing_material(tmp_path):
    path = obj(tmp_path / "a.obj", CORNERS, QUADS)
    path.write_text("mtllib none.mtl\nusemtl x\n" + path.read_text())
    avatar = load_avatar(path, orient=False)
    assert len(avatar.triangles) == 12
    assert avatar.report[:2] == [
        "cut 6 polygons into triangles",
        "material file 'none.mtl' is missing: its surfaces get a neutral colour",
    ]


def test_faces_that_name_vertices_that_are_not_there(tmp_path):
    avatar = load_avatar(obj(tmp_path / "a.obj", CORNERS, [*FACES, (0, 1, 99)]), orient=False)
    assert "dropped 1 triangles that name vertices the file does not have" in avatar.report


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.obj", b"", "empty"),
        ("a.obj", b"\n \n", "empty"),
        ("a.obj", b"# nothing\n", "no surface"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "no surface"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "too little surface"),
        ("a.obj", b"v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3\nf 1 3 2\nf 2 1 3\nf 1 2 3\n", "too little surface"),
        ("a.obj", b"v 1 2\nf 1 1 1\n", "too short"),
        ("a.obj", b"f 1 2 3\n", "no surface"),
        ("a.obj", b"v 0 0 0\nf a b c\n", "face line"),
        ("a.obj", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        ("a.glb", b"<!DOCTYPE html><html></html>", "web page"),
        ("a.glb", b"glTF\x02\0\0\0junk", "cannot be read"),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 3\nend_header\n", "a.ply"),
        ("a.stl", bytes(range(200)), "a.stl"),
    ],
)
def test_hopeless_files_are_refused_with_their_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MeshError, match=message) as caught:
        load_avatar(path)
    assert str(path) in str(caught.value) and caught.value.exit_code == 3


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb", ".stl"])
def test_random_bytes(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(np.random.default_rng(5).bytes(3000))
    with pytest.raises(MeshError):
        load_avatar(path)


def test_names_with_odd_characters(tmp_path):
    folder = tmp_path / 'it\'s a "test"; $(x) ü'
    folder.mkdir()
    avatar = load_avatar(obj(folder / "-lead ing.obj", CORNERS, FACES), orient=False)
    assert avatar.name == "-lead ing"


@pytest.mark.slow
def test_two_million_faces():
    side = 1001
    y, x = np.mgrid[:side, :side].astype(float)
    positions = np.stack([x, y, np.sin(x / 40) * 20], axis=-1).reshape(-1, 3)
    i = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate([np.stack([i, i + 1, i + side + 1], 1), np.stack([i, i + side + 1, i + side], 1)])
    mesh, _ = repair(RawMesh(positions, faces))
    assert len(mesh.triangles) == 2_000_000
    assert mesh.report == ["2,000,000 triangles are kept; preparation takes long, a lighter mesh would look the same"]
