"""What a camera and a face tracker see of the built-in head."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from BFM.expressions import expression
from BFM.model import MorphableModel
from vfa.render import Appearance, Camera, render_mesh

CLOSED_LIPS = (
    {},
    {"mouthSmile": 1.0},
    {"mouthPucker": 1.0},
    {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
    {"mouthPress": 1.0},
    {"mouthFrown": 0.8, "mouthShrugLower": 0.6},
    {"mouthStretch": 1.0},
    {"jawLeft": 1.0},
    {"mouthRight": 1.0},
    {"jawForward": 1.0},
    {"cheekPuff": 1.0},
)


@pytest.fixture(scope="module")
def measuring() -> ModuleType:
    """The script that measures detection and tracking."""
    path = Path(__file__).parents[1] / "performance" / "face_model.py"
    spec = importlib.util.spec_from_file_location("face_model_measuring", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def visible(head: MorphableModel, vertices: np.ndarray, yaw: float) -> dict[str, int]:
    """Pixels of each group in a picture of 512 px."""
    label = np.zeros(head.n_vertices, int)
    names = list(head.groups)
    for k, name in enumerate(names):
        label[head.groups[name]] = k
    turned = head.pose(vertices, np.radians([0, yaw, 0]), np.zeros(3))
    camera = Camera(focal=1900, principal=(256, 256), width=512, height=512)
    shown = render_mesh(turned, head.triangles, Appearance(vertex_colors=head.colors()), camera, supersample=1)
    count = np.bincount(label[head.triangles[shown.triangle[shown.mask], 0]], minlength=len(names))
    return dict(zip(names, count.tolist(), strict=True))


@pytest.mark.parametrize("weights", CLOSED_LIPS, ids=str)
def test_no_tooth_or_tongue_shows_through_closed_lips(head: MorphableModel, weights: dict[str, float]) -> None:
    for yaw in (-40, 0, 40):
        seen = visible(head, head.vertices(None, expression(**weights)), yaw)
        assert seen["upper_teeth"] + seen["lower_teeth"] + seen["tongue"] == 0
        assert seen["left_eye"] > 100 and seen["right_eye"] > 100


def test_no_eyeball_shows_through_closed_lids(head: MorphableModel) -> None:
    for yaw in (-40, 0, 40):
        seen = visible(head, head.vertices(None, expression(eyeBlink=1.0)), yaw)
        assert seen["left_eye"] + seen["right_eye"] <= 2


def test_teeth_show_when_the_mouth_opens(head: MorphableModel) -> None:
    seen = visible(head, head.vertices(None, expression(jawOpen=0.4, mouthSmile=0.8, mouthUpperUp=0.4)), 0)
    assert seen["upper_teeth"] > 200


def test_the_tracker_finds_the_neutral_face_with_open_eyes_and_closed_lips(
    head: MorphableModel, measuring: ModuleType
) -> None:
    from vfa.face.landmarks import FaceLandmarker

    image, truth = measuring.picture(head, head.vertices(), head.colors())
    with FaceLandmarker(static=True) as tracker:
        found = tracker.detect(image)
    assert found is not None
    measured = measuring.features(found.points)
    assert measured["lip gap"] < 0.02
    assert min(measured["left eye"], measured["right eye"]) > 0.08
    tip = found.points[4, :2] - truth[30]
    assert np.linalg.norm(tip) < 0.1 * np.linalg.norm(truth[36] - truth[45])


@pytest.mark.slow
def test_the_tracker_finds_random_heads(head: MorphableModel, measuring: ModuleType) -> None:
    share, errors = measuring.measure_detection(head, 100, seed=0, spread=1.0, turn=1.0)
    assert share >= 0.99
    assert np.median(errors) < 0.05


@pytest.mark.slow
def test_the_tracker_follows_the_expressions(head: MorphableModel, measuring: ModuleType) -> None:
    results = measuring.measure_tracking(head, heads=3, seed=0)
    least = {"jawOpen: lip gap": 0.97, "mouthSmile: mouth width": 0.95, "mouthPucker: mouth width": -0.95}
    least |= {"eyeBlinkLeft: left eye": -0.93, "eyeBlinkRight: right eye": -0.93, "browDown: inner brow": -0.95}
    least |= {"browOuterUp: outer brow": 0.95, "browInnerUp: inner brow": 0.95}
    for name, bound in least.items():
        assert results[name][2] * np.sign(bound) >= abs(bound), name
    start, end, _ = results["jawOpen: lip gap"]
    assert start < 0.02 and end > 0.25
