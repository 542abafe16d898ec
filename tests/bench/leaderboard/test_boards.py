"""Boards: who is best, who is not told apart, what does not count, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_runs import write_run, write_scores
from scipy import stats

from bench.leaderboard.boards import Board, common_samples, make_board, profiles_of
from bench.leaderboard.runs import load_suites
from bench.leaderboard.site import failures, suite_boards
from bench.leaderboard.view import board_view, radius
from bench.paired import holm
from bench.profiles import PROFILES
from vfa.errors import InputError

SAMPLES = [f"s{i}" for i in range(8)]


def values(start: float, step: float = 0.1, skip: int = 0) -> dict[str, float | None]:
    return {s: start + step * (i % 4) for i, s in enumerate(SAMPLES)} | dict.fromkeys(SAMPLES[:skip])


def board_of(folder: Path, profile: str = "all", subset: str = "") -> Board:
    (suite,) = load_suites([folder])
    return next(b for b in suite_boards(suite) if b.profile == profile and b.subset == subset)


def test_best_and_places(tmp_path: Path) -> None:
    made = {
        "good": {"psnr_rgb": values(30.0), "mae": values(1.0)},
        "fair": {"psnr_rgb": values(29.0), "mae": values(2.0)},
        "poor": {"psnr_rgb": values(20.0), "mae": values(9.0)},
    }
    board = board_of(write_run(tmp_path / "run", made))
    psnr, mae = (next(c for c in board.columns if c.metric == name) for name in ("psnr_rgb", "mae"))
    assert psnr.cells["good"].value == pytest.approx(np.mean([30.0, 30.1, 30.2, 30.3]))
    assert psnr.best == mae.best == {"good"}
    assert [board.standings[m].place for m in ("good", "fair", "poor")] == [1, 2, 3]
    assert board.standings["poor"].vico == 6
    # Every one of eight differences has one sign: the exact two-sided p is 2 / 2**8, twice corrected.
    assert psnr.p["fair"] == pytest.approx(2 * 2 / 2**8)
    assert psnr.verdict("fair") == "behind"


def test_p_values_are_those_of_scipy_corrected_within_the_column(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    made = {m: {"psnr_rgb": dict(zip(SAMPLES, rng.normal(mu, 1, 8), strict=True))} for m, mu in
            (("a", 9.0), ("b", 8.8), ("c", 7.5))}  # fmt: skip
    board = board_of(write_scores(tmp_path / "run", made))
    (column,) = board.columns
    best = max(made, key=lambda m: np.mean(list(made[m]["psnr_rgb"].values())))
    others = [m for m in made if m != best]
    raw = [stats.wilcoxon(*([made[m]["psnr_rgb"][s] for s in SAMPLES] for m in (best, o))).pvalue for o in others]
    assert [column.p[o] for o in others] == pytest.approx(holm(raw))
    assert column.verdict(others[0]) == ("behind" if column.p[others[0]] < 0.05 else "tied")


def test_nobody_is_best_on_different_samples(tmp_path: Path) -> None:
    made = {
        "whole": {"psnr_rgb": values(20.0), "mae": values(3.0)},
        "part": {"psnr_rgb": values(30.0, skip=2), "mae": values(2.0)},
    }
    folder = write_run(tmp_path / "run", made)
    board = board_of(folder)
    psnr = next(c for c in board.columns if c.metric == "psnr_rgb")
    assert psnr.best == set()
    assert not psnr.ranked
    assert psnr.why_not == "not the same samples (part 6, whole 8)"
    assert board.standings["part"].vico == 1  # mae alone
    assert board_view(board, {"whole": 0, "part": 1}, True)["rows"][0]["cells"][1]["notes"] == [
        "6 of 8",
        "75 % of frames",
    ]
    common = board_of(folder, subset="common")
    psnr = next(c for c in common.columns if c.metric == "psnr_rgb")
    assert common.n_samples == 6
    assert psnr.best == {"part"}
    kept = [v for v in values(20.0, skip=2).values() if v is not None]
    assert psnr.cells["whole"].value == pytest.approx(np.mean(kept))


def test_a_method_without_most_metrics_is_not_ranked_and_harms_nobody(tmp_path: Path) -> None:
    made = {
        "a": {"psnr_rgb": values(20.0), "mae": values(3.0), "ssim_wang": values(0.5, 0.01)},
        "b": {"psnr_rgb": values(21.0), "mae": values(2.0), "ssim_wang": values(0.6, 0.01)},
        "broken": {"psnr_rgb": values(99.0, skip=8), "mae": values(0.1, skip=8), "ssim_wang": values(0.1, 0.01)},
    }
    board = board_of(write_run(tmp_path / "run", made))
    assert board.unranked == {"broken": "has 1 of 3 metrics"}
    assert set(board.standings) == {"a", "b"}
    assert next(c for c in board.columns if c.metric == "psnr_rgb").best == {"b"}


def test_a_metric_that_one_method_lacks_is_not_ranked(tmp_path: Path) -> None:
    made = {"a": {"psnr_rgb": values(20.0), "mae": values(3.0)}, "b": {"psnr_rgb": values(21.0)}}
    board = board_of(write_run(tmp_path / "run", made))
    mae = next(c for c in board.columns if c.metric == "mae")
    assert (mae.ranked, mae.why_not, mae.best) == (False, "no number for b", set())
    assert board.standings["a"].place == 2


def test_equal_methods_have_no_best(tmp_path: Path) -> None:
    board = board_of(write_run(tmp_path / "run", {m: {"psnr_rgb": values(20.0)} for m in "ab"}))
    assert board.columns[0].best == set()
    assert [board.standings[m].place for m in "ab"] == [1, 1]
    assert radius(board.columns[0], "a") == 1.0


def test_profiles_keep_their_columns_and_stand_ins_are_the_same_for_all(tmp_path: Path) -> None:
    made = {
        "a": {"psnr_rgb": values(20.0), "csim_lite": values(0.5, 0.01)},
        "b": {"psnr_rgb": values(21.0), "csim_lite": values(0.6, 0.01), "csim_aligned": values(0.9, 0.0)},
    }
    board = board_of(write_run(tmp_path / "run", made), "avatar")
    assert [c.label for c in board.columns] == [c.label for c in PROFILES["avatar"].columns]
    csim = board.columns[-1]
    assert (csim.metric, csim.stand_in) == ("csim_aligned", False)
    assert csim.cells["a"].value is None
    assert csim.why_not == "no number for a"


def test_published_rows_stand_apart(tmp_path: Path) -> None:
    made = {m: {"psnr_rgb": values(v), "ssim_wang": values(0.5, 0.01)} for m, v in (("a", 1.0), ("b", 0.5))}
    board = board_of(write_run(tmp_path / "run", made), "avatar")
    view = board_view(board, {"a": 0, "b": 1}, True)
    (table,) = view["inside"]
    assert {row["method"]: row["cells"][9] for row in table["rows"]}["Wan"] == "16.99"
    assert set(board.standings) == {"a", "b"}  # 16.99 dB would be first
    assert board_view(board, {"a": 0, "b": 1}, False)["inside"] == []
    micro = board_view(make_board(load_suites([tmp_path / "run"])[0], PROFILES["micro"]), {"a": 0, "b": 1}, True)
    assert {"Wav2Lip (English)", "SadTalker (Chinese)"} <= {row["method"] for row in micro["inside"][0]["rows"]}
    assert len(micro["beside"]) == 1


def test_radar_runs_from_the_worst_to_the_best(tmp_path: Path) -> None:
    made = {m: {"mae": values(v, 0.0)} for m, v in (("a", 1.0), ("b", 2.0), ("c", 5.0))}
    column = board_of(write_run(tmp_path / "run", made)).columns[0]
    assert [radius(column, m) for m in "abc"] == pytest.approx([1.0, 0.12 + 0.88 * 0.75, 0.12])


def test_kinds_of_samples_get_boards_of_their_own(tmp_path: Path) -> None:
    kinds = {s: "self" if i < 4 else "cross" for i, s in enumerate(SAMPLES)}
    made = {
        m: {"mae": {s: v + (10 if kinds[s] == "cross" else 0) for s in SAMPLES}} for m, v in (("a", 1.0), ("b", 2.0))
    }
    folder = write_run(tmp_path / "run", made, kinds=kinds)
    assert board_of(folder, subset="self").columns[0].cells["a"].value == 1.0
    assert board_of(folder, subset="cross").columns[0].cells["a"].value == 11.0


def test_runs_of_one_suite_come_together(tmp_path: Path) -> None:
    for name, method in (("one", "x"), ("two", "x"), ("three", "y")):
        write_run(tmp_path / name, {method: {"mae": values(1.0)}})
    (suite,) = load_suites([tmp_path / "one", tmp_path / "two", tmp_path / "three"])
    assert [entry.label for entry in suite.entries] == ["one/x", "two/x", "y"]
    write_scores(tmp_path / "four", {"x": {"mae": values(1.0)}}, suite="plain")
    assert [s.suite for s in load_suites([tmp_path / "one", tmp_path / "four"])] == ["synthetic", "plain"]
    with pytest.raises(InputError, match="twice"):
        load_suites([tmp_path / "one", tmp_path / "one"])


def test_unfinished_and_foreign_folders_are_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"x": {"mae": values(1.0)}})
    (folder / "scores" / "results.json").unlink()
    with pytest.raises(InputError, match="not been scored"):
        load_suites([folder])
    with pytest.raises(InputError, match="bench run"):
        load_suites([tmp_path])


def test_common_samples_only_where_they_differ(tmp_path: Path) -> None:
    same = board_of(write_run(tmp_path / "same", {m: {"mae": values(1.0)} for m in "ab"}))
    assert common_samples(same) is None
    other = {"a": {"mae": values(1.0, skip=3)}, "b": {"mae": values(1.0)}}
    assert common_samples(board_of(write_run(tmp_path / "other", other))) == frozenset(SAMPLES[3:])
    (suite,) = load_suites([tmp_path / "same"])
    assert [p.name for p in profiles_of(suite)] == ["survey", "all"]


def test_methods_that_could_not_run_are_shown_with_their_reason(tmp_path: Path) -> None:
    import json

    folder = write_run(tmp_path / "run", {m: {"mae": values(v)} for m, v in (("a", 1.0), ("b", 2.0))})
    about = json.loads((folder / "run.json").read_text())
    about["methods"] = [{"name": name} for name in ("a", "b", "lost")]
    (folder / "run.json").write_text(json.dumps(about))
    (folder / "lost").mkdir()
    lost = {"name": "lost", "title": "a program", "status": "unavailable", "reason": "set LOST"}
    (folder / "lost" / "method.json").write_text(json.dumps(lost))
    board = board_of(folder)
    assert board.unranked == {"lost": "has 0 of 1 metrics"}
    assert board.columns[0].cells["lost"].reason == "set LOST"
    (suite,) = load_suites([folder])
    assert failures(suite) == [("lost", "all samples", "unavailable: set LOST")]


def test_videos_that_were_never_made_lower_the_count(tmp_path: Path) -> None:
    """A method that fails on a sample has no score there: the count says of how many samples it was asked for."""
    made = {"a": {"mae": values(1.0)}, "b": {"mae": {s: v for s, v in values(0.5).items() if s != "s3"}}}
    board = board_of(write_run(tmp_path / "run", made))
    cell = board.columns[0].cells["b"]
    assert (len(cell.samples), cell.total) == (7, 8)
    assert board.columns[0].best == set()


def test_intervals_of_places_use_the_samples_that_all_columns_have(tmp_path: Path) -> None:
    few = {s: v for s, v in values(0.5, 0.01).items() if s > "s3"}
    made = {m: {"mae": values(v), "ssim_wang": {s: x / v for s, x in few.items()}} for m, v in (("a", 1.0), ("b", 2.0))}
    board = board_of(write_run(tmp_path / "run", made))
    assert [column.ranked for column in board.columns] == [True, True]
    assert (board.standings["a"].low, board.standings["a"].high) == (1.0, 1.0)


def test_exact_truth_comes_first_where_there_is_any(tmp_path: Path) -> None:
    made = {m: {"vertex_error": values(v), "psnr_rgb": values(30.0)} for m, v in (("a", 1.0), ("b", 2.0))}
    (suite,) = load_suites([write_run(tmp_path / "run", made)])
    assert [p.name for p in profiles_of(suite)][0] == "truth"
    board = make_board(suite, profiles_of(suite)[0])
    assert board.columns[0].best == {"a"}
