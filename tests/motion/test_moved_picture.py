"""A picture turned in space, against pictures of the same surface rendered after the turn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vfa.motion.network_input import SourceFrame
from vfa.motion.picture import INSIDE, AnimatedPicture, PictureMover
from vfa.motion.rigid import rotation_about
from vfa.render.camera import Camera
from vfa.render.rasterizer import rasterize

SIZE, NEAR, FAR = 96, 4.0, 6.0
CAMERA = Camera((0.3, 0.2, 6.0), (0.1, 0.0, 0.0), focal=180, principal=(48, 48), width=SIZE, height=SIZE)


def relief(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A bowl seen by the camera after a rigid motion: its depth [S, S], NaN beside it, and the point of the bowl at
    rest [S, S, 3] that each pixel shows."""
    x, y = np.meshgrid(np.linspace(-0.8, 0.8, 61), np.linspace(-0.8, 0.8, 61))
    points = np.stack([x, y, 0.5 - 0.5 * (x**2 + y**2)], -1).reshape(-1, 3)
    index = np.arange(61 * 61).reshape(61, 61)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    seen = rasterize(CAMERA.project(points @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32), triangles, SIZE, SIZE)
    shown = np.einsum("hwkc,hwk->hwc", points[triangles[seen.triangle]], seen.barycentric)
    return seen.depth, shown


def picture(flow: np.ndarray | None = None) -> tuple[SourceFrame, AnimatedPicture]:
    """The bowl at rest as a generated picture; its colours are its points."""
    depth, shown = relief(np.eye(4))
    value = np.where(np.isfinite(depth), (depth - NEAR) / (FAR - NEAR) * 2 - 1, -1.0)
    rgbd = np.concatenate([np.where(np.isfinite(depth)[..., None], shown, -1).transpose(2, 0, 1), value[None]])
    made = AnimatedPicture(rgbd, here() if flow is None else flow, np.isfinite(depth).astype(float))
    return SourceFrame(rgbd.astype(np.float32), NEAR, FAR), made


def here() -> np.ndarray:
    """The flow of a picture that keeps still."""
    middle = (np.arange(SIZE) + 0.5) * 2 / SIZE - 1
    return np.stack(np.meshgrid(middle, middle))


POSES = [
    rotation_about(Rotation.from_euler("yxz", angles, degrees=True).as_matrix(), np.zeros(3), np.array(shift))
    for angles, shift in (((20, 0, 0), (0, 0, 0)), ((-15, 12, 8), (0.1, -0.05, 0.3)))
]


@pytest.mark.parametrize("pose", POSES)
def test_it_is_the_picture_of_the_moved_surface(pose: np.ndarray) -> None:
    source, still = picture()
    turned = PictureMover(source, CAMERA).move(still, pose)
    depth, shown = relief(pose)
    both = np.isfinite(depth) & (turned.mask > 0.99)
    assert both.sum() > 0.9 * np.isfinite(depth).sum()
    assert (turned.mask[~np.isfinite(depth)] > 0.5).mean() < 0.01
    found = NEAR + (turned.rgbd[3] + 1) * (FAR - NEAR) / 2
    assert np.abs(found - depth)[both].max() < 0.01
    assert np.abs(turned.rgbd[:3].transpose(1, 2, 0) - shown)[both].max() < 0.02
    place = CAMERA.project(shown[both])[:, :2]
    flow = (turned.flow[:, both].T + 1) * SIZE / 2
    assert np.abs(flow - place).max() < 0.3


def test_a_head_that_keeps_still_keeps_its_picture() -> None:
    source, still = picture(flow=here() * 0.9)
    same = PictureMover(source, CAMERA).move(still, np.eye(4))
    shown = same.mask > 0.99
    assert shown.sum() > 0.95 * still.mask.sum()
    np.testing.assert_allclose(same.rgbd[:, shown], still.rgbd[:, shown], atol=2e-3)
    np.testing.assert_allclose(same.flow[:, shown], still.flow[:, shown], atol=2e-3)


def test_the_views_size_does_not_matter() -> None:
    source, still = picture()
    small = PictureMover(source, CAMERA).move(still, POSES[0])
    large = PictureMover(source, CAMERA.scaled(4)).move(still, POSES[0])
    np.testing.assert_allclose(large.rgbd, small.rgbd, atol=1e-5)


def test_nothing_to_show_is_background() -> None:
    source, still = picture()
    empty = AnimatedPicture(np.full_like(still.rgbd, -1.0), still.flow, np.zeros_like(still.mask))
    turned = PictureMover(source, CAMERA).move(empty, POSES[0])
    assert (turned.rgbd == -1).all() and (turned.mask == 0).all()


def test_what_opens_shows_what_is_inside() -> None:
    """The lower half of a plane moves down: in the gap it is dark where the mouth is, and stretched elsewhere."""
    size = SIZE
    rows, columns = np.mgrid[:size, :size]
    rgbd = np.stack([columns / 48 - 1, rows / 48 - 1, 0 * rows, 0.0 * rows])
    source = SourceFrame(rgbd.astype(np.float32), NEAR, FAR)
    camera = Camera((0, 0, 5.0), (0, 0, 0.0), focal=180, principal=(48, 48), width=size, height=size)
    down = np.zeros((size, size, 3))
    pixels = 6
    down[50:, :, 1] = -pixels * 5.0 / 180
    mover, still = PictureMover(source, camera), AnimatedPicture.of(source)
    moved = mover.move(still, np.eye(4), down.reshape(-1, 3), columns < 50)
    gap = moved.mask == 0
    assert gap[51:55].all() and not gap[:49, 1:-1].any() and not gap[58:, 1:-1].any()
    np.testing.assert_allclose(moved.rgbd[:3, 52, 10:49], np.tile(np.array(INSIDE)[:, None], 39), atol=1e-6)
    np.testing.assert_allclose(moved.rgbd[0, 52, 52:80], rgbd[0, 52, 52:80], atol=1e-2)
    np.testing.assert_allclose(moved.rgbd[:3, 70, 10:80], rgbd[:3, 64, 10:80], atol=1e-3)
    flow = (moved.flow + 1) * size / 2
    np.testing.assert_allclose(flow[1, 70, 10:80], 64.5, atol=1e-2)


def test_the_nearest_point_is_no_background() -> None:
    """Its depth is -1, as the background's is."""
    depth, _ = relief(np.eye(4))
    rgbd = np.full((4, SIZE, SIZE), -1.0, np.float32)
    seen = np.isfinite(depth)
    near, far = np.nanmin(depth), np.nanmax(depth)
    rgbd[:3, seen], rgbd[3, seen] = 0.2, ((depth - near) / (far - near) * 2 - 1)[seen]
    still = AnimatedPicture.of(SourceFrame(rgbd, float(near), float(far)))
    np.testing.assert_array_equal(still.mask > 0.5, seen)
