"""`run.json`: what was run, on what, with which versions, and how long each stage took."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import sys
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from time import perf_counter

PACKAGES = ("versatile-face-animator", "numpy", "mediapipe", "av", "numba", "scipy", "trimesh", "torch", "onnxruntime")


class RunRecord:
    """Collects figures while a run goes on.

    Args:
        options: the run's options, JSON values.
    """

    def __init__(self, options: dict[str, object]) -> None:
        self.data: dict[str, object] = {"options": options, "versions": versions(), "machine": machine()}
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str):
        """Times a stage; the same name may come again, times add up."""
        begin = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - begin

    def write(self, path: Path) -> None:
        """Writes the record with the times and the peak memory so far; the file is complete or absent."""
        data = {
            **self.data,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "peak_memory_mb": round(peak_memory() / 2**20, 1),
        }
        write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, object]:
    """System, processor type and number of cores."""
    return {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()}


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def file_hash(path: Path) -> str:
    """sha256 of a file in hexadecimal; of names and sizes for a folder."""
    digest = hashlib.sha256()
    if path.is_dir():
        for item in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{item.relative_to(path)};{item.stat().st_size};".encode())
        return digest.hexdigest()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Writes a small text file; it is complete or absent."""
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        # A file name that is no valid UTF-8 becomes an escape, which JSON understands.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
