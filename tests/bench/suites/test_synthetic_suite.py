"""The synthetic suite: what is in it, and that its truth is the source's person giving the driver's performance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.distributed import Ranks
from bench.store import read_arrays
from bench.suites.run_sample import RunSample
from bench.suites.synthetic import LEAD, Plan, Recipe, driving_scene, make_suite, plans, source_scene, truth_scene
from vfa.errors import InputError

RECIPE = Recipe(people=2, clips=1, crossed=1, seed=3, frames=4, rate="10", size=96)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RunSample]]:
    folder = tmp_path_factory.mktemp("synthetic")
    return folder, make_suite(RECIPE, folder)


def test_everybody_is_driven_by_themselves_and_by_others() -> None:
    found = plans(Recipe(people=4, clips=2, crossed=2))
    assert len(found) == 4 * 2 + 4 * 2 * 2
    assert len({plan.id for plan in found}) == len(found)
    assert {plan.kind for plan in found} == {"self", "cross"}
    assert plans(Recipe(people=1, crossed=3)) == [Plan(0, 0, 0)]
    assert plans(Recipe(seed=1)) == plans(Recipe(seed=1))


def test_a_performance_begins_shortly_before_something_moves() -> None:
    scene = driving_scene(Recipe(frames=20), 0, 0)
    expression = np.abs(scene.performance.expression).sum(1)
    assert scene.n_frames == 20
    assert (expression[:LEAD] < 1e-3).all()
    assert expression[LEAD + 3] > 0.1
    assert scene.performance.time[1] == pytest.approx(1 / 25)


def test_the_truth_is_the_sources_person_with_the_drivers_performance() -> None:
    recipe, plan = Recipe(frames=8, rate="10"), Plan(0, 1, 0)
    source, driver = source_scene(recipe, 0), driving_scene(recipe, 1, 0)
    truth = truth_scene(recipe, plan)
    assert truth.person is not driver.person
    np.testing.assert_array_equal(truth.person.identity, source.person.identity)
    np.testing.assert_array_equal(truth.camera.eye, source.camera.eye)
    np.testing.assert_array_equal(truth.gamma, source.gamma)
    np.testing.assert_array_equal(truth.performance.expression, driver.performance.expression)
    # Straight from the morphable model: identity of one, expression and pose of the other.
    from BFM.builtin import load_builtin
    from BFM.coefficients import rotation

    model, frame = load_builtin(), 6
    shape = model.mean_shape + (model.id_base @ source.person.identity).reshape(-1, 3)
    shape = shape + (model.ex_base @ driver.performance.expression[frame]).reshape(-1, 3)
    posed = shape @ rotation(driver.performance.euler[frame]).T + driver.performance.translation[frame]
    skin = model.groups["skin"]
    np.testing.assert_allclose(truth.vertices(frame)[skin], posed[skin], atol=2e-4)


def test_all_files_are_there_and_fit(made: tuple[Path, list[RunSample]]) -> None:
    from bench.features.reader import VideoReader, read_audio

    _, samples = made
    assert [sample.kind for sample in samples] == ["self", "self", "cross", "cross"]
    for sample in samples:
        assert sample.has() == {"image", "mesh", "view", "video", "audio", "truth", "scene"}
        for path in (sample.driving, sample.truth):
            assert path is not None
            assert sum(1 for _ in VideoReader(path, set())) == 4
        assert sample.audio is not None
        sound = read_audio(sample.audio)
        assert sound is not None
        assert len(sound) == round(4 / 10 * 16000)
        truth = read_arrays(sample.tables["vertices_truth"])
        assert truth is not None
        count = truth["vertices"].shape[1]
        assert truth["vertices"].shape == (4, count, 3)
        assert truth["visible"].shape == truth["points"].shape[:2] == (4, count)
        assert truth["landmarks"].shape == (4, 68, 2)
        assert 0.3 < truth["visible"].mean() < 1
        assert ("driver_truth" in sample.tables) == (sample.kind == "cross")


def test_the_first_frame_of_the_truth_is_the_source_at_rest(made: tuple[Path, list[RunSample]]) -> None:
    from bench.methods.pictures import read_picture
    from vfa.media import open_clip

    _, samples = made
    for sample in samples:
        truth = read_arrays(sample.tables["vertices_truth"])
        assert truth is not None
        np.testing.assert_allclose(truth["vertices"][0], truth["neutral"], atol=0.05)  # millimetres
        np.testing.assert_allclose(truth["points"][0], truth["at_rest"], atol=0.05)
        assert sample.image is not None
        assert sample.truth is not None
        with open_clip(sample.truth, with_depth=False) as clip:
            first = next(iter(clip)).color
        assert np.abs(first.astype(float) - read_picture(sample.image)).mean() < 2.5


def test_points_are_where_the_flow_says(made: tuple[Path, list[RunSample]]) -> None:
    """Watched points of the last frame, followed back by the dense flow of the data set's truth."""
    from dataset.truth import Truth, read_scene

    _, samples = made
    sample = samples[2]
    assert sample.scene is not None
    flow, visible = Truth(read_scene(sample.scene)).flow(source=0, driving=3)
    truth = read_arrays(sample.tables["vertices_truth"])
    assert truth is not None
    place = truth["points"][3]
    column, row = np.floor(place).astype(int).T
    inside = (column > 1) & (row > 1) & (column < 94) & (row < 94) & truth["visible"][3]
    known = inside.copy()
    known[inside] = visible[row[inside], column[inside]]
    back = place[known] + flow[row[known], column[known]]
    apart = np.linalg.norm(back - truth["points"][0][known], axis=1)
    assert known.sum() > 300
    assert np.median(apart) < 0.1  # pixels; the flow is given at pixel centres


def test_again_it_is_kept_and_another_recipe_is_refused(made: tuple[Path, list[RunSample]]) -> None:
    folder, _ = made
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    make_suite(RECIPE, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before
    with pytest.raises(InputError, match="another synthetic suite") as caught:
        make_suite(Recipe(people=2, seed=4, frames=4, rate="10", size=96), folder)
    assert "seed 4" in str(caught.value)
    assert json.loads((folder / "suite.json").read_text())["seed"] == 3


def test_a_recipe_out_of_range_is_refused(tmp_path: Path) -> None:
    for wrong in (Recipe(size=63), Recipe(rate="0"), Recipe(frames=0)):
        with pytest.raises(InputError):
            make_suite(wrong, tmp_path, ranks=Ranks())
