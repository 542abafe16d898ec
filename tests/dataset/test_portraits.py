"""Portraits: their motion basis against the renderer's own vertices, moved."""

from __future__ import annotations

import numpy as np
import pytest

from dataset.portraits import PortraitStream
from dataset.scenes import head
from dataset.stream import GroupStream, motion_code

SIZE = 64


@pytest.mark.parametrize("part", [0, 1, 3, 9])
def test_the_basis_is_what_the_component_does_to_the_rendered_head(part: int) -> None:
    """Each pixel's surface point, moved by a unit of one component, seen by the camera."""
    stream = PortraitStream(seed=4, size=SIZE)
    portrait = stream.group(2)
    rng = np.random.default_rng([4, 15, 2])
    scene = GroupStream(4, SIZE, frames=2, pairs=0, at_rest=True).scene(2, rng)
    play = scene.performance
    maps = scene.renderer(supersample=1).render_maps(scene.vertices(0))
    unit = motion_code().coefficients[:, part]
    moved = scene._model.vertices(None, play.expression[0] + unit, play.gaze[0])
    moved = scene._model.pose(moved, play.euler[0], play.translation[0])
    shift = (moved - scene.vertices(0)).astype(np.float64) @ scene.camera.rotation().T
    seen = maps.mask & np.isfinite(portrait.depth)
    corners = head().triangles[maps.triangle[seen]]
    expected = np.einsum("pkc,pk->pc", shift[corners], maps.barycentric[seen])
    expected *= (scene.camera.focal / maps.depth[seen] / SIZE)[:, None]
    found = portrait.basis[part][:, seen].T.astype(np.float64)
    off = np.linalg.norm(found - expected, axis=1)
    # Smoothed pictures may show a neighbouring triangle in a pixel.
    assert np.quantile(off, 0.9) < 1e-3 * np.abs(expected).max() + 1e-5
    assert np.linalg.norm(expected, axis=1).max() > 0.002


def test_code_and_coefficients_are_inverse() -> None:
    code = motion_code()
    np.testing.assert_allclose(code.projection @ code.coefficients, np.eye(14), atol=1e-9)


def test_nothing_moves_in_the_background() -> None:
    portrait = PortraitStream(seed=4, size=SIZE).group(0)
    empty = ~np.isfinite(portrait.depth)
    assert empty.any() and (portrait.basis[:, :, empty] == 0).all()
    assert portrait.basis.shape == (14, 3, SIZE, SIZE)


def test_a_portrait_depends_on_seed_and_number_alone() -> None:
    first, again, other = (
        PortraitStream(1, SIZE).group(5),
        PortraitStream(1, SIZE).group(5),
        PortraitStream(2, SIZE).group(5),
    )
    assert (first.basis == again.basis).all() and (first.color == again.color).all()
    assert (first.color != other.color).any()
