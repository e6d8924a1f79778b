"""Write the trace of a crash where it is read."""

from __future__ import annotations

import faulthandler
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assay.kernel.process._patches import Kind, patches

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host

__all__ = ["keep_crash_traces"]

STDERR = 2


def keep_crash_traces(host: Host) -> None:
    """Send what `faulthandler.enable` writes past the captured descriptor.

    A process that crashes reads its own pipe no more: the trace would be lost that is written
    without any call of the program's.
    """

    def make(enable: Callable[..., None]) -> Callable[..., None]:
        def enable_outside(file: Any = None, all_threads: bool = True) -> None:
            """Write the trace of a crash to *file*, or to the stderr of the process."""
            if file is None or file is host.stderr or _descriptor(file) == STDERR:
                file = host.real_stderr
            enable(file, all_threads)

        return enable_outside

    patches.patch(
        faulthandler,
        "enable",
        make,
        kind=Kind.CORRECTNESS,
        reason="a process that crashes reads its captured stderr no more",
    )


def _descriptor(file: Any) -> int:
    if isinstance(file, int):
        return file
    try:
        number: int = file.fileno()
    except Exception:  # noqa: BLE001 - what is wrong with it, `faulthandler` says
        return -1
    return number
