"""The numbers printed in docstrings are right."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import bench.metrics.functional as package

NAMES = [module.name for module in pkgutil.iter_modules(package.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(f"{package.__name__}.{name}")
    result = doctest.testmod(module, extraglobs={"np": np})
    assert result.failed == 0


def test_enough_functions_show_a_number() -> None:
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in NAMES]
    assert sum(bool(test.examples) for module in modules for test in finder.find(module)) >= 25
