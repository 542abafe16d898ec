"""The built-in avatar on its stage, made once for all tests that drive it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def demo_stage():
    """The demo avatar with its rig (`vfa.avatar.stage.Stage`)."""
    from vfa.avatar import load_avatar
    from vfa.avatar.stage import choose_camera, set_stage

    avatar = load_avatar(ROOT / "dataset" / "demo_source" / "demo.npy")
    stage = set_stage(avatar, choose_camera(avatar, centered=False))
    assert stage.rig.landmarks is not None, "the detector sees no face on the built-in avatar"
    return stage
