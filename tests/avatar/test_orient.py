"""Which way a face looks: the turns themselves, the search with a stub, and the real meshes where they are present."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mesh_files import sphere

from vfa.avatar import load_avatar
from vfa.avatar.orient import candidate_axes, find_face
from vfa.face.landmarks import FaceLandmarks
from vfa.render.appearance import Appearance

AVATARS = Path(__file__).parents[2].parent / "shared" / "avatars"
needs_avatars = pytest.mark.skipif(not AVATARS.is_dir(), reason="no meshes to try here")


def test_the_24_turns_of_a_cube():
    turns = dict(candidate_axes())
    assert len(turns) == 24
    assert len({tuple(np.round(turn).astype(int).ravel()) for turn in turns.values()}) == 24
    for name, turn in turns.items():
        assert np.linalg.det(turn) == pytest.approx(1), name
    np.testing.assert_array_equal(next(iter(turns.values())), np.eye(3))
    blender = turns["-y forward, +z up"]
    np.testing.assert_array_equal(blender @ [0, -1, 0], [0, 0, 1])
    np.testing.assert_array_equal(blender @ [0, 0, 1], [0, 1, 0])


class RedSpotFinder:
    """Sees a face of the sphere's relief where the picture's middle is red."""

    def detect(self, image):
        height, width = image.shape[:2]
        middle = image[height // 2, width // 2].astype(int)
        if middle[0] < 2 * middle[1]:
            return None
        spread = np.random.default_rng(0).uniform(-0.25, 0.25, (478, 2))
        points = np.zeros((478, 3), np.float32)
        points[:, :2] = (spread + 0.5) * (width, height)
        points[:, 2] = (spread**2).sum(axis=1) * 200
        return FaceLandmarks(points)


@pytest.mark.parametrize("face", [(0, 0, 1), (0, -1, 0), (1, 0, 0), (0, 0, -1)])
def test_the_spot_is_turned_to_the_front(face):
    vertices, triangles = sphere(rows=24, columns=32)
    colors = np.full((len(vertices), 3), 180, np.uint8)
    colors[vertices @ np.array(face) > 0.9] = (200, 20, 20)
    sight = find_face(vertices, triangles, lambda positions: Appearance(vertex_colors=colors), RedSpotFinder())
    np.testing.assert_allclose(sight.rotation @ face, [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(sight.places, axis=1), 1, atol=0.02)  # they lie on the sphere
    assert (sight.places[:, 2] > 0).all()


def test_a_plain_ball_has_no_face():
    vertices, triangles = sphere(rows=24, columns=32)
    colors = np.full((len(vertices), 3), 180, np.uint8)
    assert find_face(vertices, triangles, lambda positions: Appearance(vertex_colors=colors), RedSpotFinder()) is None


@needs_avatars
def test_nefertiti_is_turned_upright():
    avatar = load_avatar(AVATARS / "nefertiti.obj")
    assert "turned to face towards +Z: the file has -y forward, +z up" in avatar.report
    assert avatar.face_certain
    p = avatar.face_places
    assert p[10, 1] > p[1, 1] > p[152, 1]  # forehead over nose over chin
    assert p[1, 2] > max(p[234, 2], p[454, 2])  # the nose in front of the ears


@needs_avatars
def test_makehuman_has_a_head_with_eyes_and_teeth():
    avatar = load_avatar(AVATARS / "makehuman_base.obj")
    assert len(avatar.eyes) == 2 and avatar.face_certain
    np.testing.assert_array_equal(avatar.rotation, np.eye(3))
    assert any("helper geometry" in line for line in avatar.report)
    low, high = avatar.face_box
    body = np.ptp(avatar.vertices[:, 1])
    assert low[1] > avatar.vertices[:, 1].max() - 0.2 * body and high[1] - low[1] < 0.12 * body
    for eye in avatar.eyes:
        assert (low[:2] < eye.center[:2]).all() and (eye.center[:2] < high[:2]).all()


@needs_avatars
@pytest.mark.parametrize(("name", "parts"), [("suzanne", 3), ("homer", 1), ("ogre", 44)])
def test_the_others_load(name, parts):
    avatar = load_avatar(AVATARS / f"{name}.obj", orient=False)
    assert avatar.parts.max() + 1 == parts
    assert np.isfinite(avatar.vertices).all() and len(avatar.content_hash) == 64
