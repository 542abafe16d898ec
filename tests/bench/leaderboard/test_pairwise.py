"""`bench compare`: numbers against scipy and hand-made pairs, every format, what cannot be tested."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from made_runs import write_run, write_scores
from scipy import stats
from typer.testing import CliRunner

from bench.cli import app
from bench.commands.compare import comma_separated, html, markdown, summary
from bench.leaderboard.pairwise import compare_methods
from bench.paired import holm
from vfa.errors import InputError

N = 9
RNG = np.random.default_rng(5)
PSNR = {
    m: dict(zip([f"s{i}" for i in range(N)], RNG.normal(mu, 1, N), strict=True)) for m, mu in (("a", 31), ("b", 29))
}
MAE = {m: dict(zip([f"s{i}" for i in range(N)], RNG.normal(5, 1, N), strict=True)) for m in "ab"}
NASTY = "<b>|=x"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", {m: {"psnr_rgb": PSNR[m], "mae": MAE[m]} for m in "ab"})


def test_tests_are_those_of_scipy_and_corrected_over_metrics(run: Path) -> None:
    pairing = compare_methods(run / "a", run / "b")
    raw = {}
    for name, values in (("psnr_rgb", PSNR), ("mae", MAE)):
        a, b = (np.array([values[m][f"s{i}"] for i in range(N)]) for m in "ab")
        raw[name] = (stats.wilcoxon(a, b).pvalue, (a - b).mean())
    wanted = dict(zip(raw, holm([p for p, _ in raw.values()]), strict=True))
    for row in pairing.rows:
        assert row.pairs is not None
        assert row.pairs.p == pytest.approx(raw[row.metric][0])
        assert row.p_holm == pytest.approx(wanted[row.metric])
        assert row.pairs.difference == pytest.approx(raw[row.metric][1])
        assert row.pairs.low < row.pairs.difference < row.pairs.high
    assert pairing.rows[0].winner == "A"
    assert pairing.tally() == {"A": 1, "B": 0, "open": 1, "untested": 0}
    assert "A is better in 1" in summary(pairing)


def test_turned_round_it_says_the_same(run: Path) -> None:
    there, back = compare_methods(run / "a", run / "b"), compare_methods(run / "b", run / "a")
    for one, other in zip(there.rows, back.rows, strict=True):
        assert one.pairs is not None
        assert other.pairs is not None
        assert one.p_holm == other.p_holm
        assert one.pairs.low == pytest.approx(-other.pairs.high)
        assert {"A": "B", "B": "A", "": ""}[one.winner] == other.winner


def test_only_common_samples_count_and_few_are_not_tested(tmp_path: Path) -> None:
    half = {s: v for s, v in PSNR["b"].items() if s < "s4"} | {"lone": 99.0}
    write_scores(tmp_path / "a", {"a": {"psnr_rgb": PSNR["a"]}})
    write_scores(tmp_path / "b", {"b": {"psnr_rgb": half}})
    pairing = compare_methods(tmp_path / "a", tmp_path / "b")
    (row,) = pairing.rows
    assert (row.n, row.pairs, row.winner) == (4, None, "")
    assert row.b == pytest.approx(np.mean([half[f"s{i}"] for i in range(4)]))
    assert row.note == "4 common samples, 5 are needed for a test"
    assert pairing.only_b == ["lone"]
    assert len(pairing.only_a) == 5


def test_metrics_without_direction_are_compared_by_their_distance_from_the_truth(tmp_path: Path) -> None:
    names = [f"s{i}" for i in range(6)]
    values = {
        "near": {"dd_lite": {s: 5.1 for s in names}},
        "far": {"dd_lite": {s: 9.0 + i for i, s in enumerate(names)}},
    }
    folder = write_scores(tmp_path / "run", values)
    lines = [json.loads(line) for line in (folder / "videos.jsonl").read_text().splitlines()]
    for line in lines:
        line["scores"]["dd_lite"]["reference"] = 5.0
    (folder / "videos.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = json.loads((folder / "results.json").read_text())
    for row in results["rows"]:
        row["higher_is_better"] = None
    (folder / "results.json").write_text(json.dumps(results))
    (row,) = compare_methods(folder / "near", folder / "far").rows
    assert row.by_distance
    assert (row.a, row.b) == (pytest.approx(0.1), pytest.approx(4.0 + 2.5))
    assert row.winner == "A"


def test_formats(run: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    paths = [str(run / "a"), str(run / "b")]
    shown = runner.invoke(app, ["compare", *paths])
    assert shown.exit_code == 0
    assert "psnr_rgb" in shown.output
    assert "A better" in shown.output
    data = json.loads(runner.invoke(app, ["compare", *paths, "--format", "json"]).output)
    assert data["rows"][0]["winner"] == "A"
    assert data["rows"][0]["n"] == N
    rows = list(csv.DictReader(io.StringIO(runner.invoke(app, ["compare", *paths, "--format", "csv"]).output)))
    assert float(rows[0]["difference"]) == pytest.approx(np.mean([PSNR["a"][s] - PSNR["b"][s] for s in PSNR["a"]]))
    page = tmp_path / "c.html"
    assert runner.invoke(app, ["compare", *paths, "--out", str(page)]).exit_code == 0
    text = page.read_text()
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert text.count("<svg") == 2


def test_hostile_names(tmp_path: Path) -> None:
    write_scores(tmp_path / "run", {NASTY: {"psnr_rgb": PSNR["a"]}, "=b": {"psnr_rgb": PSNR["b"]}})
    pairing = compare_methods(tmp_path / "run" / NASTY, tmp_path / "run" / "=b")
    assert NASTY not in html(pairing)
    assert "\\|" in markdown(pairing)
    assert "'=b" in comma_separated(pairing)


def test_wrong_paths_say_what_there_is(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than one method") as error:
        compare_methods(run, run / "b")
    assert "a, b" in str(error.value)
    with pytest.raises(InputError, match="no such method"):
        compare_methods(run / "a", run / "c")
    with pytest.raises(InputError, match="no run here"):
        compare_methods(tmp_path / "nothing" / "a", run / "b")
    write_scores(tmp_path / "other", {"x": {"psnr_rgb": {"t": 1.0}}})
    with pytest.raises(InputError, match="no sample in common"):
        compare_methods(run / "a", tmp_path / "other")
