"""Make-up: lips, brows and lashes get colours where the landmarks say, everything else stays."""

from __future__ import annotations

import numpy as np
import pytest

from vfa.avatar.makeup import BROWS, LASHES, LIPS, make_up
from vfa.face import topology as face
from vfa.render.appearance import Appearance

SKIN = (200, 170, 150, 255)


@pytest.fixture(scope="module")
def painted():
    """A flat face of one colour in front of a second sheet, with the landmarks of a drawn face in the unit square."""
    x, y = np.meshgrid(np.linspace(-1, 1, 61), np.linspace(1, -1, 61))
    front = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3)
    index = np.arange(61 * 61).reshape(61, 61)
    a, b, c, d = (q.ravel() for q in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    sheet = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    positions = np.concatenate([front, front - [0, 0, 0.1]])
    triangles = np.concatenate([sheet, sheet + len(front)])
    parts = np.repeat([0, 1], len(front))
    plain = Appearance(vertex_colors=None, base_colors=np.array([SKIN], np.uint8),
                       material=np.zeros(len(triangles), np.int32))  # fmt: skip
    places = landmarks()
    return make_up(plain, positions, triangles, parts, places, SKIN), positions, triangles, places, len(sheet)


def landmarks() -> np.ndarray:
    """Ellipses and lines: mouth, eyes, brows; the rest on the oval."""
    places = np.zeros((face.N_POINTS, 3))
    angle = np.linspace(0, 2 * np.pi, face.N_POINTS)
    places[:, 0], places[:, 1] = 0.8 * np.sin(angle), 0.9 * np.cos(angle)

    def lens(
        upper: tuple[int, ...], lower: tuple[int, ...], center: tuple[float, float], half: float, up: float
    ) -> None:
        across = np.linspace(-1, 1, len(upper))
        for ring, sign in ((upper, 1), (lower, -1)):
            places[list(ring), 0] = center[0] + half * across
            places[list(ring), 1] = center[1] + sign * up * (1 - across**2)

    lens(face.OUTER_LIPS_UPPER, face.OUTER_LIPS_LOWER, (0, -0.45), 0.28, 0.12)
    lens(face.RIGHT_EYE_UPPER, face.RIGHT_EYE_LOWER, (-0.35, 0.25), 0.15, 0.06)
    lens(face.LEFT_EYE_UPPER, face.LEFT_EYE_LOWER, (0.35, 0.25), 0.15, 0.06)
    for upper, lower, x in ((face.RIGHT_BROW_UPPER, face.RIGHT_BROW_LOWER, -0.35),
                            (face.LEFT_BROW_UPPER, face.LEFT_BROW_LOWER, 0.35)):  # fmt: skip
        for ring, y in ((upper, 0.53), (lower, 0.47)):
            places[list(ring), 0] = np.linspace(x - 0.18, x + 0.18, len(ring))
            places[list(ring), 1] = y
    return places


def color_at(painted, x: float, y: float) -> np.ndarray:
    """The texture at a point of the face, found through the triangle's own texture coordinates."""
    look, positions, triangles, _, count = painted
    centers = positions[triangles[:count]].mean(axis=1)
    nearest = int(np.linalg.norm(centers[:, :2] - (x, y), axis=1).argmin())
    assert look.material[nearest] == 1
    corners = positions[triangles[nearest]][:, :2]
    bary = np.linalg.solve(np.vstack([corners.T, np.ones(3)]), [x, y, 1])
    u, v = bary @ look.corner_uv[nearest]
    texture = look.textures[1]
    return texture[int((1 - v) * texture.shape[0]), int(u * texture.shape[1])].astype(int)


@pytest.mark.parametrize(
    ("place", "color"),
    [((0, -0.40), LIPS), ((0.1, -0.5), LIPS), ((-0.35, 0.5), BROWS), ((0.35, 0.5), BROWS), ((0.35, 0.31), LASHES)],
)
def test_features_are_where_the_landmarks_are(painted, place, color) -> None:
    found = color_at(painted, *place)
    to_feature, to_skin = np.abs(found - color).sum(), np.abs(found - SKIN[:3]).sum()
    assert to_feature < to_skin


@pytest.mark.parametrize("place", [(0, 0.75), (0, 0.1), (0, -0.75), (0.3, -0.45)])
def test_skin_stays_skin(painted, place) -> None:
    np.testing.assert_allclose(color_at(painted, *place), SKIN[:3], atol=12)


def test_only_the_face_itself_is_painted(painted) -> None:
    look, _, triangles, _, count = painted
    assert (look.material[count:] == 0).all() and look.material[:count].mean() > 0.8
    np.testing.assert_array_equal(look.base_colors, [SKIN, (255, 255, 255, 255)])
    look.validate(2 * 61 * 61, len(triangles))


def test_what_faces_away_is_not_painted() -> None:
    positions = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0.1, 0.1, 0.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 1], [0, 1, 3]])
    look = make_up(Appearance(base_colors=np.array([SKIN], np.uint8), material=np.zeros(3, np.int32)), positions,
                   triangles, np.zeros(4, int), landmarks(), SKIN)  # fmt: skip
    assert look.material.tolist() == [1, 0, 1]
