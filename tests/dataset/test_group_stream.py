"""Groups of pictures with exact truth, and the motion code."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from dataset.codes import POSE_SPREAD, UNIT_SIZE, pose_code
from dataset.scenes import head
from dataset.stream import EYE, FACE, LIDS, MOUTH, GroupStream, motion_code, random_expression, triangle_kinds
from vfa.errors import InputError
from vfa.render import Camera

SIZE = 96


@pytest.fixture(scope="module")
def group():
    return GroupStream(seed=3, size=SIZE, frames=2, pairs=2).group(5)


def test_a_group_depends_on_seed_and_index_alone(group) -> None:
    again = GroupStream(seed=3, size=SIZE, frames=2, pairs=2).group(5)
    for name in ("color", "depth", "kind", "code", "pairs", "flow", "visible"):
        np.testing.assert_array_equal(getattr(group, name), getattr(again, name))
    other = GroupStream(seed=3, size=SIZE, frames=2, pairs=2).group(6)
    assert not np.array_equal(group.color, other.color)


def test_flow_there_and_back_is_the_identity(group) -> None:
    assert group.pairs.tolist() == [[0, 1], [1, 0]]
    (there, back), (seen_there, _) = group.flow, group.visible
    rows, columns = np.nonzero(seen_there)
    place = (there[rows, columns] + 1) * SIZE / 2 - 0.5  # column and row in the source's picture
    # Near an outline the four pixels around a place belong to other surfaces.
    nearest = np.clip(np.rint(place).astype(int), 2, SIZE - 3)
    inner = np.array([np.isfinite(back[r - 2 : r + 3, c - 2 : c + 3]).all() for c, r in nearest])
    returned = np.stack([map_coordinates(back[..., k], place.T[::-1], order=1, mode="nearest") for k in (0, 1)], -1)
    error = np.abs((returned + 1) * SIZE / 2 - 0.5 - np.stack([columns, rows], -1))[inner].max(axis=1)
    assert inner.sum() > 1000
    assert np.median(error) < 0.05
    assert np.mean(error < 0.5) > 0.93


def test_kinds_follow_the_parts() -> None:
    kinds, model = triangle_kinds(), head()

    def of(group: str) -> set[int]:
        return set(kinds[np.isin(model.triangles, model.groups[group]).all(axis=1)].tolist())

    assert of("left_eye") == {EYE} and of("upper_teeth") == {MOUTH} and of("tongue") == {MOUTH}
    around = np.isin(model.triangles, model.keypoints[36:48]).any(axis=1)
    assert set(kinds[around].tolist()) <= {LIDS}
    cheek = np.linalg.norm(model.mean_shape - model.mean_shape[model.keypoints[31]] * [2, 1, 0.95], axis=1).argmin()
    assert set(kinds[(model.triangles == cheek).any(axis=1)].tolist()) == {FACE}


def test_a_group_needs_two_frames() -> None:
    with pytest.raises(InputError, match="two frames"):
        GroupStream(frames=1)
    with pytest.raises(InputError, match="more pairs"):
        GroupStream(frames=3, pairs=7)


def camera() -> Camera:
    """From the front, with the original's size of the head."""
    distance = 8.0
    return Camera(np.array([0, 0, distance]), np.zeros(3), np.array([0.0, 1, 0]), focal=UNIT_SIZE * distance * SIZE,
                  principal=(SIZE / 2, SIZE / 2), width=SIZE, height=SIZE)  # fmt: skip


def turned(axis: int, angle: float) -> np.ndarray:
    pose = np.eye(4)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    pose[i, i] = pose[j, j] = np.cos(angle)
    pose[i, j], pose[j, i] = -np.sin(angle), np.sin(angle)
    return pose


def test_pose_code_in_closed_form() -> None:
    np.testing.assert_allclose(pose_code(np.eye(4), camera()), 0, atol=1e-12)
    for number, (axis, angle) in enumerate([(1, 0.3), (0, 0.2), (2, -0.25)]):
        code = pose_code(turned(axis, angle), camera()) * POSE_SPREAD
        expected = np.zeros(6)
        expected[number] = angle
        np.testing.assert_allclose(code, expected, atol=1e-12)
    moved = np.eye(4)
    moved[:3, 3] = [0.4, 0.2, 4.0]  # half as far away
    code = pose_code(moved, camera()) * POSE_SPREAD
    np.testing.assert_allclose(code[3], np.log(2))
    np.testing.assert_allclose(code[4:], [0.4 * 2 * UNIT_SIZE, -0.2 * 2 * UNIT_SIZE])


def test_expression_code_explains_the_movement_and_keeps_neutral_at_zero() -> None:
    code, model = motion_code(), head()
    np.testing.assert_array_equal(code.expression(np.zeros(64)), 0)
    rng = np.random.default_rng(77)
    expressions = np.stack([random_expression(rng) for _ in range(200)])
    rows = (3 * code.vertices[:, None] + np.arange(3)).ravel()
    true = expressions @ model.ex_base[rows].T
    found = code.expression(expressions) @ code.displacement
    assert 1 - np.square(found - true).sum() / np.square(true).sum() > 0.97
    spread = code.expression(expressions).std(axis=0)
    assert (spread > 0.3).all() and (spread < 3).all()
