"""How a command ends: one message and an exit code, a traceback only when asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable

from vfa.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, VFAError


def guarded(work: Callable[[], None], *, debug: bool) -> None:
    """Runs `work`; ends the process with the exit code of the error contract if it fails."""
    try:
        work()
    except VFAError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("interrupted; what was half-written has been removed", file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        print("  try: free some space on the disk, or write to another one", file=sys.stderr)
        raise SystemExit(EXIT_INTERNAL) from None
    except Exception as error:
        if debug:
            raise
        print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
        print("  try: run again with --debug and report the traceback", file=sys.stderr)
        raise SystemExit(EXIT_INTERNAL) from None
