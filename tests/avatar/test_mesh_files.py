"""Mesh files: what is read must be what was written, seam by seam and colour by colour."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_files import box, volume, write_glb, write_obj

from vfa.avatar import load_avatar
from vfa.avatar.meshes import read_mesh
from vfa.avatar.repair import components
from vfa.errors import InputError, MeshError

pytest.importorskip("trimesh")

STRIP = """
v 0 0 0
v 1 0 0
v 2 0 0
v 0 1 0
v 1 1 0
v 2 1 0
vt 0 0
vt 0.5 0
vt 0 1
vt 0.5 1
vt 1 0
vt 1 1
"""


def test_obj_keeps_seams_welded_and_uv_per_corner(tmp_path):
    """Two quads that share the edge 2-5 in space, with other UVs on each side of it."""
    (tmp_path / "a.obj").write_text(STRIP + "f 1/1 2/2 5/4 4/3\nf 2/5 3/6 6/1 5/2\n")
    mesh = read_mesh(tmp_path / "a.obj")
    assert len(mesh.positions) == 6
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
    np.testing.assert_array_equal(mesh.corner_uv[0], [[0, 0], [0.5, 0], [0.5, 1]])
    np.testing.assert_array_equal(mesh.corner_uv[2], [[1, 0], [1, 1], [0, 0]])


@pytest.mark.parametrize(
    "faces",
    ["f -6 -5 -2 -3\nf -5 -4 -1 -2", "f 1// 2// 5// 4//\nf 2 3 6 5", "f 1/1 2/2 5/4 4/3 # quad\nf 2/ 3/ 6/ 5/"],
    ids=["negative", "no-uv", "mixed"],
)
def test_obj_index_styles(tmp_path, faces):
    (tmp_path / "a.obj").write_text(STRIP + faces + "\n")
    mesh = read_mesh(tmp_path / "a.obj")
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])


def test_obj_polygons_groups_colours_and_continued_lines(tmp_path):
    text = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nv .5 2 0 1 1 1\nv 0 1 0 0 0 0\n"
    text += "g one\nf 1 2 \\\n3 4 5\ng two\nf 1 2 3\n"
    (tmp_path / "a.obj").write_text(text)
    mesh = read_mesh(tmp_path / "a.obj")
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 1, 2]])
    np.testing.assert_array_equal(mesh.vertex_colors[:3], np.eye(3, dtype=np.uint8) * 255)
    assert [mesh.group_names[i] for i in mesh.group] == ["one", "one", "one", "two"]


def test_obj_materials_and_textures(tmp_path):
    from PIL import Image

    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = (10, 200, 30)
    Image.fromarray(picture).save(tmp_path / "skin.png")
    (tmp_path / "a.mtl").write_text(
        "newmtl red\nKd 1 0 0\nnewmtl photo\nKd 0.8 0.8 0.8\nmap_Kd skin.png\nnewmtl lost\nmap_Kd no.png\n"
    )
    faces = "usemtl red\nf 1/1 2/2 5/4\nusemtl photo\nf 1/1 5/4 4/3\nusemtl lost\nf 2 3 6\nusemtl unknown\nf 2 6 5\n"
    (tmp_path / "a.obj").write_text("mtllib a.mtl\n" + STRIP + faces)
    avatar = load_avatar(tmp_path / "a.obj", orient=False)
    look = avatar.appearance
    red, photo, lost, unknown = look.material
    assert look.base_color(red).tolist() == [255, 0, 0, 255]
    np.testing.assert_array_equal(look.texture(photo), picture)
    assert look.base_color(photo).tolist() == [255] * 4
    assert look.texture(lost) is None and look.texture(unknown) is None
    assert any("'lost'" in line and "texture" in line for line in avatar.report)
    assert any("'unknown'" in line for line in avatar.report)


def test_obj_without_its_material_file_says_so(tmp_path):
    write_obj(tmp_path / "a.obj", *box(), header="mtllib gone.mtl\nusemtl skin")
    avatar = load_avatar(tmp_path / "a.obj", orient=False)
    assert any("gone.mtl" in line and "missing" in line for line in avatar.report)
    assert avatar.appearance.is_plain


@pytest.mark.parametrize("suffix", ["ply", "glb", "stl"])
def test_other_formats_give_the_same_solid(tmp_path, suffix):
    import trimesh

    vertices, triangles = box((3, 4, 5), 2)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(trimesh.Trimesh(vertices, triangles, process=False).export(file_type=suffix))
    avatar = load_avatar(path, orient=False)
    assert (len(avatar.vertices), len(avatar.triangles)) == (8, 12)
    assert volume(avatar.vertices + avatar.origin, avatar.triangles) == pytest.approx(8, rel=1e-5)
    np.testing.assert_allclose(sorted(map(tuple, avatar.vertices + avatar.origin)), sorted(map(tuple, vertices)))


def test_ply_vertex_colours(tmp_path):
    import trimesh

    vertices, triangles = box()
    colors = np.random.default_rng(0).integers(0, 256, (8, 4), np.uint8)
    mesh = trimesh.Trimesh(vertices, triangles, vertex_colors=colors, process=False)
    (tmp_path / "a.ply").write_bytes(mesh.export(file_type="ply"))
    avatar = load_avatar(tmp_path / "a.ply", orient=False)
    np.testing.assert_array_equal(avatar.appearance.vertex_colors, colors[:, :3])


def test_glb_split_at_every_edge_is_welded(tmp_path):
    """Flat shading splits every vertex; driven like that, the surface would fall apart."""
    vertices, triangles = box()
    path = write_glb(tmp_path / "a.glb", vertices[triangles.ravel()], np.arange(36).reshape(-1, 3))
    assert len(read_mesh(path).positions) == 36
    avatar = load_avatar(path, orient=False)
    assert len(avatar.vertices) == 8 and volume(avatar.vertices, avatar.triangles) == pytest.approx(1)
    assert avatar.parts.max() == 0


def test_glb_texture_and_node_transform(tmp_path):
    import trimesh
    from PIL import Image

    vertices, triangles = box()
    uv = np.random.default_rng(1).random((8, 2))
    picture = np.random.default_rng(2).integers(0, 256, (4, 4, 3), np.uint8)
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(picture))
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.Trimesh(vertices, triangles, visual=visual, process=False), node_name="head",
                       transform=np.diag([2.0, 2, 2, 1]))  # fmt: skip
    scene.add_geometry(trimesh.Trimesh(*box((5, 0, 0)), process=False), node_name="hat")
    (tmp_path / "a.glb").write_bytes(scene.export(file_type="glb"))
    avatar = load_avatar(tmp_path / "a.glb", orient=False)
    assert volume(avatar.vertices, avatar.triangles) == pytest.approx(9, rel=1e-5)
    own = avatar.parts[avatar.triangles[:, 0]] == 0
    assert own.sum() == 12  # the largest part is the scaled box
    look = avatar.appearance
    np.testing.assert_array_equal(look.texture(int(look.material[own][0])), picture)
    corner = {tuple(np.round(p / 2, 3)): t for p, t in zip(avatar.vertices[avatar.triangles[own]].reshape(-1, 3),
                                                          look.corner_uv[own].reshape(-1, 2), strict=True)}  # fmt: skip
    for position, expected in zip(vertices, uv, strict=True):
        np.testing.assert_allclose(corner[tuple(np.round(position, 3))], expected, atol=1e-6)


def test_a_slit_stays_open_but_a_seam_is_closed(tmp_path):
    """A sheet cut in the middle: the same cut is a seam where UVs differ across it and a slit where they do not."""
    vertices = [(x, y, 0) for y in (0, 1, 1, 2) for x in range(4)]  # row y = 1 twice
    vertices[8], vertices[11] = (0, 1, 0), (3, 1, 0)
    faces = []
    for low in (0, 8):
        for x in range(3):
            a, b, c, d = low + x, low + x + 1, low + x + 5, low + x + 4
            faces += [(a, b, c), (a, c, d)]
    faces = np.array(faces)
    faces[faces == 8], faces[faces == 11] = 4, 7  # the ends of the cut are shared, as the corners of a mouth
    for name, differ in (("slit", False), ("seam", True)):
        uv = [(x / 3, y / 2) for x, y, _ in vertices]
        if differ:
            uv[9], uv[10] = (0.9, 0.9), (0.8, 0.9)
        text = "".join(f"v {x} {y} {z}\n" for x, y, z in vertices) + "".join(f"vt {u} {v}\n" for u, v in uv)
        text += "".join("f " + " ".join(f"{i + 1}/{i + 1}" for i in face) + "\n" for face in faces.tolist())
        (tmp_path / f"{name}.obj").write_text(text)
        avatar = load_avatar(tmp_path / f"{name}.obj", orient=False)
        assert len(avatar.vertices) == (12 if differ else 14), name
        assert components(avatar.triangles, len(avatar.vertices)).max() == 0


def test_wrong_suffix_and_missing_file(tmp_path):
    (tmp_path / "a.fbx").write_text("x")
    with pytest.raises(InputError, match=r"\.obj"):
        load_avatar(tmp_path / "a.fbx")
    with pytest.raises(InputError, match="no such file"):
        load_avatar(tmp_path / "a.obj")
    (tmp_path / "b.obj").write_text("v 0 0 zero\nf 1 1 1\n")
    with pytest.raises(MeshError, match="numbers"):
        read_mesh(tmp_path / "b.obj")
