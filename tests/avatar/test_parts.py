"""Components, eyeballs, helper geometry, paint."""

from __future__ import annotations

import numpy as np
import pytest
from mesh_files import box, sphere, write_obj

from vfa.avatar import load_avatar
from vfa.avatar.paint import eye_texture, paint
from vfa.avatar.parts import Eye, find_eyes, label_parts


def several(*solids):
    vertices, triangles, start = [], [], 0
    for v, t in solids:
        vertices.append(v)
        triangles.append(t + start)
        start += len(v)
    return np.concatenate(vertices), np.concatenate(triangles)


def head():
    return several(sphere((-2, 0, 8), 1.2), sphere((0, 0, 0), 10, 24, 32), sphere((2, 0, 8), 1.2), box((0, -4, 9), 1.5))


def test_parts_are_numbered_by_area():
    vertices, triangles = head()
    parts = label_parts(vertices, triangles)
    sizes = np.bincount(parts)
    assert len(sizes) == 4 and sizes[0] == len(sphere(rows=24, columns=32)[0])
    assert set(sizes[1:3]) == {len(sphere()[0])} and sizes[3] == 8


def test_eyeballs_are_found_with_what_is_inside_them():
    vertices, triangles = head()
    lens = several((vertices, triangles), sphere((2, 0, 9), 0.3))
    parts = label_parts(*lens)
    eyes = find_eyes(lens[0], parts, [""] * 5)
    assert sorted(round(float(eye.center[0]), 6) for eye in eyes) == [-2, 2]
    assert all(eye.radius == pytest.approx(1.2) for eye in eyes)
    right = max(eyes, key=lambda eye: eye.center[0])
    assert len(right.vertices) == 2 * len(sphere()[0])


def test_a_single_ball_is_an_eye_only_by_name():
    vertices, triangles = several(sphere((0, 0, 0), 10, 24, 32), sphere((2, 0, 8), 1.2))
    parts = label_parts(vertices, triangles)
    assert find_eyes(vertices, parts, ["", ""]) == []
    assert len(find_eyes(vertices, parts, ["body", "Eye.L"])) == 1


def test_boxes_are_no_eyes():
    vertices, triangles = several(sphere((0, 0, 0), 10, 24, 32), box((-3, 0, 9)), box((3, 0, 9)))
    assert find_eyes(vertices, label_parts(vertices, triangles), [""] * 3) == []


def test_helper_groups_are_dropped_by_name(tmp_path):
    text, start = "", 0
    for name, (v, t) in {
        "body": sphere(radius=10),
        "helper-skirt": box((0, -20, 0)),
        "helper-l-eye": sphere((2, 0, 9)),
        "helper-upper-teeth": box((0, -3, 9)),
        "joint-spine": box((0, 3, 0)),
    }.items():
        text += "".join(f"v {x} {y} {z}\n" for x, y, z in v.tolist()) + f"g {name}\n"
        text += "".join(f"f {a} {b} {c}\n" for a, b, c in (t + start + 1).tolist())
        start += len(v)
    (tmp_path / "a.obj").write_text(text)
    avatar = load_avatar(tmp_path / "a.obj", orient=False)
    assert avatar.part_names == ("body", "helper-l-eye", "helper-upper-teeth")
    assert "dropped 2 groups of invisible helper geometry, 24 triangles" in avatar.report
    assert len(avatar.eyes) == 1


def test_a_mesh_of_helpers_alone_is_kept(tmp_path):
    write_obj(tmp_path / "a.obj", *box(), header="g helper-x")
    assert len(load_avatar(tmp_path / "a.obj", orient=False).triangles) == 12


def test_painted_eyes_look_towards_plus_z():
    vertices, triangles = head()
    parts = label_parts(vertices, triangles)
    names = ["face", "", "", "teeth"]
    look = paint(vertices, triangles, parts, names, find_eyes(vertices, parts, names))
    look.validate(len(vertices), len(triangles))
    assert look.has_texture
    front = np.argmax(vertices[:, 2] * (parts == parts[0]))  # the first solid is an eye
    corner = np.argwhere(triangles == front)[0]
    np.testing.assert_allclose(look.corner_uv[corner[0], corner[1]], 0.5, atol=1e-6)
    centre = eye_texture()[256, 256]
    edge = eye_texture()[256, 5]
    assert centre.max() < 40 and edge.min() > 180  # the pupil is dark, the white is white
    assert len(set(look.material.tolist())) == 3


def test_a_single_piece_stays_clay():
    vertices, triangles = box()
    assert paint(vertices, triangles, np.zeros(8, int), [""], []).is_plain
    assert not paint(vertices, triangles, np.zeros(8, int), [""], [Eye(np.zeros(3), 1.0, np.arange(8))]).is_plain
