"""The built-in demo lies in the repository, opens without a warning and stays small."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from BFM import load_coefficients
from vfa.media import open_clip

FOLDER = Path(__file__).parents[2] / "dataset"


def test_the_performance_has_colour_depth_and_exact_times() -> None:
    with open_clip(FOLDER / "demo_driving" / "color" / "demo.mp4") as clip:
        frames = [(frame.time, float(np.nanmedian(frame.depth)), frame.color.shape) for frame in clip]
    assert clip.warnings == []
    assert clip.depth_is_metric
    assert [time for time, _, _ in frames] == [Fraction(index, 30) for index in range(len(frames))]
    assert all(0.3 < depth < 1.3 for _, depth, _ in frames)
    assert {shape for _, _, shape in frames} == {(256, 256, 3)}
    assert 120 <= len(frames) <= 300


def test_the_avatar_is_a_neutral_face() -> None:
    face = load_coefficients(FOLDER / "demo_source" / "demo.npy")
    assert np.abs(face.identity).max() > 0.1
    for part in (face.expression, face.euler, face.gamma, face.translation):
        assert not part.any()


def test_the_demo_is_small() -> None:
    files = [path for name in ("demo_driving", "demo_source") for path in (FOLDER / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4e6
