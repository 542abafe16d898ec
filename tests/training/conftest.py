"""Fixtures of the tests of training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from training_cases import write_faces


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny data set, see `write_faces`."""
    return write_faces(tmp_path_factory.mktemp("faces"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in one order: what is compared bit for bit needs it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
