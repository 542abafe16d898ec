"""Portraits: the avatar seen from the front is the photo; eyes, mouth and skirt are where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vfa.avatar import load_avatar
from vfa.avatar.photo import ball_texture, cut_out, read_photo, teeth_texture, tone
from vfa.avatar.surface import border_loops
from vfa.face import topology
from vfa.face.landmarks import FaceLandmarker
from vfa.render.camera import Camera
from vfa.render.light import Light
from vfa.render.scene import render_mesh

REAL = Path(__file__).parents[2].parent / "shared" / "real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real portraits here")


@pytest.fixture(scope="module")
def avatar():
    return load_avatar(REAL / "portrait_s2.jpg")


def far_view(avatar, size=512):
    """A long lens, so that the picture is nearly orthographic; 1.6 units high."""
    distance = 400.0
    return Camera(np.array([0, 0, distance]), np.zeros(3), focal=size / 1.6 * distance, principal=(size / 2, size / 2),
                  width=size, height=size)  # fmt: skip


@needs_real
def test_from_the_front_it_is_the_photo(avatar):
    import cv2

    size = 512
    shown = render_mesh(avatar.vertices, avatar.triangles, avatar.appearance, far_view(avatar), light=Light.flat())
    photo = read_photo(REAL / "portrait_s2.jpg")
    with FaceLandmarker(static=True) as landmarker:
        found = landmarker.detect(photo)
    source = np.float32(found.points[[33, 263, 152], :2])
    pixels = far_view(avatar).project(avatar.face_places[[33, 263, 152]])[:, :2]
    warp = cv2.getAffineTransform(source - 0.5, np.float32(pixels) - 0.5)
    expected = cv2.warpAffine(photo, warp, (size, size), flags=cv2.INTER_AREA)
    oval = np.zeros((size, size), np.uint8)
    outline = far_view(avatar).project(avatar.face_places[list(topology.FACE_OVAL)])[:, :2]
    cv2.fillPoly(oval, [outline.astype(np.int32)], 1)
    lips = far_view(avatar).project(avatar.face_places[list(topology.INNER_LIPS_UPPER + topology.INNER_LIPS_LOWER)])
    cv2.rectangle(oval, *(tuple(int(v) for v in c) for c in (lips[:, :2].min(0) - 8, lips[:, :2].max(0) + 8)), 0, -1)
    difference = np.abs(cv2.GaussianBlur(shown.color, (0, 0), 2).astype(int) - cv2.GaussianBlur(expected, (0, 0), 2))
    assert difference[oval > 0].mean() < 4


@needs_real
def test_its_parts(avatar):
    assert avatar.baked_light and avatar.face_certain
    assert avatar.parts.max() + 1 == 5  # skin, two balls, two rows of teeth
    assert border_loops(avatar.triangles[avatar.parts[avatar.triangles[:, 0]] == 0])  # the skirt ends somewhere
    assert (avatar.face_vertices[:468] == np.arange(468)).all()
    np.testing.assert_array_equal(avatar.landmark_vertices, topology.IBUG68)
    span = np.linalg.norm(avatar.vertices[33] - avatar.vertices[263])
    assert span == pytest.approx(0.9, rel=1e-3)


@needs_real
def test_eyeballs_sit_behind_the_lids(avatar):
    for eye, lids in zip(avatar.eyes, (topology.RIGHT_EYE, topology.LEFT_EYE), strict=True):
        offset = np.linalg.norm(avatar.vertices[list(lids)] - eye.center, axis=1)
        assert (offset > eye.radius).all()
        on_ball = np.linalg.norm(avatar.vertices[eye.vertices] - eye.center, axis=1)
        np.testing.assert_allclose(on_ball, eye.radius, rtol=1e-4)
        assert (avatar.vertices[eye.vertices, 2].max() - avatar.vertices[list(lids), 2].min()) < eye.radius


@needs_real
def test_the_surface_is_sound(avatar):
    """No degenerate triangles, every edge of one or two triangles, neighbours wound alike."""
    triangles = avatar.triangles
    edges = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2)
    assert (edges[:, 0] != edges[:, 1]).all()
    assert len(np.unique(edges, axis=0)) == len(edges)  # no directed edge twice
    assert np.unique(triangles).size == len(avatar.vertices)


@needs_real
def test_mouth_is_dark_inside(avatar):
    """Vertices deep behind the lips are dark, the margin is not."""
    inside = avatar.vertices[:, 2] < avatar.vertices[[13, 14], 2].mean() - 0.3
    near = np.linalg.norm(avatar.vertices[:, :2] - avatar.vertices[[13, 14], :2].mean(axis=0), axis=1) < 0.1
    colors = avatar.appearance.vertex_colors
    deep = inside & near & (avatar.parts == 0) & (colors.max(axis=1) < 255)
    assert deep.sum() > 10 and colors[deep].max() < 60
    assert (colors[list(topology.INNER_LIPS_UPPER)] == 255).all()


@needs_real
def test_hair_is_kept_and_background_is_not(avatar):
    texture = avatar.appearance.textures[0]
    assert texture.shape[2] == 4
    opaque = (texture[..., 3] > 128).mean()
    assert 0.2 < opaque < 0.85
    assert texture[5, 5, 3] == 0  # a corner of the photo shows background


def test_ball_texture_completes_iris_and_white():
    """A drawn eye of which the lids show a stripe: the hidden part of the iris gets the iris's colour."""
    y, x = np.mgrid[:200, :200] + 0.5
    distance = np.hypot(x - 100, y - 100)
    photo = np.full((200, 200, 3), (200, 150, 120), np.uint8)  # skin
    stripe = np.abs(y - 100) < 18
    photo[stripe & (np.abs(x - 100) < 70)] = (235, 235, 235)
    photo[stripe & (distance < 30)] = (60, 90, 140)
    lids = np.array([(30, 82), (170, 82), (170, 118), (30, 118)], float)
    texture, is_open = ball_texture(photo, np.array([100.0, 100]), 80, lids, np.array([100.0, 100]), 30)
    assert is_open
    above = texture[128 - int(24 * 1.6), 128].astype(int)  # 24 px above the middle: behind the lid, inside the iris
    assert np.abs(above - (60, 90, 140)).max() < 25
    beyond = texture[128 - int(50 * 1.6), 128].astype(int)  # beyond the iris: white, not skin
    assert beyond.min() > 180 and np.ptp(beyond) < 12


def test_a_shut_eye_is_painted():
    photo = np.full((100, 100, 3), (200, 150, 120), np.uint8)
    lids = np.array([(20, 50), (80, 50), (50, 51)], float)
    texture, is_open = ball_texture(photo, np.array([50.0, 50]), 40, lids, np.array([50.0, 50]), 12)
    assert not is_open and texture.shape == (256, 256, 3)


def test_cut_out_keeps_the_face_and_drops_the_rest():
    photo = np.zeros((120, 120, 3), np.uint8)
    photo[:, :] = (20, 120, 20)
    y, x = np.mgrid[:120, :120]
    head = np.hypot(x - 60, y - 60) < 40
    photo[head] = (210, 160, 140)
    face = (np.hypot(x - 60, y - 60) < 20).astype(np.uint8)
    image = cut_out(photo, head.astype(np.float32), face)
    assert (image[np.hypot(x - 60, y - 60) < 36, 3] > 250).all()
    assert (image[np.hypot(x - 60, y - 60) > 46, 3] < 5).all()
    rim = (image[..., 3] > 60) & (image[..., 3] < 250)
    assert (image[rim, 1].astype(int) - image[rim, 0] < 40).all()  # no green fringe


def test_teeth_take_the_tone_of_the_photo():
    grey, warm = (np.full((9, 9, 3), c, np.uint8) for c in ((150, 150, 150), (225, 175, 150)))
    at = np.full((5, 2), 4.0)
    assert np.ptp(tone(grey, at)) < 1e-9
    assert tone(warm, at)[0] > tone(warm, at)[2]
    dark, light = (teeth_texture(True, np.full(3, v))[..., :3].mean() for v in (0.4, 0.9))
    assert light == pytest.approx(dark * 0.9 / 0.4, rel=0.05)
    upper, lower = teeth_texture(True, np.ones(3)), teeth_texture(False, np.ones(3))
    assert upper[-1, :, 3].mean() < 128 < upper[0, :, 3].mean()  # the biting edge is rounded, the gum is not
    assert lower[0, :, 3].mean() < 128 < lower[-1, :, 3].mean()
