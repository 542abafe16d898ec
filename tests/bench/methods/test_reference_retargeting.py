"""The original's retargeting: closed forms for its steps, and its loop against the vectorised form."""

from __future__ import annotations

import numpy as np
import pytest

from bench.methods.reference import (
    ReferenceControllers,
    ReferenceRetarget,
    landing_places,
    landing_places_by_loop,
    place_controllers,
)
from vfa.errors import InputError
from vfa.render import Camera

SIZE = 40


def identity_flow() -> np.ndarray:
    """A flow that samples every pixel at itself."""
    line = (np.arange(SIZE) + 0.5) / (SIZE / 2) - 1
    x, y = np.meshgrid(line, line)
    return np.stack([x, y])


def shifted(columns: float, rows: float) -> np.ndarray:
    """The flow of a picture that moved by so many pixels: the output samples where it came from."""
    return identity_flow() - np.array([columns, rows])[:, None, None] / (SIZE / 2)


PIXELS = np.array([[10, 12], [20, 20], [30, 8], [0, 0]])


@pytest.mark.parametrize("invert", [landing_places, landing_places_by_loop])
def test_a_shift_moves_every_pixel_by_it(invert) -> None:
    place, weight = invert(shifted(3, -2), PIXELS)
    np.testing.assert_allclose(place[:3], PIXELS[:3] + [3, -2], atol=1e-9)
    np.testing.assert_allclose(weight[:3], 1, atol=1e-9)
    assert weight[3] == 0  # what moved out of the picture lands nowhere
    assert np.isnan(place[3]).all()


def test_the_loop_and_the_vectorised_form_agree() -> None:
    rng = np.random.default_rng(0)
    flow = identity_flow() + rng.normal(0, 0.05, (2, SIZE, SIZE))
    pixels = rng.integers(0, SIZE, (30, 2))
    for a, b in zip(landing_places(flow, pixels), landing_places_by_loop(flow, pixels), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def grid_mesh() -> tuple[np.ndarray, np.ndarray]:
    """A flat square of 12 x 12 vertices, 2 across, facing the camera."""
    line = np.linspace(-1, 1, 12)
    x, y = np.meshgrid(line, line)
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(144)], 1)
    first = (np.arange(11)[:, None] * 12 + np.arange(11)).ravel()
    below = np.stack([first, first + 1, first + 12], 1)
    above = np.stack([first + 1, first + 13, first + 12], 1)
    return vertices, np.concatenate([below, above])


@pytest.fixture
def retarget() -> ReferenceRetarget:
    """The square 8 in front of a camera of 40 pixels, with three controllers; depth 7 to 9 stands for -1 to 1."""
    vertices, triangles = grid_mesh()
    camera = Camera(width=SIZE, height=SIZE, principal=(SIZE / 2, SIZE / 2), focal=100)
    pixel = np.array([[10, 10], [20, 20], [28, 14]])
    controllers = ReferenceControllers(pixel, np.full(3, 8.0), np.array([100, 70, 40]))
    return ReferenceRetarget(vertices, triangles, camera, controllers, 7.0, 9.0, by_loop=False)


def test_a_shift_of_the_picture_moves_the_whole_mesh(retarget: ReferenceRetarget) -> None:
    depth = np.zeros((SIZE, SIZE))
    translation, tracked = retarget.translations(shifted(4, 0), depth)
    assert tracked.all()
    # Four pixels at depth 8 and focal length 100.
    np.testing.assert_allclose(translation, np.tile([4 * 8 / 100, 0, 0], (3, 1)), atol=1e-6)
    moved = retarget.vertices(shifted(4, 0), depth) - retarget.rest
    np.testing.assert_allclose(moved, np.tile([0.32, 0, 0], (144, 1)), atol=1e-5)


def test_depth_moves_along_the_ray(retarget: ReferenceRetarget) -> None:
    translation, tracked = retarget.translations(identity_flow(), np.full((SIZE, SIZE), 0.25))
    assert tracked.all()
    # The ray through pixel (20, 20) passes (0.5, 0.5) pixels beside the middle; the new depth is 8.25.
    np.testing.assert_allclose(translation[1], [0.5 * 0.25 / 100, -0.5 * 0.25 / 100, -0.25], atol=1e-9)


def test_a_jump_of_depth_and_the_border_are_not_tracked(retarget: ReferenceRetarget) -> None:
    depth = np.zeros((SIZE, SIZE))
    depth[10, 10] = 1.0
    rest = retarget.controllers
    many = ReferenceControllers(
        np.concatenate([rest.pixel, np.stack([np.arange(12, 32), np.full(20, 30)], 1)]), np.full(23, 8.0),
        np.concatenate([rest.vertex, np.arange(20)]),
    )  # fmt: skip
    vertices, triangles = grid_mesh()
    moved = ReferenceRetarget(vertices, triangles, retarget.camera, many, 7.0, 9.0, by_loop=False)
    _, tracked = moved.translations(identity_flow(), depth)
    assert not tracked[0]
    assert tracked[1:].all()
    _, tracked = retarget.translations(shifted(-10, 0), np.zeros((SIZE, SIZE)))
    assert tracked.tolist() == [False, True, True]


def test_untracked_controllers_leave_their_share_to_the_others(retarget: ReferenceRetarget) -> None:
    flow = shifted(-10, 0)
    moved = retarget.vertices(flow, np.zeros((SIZE, SIZE))) - retarget.rest
    np.testing.assert_allclose(moved[:, 0], -0.8, atol=1e-5)


def test_controllers_keep_their_distance_and_avoid_edges() -> None:
    depth = np.full((100, 100), np.nan)
    depth[10:90, 10:90] = np.linspace(7, 7.3, 80)[None]
    depth[50:90, 10:90] -= 1.0  # a step, which no controller may sit on
    landmarks = np.zeros((478, 2))
    rng = np.random.default_rng(0)
    landmarks[:468] = rng.uniform(5, 95, (468, 2))
    triangle, barycentric = np.zeros((100, 100), int), np.tile([0.2, 0.7, 0.1], (100, 100, 1))
    found = place_controllers(landmarks, depth, triangle, barycentric, np.array([[4, 5, 6]]))
    assert (found.vertex == 5).all()
    assert (np.abs(found.pixel[:, 1] - 49.5) > 3).all()
    assert ((found.pixel >= 13) & (found.pixel <= 86)).all()
    from vfa.face import topology as face

    lips = {tuple(landmarks[i].astype(int)) for i in (*face.OUTER_LIPS_UPPER, *face.OUTER_LIPS_LOWER)}
    others = [i for i, pixel in enumerate(found.pixel) if tuple(pixel) not in lips]
    for i in others:
        apart = np.abs(found.pixel - found.pixel[i]).sum(1)
        assert (apart[np.arange(len(apart)) != i] >= 10).all()
    with pytest.raises(InputError, match="no controller"):
        place_controllers(landmarks + 200, depth, triangle, barycentric, np.array([[4, 5, 6]]))
