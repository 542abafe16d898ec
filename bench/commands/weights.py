"""`bench weights fetch` and `bench weights verify`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.weights import MANIFEST, WeightFile, entry, find, how_to_get
from bench.weights.fetch import fetch, verify
from vfa.errors import EXIT_ASSET, EXIT_OK, AssetError, InputError


def _chosen(keys: Sequence[str]) -> list[WeightFile]:
    return [entry(key) for key in keys] if keys else list(MANIFEST)


def run_fetch(keys: Sequence[str], everything: bool, offline: bool, profile: str = "") -> int:
    """Gets files and returns 0, or 4 when one is missing still.

    Raises:
        InputError: neither keys nor `everything` nor a profile.
    """
    if profile:
        from bench.profiles import find_profile

        keys = list(dict.fromkeys([*keys, *find_profile(profile).weights()]))
        if not keys:
            print(f"profile {profile} needs no weights")
            return EXIT_OK
    if not keys and not everything:
        size = sum(item.megabytes for item in MANIFEST) / 1000
        raise InputError(
            "which weights?",
            expected="keys of `bench weights list`, --profile, or --all",
            hint=f"--all fetches {len(MANIFEST)} files, {size:.1f} GB",
        )
    lacking: list[WeightFile] = []
    for item in _chosen(keys):
        bar = _Bar(item.file)
        try:
            path = fetch(item, offline=offline, progress=bar)
            bar.end()
            print(f"{item.key}: {path} ({item.licence})")
        except AssetError as error:
            bar.end()
            print(f"{item.key}: {error}", file=sys.stderr)
            lacking.append(item)
    for item in lacking:
        commercial = {"yes": "", "no": ", not for commercial use", "not stated": ", commercial use not stated"}
        print(f"\nby hand: {item.key} for {item.needed_by} ({item.licence}{commercial[item.commercial]})")
        for number, step in enumerate(how_to_get(item), start=1):
            print(f"  {number}. {step}")
    return EXIT_ASSET if lacking else EXIT_OK


class _Bar:
    """A line of progress on a terminal; silent elsewhere."""

    def __init__(self, name: str) -> None:
        self._name, self._shown = name, -1

    def __call__(self, done: int, total: int) -> None:
        percent = 100 * done // total if total else 0
        if sys.stderr.isatty() and percent != self._shown:
            print(f"\r{self._name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB ({percent} %)", end="", file=sys.stderr)
            self._shown = percent

    def end(self) -> None:
        if self._shown >= 0:
            print(file=sys.stderr)


def run_verify(keys: Sequence[str]) -> int:
    """Checks the files that are here; returns 4 when a named one is missing or any is not what it should be."""
    code = EXIT_OK
    for item in _chosen(keys):
        path = find(item.key)
        if path is None:
            print(f"{item.key}: missing ({item.file})")
            code = EXIT_ASSET if keys else code
            continue
        try:
            found = verify(item, path)
        except AssetError as error:
            print(f"{item.key}: {error}", file=sys.stderr)
            code = EXIT_ASSET
            continue
        state = "as published" if item.known_hash else "no published hash to compare with"
        print(f"{item.key}: {path} sha256 {found} ({state})")
    return code
