"""Where extractors are found by the names of the features they provide."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from typing import TypeVar

from bench.features.base import Extractor
from vfa.errors import InputError

STREAMED = ("frames", "planes")
TABLES = ("au", "va", "vertices", "driver")
PLUMBING = {"base", "network_base", "registry"}

_extractors: dict[str, type[Extractor]] = {}
_providers: dict[str, str] = {}
_loaded = False

E = TypeVar("E", bound=type[Extractor])


def register_extractor(cls: E) -> E:
    """Makes an extractor known by its name and the features it provides.

    Raises:
        ValueError: another extractor has this name or provides one of its features.
    """
    known = _extractors.get(cls.name)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"two extractors have the name {cls.name!r}: {known.__module__} and {cls.__module__}")
    for feature in cls.provides:
        owner = _providers.get(feature)
        if feature in (*STREAMED, *TABLES) or (owner is not None and owner != cls.name):
            raise ValueError(f"extractor {cls.name!r} provides {feature!r}, which {owner or 'the engine'} provides")
    _extractors[cls.name] = cls
    _providers.update(dict.fromkeys(cls.provides, cls.name))
    return cls


def _load_all() -> None:
    global _loaded
    if _loaded:
        return
    _loaded = True
    import bench.features as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if module.name not in PLUMBING:
            importlib.import_module(f"{package.__name__}.{module.name}")


def provider(feature: str) -> type[Extractor]:
    """The extractor that provides a feature.

    Raises:
        InputError: nothing provides it.
    """
    _load_all()
    if feature not in _providers:
        near = difflib.get_close_matches(feature, list(_providers), n=3)
        raise InputError(f"no extractor provides the feature {feature!r}", expected=", ".join(near) or None)
    return _extractors[_providers[feature]]


def all_extractors() -> list[type[Extractor]]:
    """All registered extractors, sorted by name."""
    _load_all()
    return [_extractors[name] for name in sorted(_extractors)]


def resolve(features: Iterable[str]) -> list[type[Extractor]]:
    """The extractors that provide these features and whatever those need, in an order in which they can run."""
    ordered: list[type[Extractor]] = []

    def visit(feature: str) -> None:
        if feature in STREAMED or feature in TABLES:
            return
        extractor = provider(feature)
        if extractor in ordered:
            return
        for need in extractor.needs:
            visit(need)
        if extractor not in ordered:
            ordered.append(extractor)

    for feature in sorted(set(features)):
        visit(feature)
    return ordered
