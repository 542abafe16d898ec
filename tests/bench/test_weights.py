"""Weight files: downloads resume, only whole and right files are put in place, and messages say what to do."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.weights import MANIFEST, WeightFile, entry, find, require
from bench.weights.fetch import fetch, verify
from vfa.errors import AssetError, InputError

CONTENT = bytes(range(256)) * 4000


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, with ranges unless told otherwise; /page gives a web page, /cut stops half-way."""

    ranges = True
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Range", ""))
        body, status = CONTENT, 200
        if self.path == "/page":
            body = b"<!DOCTYPE html><title>log in</title>"
        elif self.path == "/missing":
            self.send_error(404)
            return
        elif self.ranges and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            body, status = CONTENT[start:], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut" else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Server.asked = []
    Server.ranges = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


ITEM = WeightFile(
    key="toy",
    file="toy.bin",
    networks=(),
    source="a place",
    licence="MIT",
    commercial="yes",
    needed_by="nothing",
    megabytes=1.0,
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


def test_a_file_is_fetched_once_and_reported(address: str) -> None:
    told: list[tuple[int, int]] = []
    path = fetch(ITEM, url=address + "/x", progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(ITEM, url=address + "/x", offline=True) == path
    assert len(Server.asked) == 1
    assert not path.with_name("toy.bin.part").exists()


def test_a_broken_download_is_resumed(address: str, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="resume|failed"):
        fetch(ITEM, url=address + "/cut")
    part = tmp_path / "weights" / "toy.bin.part"
    assert part.read_bytes() == CONTENT[: len(CONTENT) // 2]
    assert fetch(ITEM, url=address + "/x").read_bytes() == CONTENT
    assert Server.asked == ["", f"bytes={len(CONTENT) // 2}-"]


def test_a_server_without_ranges_starts_anew(address: str, tmp_path: Path) -> None:
    Server.ranges = False
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "toy.bin.part").write_bytes(b"x" * 100)
    assert fetch(ITEM, url=address + "/x").read_bytes() == CONTENT


def test_wrong_content_is_never_put_in_place(address: str, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="SHA-256"):
        fetch(replace(ITEM, sha256="0" * 64), url=address + "/x")
    with pytest.raises(AssetError, match="SHA-256"):
        fetch(replace(ITEM, sha256="", sha256_prefix="00000000"), url=address + "/x")
    with pytest.raises(AssetError, match="web page"):
        fetch(replace(ITEM, sha256=""), url=address + "/page")
    with pytest.raises(AssetError, match="failed"):
        fetch(ITEM, url=address + "/missing")
    assert not list((tmp_path / "weights").glob("*"))


def test_offline_says_where_to_get_it(address: str) -> None:
    with pytest.raises(AssetError, match="a place") as caught:
        fetch(ITEM, url=address + "/x", offline=True)
    assert caught.value.exit_code == 4
    assert Server.asked == []
    with pytest.raises(AssetError, match="automatically"):
        fetch(ITEM)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git-LFS"),
        (b"\n <!doctype HTML><html>", "web page"),
    ],
)
def test_what_is_plainly_not_the_file_is_told(address: str, tmp_path: Path, content: bytes, wrong: str) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    item = entry("niqe")
    (folder / item.file).write_bytes(content)
    with pytest.raises(AssetError, match=wrong):
        require("niqe")
    with pytest.raises(AssetError, match=wrong):
        verify(item, folder / item.file)


def test_missing_weights_name_the_command(address: str) -> None:
    assert find("niqe") is None
    with pytest.raises(AssetError, match="bench weights fetch niqe"):
        require("niqe")
    with pytest.raises(InputError, match="niqe"):
        entry("nonsense")


def test_manifest_is_complete() -> None:
    assert len({item.key for item in MANIFEST}) == len(MANIFEST)
    for item in MANIFEST:
        assert item.file
        assert item.source
        assert item.licence
        assert item.needed_by
        assert item.url.startswith("https://") or item.steps


def test_what_cannot_be_fetched_is_told_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from bench.cli import app
    from bench.profiles import PROFILES, find_profile
    from bench.weights import how_to_get

    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    assert how_to_get(entry("hopenet"))[1:] == [
        f"save it as {tmp_path / 'hopenet_robust_alpha1.pkl'}",
        "run: bench weights verify hopenet",
    ]
    assert how_to_get(entry("syncnet"))[0] == f"open {entry('syncnet').url}"
    for name in PROFILES:
        wanted = find_profile(name).weights()
        result = CliRunner().invoke(app, ["weights", "fetch", "--profile", name, "--offline"])
        assert result.exit_code == 4
        assert result.output.count("by hand: ") == len(wanted) > 0
        for key in wanted:
            assert f"by hand: {key} for {entry(key).needed_by}" in result.output
            assert f"bench weights verify {key}" in result.output
