"""What the field has: its data sets and methods, as data files that `bench list datasets|methods` shows.

Nothing is downloaded from here. Every entry says where it is published, how one gets it, and how it lies on the disk.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from importlib import resources
from typing import Any, TypeVar

from vfa.errors import InputError

ENVIRONMENTS = ("wild", "lab", "broadcast", "synthetic")
ACCESS = ("download", "urls", "request", "made")
FAMILIES = ("2D", "3D", "body")
DRIVERS = ("audio", "video", "depth", "landmarks", "pose", "text")
HOLDS = ("video", "audio", "depth", "mesh", "text", "emotion", "attributes", "landmarks", "flow", "picture")
LISTS = ("survey", "collection", "theval", "vfa", "micro", "avatar", "project")
FIRST_YEAR, LAST_YEAR = 1997, 2026


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        key: short name. environment: where it was recorded, one of ENVIRONMENTS. subjects: people, None where unknown.
        size: hours, clips. resolution: of the pictures or meshes. holds: kinds of data, of HOLDS.
        licence: in a few words; licence_checked: read at the source. access: how one gets it, of ACCESS.
        layout: how it lies on the disk. venue: where it was published. listed_in: whose lists name it, of LISTS.
    """

    key: str
    name: str
    year: int
    environment: str
    language: str
    size: str
    resolution: str
    holds: tuple[str, ...]
    licence: str
    licence_checked: bool
    access: str
    layout: str
    venue: str
    listed_in: tuple[str, ...]
    subjects: int | None = None
    url: str = ""
    paper: str = ""
    note: str = ""


@dataclass(frozen=True)
class FieldMethod:
    """A method of the field.

    Attributes:
        family: 2D, 3D or body. driven_by: of DRIVERS. needs: of the person to be animated. size: of its pictures.
        environment: software its README asks for. licence: empty where unknown; licence_checked: read at the source.
        layout: what goes in and comes out. recipe: what `bench run --methods` calls it; empty where there is none.
        listed_in: whose lists name it, of LISTS.
    """

    key: str
    name: str
    year: int
    venue: str
    family: str
    driven_by: tuple[str, ...]
    needs: str
    licence: str
    licence_checked: bool
    layout: str
    listed_in: tuple[str, ...]
    size: str = ""
    environment: str = ""
    url: str = ""
    paper: str = ""
    recipe: str = ""
    note: str = ""


Entry = TypeVar("Entry", Dataset, FieldMethod)


@lru_cache(maxsize=1)
def datasets() -> tuple[Dataset, ...]:
    """All data sets, by year and name."""
    return _sorted(parse(_text("datasets.toml"), "dataset", Dataset))


@lru_cache(maxsize=1)
def field_methods() -> tuple[FieldMethod, ...]:
    """All methods of the field, by year and name."""
    return _sorted(parse(_text("methods.toml"), "method", FieldMethod))


def parse(text: str, table: str, kind: type[Entry]) -> list[Entry]:
    """Reads entries and checks every value.

    Args:
        text: TOML with `[[table]]` entries.

    Raises:
        InputError: a value is missing, unknown, of the wrong type or out of range, or a key comes twice.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    entries, seen = [], set()
    for number, raw in enumerate(tomllib.loads(text).get(table, ()), 1):
        place = f"{table} {raw.get('key', number)}"
        entry = _entry(raw, kind, place)
        if entry.key in seen:
            raise InputError(f"{place} stands in the catalogue twice")
        seen.add(entry.key)
        entries.append(entry)
    return entries


def matching(
    entries: Iterable[Entry], *, search: str = "", since: int = 0, until: int = 9999, listed_in: str = ""
) -> list[Entry]:
    """Entries whose text holds every word searched for, of these years, named by this list.

    Args:
        search: words, all of which must occur anywhere in an entry, whatever their case.
    """
    words = search.lower().split()
    found = []
    for entry in entries:
        text = " ".join(str(getattr(entry, field.name)) for field in fields(entry)).lower()
        named = not listed_in or listed_in in entry.listed_in
        if named and since <= entry.year <= until and all(word in text for word in words):
            found.append(entry)
    return found


def _entry(raw: Mapping[str, Any], kind: type[Entry], place: str) -> Entry:
    known = {field.name: field for field in fields(kind)}
    unknown = sorted(raw.keys() - known.keys())
    missing = sorted(name for name, field in known.items() if field.default is MISSING and name not in raw)
    if unknown or missing:
        raise InputError(f"{place} is wrong", expected=_words(missing) or None, found=_words(unknown) or None)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        wanted = str(known[name].type)
        good = {
            "int": type(value) is int,
            "int | None": type(value) is int and value > 0,
            "bool": type(value) is bool,
            "str": isinstance(value, str) and value == value.strip(),
            "tuple[str, ...]": isinstance(value, list) and bool(value) and all(isinstance(x, str) for x in value),
        }[wanted]
        if not good:
            raise InputError(f"{place}: {name} is of the wrong kind", expected=wanted, found=repr(value))
        values[name] = tuple(value) if isinstance(value, list) else value
    entry = kind(**values)
    _check(entry, place)
    return entry


def _check(entry: Dataset | FieldMethod, place: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", entry.key):
        raise InputError(f"{place}: bad key", expected="small letters, digits, dashes", found=entry.key)
    if not FIRST_YEAR <= entry.year <= LAST_YEAR:
        raise InputError(f"{place}: bad year", expected=f"{FIRST_YEAR}..{LAST_YEAR}", found=str(entry.year))
    for address in (entry.url, entry.paper):
        if address and not re.fullmatch(r"https?://[a-z0-9.-]+\.[a-z]{2,}(/[\w./~%-]*)?", address, re.IGNORECASE):
            raise InputError(f"{place}: bad address", expected="http(s)://host/path", found=address)
    allowed: list[tuple[tuple[str, ...], tuple[str, ...]]] = [(entry.listed_in, LISTS)]
    if isinstance(entry, Dataset):
        allowed += [((entry.environment,), ENVIRONMENTS), ((entry.access,), ACCESS), (entry.holds, HOLDS)]
    else:
        allowed += [((entry.family,), FAMILIES), (entry.driven_by, DRIVERS)]
    for values, known in allowed:
        for value in values:
            if value not in known:
                raise InputError(f"{place}: unknown value", expected=", ".join(known), found=value)


def _sorted(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.year, entry.name.lower())))


def _words(names: list[str]) -> str:
    return ", ".join(names)


def _text(name: str) -> str:
    return (resources.files("bench.catalogue") / name).read_text(encoding="utf-8")
