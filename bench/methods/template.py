"""TOML files that describe an outside program as a method; `bench/methods/recipes/README.md` explains the keys."""

from __future__ import annotations

import os
import re
import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.methods.base import OutputRules
from bench.store import file_hash
from vfa.errors import InputError

PLACES = ("image", "video", "audio", "mesh", "output", "scratch", "home", "root", "python", "frames", "rate", "width",
          "height", "sample")  # fmt: skip
INPUTS = ("image", "video", "audio", "mesh")
KEYS = {
    "name": str, "title": str, "source": str, "paper": str, "licence": str, "tested": bool, "needs": list, "root": str,
    "python": str, "folder": str, "fresh": list, "command": list, "steps": list, "files": dict, "output": str,
    "exclude": list, "environment": dict, "pass": list, "limits": dict, "result": dict, "note": str,
}  # fmt: skip
LIMITS = {"seconds": 3600.0, "memory_gb": 0.0, "file_gb": 4.0, "log_mb": 1.0}
FOLDERS = ("scratch", "root", "mirror")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Template:
    """A program as a method.

    Attributes:
        name, title, source, paper, licence, note: about it. tested: whether it has been run by this project.
        needs: alternatives of inputs. root: folder of its clone as the file says it, with `${VARIABLE}`s; or empty.
        python: the interpreter, likewise. folder: where it runs: `scratch`, `root`, or `mirror`, a folder of links to
        everything in `root`, in which it may make entries of its own; fresh: entries of a mirror that begin empty.
        steps: commands, each a list of arguments. files: written before, path -> content.
        output: where its video is then, a path or a pattern; exclude: patterns of names that it is not.
        environment: variables that it gets; passed: variables of this process that it may see.
        limits: seconds, memory_gb, file_gb, log_mb. rules: for the result. digest: hash of the file.
    """

    name: str
    steps: tuple[tuple[str, ...], ...]
    needs: tuple[tuple[str, ...], ...]
    digest: str
    title: str = ""
    source: str = ""
    paper: str = ""
    licence: str = ""
    note: str = ""
    tested: bool = False
    root: str = ""
    python: str = "python3"
    folder: str = "scratch"
    fresh: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    output: str = "{output}"
    exclude: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=lambda: dict(LIMITS))
    rules: OutputRules = field(default_factory=OutputRules)


def read_template(path: Path) -> Template:
    """Reads and checks a TOML file.

    Raises:
        InputError: it cannot be read, lacks something, or holds something that is not known.
    """
    data = _read(path)
    for key, value in data.items():
        if key not in KEYS:
            raise InputError(f"unknown key {key!r}", path=path, expected=", ".join(KEYS))
        if not isinstance(value, KEYS[key]):
            raise InputError(f"{key!r} has the wrong type", path=path, expected=KEYS[key].__name__, found=repr(value))
    steps = [data["command"]] if "command" in data else data.get("steps", [])
    if not steps or not all(_is_words(step) and step for step in steps):
        raise InputError(
            "no command", path=path, expected='command = ["{python}", "inference.py", ...], or steps = [[...], [...]]'
        )
    needs = data.get("needs", [])
    alternatives = needs if needs and all(isinstance(part, list) for part in needs) else [needs]
    for part in alternatives:
        if not _is_words(part) or not set(part) <= set(INPUTS):
            raise InputError("`needs` names unknown inputs", path=path, expected=", ".join(INPUTS), found=repr(needs))
    if data.get("folder", "scratch") not in FOLDERS:
        raise InputError("unknown `folder`", path=path, expected=" | ".join(FOLDERS), found=repr(data["folder"]))
    if data.get("folder", "scratch") != "scratch" and not data.get("root"):
        raise InputError("`folder` needs `root`", path=path, expected='root = "${MY_CLONE}"')
    texts = [*(word for step in steps for word in step), data.get("output", ""), *data.get("files", {})]
    for text in (*texts, *data.get("environment", {}).values(), *data.get("files", {}).values()):
        _check_places(str(text), path)
    return Template(
        name=_name(data.get("name", path.stem), path),
        steps=tuple(tuple(step) for step in steps),
        needs=tuple(tuple(part) for part in alternatives),
        digest=file_hash(path),
        fresh=tuple(data.get("fresh", ())),
        exclude=tuple(data.get("exclude", ())),
        passed=tuple(data.get("pass", ())),
        limits=_limits(data.get("limits", {}), path),
        rules=_rules(data.get("result", {}), path),
        **{key: data[key] for key in _SIMPLE if key in data},
    )


_SIMPLE = ("title", "source", "paper", "licence", "note", "tested", "root", "python", "folder", "files", "output",
           "environment")  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", path=path) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("the file cannot be read as TOML", path=path, found=str(error)) from error


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _name(name: str, path: Path) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", name):
        raise InputError(
            "a method's name goes into file names", path=path, expected="letters, digits, . _ -", found=repr(name)
        )
    return name


def _limits(given: Mapping[str, Any], path: Path) -> dict[str, float]:
    for key, value in given.items():
        if key not in LIMITS or isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise InputError(
                f"limit {key!r} cannot be used", path=path, expected=", ".join(LIMITS) + ": numbers", found=repr(value)
            )
    return {**LIMITS, **{key: float(value) for key, value in given.items()}}


def _rules(given: Mapping[str, Any], path: Path) -> OutputRules:
    """The table `result`: rate (a number, "same" or "any"), size ([w, h], "same" or "any"), tolerance."""
    unknown = set(given) - {"rate", "size", "tolerance"}
    rate, size = given.get("rate", "same"), given.get("size", "same")
    tolerance = given.get("tolerance", 0.0)
    rates = {"same": None, "any": 0.0}
    sizes = {"same": None, "any": (0, 0)}
    good_rate = rate in rates if isinstance(rate, str) else isinstance(rate, int | float) and rate > 0
    pair = isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size)
    good_size = size in sizes if isinstance(size, str) else pair
    if unknown or not good_rate or not good_size or not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        raise InputError(
            "the table `result` cannot be used",
            path=path,
            expected='rate = 25 | "same" | "any", size = [256, 256] | "same" | "any", tolerance = 0.05',
            found=repr(dict(given)),
        )
    return OutputRules(
        rates[rate] if isinstance(rate, str) else float(rate),
        sizes[size] if isinstance(size, str) else (size[0], size[1]),
        float(tolerance),
    )


def _check_places(text: str, path: Path) -> None:
    """Checks that a text names only known places in braces.

    Raises:
        InputError: it names another one, or has a stray brace.
    """
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise InputError("stray brace", path=path, expected="{{ and }} for braces", found=text) from error
    unknown = [name for name in names if name not in PLACES]
    if unknown:
        raise InputError(f"unknown place {{{unknown[0]}}}", path=path, expected=", ".join(PLACES), found=text)


def expanded(text: str) -> tuple[str, str]:
    """A text with `${NAME}` and `${NAME:-default}` replaced, and the first variable that is not set (or empty)."""
    missing = [n for n, default in _VARIABLE.findall(text) if not os.environ.get(n) and not default]
    return _VARIABLE.sub(lambda m: os.environ.get(m[1]) or m[2] or "", text), missing[0] if missing else ""
