"""The written site: the same bytes, nothing that breaks out, videos that stay, costs that add up."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import FRAMES, write_run, write_scores

from bench.leaderboard.cost import cost_table, estimate
from bench.leaderboard.media import chosen_samples, plays_in_browsers
from bench.leaderboard.page import embedded
from bench.leaderboard.runs import load_run
from bench.leaderboard.site import write_site

NASTY = "<script>alert(1)</script>&\"'`${x}|=1+1"
VALUES = {m: {"psnr_rgb": {f"s{i}": v + i for i in range(6)}} for m, v in (("a", 20.0), ("b", 25.0))}


class Tags(HTMLParser):
    """What a browser would see: tags with attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts.append(data)
            self._inside = False


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A short H.264 video."""
    from fractions import Fraction

    from vfa.media.writers import ColorWriter

    path = tmp_path_factory.mktemp("movie") / "m.mp4"
    with ColorWriter(path, width=64, height=48, rate=Fraction(25)) as writer:
        for i in range(5):
            writer.write(np.full((48, 64, 3), 40 * i, np.uint8), Fraction(i, 25))
    return path.read_bytes()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_runs_give_the_same_bytes_and_videos_stay(tmp_path: Path, movie: bytes) -> None:
    run = write_run(tmp_path / "run", VALUES, videos={"truth": movie, "a": movie, "b": movie})
    write_site([run], tmp_path / "one")
    write_site([run], tmp_path / "two")
    first = files_of(tmp_path / "one")
    assert first == files_of(tmp_path / "two")
    assert len([name for name in first if name.endswith(".mp4")]) == 6 * 4  # truth, driving, a, b
    kept = tmp_path / "one" / "media" / "synthetic" / "s0" / "a.mp4"
    before = kept.stat().st_ino
    (tmp_path / "one" / "media" / "synthetic" / "s1" / "b.mp4").unlink()
    (tmp_path / "one" / "media" / "synthetic" / "s2" / "b.mp4").write_bytes(movie[:100])
    write_site([run], tmp_path / "one")
    assert files_of(tmp_path / "one") == first
    assert kept.stat().st_ino == before


def test_links_and_no_videos(tmp_path: Path, movie: bytes) -> None:
    run = write_run(tmp_path / "run", VALUES, videos=dict.fromkeys(("truth", "a", "b"), movie))
    write_site([run], tmp_path / "linked", videos="link")
    linked = tmp_path / "linked" / "media" / "synthetic" / "s0" / "a.mp4"
    assert linked.stat().st_ino == (run / "a" / "videos" / "s0.mp4").stat().st_ino
    write_site([run], tmp_path / "bare", videos="none")
    assert sorted(files_of(tmp_path / "bare")) == ["index.html", "leaderboard.json"]


def test_what_browsers_do_not_play_is_encoded(tmp_path: Path) -> None:
    import av

    values = {m: {"psnr_rgb": {"s0": v, "s1": v + 1}} for m, v in (("a", 1.0), ("b", 2.0))}
    run = write_run(tmp_path / "run", values)
    for method in values:
        path = run / method / "videos" / "s0.mp4"
        path.unlink()
        with av.open(str(path), "w", format="matroska") as container:
            stream = container.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            for _ in range(3):
                container.mux(
                    stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24"))
                )
            container.mux(stream.encode(None))
    warnings: list[str] = []
    write_site([run], tmp_path / "site", warn=warnings.append)
    assert plays_in_browsers(tmp_path / "site" / "media" / "synthetic" / "s0" / "a.mp4")
    assert any("the video is empty" in text for text in warnings)
    assert not (tmp_path / "site" / "media" / "synthetic" / "s1").exists()


def test_only_videos_and_pictures_are_copied(tmp_path: Path) -> None:
    """Records may name any file: a page for others must not carry it."""
    secret = tmp_path / "secret.mp4"
    secret.write_text("password")
    write_scores(tmp_path / "run", VALUES, paths={f"a/s{i}": str(secret) for i in range(6)})
    write_site([tmp_path / "run"], tmp_path / "site")
    assert b"password" not in b"".join(files_of(tmp_path / "site").values())


def test_names_cannot_break_out(tmp_path: Path, movie: bytes) -> None:
    names = [NASTY.replace("/", "~"), "../../up", "-rf", "a b'c", "x" * 120, "line\nbreak"]
    values = {
        method: {"psnr_rgb": {f"{sample}": 20.0 + i + k for k, sample in enumerate(names)}} for i, method in
        enumerate((NASTY.replace("/", "~"), "plain"))
    }  # fmt: skip
    paths = {f"{m}/{s}": str(tmp_path / "v.mp4") for m in values for s in names}
    (tmp_path / "v.mp4").write_bytes(movie)
    write_scores(tmp_path / "run", values, suite=NASTY, paths=paths)
    write_site([tmp_path / "run"], tmp_path / "site", title=NASTY)
    page = (tmp_path / "site" / "index.html").read_text()
    seen = Tags(page)
    assert [tag for tag, _ in seen.tags].count("script") == 2
    assert not any(name.startswith("on") for _, attributes in seen.tags for name in attributes)
    data = json.loads(seen.scripts[0])
    assert data["suites"][0]["name"] == NASTY
    assert {entry["label"] for entry in data["suites"][0]["methods"]} == set(values)
    assert {sample["id"] for sample in data["suites"][0]["samples"]} == set(names)
    for sample in data["suites"][0]["samples"]:
        for address in sample["media"].values():
            assert re.fullmatch(r"media(/[A-Za-z0-9._-]+){3}", address)
            assert ".." not in address.split("/")
    inside = {path.resolve() for path in (tmp_path / "site").rglob("*")}
    assert all(path.is_relative_to(tmp_path / "site") for path in inside)
    assert not (tmp_path / "up").exists()


def test_the_page_asks_for_nothing(tmp_path: Path) -> None:
    write_site([write_scores(tmp_path / "run", VALUES)], tmp_path / "site")
    page = (tmp_path / "site" / "index.html").read_text()
    seen = Tags(page)
    policy = next(a["content"] for tag, a in seen.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline'; script-src 'sha256-" in policy
    assert not any(tag in ("link", "iframe", "object", "embed", "form", "base") for tag, _ in seen.tags)
    assert not any("src" in attributes or "href" in attributes for _, attributes in seen.tags)
    assert "url(" not in page
    assert "innerHTML" not in page
    assert "@import" not in page


def test_json_in_the_page_cannot_end_its_element() -> None:
    text = str(embedded({"a": "</script><!--\u2028"}))
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!--\u2028"}


def test_many_samples_are_thinned_and_said_so(tmp_path: Path) -> None:
    values = {m: {"mae": {f"s{i:03d}": v + i for i in range(40)}} for m, v in (("a", 1.0), ("b", 2.0))}
    write_site([write_scores(tmp_path / "run", values)], tmp_path / "site", max_samples=10)
    page = (tmp_path / "site" / "index.html").read_text()
    data = json.loads(Tags(page).scripts[0])
    assert [s["id"] for s in data["suites"][0]["samples"]] == [f"s{4 * i:03d}" for i in range(10)]
    assert "10 of 40 samples" in page
    table = json.loads((tmp_path / "site" / "leaderboard.json").read_text())["suites"][0]["boards"][-1]["columns"][0]
    assert table["methods"]["a"]["value"] == pytest.approx(1.0 + 19.5)
    assert chosen_samples(list("abc"), 5) == list("abc")


def test_cost_is_what_the_records_say(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", VALUES, seconds={"a": 2.0, "b": 10.0}, videos={"a": b"12345", "b": b""})
    a, b, score = estimate([load_run(run)])
    took = 2.0 * np.mean([1 + 0.1 * i for i in range(6)])
    assert (a.stage, a.method, a.n) == ("generate", "a", 6)
    assert a.seconds == pytest.approx(took)
    assert a.real_time == pytest.approx(took / (FRAMES / 25))
    assert dict(a.parts) == pytest.approx({"drive": 0.75 * took, "encode": 0.25 * took})
    assert (a.bytes, a.peak_bytes) == (5, 205_000_000)
    assert a.total_hours(100_000) == pytest.approx(took * 100_000 / 3600)
    assert b.seconds == pytest.approx(5 * took)
    assert (score.stage, score.n) == ("score", 12)
    assert score.seconds == pytest.approx(12.0 * 2 / 12)  # 12 s of 2 workers for 12 samples
    size = sum((run / "scores" / name).stat().st_size for name in ("results.json", "videos.jsonl"))
    assert score.bytes == pytest.approx(size / 12)
    assert "generate a" in cost_table([a, b, score], 1000)
    about = json.loads((run / "scores" / "run.json").read_text())
    costs = {
        "loading": {"wall": 9.0, "cpu": 4.0},
        "metric:mae": {"wall": 9.0, "cpu": 1.2},
        "pose": {"wall": 9.0, "cpu": 2.4},
    }
    (run / "scores" / "run.json").write_text(json.dumps(about | {"costs": costs, "peak_megabytes": 300}))
    score = estimate([load_run(run)])[-1]
    assert (score.cpu, score.once, score.peak_bytes) == (pytest.approx(3.6 / 12), 4.0, 300_000_000)
    assert score.parts == (("pose", pytest.approx(0.2)), ("mae", pytest.approx(0.1)))


def test_failed_samples_cost_nothing_and_are_listed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", VALUES, seconds={"a": 1.0})
    path = run / "a" / "samples" / "s5.json"
    record: dict[str, Any] = json.loads(path.read_text())
    path.write_text(
        json.dumps(record | {"status": "failed", "cause": "timeout", "reason": "took too long", "seconds": 99})
    )
    assert estimate([load_run(run)])[0].n == 5
    write_site([run], tmp_path / "site", videos="none")
    assert "timeout: took too long" in (tmp_path / "site" / "index.html").read_text()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    from vfa.errors import VFAError

    run = write_scores(tmp_path / "run", VALUES)
    (tmp_path / "file").write_text("")
    with pytest.raises(VFAError, match="file"):
        write_site([run], tmp_path / "file")
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".tmp")]
