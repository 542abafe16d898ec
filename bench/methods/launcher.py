"""Starts a program within limits: `python -I launcher.py '{"memory": ..., "writable": [...]}' program argument...`

The limits are set in this small process, which then becomes the program, so that they hold from its first instruction:
address space, size of files, no core files, death together with the parent, and (Landlock, Linux 5.13) no writing
outside the folders named. Stands alone: it imports nothing of the project.
"""

import ctypes
import json
import os
import resource
import signal
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG, PATH_BENEATH = 1, 1
# Bits of linux/landlock.h, those that change something: write a file; remove and make entries of every kind; then,
# with version 2 and 3 of the interface, link or rename across folders, and truncate.
WRITE, ENTRIES, REFER, TRUNCATE = 1 << 1, 0x1FF0, 1 << 13, 1 << 14
FILE_RIGHTS = WRITE | TRUNCATE
CANNOT = 125
"""Exit code when the limits could not be set."""


class _Ruleset(ctypes.Structure):
    _fields_ = [("handled", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def landlock_version() -> int:
    """Version of the kernel's Landlock interface, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(int(_syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG)), 0)


def _syscall(number: int, *arguments: object) -> int:
    return ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)


def confine(writable: list[str]) -> bool:
    """Forbids this process and all it starts to change anything outside some folders; False where it cannot be done.

    Raises:
        OSError: the kernel refused.
    """
    version = landlock_version()
    if version < 1:
        return False
    rights = WRITE | ENTRIES | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    about = _Ruleset(rights)
    rules = _syscall(CREATE_RULESET, ctypes.byref(about), ctypes.c_size_t(ctypes.sizeof(about)), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    for path in writable:
        if not os.path.exists(path):
            continue
        folder = os.open(path, os.O_PATH)
        allowed = rights if os.path.isdir(path) else rights & FILE_RIGHTS
        rule = _Beneath(allowed, folder)
        if _syscall(ADD_RULE, rules, PATH_BENEATH, ctypes.byref(rule), 0) != 0:
            raise OSError(ctypes.get_errno(), "landlock_add_rule", path)
        os.close(folder)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0 or _syscall(RESTRICT_SELF, rules, 0) != 0:  # PR_SET_NO_NEW_PRIVS
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(rules)
    return True


def main() -> None:
    """Sets the limits and becomes the program."""
    limits, command = json.loads(sys.argv[1]), sys.argv[2:]
    try:
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the parent
            if os.getppid() != limits["parent"]:
                sys.exit(CANNOT)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for name, kind in (("memory", resource.RLIMIT_AS), ("file", resource.RLIMIT_FSIZE)):
            if limits.get(name):
                resource.setrlimit(kind, (int(limits[name]), int(limits[name])))
        if limits.get("writable"):
            confine(limits["writable"])
    except (OSError, ValueError) as error:
        print(f"the limits could not be set: {error}", file=sys.stderr)
        sys.exit(CANNOT)
    try:
        os.execvpe(command[0], command, os.environ)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main()
