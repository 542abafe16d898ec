"""The list of published files: complete, consistent, and of the sizes the networks imply."""

from __future__ import annotations

import math
from urllib.parse import urlparse

import published_layouts as layouts
import pytest
import theval_layouts
from seeded_weights import state_list

from bench.networks import network_names
from bench.weights import MANIFEST, WeightFile, entry, files_of

WITHOUT_A_NETWORK = {"deep3d_landmarks", "niqe", "dwpose", "dwpose_detector"}


def test_every_network_has_a_file_and_every_file_a_network() -> None:
    covered = {name for item in MANIFEST for name in item.networks}
    assert covered == set(network_names())
    assert {item.key for item in MANIFEST if not item.networks} == WITHOUT_A_NETWORK
    keys = [item.key for item in MANIFEST]
    files = [item.file for item in MANIFEST]
    assert len(set(keys)) == len(keys) and len(set(files)) == len(files)


@pytest.mark.parametrize("item", MANIFEST, ids=lambda item: item.key)
def test_entry(item: WeightFile) -> None:
    assert item.commercial in ("yes", "no", "not stated")
    assert item.source and item.licence and item.needed_by and item.megabytes > 0
    # There is a way to it: an address that ends in a name of the file, or steps to take by hand.
    assert bool(item.url) != bool(item.steps)
    if item.url:
        address = urlparse(item.url)
        assert address.scheme == "https"
        assert any(address.path.endswith("/" + name) for name in (item.file, *item.also))
    assert all(digit in "0123456789abcdef" for digit in item.known_hash)
    assert len(item.sha256) in (0, 64) and len(item.sha256_prefix) in (0, 8, 10)
    if item.sha256_prefix:
        assert f"-{item.sha256_prefix}." in item.file
    if "NC" in item.licence or "non-commercial" in item.licence.lower():
        assert item.commercial == "no"
    assert entry(item.key) is item


def test_files_of_a_network() -> None:
    assert [item.key for item in files_of("emonet_8")] == ["emonet_8"]
    assert files_of("nothing") == ()


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
        assert entry(key).megabytes == pytest.approx(_megabytes(layout), rel=0.02), key
    for key, layout in {
        "s3fd": layouts.s3fd(),
        "s3fd_fan": layouts.s3fd_fan(),
        "fan": layouts.fan_68(),
        "dino": layouts.dino_vitb16(),
        "raft": layouts.raft(),
        "musiq_spaq": layouts.musiq(),
        "amt_s": layouts.amt_s(),
        "topiq_iaa": theval_layouts.topiq_aesthetic(),
        "topiq_face": theval_layouts.topiq_face(),
        "retinaface": theval_layouts.retinaface(),
        "retinaface_preact": theval_layouts.retinaface_preact(),
        "facexformer": theval_layouts.facexformer(),
    }.items():
        assert entry(key).megabytes == pytest.approx(_megabytes(layout), rel=0.02), key
