"""A process that outlives this one, and signals sent from it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

__all__ = ["run_detached", "send_signal", "signal_number"]

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends the process that it watches is not meant for it."""


def run_detached(run: Callable[[], None]) -> None:
    """Fork a process that calls *run* and ends; call this before there are other threads.

    It is no child of this process, so that a program that waits for its own children never meets
    it, and leads a session of its own, so that what a terminal or a launcher sends to this one's
    group does not reach it. What it writes goes nowhere: it must not keep the output of this
    process open.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    status = 1
    try:
        os.setsid()
        if os.fork() == 0:
            for number in IGNORED:
                signal.signal(number, signal.SIG_IGN)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(nowhere, descriptor)
            run()
        status = 0
    finally:
        os._exit(status)


def signal_number(wanted: int | str) -> int:
    """Return the number of a signal that is given by number or name.

    Raises:
        AttributeError: no signal has this name; clients know it as this error.
        ValueError: none has this number; 0 asks whether the process is there.
    """
    if not isinstance(wanted, str):
        if wanted and wanted not in signal.valid_signals():
            raise ValueError(f"wanted the number of a signal, found {wanted}")
        return wanted
    found = getattr(signal, wanted, None)
    if not isinstance(found, signal.Signals):
        raise AttributeError(f"wanted the name of a signal, found {wanted!r:.40}")  # noqa: TRY004 - see above
    return int(found)


def send_signal(pid: int, number: int) -> None:
    """Send a signal to the process *pid*.

    Raises:
        OSError: it has ended.
    """
    os.kill(pid, number)
