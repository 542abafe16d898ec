"""From a stage and a watched driver to moving controllers: framing, seeing, holding still."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from vfa.media.frame import Frame
from vfa.mesh.controllers import STATIC, Controllers
from vfa.models.config import AnimatorConfig
from vfa.motion.driver import Driver
from vfa.motion.network_drive import dense_motion, encode_clip, network_motion, view_for
from vfa.motion.network_input import source_frame
from vfa.render import Appearance, MeshRenderer, frame_mesh

CONFIG = AnimatorConfig(
    size=64, channel_multiplier=1 / 32, max_channels=32, latent_dim_style=32, latent_dim_motion=8, flow_channels=4,
    flow_blocks=1,
)  # fmt: skip
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def animator():
    import torch

    from vfa.models.animator import VersatileFaceAnimator
    from vfa.models.network import AnimatorNetwork

    torch.manual_seed(0)
    return VersatileFaceAnimator.from_network(AnimatorNetwork(CONFIG).eval())


def stage(faceless: bool = False) -> SimpleNamespace:
    """A dome of 41 x 41 vertices, 2 units wide, with controllers on some of them."""
    x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(1, -1, 41))
    vertices = np.stack([x, y, 0.8 * np.cos(x) * np.cos(y)], -1).reshape(-1, 3).astype(np.float32)
    index = np.arange(41 * 41).reshape(41, 41)
    a, b, c, d = (q.ravel() for q in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    appearance = Appearance(vertex_colors=RNG.integers(0, 256, (len(vertices), 3), np.uint8))
    camera = frame_mesh(vertices, width=256, height=256, fill=0.5)
    chosen = RNG.choice(index[6:35, 6:35].ravel(), 60, replace=False)
    landmark = np.full(60, -2) if faceless else np.arange(60)
    landmark[:3] = STATIC
    pixel = camera.project(vertices[chosen])[:, :2]
    controllers = Controllers.at_vertices(chosen, pixel, landmark)
    avatar = SimpleNamespace(vertices=vertices, triangles=triangles, appearance=appearance)
    rig = SimpleNamespace(controllers=controllers, rest=vertices.astype(np.float64), eyes=(), mouth=None)
    return SimpleNamespace(avatar=avatar, camera=camera, rig=rig)


def driver(count: int, stage_: SimpleNamespace, width: float) -> Driver:
    """A face whose landmarks lie as the stage's controllers do, `width` pixels wide, in the middle of 200 x 160."""
    points = np.tile(np.array([100.0, 80.0, 0.0], np.float32), (count, 478, 1))
    controllers = stage_.rig.controllers
    places = controllers.pixel - controllers.pixel.mean(axis=0)
    follows = controllers.landmark >= 0
    span = np.ptp(controllers.pixel[follows], axis=0).max()
    points[:, controllers.landmark[follows], :2] += places[follows] * width / span
    return Driver(points, [Fraction(i, 30) for i in range(count)], 1, 1.0)


def recording(count: int) -> list[Frame]:
    x, y = np.meshgrid(np.arange(200), np.arange(160))
    relief = np.where(np.hypot(x - 100, y - 80) < 50, 0.5 + np.hypot(x - 100, y - 80) / 1000, np.nan)
    return [
        Frame(i, Fraction(i, 30), RNG.integers(0, 256, (160, 200, 3), np.uint8), relief.astype(np.float32))
        for i in range(count)
    ]


def test_the_avatars_face_is_as_large_in_its_picture_as_the_drivers(animator) -> None:
    """The driver is cut with a margin of 1.6 faces: the avatar's landmarks then span 1 / 1.6 of its picture."""
    scene = stage()
    view = view_for(animator, scene, driver(2, scene, 80), 200, 160)
    follows = scene.rig.controllers.landmark >= 0
    seen = view.project(scene.rig.controllers.positions(scene.rig.rest)[follows])[:, :2]
    assert (view.width, view.height) == (64, 64)
    assert np.ptp(seen, axis=0).max() == pytest.approx(64 / 1.6, rel=0.02)
    assert (seen.min(axis=0) + seen.max(axis=0)) / 2 == pytest.approx([32, 32], abs=1e-6)


def test_an_avatar_without_a_face_is_seen_by_the_stages_camera(animator) -> None:
    scene = stage(faceless=True)
    view = view_for(animator, scene, driver(1, stage(), 80), 200, 160)
    assert view.focal == pytest.approx(scene.camera.focal * 64 / 256) and view.width == 64


def test_the_start_frame_is_the_avatar_at_rest(animator) -> None:
    scene, frames, told = stage(), recording(4), []
    watched = driver(4, scene, 80)
    encoded = encode_clip(animator, watched, lambda: frames, progress=lambda: told.append(1))
    assert encoded.weights.shape == (4, 8) and len(told) == 4
    view = view_for(animator, scene, watched, 200, 160)
    for pose in (True, False):
        moving = list(network_motion(animator, scene, watched, encoded, view=view, pose=pose).frames())
        assert [frame.motion.time for frame in moving] == watched.times
        assert np.abs(moving[watched.start].motion.translation).max() < 1e-3
        assert np.abs(moving[watched.start].motion.pose - np.eye(4)).max() < 1e-3
        assert max(np.abs(frame.motion.translation).max() for frame in moving) > 1e-3
        assert all((frame.motion.translation[:3] == 0).all() for frame in moving)


@pytest.fixture(scope="module")
def with_basis():
    import torch

    from vfa.models.animator import VersatileFaceAnimator
    from vfa.models.network import AnimatorNetwork

    torch.manual_seed(0)
    config = replace(CONFIG, motion_channels=4, basis_channels=4)
    return VersatileFaceAnimator.from_network(AnimatorNetwork(config).eval())


def test_networks_that_hold_the_head_see_the_face_alone(with_basis) -> None:
    scene = stage()
    view = view_for(with_basis, scene, driver(2, scene, 30), 200, 160)
    follows = scene.rig.controllers.landmark >= 0
    seen = view.project(scene.rig.controllers.positions(scene.rig.rest)[follows])[:, :2]
    assert np.ptp(seen, axis=0).max() == pytest.approx(0.82 * 64, rel=1e-6)
    assert (seen.min(axis=0) + seen.max(axis=0)) / 2 == pytest.approx([32, 32], abs=1e-6)


def test_with_a_basis_the_start_frame_is_the_avatar_at_rest(with_basis) -> None:
    scene, frames = stage(), recording(4)
    scene.rig.view, scene.rig.axes, scene.rig.size, scene.rig.pivot = np.eye(3), np.eye(3), 0.7, np.zeros(3)
    watched = driver(4, scene, 80)
    encoded = encode_clip(with_basis, watched, lambda: frames)
    calm = encode_clip(with_basis, watched, lambda: frames, smoothing=1.0)
    assert np.abs(np.diff(calm.weights, axis=0)).sum() < np.abs(np.diff(encoded.weights, axis=0)).sum()
    view = view_for(with_basis, scene, watched, 200, 160)
    for pose in (True, False):
        moving = list(network_motion(with_basis, scene, watched, encoded, view=view, pose=pose).frames())
        assert np.abs(moving[watched.start].motion.translation).max() < 1e-9
        assert np.abs(moving[watched.start].motion.pose - np.eye(4)).max() < 1e-9
        assert max(np.abs(frame.motion.translation).max() for frame in moving) > 1e-5
        turned = max(np.abs(frame.motion.pose - np.eye(4)).max() for frame in moving)
        assert turned > 1e-3 if pose else turned == 0
        assert all((frame.motion.translation[:3] == 0).all() for frame in moving)


def test_dense_motion_of_the_start_frame_is_none(animator, with_basis) -> None:
    scene, frames = stage(), recording(3)
    scene.rig.view, scene.rig.axes, scene.rig.size, scene.rig.pivot = np.eye(3), np.eye(3), 0.7, np.zeros(3)
    watched = driver(3, scene, 80)
    for networks in (animator, with_basis):
        encoded = encode_clip(networks, watched, lambda: frames)
        view = view_for(networks, scene, watched, 200, 160)
        picture = MeshRenderer(scene.avatar.triangles, scene.avatar.appearance, view).render(scene.avatar.vertices)
        source = source_frame(picture.color, picture.depth)
        made = list(dense_motion(networks, scene.rig, source, view, encoded, watched.start))
        assert len(made) == 3 and all(flow.shape == (2, 64, 64) and depth.shape == (64, 64) for flow, depth in made)
        if networks is with_basis:
            seen = np.isfinite(picture.depth)
            flow, depth = made[watched.start]
            middle = (np.arange(64) + 0.5) / 32 - 1
            assert np.abs(flow - np.stack(np.meshgrid(middle, middle)))[:, seen].max() < 1e-3
            assert np.median(np.abs(depth - source.rgbd[3])[seen]) < 1e-3
