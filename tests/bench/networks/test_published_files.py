"""The list of published files: complete, consistent, and of the sizes the networks imply."""

from __future__ import annotations

import math
from urllib.parse import urlparse

import published_layouts as layouts
import pytest
from seeded_weights import state_list

from bench.networks import network_names
from bench.networks.weight_files import PUBLISHED_FILES, published_file


def test_every_network_has_a_file_and_every_file_a_network() -> None:
    covered = {name for entry in PUBLISHED_FILES for name in entry.networks}
    assert covered == set(network_names())
    keys = [entry.key for entry in PUBLISHED_FILES]
    files = [entry.file for entry in PUBLISHED_FILES]
    assert len(set(keys)) == len(keys) and len(set(files)) == len(files)


@pytest.mark.parametrize("entry", PUBLISHED_FILES, ids=lambda entry: entry.key)
def test_entry(entry) -> None:
    assert entry.commercial in ("yes", "no", "not stated")
    assert entry.source and entry.licence and entry.needed_by and entry.megabytes > 0
    # There is a way to it: an address that ends in the file's name, or steps to take by hand.
    assert bool(entry.url) != bool(entry.steps)
    if entry.url:
        address = urlparse(entry.url)
        assert address.scheme == "https" and address.path.endswith("/" + entry.file)
    assert all(digit in "0123456789abcdef" for digit in entry.known_hash)
    assert len(entry.sha256) in (0, 64) and len(entry.sha256_prefix) in (0, 8, 10)
    if entry.sha256_prefix:
        assert f"-{entry.sha256_prefix}." in entry.file
    if "NC" in entry.licence or "non-commercial" in entry.licence.lower():
        assert entry.commercial == "no"
    assert published_file(entry.key) is entry


def _megabytes(layout: layouts.Layout) -> float:
    return 4e-6 * sum(math.prod(shape) for shape in layout.values())


def test_sizes_follow_from_the_layouts() -> None:
    """Plain float32 state dicts: four bytes a weight, and a few hundred bytes an entry."""
    for key, name in {
        "fid_inception": "fid_inception",
        "syncnet": "syncnet",
        "arcface": "arcface_iresnet100",
        "hopenet": "hopenet",
        "emonet_8": "emonet_8",
    }.items():
        layout = {entry["name"]: tuple(entry["shape"]) for entry in state_list(name)}
        assert published_file(key).megabytes == pytest.approx(_megabytes(layout), rel=0.02), key
    for key, layout in {
        "s3fd": layouts.s3fd(),
        "s3fd_fan": layouts.s3fd_fan(),
        "fan": layouts.fan_68(),
        "dino": layouts.dino_vitb16(),
        "raft": layouts.raft(),
        "musiq_spaq": layouts.musiq(),
        "amt_s": layouts.amt_s(),
    }.items():
        assert published_file(key).megabytes == pytest.approx(_megabytes(layout), rel=0.02), key
