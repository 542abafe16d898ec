"""The one exception family: every message names the thing, what was expected, what was found and what to do."""

from __future__ import annotations

from pathlib import Path


class VFAError(Exception):
    """A failure the user can act on.

    Args:
        what: one clause that says what went wrong.
        path: the file or folder concerned, named first in the message.
        expected: what would have been right.
        found: what was there instead.
        hint: the next thing to try.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        path: str | Path | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.what, self.path, self.expected, self.found, self.hint = what, path, expected, found, hint
        lines = [f"{path}: {what}" if path is not None else what]
        for label, text in (("expected", expected), ("found", found), ("try", hint)):
            if text:
                lines.append(f"  {label}: {text}")
        super().__init__("\n".join(lines))


class InputError(VFAError):
    """An argument or a file the user gave cannot be used (exit code 3)."""

    exit_code = 3


class MeshError(InputError):
    """A mesh cannot be used, even after repair."""


class DecodeError(InputError):
    """A video, image or depth file cannot be decoded."""


class CheckpointError(InputError):
    """A checkpoint is damaged or belongs to another architecture."""


class AssetError(VFAError):
    """Weights, a model or an optional program are missing (exit code 4)."""

    exit_code = 4


EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_INPUT = InputError.exit_code
EXIT_ASSET = AssetError.exit_code
EXIT_PARTIAL = 5
EXIT_INTERRUPTED = 130
