"""The built-in head: generated on first use, then read from a cache keyed by the generator's source."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from BFM.model import Eye, MorphableModel

PACKAGE = Path(__file__).parent
_ARRAYS = (
    "mean_shape", "id_base", "ex_base", "mean_texture", "tex_base", "triangles", "point_buf", "keypoints", "skin_mask",
)  # fmt: skip
_NAMES = ("identity_names", "expression_names", "texture_names")


def generator_version() -> str:
    """Hash of everything that decides what is generated: the generator's source and numpy's and scipy's versions."""
    import scipy

    digest = hashlib.sha256(f"{np.__version__} {scipy.__version__}".encode())
    for path in (*sorted((PACKAGE / "procedural").glob("*.py")), PACKAGE / "geometry.py"):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folders() -> tuple[Path, ...]:
    """Where a generated model may be kept, best first."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (
        PACKAGE / "cache",
        user / "versatile-face-animator",
        Path(tempfile.gettempdir()) / f"versatile-face-animator-{os.getuid()}",
    )


def load_builtin(folders: tuple[Path, ...] | None = None) -> MorphableModel:
    """The built-in head, from the cache if a valid copy is there, else generated and cached.

    Args:
        folders: where to look and, failing that, to write; `cache_folders()` when None. When none can be written
            the model is kept in memory only and a line on standard error says so.
    """
    folders = cache_folders() if folders is None else folders
    name = f"head-{generator_version()}.npz"
    for folder in folders:
        arrays = _read(folder / name)
        if arrays is not None:
            return _model(arrays)
    from BFM.procedural.build import build_arrays

    print("Generating the built-in head (once, about 15 seconds)", file=sys.stderr)
    arrays = build_arrays()
    for folder in folders:
        if _write(folder / name, arrays):
            break
    else:
        print(
            "The built-in head could not be cached (no writable folder among "
            f"{', '.join(map(str, folders)) or 'none'}); it will be generated again next time",
            file=sys.stderr,
        )
    return _model(arrays)


def _read(path: Path) -> dict[str, NDArray[np.generic]] | None:
    """Arrays of a cached model; None where there is none or it is damaged (it is then generated again)."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    return (
        arrays
        if all(key in arrays for key in (*_ARRAYS, *_NAMES, "eye_centers", "eye_radius", "mm_per_unit"))
        else None
    )


def _write(path: Path, arrays: dict[str, NDArray[np.generic]]) -> bool:
    """Store a model atomically and drop those of older generators; False where the folder cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(suffix=".tmp", dir=path.parent)
    except OSError:
        return False
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        return False
    for old in path.parent.glob("head-*.npz"):
        if old != path:
            with contextlib.suppress(OSError):  # another user's copy in a shared folder
                old.unlink()
    return True


def _model(arrays: dict[str, NDArray[np.generic]]) -> MorphableModel:
    groups = {key.removeprefix("group_"): value for key, value in arrays.items() if key.startswith("group_")}
    eyes = tuple(
        Eye(center, float(arrays["eye_radius"]), groups[name])  # type: ignore[arg-type]
        for center, name in zip(arrays["eye_centers"], ("left_eye", "right_eye"), strict=True)
    )
    names = {key: tuple(str(name) for name in arrays[key]) for key in _NAMES}
    return MorphableModel(
        **{key: arrays[key] for key in _ARRAYS},  # type: ignore[arg-type]
        **names,  # type: ignore[arg-type]
        mm_per_unit=float(arrays["mm_per_unit"]),  # type: ignore[arg-type]
        source="procedural",
        groups=groups,  # type: ignore[arg-type]
        eyes=eyes,
    )
