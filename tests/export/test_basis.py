"""Reduced motion: the stated error really bounds the error of every vertex in every frame."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from animation_cases import ball_avatar, moving_frames

from vfa.errors import InputError, MeshError
from vfa.export.basis import MotionReducer


def reduce(avatar, frames, **options):
    reducer = MotionReducer(avatar.vertices, **options)
    for frame in frames:
        reducer.add(frame.time, frame.vertices, frame.pose)
    return reducer.finish()


def true_errors(motion, frames):
    return np.array(
        [
            np.linalg.norm(
                motion.base + np.tensordot(w.astype(np.float64), motion.targets, 1) - frame.vertices, axis=1
            ).max()
            for w, frame in zip(motion.weights, frames, strict=True)
        ]
    )


@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_error_is_within_the_tolerance_and_the_statement(noise, scale):
    avatar = ball_avatar(scale=scale)
    frames = list(moving_frames(avatar, noise=noise))
    motion = reduce(avatar, frames, tolerance=0.01 * scale)
    errors = true_errors(motion, frames)
    assert (errors <= motion.frame_error).all()
    assert motion.max_error <= 0.01 * scale
    assert np.abs(motion.weights).max() <= 1


def test_as_many_targets_as_the_motion_has_dimensions():
    avatar = ball_avatar()
    motion = reduce(avatar, moving_frames(avatar, 60, 5), tolerance=1e-4)
    assert len(motion.targets) == 5


def test_targets_fall_in_importance():
    avatar = ball_avatar()
    motion = reduce(avatar, moving_frames(avatar, 60, 6), tolerance=1e-3)
    energy = [np.sum(w**2) * np.sum(t**2) for w, t in zip(motion.weights.T.astype(float), motion.targets, strict=True)]
    assert energy == sorted(energy, reverse=True)


@pytest.mark.parametrize("limits", [{"max_targets": 3}, {"max_bytes": 15000}])
def test_limits_are_kept_and_the_error_stays_honest(limits):
    avatar = ball_avatar()
    frames = list(moving_frames(avatar, 60, 12, noise=2e-3))
    motion = reduce(avatar, frames, tolerance=1e-4, **limits)
    errors = true_errors(motion, frames)
    assert (errors <= motion.frame_error).all()
    assert 1e-4 < motion.max_error < 10 * errors.max()
    assert len(motion.targets) <= limits.get("max_targets", 2)


def test_full_basis_makes_room_without_hiding_the_error(monkeypatch):
    avatar = ball_avatar()
    monkeypatch.setattr("vfa.export.basis.WORK_BYTES", 12 * avatar.vertices.nbytes)
    frames = list(moving_frames(avatar, 80, 20, noise=1e-3))
    motion = reduce(avatar, frames, tolerance=1e-3)
    errors = true_errors(motion, frames)
    assert (errors <= motion.frame_error).all()
    assert len(motion.targets) <= 12
    assert motion.max_error < 0.4  # the bumps are 0.4 high: most of the motion is kept


def test_no_motion_needs_no_target():
    avatar = ball_avatar()
    motion = reduce(avatar, moving_frames(avatar, 10, 0), tolerance=1e-3)
    assert motion.targets.shape == (0, len(avatar.vertices), 3)
    assert motion.max_error == 0
    np.testing.assert_array_equal(motion.vertices(9), avatar.vertices)


def test_vertices_that_never_move_are_exactly_zero():
    avatar = ball_avatar()
    still = avatar.vertices[:, 1] < 0

    def frames():
        for frame in moving_frames(avatar, 20):
            frame.vertices[still] = avatar.vertices[still]
            yield frame

    motion = reduce(avatar, frames(), tolerance=1e-3)
    assert not motion.targets[:, still].any()


def test_one_frame():
    avatar = ball_avatar()
    frames = list(moving_frames(avatar, 1))
    motion = reduce(avatar, frames, tolerance=1e-3)
    assert true_errors(motion, frames)[0] <= motion.max_error <= 1e-3


def test_memory_does_not_grow_with_the_clip():
    avatar = ball_avatar(subdivisions=4)
    peaks = []
    for n_frames in (400, 4000):
        tracemalloc.start()
        reduce(avatar, moving_frames(avatar, n_frames, 8), tolerance=1e-3)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 3600 * 1000  # a kilobyte a frame for weights, pose and time; a frame has 31


def test_bad_input():
    avatar = ball_avatar()
    rest = avatar.vertices
    with pytest.raises(InputError, match="no frames"):
        MotionReducer(rest, tolerance=1).finish()
    with pytest.raises(InputError, match="tolerance"):
        MotionReducer(rest, tolerance=0)
    with pytest.raises(MeshError):
        MotionReducer(np.full((3, 3), np.nan), tolerance=1)
    reducer = MotionReducer(rest, tolerance=1)
    reducer.add(Fraction(1), rest)
    with pytest.raises(InputError, match="does not increase"):
        reducer.add(Fraction(1), rest)
    with pytest.raises(MeshError, match="another mesh"):
        reducer.add(Fraction(2), rest[:-1])
    with pytest.raises(MeshError, match="not finite"):
        reducer.add(Fraction(2), rest * np.float32(np.nan))
    with pytest.raises(InputError, match="pose"):
        reducer.add(Fraction(2), rest, np.eye(3))
