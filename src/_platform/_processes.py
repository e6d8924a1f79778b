"""What the system says of processes: their end, their start, their name and environment."""

from __future__ import annotations

import os
import sys

from assay._platform import IS_PORTABLE

__all__ = [
    "process_descriptor",
    "process_environment",
    "process_name",
    "process_start",
    "wait_unreaped",
]


def process_descriptor(pid: int) -> int | None:
    """Return a descriptor that is readable once the process *pid* has ended; None if there is none.

    Raises:
        ProcessLookupError: it has ended.
    """
    if sys.platform == "linux" and not IS_PORTABLE and hasattr(os, "pidfd_open"):
        try:
            return os.pidfd_open(pid)
        except ProcessLookupError:
            raise
        except OSError:  # an old Linux, or a sandbox that forbids it
            return None
    return None


def process_name(pid: int) -> str:
    """Return the name of what the process *pid* runs; empty if it cannot be had."""
    return (_read_process(pid, "comm") or b"").decode("utf-8", "replace").rstrip("\n")


def process_environment(pid: int) -> list[bytes] | None:
    """Return the ``NAME=value`` that the process *pid* began with; None if they cannot be had."""
    found = _read_process(pid, "environ")
    return None if found is None else [one for one in found.split(b"\0") if one]


def _read_process(pid: int, what: str) -> bytes | None:
    if sys.platform == "linux" and not IS_PORTABLE:
        try:
            with open(f"/proc/{pid}/{what}", "rb") as file:  # noqa: PTH123 - in a kernel's start
                return file.read()
        except OSError:  # there is no such process, or it is another user's
            return None
    return None


def wait_unreaped(pid: int) -> bool:
    """Wait for the end of a child, which keeps its number; return False if that cannot be done.

    Raises:
        ChildProcessError: another part of the program has reaped it.
    """
    if sys.platform != "win32" and not IS_PORTABLE and hasattr(os, "waitid"):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return True
    return False


def process_start(pid: int) -> str | None:
    """Return what tells a process from a later one with its number: on Linux, when it started.

    Returns:
        None if there is no such process, or one that has ended and is not reaped; empty if there is
        one and no more is known.
    """
    if sys.platform == "linux" and not IS_PORTABLE:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as in a kernel's start
                state, *fields = file.read().rpartition(b")")[2].split()
            return None if state in {b"Z", b"X"} else fields[18].decode("ascii")
        except (OSError, ValueError, IndexError):  # there is none, or no /proc
            pass
    if sys.platform != "win32":  # where it would end the process
        try:
            os.kill(pid, 0)
        except PermissionError:  # it is another user's
            return ""
        except (ProcessLookupError, OverflowError):
            return None
    return ""
