"""The measurements behind docs/fidelity.md on made-up motion whose figures are known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.performance import fidelity_page as page
from tests.performance.fidelity_shapes import (
    FEATURES,
    Agreement,
    Ruler,
    agreement,
    errors,
    lengths,
    pooled,
    regions,
    yaw_of,
)


def face() -> np.ndarray:
    """68 landmarks `[68, 3]` with round lengths: gap 4, width 50, eyes 10, brows 20 above the eyes' corners."""
    points = np.zeros((68, 3))
    for upper, lower, gap in (*[(u, d, 4.0) for u, d in ((61, 67), (62, 66), (63, 65))],
                              *[(u, d, 10.0) for u, d in ((37, 41), (38, 40), (43, 47), (44, 46))]):  # fmt: skip
        points[upper, 1], points[lower, 1] = gap / 2, -gap / 2
    points[54, 0] = 50.0
    points[17:27, 1] = 20.0
    return points


def turned(vertices: np.ndarray, degrees: float, shift: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Vertices turned about the vertical axis, +z towards +x."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vertices @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T + shift


def test_lengths_of_a_face_of_known_size() -> None:
    found = lengths(np.stack([face(), 2 * face()]))
    assert {name: value.tolist() for name, value in found.items()} == {
        "lip gap": [4.0, 8.0], "mouth width": [50.0, 100.0], "eye opening": [10.0, 20.0], "brow height": [20.0, 40.0],
    }  # fmt: skip


def test_slope_and_correlation_are_those_of_a_line_with_noise() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=400)
    result = 0.6 * truth + 0.1 * rng.normal(size=400) + 3
    found = agreement(truth, result)
    assert found.slope == pytest.approx(np.polyfit(truth, result, 1)[0])
    assert found.correlation == pytest.approx(np.corrcoef(truth, result)[0, 1])


def test_a_still_result_has_a_slope_of_zero_and_no_correlation_and_lost_frames_are_left_out() -> None:
    truth = np.array([0.0, 1.0, 2.0, 3.0])
    still = agreement(truth, np.full(4, 7.0))
    assert still.slope == 0 and np.isnan(still.correlation)
    assert agreement(truth, np.array([0.0, np.nan, 2.0, 3.0])) == Agreement(1.0, 1.0, 3)
    assert np.isnan(agreement(np.zeros(4), truth).slope)


def test_people_are_pooled_as_changes_from_their_first_frame() -> None:
    """Two people with different faces at rest and a perfect result: without that, the offsets would spoil the slope."""
    one, two = np.array([10.0, 12.0, 15.0]), np.array([30.0, 31.0, 30.0])
    assert pooled([(one, one + 5), (two, two - 20)]) == Agreement(1.0, 1.0, 6)
    assert pooled([(one, one / 2), (two, two / 2)]).slope == pytest.approx(0.5)


def test_yaw_of_a_turn() -> None:
    matrix = turned(np.eye(3), 20.0).T
    assert yaw_of(matrix) == pytest.approx(20.0)


def test_regions_lie_where_they_should() -> None:
    from dataset.scenes import head

    where, shape = regions(), head().mean_shape
    marks = shape[where.keypoints]
    lips = shape[where.lips]
    assert set(where.lips) <= set(where.detail) <= set(where.face)
    assert not set(where.face) & set(where.skull)
    assert np.ptp(marks[48:60, 0]) < np.ptp(lips[:, 0]) < np.ptp(marks[48:60, 0]) + 0.25
    assert lips[:, 1].max() < marks[30, 1], "no lip reaches the tip of the nose"


def test_head_motion_is_yaw_and_flow_but_no_vertex_error() -> None:
    from dataset.scenes import head

    rest = head().mean_shape.astype(np.float64)
    ruler = Ruler(rest)
    truth, still = ruler.track([turned(rest, 15, (0.1, 0, 0))]), ruler.track([rest])
    assert truth.features["yaw"] == pytest.approx(15.0)
    for name in FEATURES[:-1]:
        assert truth.features[name] == pytest.approx(still.features[name])
    off = errors(still, truth, still)
    assert off["mve"] == pytest.approx(0, abs=1e-3) and off["lve"] == pytest.approx(0, abs=1e-5)
    assert off["flow"] == off["flow_still"] and off["flow"] > 5
    assert errors(truth, truth, still)["flow"] == 0


def test_vertex_errors_of_a_face_that_is_off_by_a_known_length() -> None:
    """The lips 2 mm too far forward: LVE 4 mm^2, and MVE their share of the face times 2 mm."""
    from dataset.scenes import head

    rest = head().mean_shape.astype(np.float64)
    where = regions()
    moved = rest.copy()
    moved[where.lips, 2] += 2 / where.mm
    ruler = Ruler(rest)
    still = ruler.track([rest, rest])
    off = errors(ruler.track([moved, rest]), still, ruler.track([rest]))
    assert off["lips"] == pytest.approx([2, 0], abs=1e-3) and off["lve"] == pytest.approx([4, 0], abs=1e-3)
    assert off["mve"] == pytest.approx([2 * len(where.lips) / len(where.face), 0], abs=1e-3)


def test_a_pair_starts_at_rest_and_its_truth_is_the_avatars_person() -> None:
    from tests.performance.fidelity_people import avatar_of, draw_pair

    pair = draw_pair(1, seed=3, frames=9, rate=Fraction(12))
    again = draw_pair(1, seed=3, frames=9, rate=Fraction(12))
    assert np.array_equal(pair.driver.vertices(5), again.driver.vertices(5))
    avatar = avatar_of(pair)
    assert np.allclose(pair.truth.vertices(0), avatar.vertices, atol=1e-5)
    assert not np.allclose(pair.driver.vertices(0), avatar.vertices, atol=1e-2)
    assert np.array_equal(pair.truth.performance.expression, pair.driver.performance.expression)
    other = draw_pair(0, seed=3, frames=9, rate=Fraction(12))
    assert not np.allclose(other.avatar.identity, pair.avatar.identity)


def test_true_flow_and_depth_measure_as_the_truth() -> None:
    """The instrument itself: what follows exact flow and depth reads what the exact vertices read."""
    from tests.performance import fidelity_pictures as pictures
    from tests.performance.fidelity_people import draw_pair

    setting = pictures.film(draw_pair(0, seed=2**20 + 5, frames=9, rate=Fraction(12)), 128, 7)
    assert np.array_equal(setting.shots[0].points, setting.rest)
    made = pictures.exactly(setting)
    assert np.nanmax(made.flow) < 1e-3 and np.nanmean(made.flow_still) > 4 and np.nanmax(made.depth) < 1e-3
    assert made.tracked > 0.9
    for name, least in (("lip gap", 0.95), ("eye opening", 0.95), ("yaw", 0.99)):
        found = agreement(made.truth[name], made.features[name])
        assert found.correlation > least and 0.85 < found.slope < 1.15, f"{name}: {found}"


def drawn_record() -> dict:
    """A record such as `fidelity.json` holds, with a method that is missing and a network that misses goals."""
    follows = {name: {"correlation": 0.981, "slope": 0.95} for name in FEATURES}
    mesh = {"key": "network", "title": "network", "missing": "", "flow": 0.123, "detail": 0.2, "mve": 1.0, "lips": 2.0,
            "lve": 9.5, "ms": None, "features": follows}  # fmt: skip
    seen = {"title": "net", "network": True, "flow": 0.25, "detail": 0.3, "depth": 3.0, "tracked": 1.0, "ms": 12.0,
            "features": {**follows, "eye opening": {"correlation": 0.9, "slope": 0.24}}}  # fmt: skip
    return {
        "options": {"pairs": 1, "frames": 9, "rate": 12, "given": ""},
        "machine": {"cores": 2, "threads": 2},
        "networks": [{"title": "network", "file": "a.safetensors", "size": 128, "sha256": "0" * 64}],
        "people": [mesh, {"key": "o", "title": "official", "missing": "no file VFA.pt"}],
        "pictures": [seen],
        "clips": {"missing": "", "clips": [{"name": "talking_with_audio.mp4", "frames": 9, "rows": [
            {"key": "n", "title": "network", "missing": "", "network": True, "detected": 1.0, "features": follows}]}]},
    }  # fmt: skip


def test_the_page_has_every_row_says_what_is_missing_and_which_goals_are_missed() -> None:
    text = page.page(drawn_record())
    lines = text.splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in tables[:4]} == {13}, "every row of the first table has all its cells"
    assert "| network | 12 % | 20 % | 1.00 | 2.00 | 9.5 | .98 / .95 |" in text
    assert any(line.startswith("| official | not measured: no file VFA.pt |") for line in lines)
    (missed,) = [line for line in lines if line.startswith("- net:")]
    assert "eye opening .90 / .24" in missed and "flow 25 %" in missed and "mouth width" not in missed
    assert "yaw .98 / .95 (asked .99 / .90)" in missed
    assert "- network: every goal is reached." in lines


def test_goals_are_those_asked_for() -> None:
    exact = {name: {"correlation": goal[0], "slope": goal[1]} for name, goal in page.PICTURE_GOALS.items()}
    assert page.missed(exact, page.PICTURE_GOALS) == []
    none = {name: {"correlation": None, "slope": 0.0} for name in FEATURES}
    assert len(page.missed(none, page.PICTURE_GOALS)) == 5


def test_options_are_checked_before_any_work(tmp_path) -> None:
    from tests.performance.fidelity import chosen_rows, parse
    from vfa.errors import AssetError, InputError

    assert parse(["--quick", "--frames", "30"]).frames == 30
    assert parse(["--quick"]).pairs == 1 and parse([]).pairs == 4
    for bad in (["--pairs", "0"], ["--parts", "people,nonsense"]):
        with pytest.raises(InputError):
            parse(bad)
    with pytest.raises(InputError, match="landmarks"):
        chosen_rows(parse(["--rows", "landmark"]))
    with pytest.raises(AssetError):
        chosen_rows(parse(["--checkpoint", str(tmp_path / "none.safetensors")]))


def test_a_checkpoint_that_is_none_becomes_a_reason(tmp_path) -> None:
    from tests.performance.fidelity_methods import rows

    (tmp_path / "broken.safetensors").write_bytes(b"<html>not here</html>")
    table, networks = rows(tmp_path / "broken.safetensors", tmp_path / "VFA.pt")
    assert networks == []
    reasons = {row.key: row.missing for row in table}
    assert "cannot be used" in reasons["network"] and "VFA.pt" in reasons["official"]
    assert reasons["reference"] and not reasons["landmarks"]
