"""Open a network by name: find its published file in the weights folder, check it, load it once per process."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bench.networks.registry import LoadedNetwork, load_network
from bench.weights import WeightFile, files_of
from vfa.errors import AssetError, InputError

# Networks completed by a file that an installed package carries.
_BUNDLED_HEADS = {"lpips_alex": "alex", "lpips_vgg": "vgg"}


def find_file(entry: WeightFile, folder: Path) -> Path | None:
    """Path of a published file in a folder, under its own or another accepted name; None where it is absent."""
    return next((folder / name for name in (entry.file, *entry.also) if (folder / name).is_file()), None)


def open_network(name: str, *, key: str = "", device: str = "cpu") -> LoadedNetwork:
    """The network of a name with its published weights; opened once per process, file and device.

    Args:
        name: one of `network_names()`.
        key: which file, where there are several (`musiq_spaq`, `musiq_koniq`); default: the first.
        device: where it is to run.
    Raises:
        InputError: no such network or file.
        AssetError: the file is not in the weights folder; the message says how to get it.
        CheckpointError: it is damaged, or not the published one.
    """
    from bench.weights import any_hash, folder

    entries = [entry for entry in files_of(name) if key in ("", entry.key)]
    if not entries:
        raise InputError(
            f"no published file {key!r} for network {name!r}", expected=str([e.key for e in files_of(name)])
        )
    entry = entries[0]
    path = find_file(entry, folder())
    if path is None:
        get = f"bench weights fetch {entry.key}" if entry.url else entry.steps
        raise AssetError(
            f"the weights of {name} are not there",
            path=folder() / entry.file,
            expected=f"{entry.file} ({entry.source}; {entry.licence})",
            found="no such file",
            hint=f"{get}; or copy the file to {folder()}",
        )
    known_hash = "" if any_hash() else entry.known_hash
    return _opened(name, path, path.stat().st_mtime_ns, known_hash, device)


@lru_cache(maxsize=32)
def _opened(name: str, path: Path, modified: int, known_hash: str, device: str) -> LoadedNetwork:
    parts = []
    if name in _BUNDLED_HEADS:
        from bench.networks.lpips import bundled_heads

        parts.append(bundled_heads(_BUNDLED_HEADS[name]))
    return load_network(name, path, parts=parts, device=device, sha256=known_hash or None)
