"""The configuration file of `train.py`, and options of the form NAME=VALUE."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from vfa.errors import InputError


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Takes options from a file as defaults (a callback of the option `--config`); a bad file ends the process."""
    if path is None:
        return None
    try:
        context.default_map = {**(context.default_map or {}), **config_defaults(path, context.command.params)}
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    return path


def config_defaults(path: Path, parameters: Sequence[Any]) -> dict[str, Any]:
    """The options of a file, by the names of the parameters.

    Keys are the options without dashes (`exp_name`, `iter`); `stage_option`, `data_option` and `model_option` may be
    tables of names and values, `dataset` a list.

    Raises:
        InputError: the file cannot be read, or holds an unknown option.
    """
    names = {option.lstrip("-"): parameter for parameter in parameters for option in parameter.opts}
    result: dict[str, Any] = {}
    for key, value in _read(path).items():
        if key not in names or key in ("config", "help"):
            raise InputError(f"unknown option {key!r} in the configuration", path=path, expected=", ".join(names))
        parameter = names[key]
        if isinstance(value, dict):
            value = [f"{name}={entry}" for name, entry in value.items()]
        if getattr(parameter, "multiple", False) and not isinstance(value, list):
            value = [value]
        if isinstance(value, list) and not getattr(parameter, "multiple", False):
            raise InputError(f"option {key} takes one value", path=path, found=repr(value)[:80])
        result[str(parameter.name)] = [str(v) for v in value] if isinstance(value, list) else value
    return result


def pairs(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    """NAME=VALUE as a dictionary.

    Raises:
        InputError: one is of another form.
    """
    result = {}
    for text in texts or ():
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise InputError(f"{option} is of another form", expected="NAME=VALUE", found=repr(text))
        result[name] = value
    return result


def _read(path: Path) -> dict[str, Any]:
    """The mapping a YAML or TOML file holds."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else "no text"
        raise InputError("the configuration cannot be read", path=path, found=found) from error
    kind = path.suffix.lower()
    try:
        if kind in (".yaml", ".yml"):
            import yaml

            content = yaml.safe_load(text)
        elif kind == ".toml":
            if sys.version_info >= (3, 11):
                import tomllib
            else:
                import tomli as tomllib
            content = tomllib.loads(text)
        else:
            raise InputError("unknown kind of configuration", path=path, expected=".yaml, .yml or .toml", found=kind)
    except ValueError as error:
        raise InputError("the configuration is damaged", path=path, found=str(error).splitlines()[0]) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "yaml":
            raise
        raise InputError("the configuration is damaged", path=path, found=" ".join(str(error).split())[:160]) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError("the configuration is no table of options", path=path, found=type(content).__name__)
    return content
