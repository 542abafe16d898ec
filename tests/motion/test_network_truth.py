"""Controllers under exact flow and depth: a rendered head whose every vertex is known, in place of the networks.

If the networks were perfect, the avatar would do exactly what the driver's truth does; what is left is the error of
inversion, reading and unprojection at 256 pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from BFM import expression, load_model
from vfa.motion.network import ControllerTracker
from vfa.render import rasterize
from vfa.render.camera import Camera

CAMERA = Camera()
SIZE = 256
SOURCE_DEPTH = (6.0, 9.0)


@cache
def head() -> tuple[np.ndarray, np.ndarray]:
    model = load_model()
    return model.vertices(np.zeros(80), np.zeros(64)), model.triangles


def raster_of(vertices: np.ndarray):
    return rasterize(CAMERA.project(vertices).astype(np.float32), head()[1], SIZE, SIZE)


def exact(moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Backward flow [2, S, S] (outside the image where nothing is seen) and depth [S, S] in [-1, 1]."""
    rest, triangles = head()
    raster = raster_of(moved)
    seen = raster.triangle >= 0
    points = np.einsum("ncx,nc->nx", rest[triangles[raster.triangle[seen]]], raster.barycentric[seen])
    flow = np.full((2, SIZE, SIZE), -3.0, np.float32)
    flow[:, seen] = CAMERA.project(points)[:, :2].T / SIZE * 2 - 1
    near, far = SOURCE_DEPTH
    depth = np.where(seen, 2 * (raster.depth - near) / (far - near) - 1, -1.0)
    return flow, depth


@cache
def controllers() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels, depths, triangles and barycentrics of points all over the face."""
    rest, triangles = head()
    raster = raster_of(rest)
    rows, columns = np.mgrid[60:240:9, 80:180:9]
    rows, columns = rows.ravel(), columns.ravel()
    depth = raster.depth
    flat = np.array([np.ptp(depth[r - 3 : r + 4, c - 3 : c + 4]) < 0.15 for r, c in zip(rows, columns, strict=True)])
    rows, columns = rows[flat], columns[flat]
    pixels = np.stack([columns + 0.5, rows + 0.5], 1)
    return (
        pixels,
        depth[rows, columns],
        triangles[raster.triangle[rows, columns]],
        raster.barycentric[rows, columns],
        rows,
    )


def errors(moved: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per tracked controller: error and true displacement, world units; and which are tracked."""
    rest = head()[0]
    pixels, depths, corners, weights, _ = controllers()
    near, far = SOURCE_DEPTH
    tracker = ControllerTracker(CAMERA, pixels, depths, (far - near) / 2, *exact(rest))
    translation, tracked = tracker.track(*exact(moved))
    truth = np.einsum("ncx,nc->nx", (moved - rest)[corners], weights)
    return np.linalg.norm(translation - truth, axis=1)[tracked], np.linalg.norm(truth, axis=1)[tracked], tracked


def turned(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return head()[0] @ turn.T


def test_rest_is_rest() -> None:
    error, _, tracked = errors(head()[0])
    assert tracked.mean() > 0.95 and error.max() < 1e-9


@pytest.mark.parametrize("weights", [{"jawOpen": 0.6}, {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}])
def test_expressions_arrive(weights: dict[str, float]) -> None:
    model = load_model()
    moved = model.vertices(np.zeros(80), expression(**weights))
    error, truth, tracked = errors(moved)
    pixel = 7.0 / CAMERA.focal  # a pixel at the face's distance
    assert tracked.mean() > 0.8
    assert truth.max() > 5 * pixel
    assert np.median(error) < 0.1 * pixel
    assert np.percentile(error, 90) < 1.0 * pixel


def test_a_jaw_that_moves_alone_is_not_taken_for_an_outlier() -> None:
    _, truth, tracked = errors(load_model().vertices(None, expression(jawOpen=0.6)))
    rest, moved = head()[0], load_model().vertices(None, expression(jawOpen=0.6))
    *_, corners, weights, _ = controllers()
    motion = np.linalg.norm(np.einsum("ncx,nc->nx", (moved - rest)[corners], weights), axis=1)
    moving = motion > 0.3 * motion.max()
    assert moving.sum() >= 5 and tracked[moving].mean() > 0.7


@pytest.mark.parametrize("degrees", [-10.0, 6.0])
def test_a_turned_head_arrives_in_depth_too(degrees: float) -> None:
    error, truth, tracked = errors(turned(degrees))
    assert tracked.mean() > 0.8
    assert np.median(error) < 0.05 * np.median(truth)


def test_moving_nearer_is_not_normalised_away() -> None:
    """Absolute motion along the view survives: the depth mapping is the clip's, not the frame's."""
    shift = np.array([0.0, 0.0, 0.3])
    error, truth, tracked = errors(head()[0] + shift)
    assert tracked.mean() > 0.8
    assert truth == pytest.approx(0.3)
    assert np.median(error) < 0.01
