"""`os.system`, which an interrupt ends.

C's own function has the process ignore SIGINT while a command runs: one that is sent to the kernel
alone is lost. Here the main thread waits as `subprocess` does.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from assay.kernel.process._main_thread import is_main_thread

__all__ = ["interruptible"]


def interruptible(run: Callable[[Any], int]) -> Callable[[Any], int]:
    """Return `os.system`, *run* in threads that no signal comes to, as it can be interrupted."""

    @wraps(run)
    def system(command: Any) -> int:
        if os.name != "posix" or not is_main_thread():
            return run(command)  # no signal comes to another thread
        import subprocess  # noqa: PLC0415 - few cells run commands so

        # As C's own: the child has all descriptors that a child may have.
        child = subprocess.Popen(os.fsencode(command), shell=True, close_fds=False)  # noqa: S602
        try:
            status = child.wait()
        except BaseException:
            # It may not have been sent to the child, which nobody waits for any more.
            with suppress(OSError):
                child.send_signal(signal.SIGINT)
            raise
        return -status if status < 0 else status << 8

    return system
