"""Where results go: names made safe, folders inside the one the user gave, files complete or absent."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from vfa.errors import InputError, VFAError

_LONGEST = 80


def safe_name(name: str) -> str:
    """One plain path component: letters, digits, `-`, `_` and `.`, at most 80 of them, no leading dot."""
    plain = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("._-")
    return plain[:_LONGEST] or "unnamed"


def output_folder(save_folder: Path, model: str, run: str) -> Path:
    """Makes `<save_folder>/<model>/<run>` with safe names.

    Raises:
        InputError: the folder cannot be made or written.
    """
    folder = save_folder / safe_name(model) / safe_name(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".tmp-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            "results cannot be written there",
            path=folder,
            expected="a folder that can be made and written",
            found=error.strerror or str(error),
            hint="choose another --save_folder",
        ) from error
    return folder


def save_picture(path: Path, image: np.ndarray) -> Path:
    """Writes an image uint8 `[H, W, 3]` as PNG; the file is complete or absent.

    Raises:
        VFAError: it cannot be written.
    """
    from PIL import Image

    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        Image.fromarray(image).save(temporary, format="PNG")
        os.replace(temporary, path)
    except OSError as error:
        raise VFAError("the picture cannot be written", path=path, found=error.strerror or str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path
