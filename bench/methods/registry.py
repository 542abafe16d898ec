"""Where methods are found: by name, by the path of a TOML file, as `folder:PATH`, or from another package.

Other packages add methods by the entry point group `bench.methods`: `mine = "mypackage.module:MyMethod"`, a class
derived from `bench.methods.base.Method`.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import entry_points
from pathlib import Path

from bench.methods.base import Method
from vfa.errors import InputError

ENTRY_POINT_GROUP = "bench.methods"
RECIPES = Path(__file__).parent / "recipes"

BUILT_IN = {
    "oracle": "bench.methods.baselines:Oracle",
    "static": "bench.methods.baselines:Static",
    "copy": "bench.methods.baselines:Copy",
    "vfa": "bench.methods.animator:Networks",
    "vfa-landmarks": "bench.methods.animator:Landmarks",
    "vfa-retarget": "bench.methods.retarget:OwnRetarget",
    "reference-retarget": "bench.methods.retarget:ReferenceRetarget",
}


def create_method(spec: str) -> Method:
    """Makes a method.

    Args:
        spec: a name of `method_names()`, the path of a `.toml` file, or `folder:PATH`.

    Raises:
        InputError: unknown, or the file or folder cannot be used.
    """
    if spec.startswith("folder:"):
        from bench.methods.baselines import Folder

        return Folder(Path(spec.removeprefix("folder:")))
    if spec.endswith(".toml"):
        return _from_toml(Path(spec))
    if spec in BUILT_IN:
        return _imported(BUILT_IN[spec])()
    found = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if spec in found:
        cls = found[spec].load()
        if not (isinstance(cls, type) and issubclass(cls, Method)):
            raise InputError(f"the entry point {spec!r} is no method", expected="a class derived from Method")
        return cls()
    recipe = RECIPES / f"{spec}.toml"
    if spec == recipe.stem and recipe.is_file():
        return _from_toml(recipe)
    known = method_names()
    near = difflib.get_close_matches(spec, known, n=4, cutoff=0.5)
    raise InputError(
        f"unknown method {spec!r}",
        expected="one of: " + ", ".join(near or known),
        hint="a .toml file needs its suffix, a folder of videos the form folder:PATH",
    )


def method_names() -> list[str]:
    """Names that `create_method` knows: built in, shipped TOML files, entry points."""
    others = [point.name for point in entry_points(group=ENTRY_POINT_GROUP)]
    shipped = sorted(path.stem for path in RECIPES.glob("*.toml"))
    return list(dict.fromkeys([*BUILT_IN, *shipped, *sorted(others)]))


def create_methods(specs: list[str]) -> list[Method]:
    """Several methods with different names.

    Raises:
        InputError: none, an unknown one, or two of one name.
    """
    methods = [create_method(spec) for spec in specs]
    if not methods:
        raise InputError("--methods names nothing", expected="names with commas", found=None, hint="bench list methods")
    names = [method.name for method in methods]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError("two methods have one name", expected="different names", found=", ".join(twice))
    return methods


def _imported(place: str) -> type[Method]:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _from_toml(path: Path) -> Method:
    from bench.methods.command import Command
    from bench.methods.template import read_template

    return Command(read_template(path))
