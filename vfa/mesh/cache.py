"""Controller weights on disk, found again by what they were computed from."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vfa.mesh.weights import ControllerWeights

VERSION = 2


def weights_key(*parts: np.ndarray | float | int) -> str:
    """sha256 in hexadecimal of arrays and numbers, with their shapes and types."""
    digest = hashlib.sha256(f"controller weights {VERSION};".encode())
    for part in parts:
        array = np.ascontiguousarray(part)
        digest.update(f"{array.dtype.str}{array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def cached_weights(
    folder: Path | None, name: str, key: str, compute: Callable[[], ControllerWeights], *, force: bool = False
) -> tuple[ControllerWeights, bool]:
    """Reads weights from `folder/<name>_<key>.npz`, or computes and stores them.

    A file that cannot be read is computed again and replaced. A folder that cannot be written leaves the weights
    uncached.

    Args:
        folder: where weights are kept; None computes every time.
        name: for people who look into the folder.
        key: of everything the weights depend on, see `weights_key`.
        compute: makes them.
        force: compute even where a file exists (`--calc_weights`).

    Returns:
        The weights, and whether they came from the file.
    """
    if folder is None:
        return compute(), False
    readable = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:60].strip("-_") or "avatar"
    path = folder / f"{readable}_{key[:24]}.npz"
    if not force and path.is_file():
        try:
            with np.load(path, allow_pickle=False) as file:
                if str(file["key"]) == key:
                    return ControllerWeights(file["index"], file["weight"], int(file["n_controllers"])), True
        except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile):
            pass
    weights = compute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".tmp-", suffix=".npz")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, key=key, index=weights.index, weight=weights.weight, n_controllers=weights.n_controllers)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError:
        return weights, False
    return weights, False
