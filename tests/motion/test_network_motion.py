"""Networks to controller translations: known flows give known translations, and the whole chain holds its promises."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vfa.errors import InputError
from vfa.face.crop import SquareCrop
from vfa.media.frame import Frame
from vfa.models.config import AnimatorConfig
from vfa.motion.motion import Motion
from vfa.motion.network import ControllerTracker, DriverMotion, NetworkMotion, bilinear, encode_driver
from vfa.motion.network_input import DriverFrames, followed_crop, source_frame
from vfa.render.camera import Camera

SIZE = 64
CAMERA = Camera(focal=250.0, principal=(32.0, 32.0), width=SIZE, height=SIZE)
RNG = np.random.default_rng(0)
PIXELS = RNG.uniform(18, SIZE - 18, (24, 2))
DEPTHS = RNG.uniform(7.0, 8.0, 24)
SCALE = 0.5  # world units per unit of generated depth
GRID = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5))


def backward(sampled: np.ndarray) -> np.ndarray:
    return (sampled / SIZE * 2 - 1).astype(np.float32)


def tracker(camera: Camera = CAMERA, pixels: np.ndarray = PIXELS) -> ControllerTracker:
    rest_depth = np.zeros((SIZE, SIZE), np.float32)
    return ControllerTracker(camera, pixels, DEPTHS, SCALE, backward(GRID), rest_depth)


def test_no_motion_gives_no_translation() -> None:
    translation, tracked = tracker().track(backward(GRID), np.zeros((SIZE, SIZE)))
    assert tracked.all() and np.abs(translation).max() < 1e-9


@pytest.mark.parametrize("shift", [(4.0, 0.0), (-3.0, 2.5)])
def test_shift_in_the_picture_is_a_shift_in_the_world(shift: tuple[float, float]) -> None:
    """dx pixels at depth z are dx z / f world units; the image's y points down, the world's up."""
    flow = backward(GRID - np.array(shift)[:, None, None])
    translation, tracked = tracker().track(flow, np.zeros((SIZE, SIZE)))
    expected = np.stack([shift[0] * DEPTHS, -shift[1] * DEPTHS, 0 * DEPTHS], 1) / CAMERA.focal
    assert tracked.all()
    assert np.abs(translation - expected).max() < 1e-3 * 0.1


def test_depth_moves_along_the_ray() -> None:
    """A generated depth 0.2 further is 0.2 * scale further, along the line from the eye."""
    translation, tracked = tracker().track(backward(GRID), np.full((SIZE, SIZE), 0.2))
    rest = CAMERA.unproject(PIXELS[:, 0], PIXELS[:, 1], DEPTHS)
    ray = (rest - CAMERA.eye) / DEPTHS[:, None]
    assert tracked.all()
    assert np.allclose(translation, 0.2 * SCALE * ray, atol=1e-6)


def test_a_bias_of_the_network_at_rest_is_no_motion() -> None:
    """A network whose picture at rest is shifted and too deep still leaves the avatar where it is."""
    shifted = backward(GRID + 1.7)
    deep = (0.3 + 0.01 * GRID[0]).astype(np.float32)
    biased = ControllerTracker(CAMERA, PIXELS, DEPTHS, SCALE, shifted, deep)
    translation, tracked = biased.track(shifted, deep)
    assert tracked.all() and np.abs(translation).max() < 1e-9


def test_a_camera_of_another_size_gives_the_same() -> None:
    flow = backward(GRID - 3.0)
    large = tracker(CAMERA.scaled(4.0), PIXELS * 4)
    translation, _ = large.track(flow, np.zeros((SIZE, SIZE)))
    assert np.allclose(translation, tracker().track(flow, np.zeros((SIZE, SIZE)))[0], atol=1e-9)


def test_untracked_are_unseen_at_the_border_or_jump_in_depth() -> None:
    pixels = PIXELS.copy()
    pixels[0], pixels[1], pixels[2] = (20, 32), (50, 32), (40, 40)
    flow = GRID.copy()
    hidden = np.hypot(GRID[0] - 20, GRID[1] - 32) < 5
    flow[:, hidden] = 32.0  # nothing shows the surroundings of controller 0
    flow[0] = np.where(np.hypot(GRID[0] - 50, GRID[1] - 32) < 4, 2.0, flow[0])
    right = GRID[0] > 62.9  # controller 1 shows up only at the image's edge
    flow[0] = np.where(right, 50.0, flow[0])
    flow[1] = np.where(right, 32.0, flow[1])
    depth = np.zeros((SIZE, SIZE))
    depth[36:44, 36:44] = 1.5
    translation, tracked = tracker(pixels=pixels).track(backward(flow), depth)
    assert not tracked[0] and not tracked[1] and not tracked[2]
    assert tracked[3:].sum() >= 15
    assert (translation[~tracked] == 0).all()


def test_bilinear_reading() -> None:
    plane = 2 * GRID[0] + 3 * GRID[1]
    points = RNG.uniform(1, SIZE - 1, (10, 2))
    assert np.allclose(bilinear(plane, points), points @ [2, 3])
    assert bilinear(plane, np.array([[-9.0, -9.0]]))[0] == plane[0, 0]


# The whole chain, with seeded networks.

CONFIG = AnimatorConfig(
    size=64, channel_multiplier=1 / 32, max_channels=32, latent_dim_style=32, latent_dim_motion=8, flow_channels=4,
    flow_blocks=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def animator():
    import torch

    from vfa.models.animator import VersatileFaceAnimator
    from vfa.models.network import AnimatorNetwork

    torch.manual_seed(0)
    return VersatileFaceAnimator.from_network(AnimatorNetwork(CONFIG).eval())


def clip(count: int, seed: int = 3, depth: bool = True) -> list[Frame]:
    rng = np.random.default_rng(seed)
    seen = np.hypot(GRID[0] - 32, GRID[1] - 32) < 28
    frames = []
    for index in range(count):
        color = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        relief = 0.5 + 0.01 * index + 0.05 * np.cos(GRID[0] / (5 + index))
        frames.append(Frame(index, Fraction(index, 25), color, np.where(seen, relief, np.nan).astype(np.float32)))
    return frames if depth else [replace(frame, depth=None) for frame in frames]


def source():
    seen = np.hypot(GRID[0] - 32, GRID[1] - 32) < 29
    color = np.kron(np.random.default_rng(9).integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    depth = np.where(seen, 7.0 + 0.02 * np.hypot(GRID[0] - 32, GRID[1] - 32), np.nan).astype(np.float32)
    return source_frame(color, depth)


def driver(animator, count: int = 5) -> DriverMotion:
    frames = clip(count)
    prepared = DriverFrames(CONFIG.size)
    prepared.measure(frames)
    return encode_driver(prepared.normalized(frames), [frame.time for frame in frames], animator, batch_size=2)


def test_source_is_normalised_over_its_foreground() -> None:
    frame = source()
    assert frame.near == pytest.approx(7.0, abs=0.02) and frame.far == pytest.approx(7.0 + 0.02 * 29, abs=0.02)
    assert (frame.rgbd[:, 0, 0] == -1).all()
    assert frame.rgbd[3].max() == pytest.approx(1.0) and frame.rgbd[3, 32, 32] == pytest.approx(-1.0, abs=0.01)
    with pytest.raises(InputError, match="not in its picture"):
        source_frame(np.zeros((8, 8, 3), np.uint8), np.full((8, 8), np.nan, np.float32))


def test_driver_depth_has_one_mapping_for_the_clip() -> None:
    """A head that comes 5 cm nearer is 5 cm nearer in every frame's numbers."""
    near = clip(1)[0]
    far = replace(near, depth=near.depth + np.float32(0.05))
    prepared = DriverFrames(CONFIG.size)
    prepared.measure([near, far])
    first, second = prepared.normalized([near, far])
    span = prepared.normalization.far - prepared.normalization.near
    inside = (np.abs(first[3]) < 0.99) & (np.abs(second[3]) < 0.99)
    assert inside.sum() > 100
    assert np.allclose((second - first)[3][inside], 2 * 0.05 / span, atol=1e-5)


def test_the_start_frame_leaves_the_avatar_alone(animator) -> None:
    moving = NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, driver(animator), start=2)
    frames = list(moving.frames())
    assert [frame.motion.time for frame in frames] == [Fraction(i, 25) for i in range(5)]
    still = frames[2].motion
    assert np.abs(still.translation).max() < 1e-4
    assert all(np.isfinite(frame.motion.translation).all() for frame in frames)
    assert frames[0].color.dtype == np.uint8 and frames[0].color.shape == (SIZE, SIZE, 3)
    assert frames[0].depth.shape == (SIZE, SIZE)
    seen = frames[0].depth[np.isfinite(frames[0].depth)]
    assert seen.min() >= source().near - 1e-3 and seen.max() <= source().far + 1e-3


def test_batches_and_target_frame_give_the_same(animator) -> None:
    moving = NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, driver(animator))
    whole = list(moving.frames(batch_size=5))
    for size in (1, 2):
        parts = list(moving.frames(batch_size=size))
        for one, other in zip(parts, whole, strict=True):
            assert np.allclose(one.motion.translation, other.motion.translation, atol=1e-4)
    (target,) = moving.frames(range(3, 4))
    assert target.motion.time == Fraction(3, 25)
    assert np.allclose(target.motion.translation, whole[3].motion.translation, atol=1e-4)


def test_clip_of_one_frame(animator) -> None:
    (frame,) = NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, driver(animator, 1)).frames()
    assert np.abs(frame.motion.translation).max() < 1e-4


def test_pose_and_translations_together_are_the_motion(animator) -> None:
    known = driver(animator)
    plain = NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, known)
    posed = NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, known, rigid=np.arange(24))
    rest = plain.tracker.rest
    for one, other in zip(plain.frames(), posed.frames(), strict=True):
        pose, seen = other.motion.pose, one.motion.tracked
        assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-9)
        moved = (rest + other.motion.translation) @ pose[:3, :3].T + pose[:3, 3]
        assert np.allclose(moved[seen], (rest + one.motion.translation)[seen], atol=1e-9)


def test_a_turning_picture_is_a_turning_head() -> None:
    """A rotation about the viewing axis comes out as that pose, with nothing left for the translations."""
    angle, center = 0.15, np.array([32.0, 32.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    sampled = np.einsum("ij,jhw->ihw", turn.T, GRID - center[:, None, None]) + center[:, None, None]
    flat = ControllerTracker(CAMERA, PIXELS, np.full(24, 8.0), SCALE, backward(GRID), np.zeros((SIZE, SIZE)))
    translation, tracked = flat.track(backward(sampled), np.zeros((SIZE, SIZE)))
    moving = object.__new__(NetworkMotion)
    moving.tracker, moving._rigid, moving._static = flat, np.arange(24), np.zeros(24, bool)
    moving._pose, moving._mouth, moving._strength = np.eye(4), None, 1.0
    motion = moving._motion(translation, tracked, Fraction(0))
    expected = np.eye(3)
    expected[:2, :2] = turn.T  # image y points down, so the world turns the other way
    assert np.allclose(motion.pose[:3, :3], expected, atol=2e-3)
    assert np.abs(motion.translation).max() < 0.05 * 8 / CAMERA.focal


def test_static_controllers_stay(animator) -> None:
    static = np.arange(24) < 3
    moving = NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, driver(animator), static=static)
    for frame in moving.frames():
        assert (frame.motion.translation[:3] == 0).all() and frame.motion.tracked[:3].all()


def test_the_best_start_is_the_nearest_code() -> None:
    codes = np.array([[3.0, 0.0], [1.0, 1.0], [0.2, 0.1]], np.float32)
    assert DriverMotion(codes, [Fraction(0)] * 3).nearest_to(np.zeros(2)) == 2


@pytest.mark.parametrize("start", [-1, 5])
def test_start_outside_the_clip_is_named(animator, start: int) -> None:
    with pytest.raises(InputError, match=r"0\.\.4"):
        NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, driver(animator), start=start)


def test_bad_drivers_are_named(animator) -> None:
    with pytest.raises(InputError, match="no frames"):
        encode_driver([], [], animator)
    blind = [replace(frame, depth=np.full((SIZE, SIZE), np.nan, np.float32)) for frame in clip(2)]
    with pytest.raises(InputError, match="no depth anywhere"):
        DriverFrames(CONFIG.size).measure(blind)
    with pytest.raises(InputError, match="no face was followed"):
        DriverFrames(CONFIG.size).measure(clip(1, depth=False))
    wide = Frame(0, Fraction(0), np.zeros((32, 64, 3), np.uint8), np.ones((32, 64), np.float32))
    with pytest.raises(InputError, match="not square"):
        DriverFrames(CONFIG.size).measure([wide])


def test_frames_of_another_size_are_cut_and_scaled() -> None:
    """The background behind a person is left out; sizes of the recording do not matter."""
    depth = np.full((120, 200), 3.0, np.float32)
    depth[20:110, 60:140] = 0.6
    frame = Frame(0, Fraction(0), np.full((120, 200, 3), 90, np.uint8), depth)
    prepared = DriverFrames(CONFIG.size, crop=SquareCrop(40, 0, 120))
    prepared.measure([frame])
    (rgbd,) = prepared.normalized([frame])
    assert rgbd.shape == (4, SIZE, SIZE)
    assert (rgbd[3, :, 0] == -1).all()
    assert prepared.normalization.near < 0.6 < prepared.normalization.far < 2


def test_depth_from_landmarks_where_the_video_has_none() -> None:
    from vfa.face.topology import TRIANGLES

    angle = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    radius = np.sqrt(np.linspace(0.01, 1, 478)) * 25
    points = np.stack([32 + radius * np.cos(40 * angle), 32 + radius * np.sin(40 * angle), radius], 1)
    assert len(TRIANGLES) > 0
    landmarks = np.repeat(points[None].astype(np.float32), 2, 0)
    prepared = DriverFrames(CONFIG.size, landmarks=landmarks)
    frames = clip(2, depth=False)
    prepared.measure(frames)
    first, second = prepared.normalized(frames)
    assert first[3].max() > -1 and (first[3] == second[3]).all()


def test_crop_follows_the_face_unless_it_fills_the_frame() -> None:
    face = np.zeros((3, 478, 3), np.float32)
    face[:, :, 0] = np.linspace(300, 400, 478)
    face[:, :, 1] = np.linspace(100, 220, 478)
    crop = followed_crop(face, 1280, 720)
    assert crop is not None and crop.side == 192 and crop.x + crop.side / 2 == pytest.approx(350, abs=1)
    assert followed_crop(face, 256, 256) is None


def test_lids_and_gaze_are_the_drivers_own(animator) -> None:
    """The rig closes lids as a whole, so their controllers cannot; without a driver's eyes they stay as at rest."""
    known = driver(animator, 3)

    def eyes(index: int) -> Motion:
        opening, gaze = np.array([1 - 0.2 * index, 0.5]), np.array([0.1 * index, 0])
        return Motion(known.times[index], PIXELS, np.ones(1, bool), gaze=gaze, lid_opening=opening)

    looking = NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, known, eyes=eyes)
    blind = NetworkMotion(animator, source(), CAMERA, PIXELS, DEPTHS, known)
    for index, (one, other) in enumerate(zip(looking.frames(), blind.frames(), strict=True)):
        assert one.motion.lid_opening.tolist() == [1 - 0.2 * index, 0.5]
        assert one.motion.gaze.tolist() == [0.1 * index, 0]
        assert other.motion.lid_opening.tolist() == [1, 1] and not other.motion.gaze.any()
        assert np.array_equal(one.motion.translation, other.motion.translation)
