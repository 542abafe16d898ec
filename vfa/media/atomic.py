"""Files that are complete or absent: written under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from vfa.errors import VFAError

_PART = re.compile(r"^\..*\.(\d+)\.part(\.[a-z0-9]+)?$")


def temporary_path(path: Path, suffix: str = "") -> Path:
    """A hidden name beside `path` that says which process writes it."""
    return path.with_name(f".{path.name[:200]}.{os.getpid()}.part{suffix}")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file so that it is complete or absent; its folder is made.

    Raises:
        VFAError: the disk is full or the folder may not be written.
    """
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        discard(temporary)
        raise VFAError("the file cannot be written", path=path, found=error.strerror) from error


def write_json(path: Path, record: object) -> None:
    """Writes a record as readable JSON, the same bytes for the same record."""
    write_bytes(path, (json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def discard(temporary: Path) -> None:
    """Removes a temporary file if it is there."""
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        return  # its folder is not there either, or is read-only


def remove_stale_parts(folder: Path) -> int:
    """Removes what processes that no longer run left unfinished in a folder; how many files went."""
    removed = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _PART.match(path.name)
        if match and not _alive(int(match.group(1))):
            discard(path)
            removed += 1
    return removed


def _alive(process: int) -> bool:
    if process == os.getpid() or os.name == "nt":  # asking would end the process there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
