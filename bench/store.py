"""The output folder of a run: its lock, the journal, the feature cache, and files that are complete or absent."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vfa.errors import InputError

SCHEMA = 1
"""Version of results.json, videos.jsonl and the journal."""


class StoreError(InputError):
    """Results cannot be written: the run cannot go on."""


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex; read again only when its size or time of change differ.

    Raises:
        InputError: it cannot be read.
    """
    try:
        about = path.stat()
        return _file_hash(path, about.st_size, about.st_mtime_ns)
    except OSError as error:
        raise InputError("the file cannot be read", path=path, found=error.strerror or str(error)) from error


@lru_cache(maxsize=4096)
def _file_hash(path: Path, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def text_hash(*parts: str) -> str:
    """SHA-256 over some strings, as hex."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def slug(name: str) -> str:
    """A file name for an arbitrary string: readable where it can be, unique always, never a way out of the folder."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:80]
    return safe if safe and safe == name else f"{safe or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def plain_json(value: Any) -> Any:
    """Makes a value fit for strict JSON: numpy scalars and arrays become Python's, what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain_json(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)


def dumps(value: Any, indent: int | None = None) -> str:
    """JSON text of a value, the same bytes for the same value."""
    return json.dumps(plain_json(value), indent=indent, ensure_ascii=False, allow_nan=False)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path` that replaces it at the end, or vanishes on an error.

    Raises:
        StoreError: the folder cannot be written (full, read-only).
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(
            "the results cannot be written",
            path=path,
            found=error.strerror or str(error),
            hint="free some space or choose another --out",
        ) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file that is complete or absent."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file that is complete or absent."""
    write_bytes(path, text.encode())


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an .npz (the same bytes for the same arrays) that is complete or absent."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: np.asarray(array) for name, array in arrays.items()})
    write_bytes(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Arrays of an .npz, or None when there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None
    except Exception:
        return None


def sets_path(out: Path, arrays: str) -> Path:
    """Where the feature sets of a sample are kept, given the path of its per-frame arrays in the results' folder."""
    return out / "sets" / Path(arrays).relative_to("frames")


class Journal:
    """A file of JSON lines, each on the disk before the next step; a half-written last line is cut off on opening."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
            self._cut_torn_line()
        except OSError as error:
            raise StoreError("the journal cannot be written", path=path, found=error.strerror) from error

    def _cut_torn_line(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        if data and not data.endswith(b"\n"):
            self._file.truncate(data.rfind(b"\n") + 1)
        self._file.seek(0, os.SEEK_END)

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds one record and waits until it is on the disk."""
        try:
            self._file.write((dumps({"schema": SCHEMA, **record}) + "\n").encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError("the journal cannot be written", path=self.path, found=error.strerror) from error

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    @staticmethod
    def read(path: Path) -> Iterator[dict[str, Any]]:
        """Records of this schema; lines that are no JSON (a torn write) are passed over."""
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        for line in lines:
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and record.get("schema") == SCHEMA:
                    yield record


class FeatureStore:
    """Features on disk, by content hash of the video and name and version of the extractor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str, extractor: str, version: str) -> Path:
        """Where the arrays of an extractor lie."""
        return self.folder / key[:2] / key / f"{slug(extractor.replace(':', '.'))}-v{version}.npz"

    def load(self, key: str, extractor: str, version: str) -> dict[str, np.ndarray] | None:
        """Stored arrays, or None."""
        return read_arrays(self.path(key, extractor, version))

    def save(self, key: str, extractor: str, version: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Stores arrays."""
        write_arrays(self.path(key, extractor, version), arrays)


class RunFolder:
    """The output folder of a run.

    Args:
        path: created when missing. lock: refuse when another run has it (ranks above 0 do not lock).

    Raises:
        InputError: another run holds it, it cannot be written, or it holds results of a newer version.
    """

    def __init__(self, path: Path, *, lock: bool = True) -> None:
        self.path = path
        self._lock: Any = None
        try:
            path.mkdir(parents=True, exist_ok=True)
            if lock:
                self._lock = (path / ".lock").open("a")
        except OSError as error:
            raise InputError("the output folder cannot be written", path=path, found=error.strerror) from error
        if lock:
            self._take_lock()
            self._sweep()
        self._check_schema()

    def _take_lock(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise InputError(
                "another run is writing into this folder", path=self.path, hint="wait for it, or choose another --out"
            ) from error

    def _sweep(self) -> None:
        """Removes temporary files that a killed run left."""
        for path in self.path.rglob(".tmp-*"):
            with suppress(OSError):
                path.unlink()

    def _check_schema(self) -> None:
        results = self.path / "results.json"
        if not results.is_file():
            return
        try:
            schema = json.loads(results.read_text()).get("schema")
        except (ValueError, AttributeError):
            return
        if isinstance(schema, int) and schema > SCHEMA:
            raise InputError(
                "the folder holds results of a newer version of bench",
                path=results,
                expected=f"schema {SCHEMA} or older",
                found=f"schema {schema}",
                hint="choose another --out, or update",
            )

    def journals(self) -> list[Path]:
        """Journals of all ranks of earlier and present runs."""
        return sorted((self.path / "journal").glob("*.jsonl"))

    def close(self) -> None:
        """Gives the lock back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def load_results(folder: Path) -> dict[str, Any]:
    """The results.json of a run.

    Raises:
        InputError: there is none, it is damaged, or of a newer version.
    """
    path = folder / "results.json" if folder.is_dir() else folder
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputError(
            "no results here", path=folder, expected="a folder made by bench evaluate (results.json)"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError("the results cannot be read", path=path, found=str(error)) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise InputError(
            "results of another version of bench",
            path=path,
            expected=f"schema {SCHEMA}",
            found=f"schema {found}",
            hint="run bench evaluate again into this folder (features are kept)",
        )
    return data
