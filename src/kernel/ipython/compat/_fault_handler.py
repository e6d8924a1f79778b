"""Write the trace of a crash where it is read."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assay.kernel.process._patches import Kind, patches

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host

__all__ = ["keep_crash_traces"]

REASON = "a process that crashes reads its captured streams no more"


def keep_crash_traces(host: Host) -> None:
    """Send what `faulthandler` writes when the process ends past the captured descriptors.

    A process that crashes reads its own pipes no more: the trace would be lost that is written
    without any call of the program's. That of a crash, or of an end after a time, goes to the
    record, if there is one, so that ``assay why`` has it (decision 0021). Any other trace is output
    of the cell.
    """

    def make_enable(enable: Callable[..., None]) -> Callable[..., None]:
        def enable_outside(file: Any = None, all_threads: bool = True) -> None:
            """Write the trace of a crash to *file*, or where the kernel writes it."""
            enable(host.crash_file if _is_captured(host, file) else file, all_threads)

        return enable_outside

    def make_later(dump_later: Callable[..., None]) -> Callable[..., None]:
        def dump_later_outside(
            timeout: float,
            repeat: bool = False,
            file: Any = None,
            exit: bool = False,  # noqa: A002 - as in faulthandler
        ) -> None:
            """Write the traces of all threads when *timeout* has passed, and end with *exit*."""
            file = sys.stderr if file is None else file
            ends = exit and _is_captured(host, file)
            dump_later(timeout, repeat, host.crash_file if ends else file, exit)

        return dump_later_outside

    for name, make in (("enable", make_enable), ("dump_traceback_later", make_later)):
        patches.patch(faulthandler, name, make, kind=Kind.CORRECTNESS, reason=REASON)


def _is_captured(host: Host, file: Any) -> bool:
    """Return True if the process itself reads what is written to *file*."""
    if file is None or file is host.stderr or file is host.stdout:
        return True
    found = _identity(file)
    return found is not None and found in map(_identity, (1, 2, host.stdout, host.stderr))


def _identity(file: Any) -> tuple[int, int] | None:
    """Return what *file* leads to, by whichever number: pytest hands over a duplicate."""
    try:
        status = os.fstat(file if isinstance(file, int) else file.fileno())
    except Exception:  # noqa: BLE001 - what is wrong with it, `faulthandler` says
        return None
    return status.st_dev, status.st_ino
