"""`os.system`, which an interrupt ends.

C's own function has the process ignore SIGINT while a command runs, in whichever thread: one that
is sent to the kernel alone is lost. Here a thread waits for the command as for any other child.

C's is called where a program handles SIGCHLD or ignores it: what reaps all children would take the
status, which C keeps from it by blocking that signal until it has the status itself.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from assay.kernel.process._main_thread import is_main_thread

if TYPE_CHECKING:
    from subprocess import Popen

__all__ = ["interruptible"]

GRACE_S = 0.25
"""How long a command may take to end by the signal that its process group has got."""


def interruptible(run: Callable[[Any], int]) -> Callable[[Any], int]:
    """Return `os.system`, *run* where it need not share the process, as it can be interrupted."""

    @wraps(run)
    def system(command: Any) -> int:
        if os.name != "posix" or signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL:
            return run(command)
        import subprocess  # noqa: PLC0415 - few cells run commands so

        # As C's own: the child has all descriptors that a child may have, and ignores what we do.
        child = subprocess.Popen(  # noqa: S602
            os.fsencode(command), shell=True, close_fds=False, restore_signals=False
        )
        try:
            return _status_of(child)
        except BaseException:
            if is_main_thread():  # no signal comes to another one
                _pass_on(child)
            raise

    return system


def _status_of(child: Popen[bytes]) -> int:
    """Wait for *child*; return its status as the system has it, or -1 if something else took it."""
    try:
        _, status = os.waitpid(child.pid, 0)
    except ChildProcessError:
        child.returncode = -1  # it is waited for no more
        return -1
    child.returncode = os.waitstatus_to_exitcode(status)
    return status


def _pass_on(child: Popen[bytes]) -> None:
    """Send SIGINT to *child*, unless it has ended: nothing waits for it any more."""
    import subprocess  # noqa: PLC0415 - few cells run commands so

    try:
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    finally:
        with suppress(OSError):
            child.send_signal(signal.SIGINT)
