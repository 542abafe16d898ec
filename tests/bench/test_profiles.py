"""The tables of profiles: columns in their order, the authors' aggregation, marks and reasons, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.profiles import PROFILES, find_profile, profile_table
from bench.report.html import render
from bench.report.model import load_report
from bench.report.profile_view import profile_view, profile_views
from bench.report.tables import latex, markdown


def row(name: str, pooled: float | None, mean: float | None, method: str = "m", **how: Any) -> dict[str, Any]:
    """A row of results.json, as far as tables read it."""
    return {
        "method": method, "id": name, "value": pooled, "comparable": True, "reason": "", "reference": None,
        "pooled": {"value": pooled, "low": None, "high": None}, "video_mean": {"value": mean, "low": 1.0, "high": 2.0},
        "n_videos": 2, "n_videos_total": 2, "n_missing": 0, "coverage": 1.0, "enough": True,
        "higher_is_better": True, **how,
    }  # fmt: skip


def test_a_table_is_aggregated_as_its_authors_do() -> None:
    rows = [
        row("psnr_ffmpeg", 30.0, 20.0),
        row("sync_lite", 0.5, 0.25, comparable=False),
        row("lse_c", None, None, reason="no sound"),
    ]
    table = profile_table(find_profile("micro"), rows)
    assert table[0] == ["method", "Sync ↑", "PSNR ↑", "SSIM ↑", "FID ↓", "IS ↑"]
    assert table[1] == ["m", "0.25†", "20", "–", "–", "–"]
    view = profile_view(find_profile("micro"), rows)
    assert ("no sound", ["Sync"]) in view.gaps
    assert ("not computed in this run", ["SSIM", "FID", "IS"]) in view.gaps


def test_per_cent_where_the_table_has_them_and_no_number_for_nan() -> None:
    rows = [row("vbench_sc", 0.65061, 0.6), row("fvd_lite", float("nan"), float("nan"), reason="too short")]
    (_, cells), *_ = profile_view(find_profile("avatar"), rows).rows
    assert cells[0].text == "65.06%"
    assert (cells[7].text, cells[7].value, cells[7].reason) == ("–", None, "too short")


def test_the_best_is_marked_among_equals_only() -> None:
    def best(first: dict[str, Any], second: dict[str, Any]) -> list[bool]:
        view = profile_view(find_profile("micro"), [first, second], ["a", "b"])
        return [cells[1].best for _, cells in view.rows]

    a, b = row("psnr_ffmpeg", 1.0, 30.0, "a"), row("psnr_ffmpeg", 2.0, 20.0, "b")
    assert best(a, b) == [True, False]
    assert best(a, {**b, "n_videos": 1}) == [False, False]
    assert best(a, {**b, "enough": False}) == [False, False]
    assert best(a, {**a, "method": "b"}) == [False, False]


def test_a_stand_in_is_never_ranked_against_the_metric() -> None:
    rows = [row("lse_c", 5.0, 5.0, "a"), row("lse_c", None, None, "b"), row("sync_lite", 9.0, 9.0, "b")]
    cells = [cells[0] for _, cells in profile_view(find_profile("micro"), rows).rows]
    assert [(cell.metric, cell.stand_in, cell.best) for cell in cells] == [
        ("lse_c", False, False), ("sync_lite", True, False),
    ]  # fmt: skip


@pytest.fixture
def run(folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of the micro benchmark's columns without any weights."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "none"))
    out = tmp_path / "out"
    pred, truth = map(str, folders)
    done = CliRunner().invoke(app, ["evaluate", "--pred", pred, "--gt", truth, "--profile", "micro", "--out", str(out)])
    assert done.exit_code == 0
    return out


def test_reports_keep_the_order_of_the_profile(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    assert results["options"]["profile"] == "micro"
    report = load_report([run])
    (view,) = profile_views(report)
    assert [head.label for head in view.heads] == ["Sync", "PSNR", "SSIM", "FID", "IS"]
    value = next(r for r in results["rows"] if r["id"] == "psnr_ffmpeg")["video_mean"]["value"]
    assert view.rows[0][1][1].value == value
    assert view.rows[0][1][3].metric == "fd_lite"
    for text in (markdown(report, published=False), latex(report), render(report, published=False, pictures=False)):
        head = text[: text.index("micro_means") if "micro_means" in text else None]
        places = [head.index(label) for label in ("Sync", "PSNR", "SSIM", "FID")]
        assert places == sorted(places)
        assert f"{value:.4g}" in text
    page = render(report, published=False, pictures=False)
    assert page.index("micro benchmark") < page.index("All scores")
    assert "bench weights fetch fid_inception" in page
    # Within the groups of all scores, too.
    pictures = [line.id for line in dict(report.grouped())["Pictures against the ground truth"]]
    assert pictures == ["psnr_ffmpeg", "ssim_ffmpeg", "fd_lite"]
    # A run of everything shows every profile, one of named metrics none.
    path = run / "results.json"
    results["options"]["profile"] = "all"
    path.write_text(json.dumps(results))
    assert [view.name for view in profile_views(load_report([run]))] == list(PROFILES)
    results["options"]["profile"] = ""
    path.write_text(json.dumps(results))
    assert profile_views(load_report([run])) == []
