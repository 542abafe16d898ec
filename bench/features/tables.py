"""Features that come from files beside the videos: OpenFace tables, valence and arousal, vertex sequences."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bench.features.base import VideoFeatures
from bench.store import read_arrays
from vfa.errors import InputError


def read_table(path: Path) -> dict[str, np.ndarray]:
    """Columns of a CSV file by their stripped names, float64 [T]; cells that are no numbers are NaN.

    Raises:
        InputError: it is no table, has no rows, or rows of different lengths.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("the table cannot be read", path=path, found=str(error)) from error
    if len(rows) < 2:
        raise InputError("the table has no rows", path=path, expected="a header and one row a frame")
    header = [name.strip() for name in rows[0]]
    odd = next((i for i, row in enumerate(rows) if len(row) != len(header)), None)
    if odd is not None:
        raise InputError(
            f"row {odd + 1} of the table has another number of cells",
            path=path,
            expected=f"{len(header)} cells",
            found=f"{len(rows[odd])} cells",
        )
    return {name: np.array([_number(row[i]) for row in rows[1:]]) for i, name in enumerate(header)}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def read_beside(kind: str, path: Path) -> dict[str, Any]:
    """Features from a file that belongs to a video, by name: a table under its kind; of an .npz all that it holds.

    Args:
        kind: `au`, `va`, `vertices` (a vertex sequence, frame by frame with the video) or `driver` (a face's shape).

    Raises:
        InputError: the file is damaged or of another kind.
    """
    if kind in ("au", "va"):
        return {kind: read_table(path)}
    if kind == "vertices":
        return read_vertices(path).arrays
    shape = (read_arrays(path) or {}).get("driver")
    if shape is None or shape.ndim != 2:
        raise InputError("this is no face's shape", path=path, expected="an array `driver` [N,3] in an .npz")
    return {"driver": shape}


def read_vertices(path: Path) -> VideoFeatures:
    """A vertex sequence as features: `vertices` float32 [T,V,3], and whatever other arrays an .npz holds.

    An .npz may give `rate` (frames a second, 25 without it).

    Raises:
        InputError: no such array, wrong shape, values that are not finite, or a file with pickled objects.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"vertices": loaded} if isinstance(loaded, np.ndarray) else {n: loaded[n] for n in loaded.files}
    except (OSError, ValueError, EOFError) as error:
        raise InputError("the vertex sequence cannot be read", path=path, found=str(error)) from error
    except Exception as error:
        raise InputError("the vertex sequence is damaged", path=path, found=str(error)) from error
    vertices = arrays.get("vertices")
    if vertices is None or vertices.ndim != 3 or vertices.shape[-1] != 3 or 0 in vertices.shape:
        raise InputError(
            "this is no vertex sequence",
            path=path,
            expected="an array `vertices` [T,V,3]",
            found="no such array" if vertices is None else f"{vertices.dtype} {list(vertices.shape)}",
        )
    if not np.issubdtype(vertices.dtype, np.number) or not np.isfinite(vertices).all():
        raise InputError("the vertex sequence holds values that are no finite numbers", path=path)
    rate = Fraction(float(arrays.pop("rate", 25))).limit_denominator(1001)
    if rate <= 0:
        raise InputError("the frame rate of the vertex sequence must be positive", path=path, found=str(rate))
    arrays["vertices"] = vertices.astype(np.float32)
    return VideoFeatures(path.name, 0, 0, rate, np.arange(len(vertices)) / float(rate), dict(arrays))
