"""Weight files: where they are looked for, fetching them with resume, and checking them."""

from __future__ import annotations

import os
from pathlib import Path

from bench.weights.manifest import MANIFEST, WeightFile, files_of
from vfa.errors import AssetError, InputError

__all__ = [
    "MANIFEST",
    "WeightFile",
    "any_hash",
    "entry",
    "files_of",
    "find",
    "folder",
    "how_to_get",
    "problem",
    "require",
    "substituted",
]


def folder() -> Path:
    """Where weight files live: $BENCH_WEIGHTS, else the user's cache folder."""
    given = os.environ.get("BENCH_WEIGHTS")
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "versatile-face-animator" / "weights"


def entry(key: str) -> WeightFile:
    """The manifest's entry of a key or file name.

    Raises:
        InputError: no such entry.
    """
    for item in MANIFEST:
        if key in (item.key, item.file):
            return item
    raise InputError(f"unknown weights {key!r}", expected=", ".join(item.key for item in MANIFEST))


def how_to_get(item: WeightFile) -> list[str]:
    """What to do by hand for a file, step by step."""
    first = f"open {item.url}" if item.url else item.steps
    where = folder() / item.file
    return [first, f"save it as {where}", f"run: bench weights verify {item.key}"]


def find(key: str) -> Path | None:
    """Path of the file when it is there (under its published name or an accepted other one)."""
    item = entry(key)
    return next((path for name in (item.file, *item.also) if (path := folder() / name).is_file()), None)


def any_hash() -> bool:
    """Whether files are accepted whose hash is not the published one ($BENCH_ANY_HASH = 1); such scores are marked."""
    return os.environ.get("BENCH_ANY_HASH") == "1"


def substituted(key: str) -> bool:
    """Whether the file of a key is there and not known to be the published one: its hash is another, or nothing is
    known of the published hash while any hash is accepted."""
    from bench.store import file_hash

    item, path = entry(key), find(key)
    if path is None:
        return False
    return not file_hash(path).startswith(item.known_hash) if item.known_hash else any_hash()


def problem(path: Path) -> str:
    """What is wrong with a file at first sight: empty, a web page, a Git-LFS pointer; empty string when nothing is."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "it is empty"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git-LFS pointer, not the file"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page, not the file"
    return ""


def require(key: str) -> Path:
    """Path of a file that must be there.

    Raises:
        AssetError: it is missing, or plainly not the file; the message says how to get it.
    """
    item = entry(key)
    path = find(key)
    hint = f"bench weights fetch {item.key}   (or copy it to {folder()})" if item.url else item.steps
    if path is None:
        raise AssetError(
            f"the weights {item.key!r} are not there",
            path=folder() / item.file,
            expected=f"{item.file} from {item.source} ({item.licence})",
            found="no such file",
            hint=hint,
        )
    wrong = problem(path)
    if wrong:
        raise AssetError(f"the weights {item.key!r} cannot be used: {wrong}", path=path, hint=hint)
    return path
