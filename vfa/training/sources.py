"""Data sets of a run, from what the command line says: `NAME[=FOLDER][@WEIGHT]`."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vfa.errors import InputError
from vfa.training.data_layouts import EXPECTED, LAYOUTS
from vfa.training.data_stream import Source

ONLINE = "vfa.training.synthetic:SyntheticSource"
"""Renders while training; made with `size`, `seed`, `convention` and the options it knows."""
FORM = "NAME[=FOLDER][@WEIGHT] with NAME one of " + ", ".join(LAYOUTS)
_FORM = re.compile(r"^(?P<name>[^=@]+)(=(?P<folder>.+?))?(@(?P<weight>[^@/\\]+))?$", re.DOTALL)


@dataclass(frozen=True)
class DataSet:
    """One data set of a run.

    Attributes:
        name: layout, "MMFace4D", "kinect" or "synthetic".
        folder: where it is; None renders it while training (synthetic only).
        weight: share of the steps, any scale.
    """

    name: str
    folder: Path | None = None
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str, default_folder: Path | None = None) -> DataSet:
        """A data set as written on the command line.

        Args:
            text: `NAME[=FOLDER][@WEIGHT]`.
            default_folder: `--data_path`, for data sets without a folder of their own.

        Raises:
            InputError: unknown name, no folder, or a weight that is no number.

        >>> DataSet.parse("kinect=/data/k@0.5")
        DataSet(name='kinect', folder=PosixPath('/data/k'), weight=0.5)
        """
        match = _FORM.match(text)
        if match is None or match["name"] not in LAYOUTS:
            raise InputError("unknown data set", expected=FORM, found=repr(text))
        try:
            weight = float(match["weight"] or 1)
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight > 0):
            raise InputError("the weight of a data set is unfit", expected="a number > 0", found=repr(text))
        folder = Path(match["folder"]) if match["folder"] else default_folder
        if match["name"] == "synthetic":
            folder = Path(match["folder"]) if match["folder"] else None
        elif folder is None:
            raise InputError(
                f"where is the data set {match['name']}?", expected=FORM, hint=f"--dataset {match['name']}=FOLDER"
            )
        return cls(match["name"], folder, weight)

    @property
    def description(self) -> str:
        """For logs and checkpoints; tells no path of the machine."""
        if self.folder is None:
            return "synthetic, rendered while training"
        return f"{self.name}, folder {self.folder.resolve().name}"


def build_sources(
    datasets: Sequence[DataSet],
    *,
    size: int,
    seed: int,
    convention: str,
    options: Mapping[str, str] | None = None,
    truth: str = "",
) -> list[Source]:
    """The sources of a run.

    Args:
        datasets: of the run.
        size: side of the pictures, pixels.
        seed: of all draws.
        convention: of the normalisation.
        options: `--data_option`s; each goes to the sources that know it.
        truth: name of the stage that needs exact truth, if it does.

    Raises:
        InputError: nothing knows an option, or a data set has no truth where it is needed.
    """
    options = dict(options or {})
    used: set[str] = set()
    sources: list[Source] = []
    for dataset in datasets:
        if dataset.folder is not None and not dataset.folder.is_dir():
            raise InputError("there is no such data set", path=dataset.folder, expected=EXPECTED[dataset.name])
        if truth and dataset.folder is not None:
            raise InputError(
                f"stage {truth} learns from exact truth, which {dataset.name} does not have in full",
                path=dataset.folder,
                hint="--dataset synthetic",
            )
        kind = _source_class(dataset)
        known = inspect.signature(kind).parameters
        fitting = {name: _typed(name, value, known[name]) for name, value in options.items() if name in known}
        used |= set(fitting)
        given: dict[str, Any] = {"size": size, "seed": seed, "convention": convention, **fitting}
        if dataset.folder is not None:
            given |= {"root": dataset.folder, "layout": dataset.name}
        sources.append(kind(**given))
    strangers = sorted(set(options) - used)
    if strangers:
        known_names = sorted({name for d in datasets for name in inspect.signature(_source_class(d)).parameters})
        raise InputError(f"no data set knows the option {strangers[0]!r}", expected=", ".join(known_names))
    return sources


def _source_class(dataset: DataSet) -> Any:
    if dataset.folder is None:
        module, _, name = ONLINE.partition(":")
        return getattr(importlib.import_module(module), name)
    from vfa.training.data_module import PairDataModule

    return PairDataModule


def _typed(name: str, value: Any, parameter: inspect.Parameter) -> Any:
    """Text as the kind of the parameter's default: number, truth value or text."""
    kind = type(parameter.default)
    if not isinstance(value, str) or kind not in (int, float, bool):
        return value
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        return kind(value)
    except (KeyError, ValueError):
        raise InputError(f"data option {name} has an unfit value", expected=kind.__name__, found=repr(value)) from None
