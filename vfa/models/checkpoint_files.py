"""Files of weights: what they are, whether they are whole, and reading those of torch without running them."""

from __future__ import annotations

import hashlib
import re
import warnings
from pathlib import Path
from typing import Any

from vfa.errors import AssetError, CheckpointError


def file_kind(path: Path) -> str:
    """``torch`` or ``safetensors``, by the first bytes; anything else is named."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(512)
    text = head.lstrip().lower()
    again = "download the file itself again"
    if not head:
        raise CheckpointError("the file is empty", path=path, hint=again)
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise AssetError("this is a web page, not a checkpoint", path=path, found=_preview(head), hint=again)
    if text.startswith(b"version https://git-lfs"):
        raise AssetError("this is a Git LFS pointer, not the file it stands for", path=path, hint="run: git lfs pull")
    length = int.from_bytes(head[:8], "little")
    # A pickle begins with 0x80, but so does one in 32 lengths of a safetensors header, which is a multiple of 8.
    # A header is shorter than 4 GB, so its length ends in four zeros, also where the file is cut short.
    safe = head[8:9] == b"{" and (head[:1] != b"\x80" or head[4:8] == bytes(4))
    if head.startswith(b"PK") or (head[:1] == b"\x80" and not safe):
        return "torch"
    if safe:
        if 8 + length > size:
            raise CheckpointError(
                "the file is truncated",
                path=path,
                expected=f"a header of {length} bytes",
                found=f"{size} bytes",
                hint=again,
            )
        return "safetensors"
    raise CheckpointError("unknown file type", path=path, expected=".pt or .safetensors", found=_preview(head))


def check_hash(path: Path, expected: str | None) -> None:
    """Compares a file with its SHA-256, given or in `<path>.sha256`; without either, nothing.

    Raises:
        CheckpointError: it is another file.
    """
    beside = path.with_name(path.name + ".sha256")
    if expected is None and beside.is_file():
        expected = (beside.read_text().split() or [""])[0]
    if expected is None:
        return
    found = file_sha256(path)
    if found != expected.lower():
        raise CheckpointError(
            "wrong hash", path=path, expected=f"sha256 {expected}", found=f"sha256 {found}", hint="fetch the file again"
        )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_torch(path: Path) -> Any:
    """What a file of torch holds, if that is tensors, plain values and an argparse namespace.

    Raises:
        CheckpointError: it is damaged or holds anything else, which is not run.
    """
    import argparse
    import pickle

    import torch

    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols: what cannot be read raises
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            "the file holds objects other than weights and was not opened",
            path=path,
            expected="tensors, plain values and an argparse namespace",
            found=_refused(str(error)),
            hint="a checkpoint that needs more may run code of its author's choice; get it from the original place",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "the file is truncated or damaged",
            path=path,
            found=f"{path.stat().st_size} bytes; {first_line(error)}",
            hint="download it again",
        ) from error


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _refused(message: str) -> str:
    """What was refused, out of torch's explanation, without its advice to switch the check off."""
    for pattern in (r"GLOBAL (\S+)", r"WeightsUnpickler error: (.+)"):
        match = re.search(pattern, message)
        if match:
            return match.group(1)[:160]
    return "a pickle that is no checkpoint"


def _preview(head: bytes) -> str:
    return repr(head[:40])
