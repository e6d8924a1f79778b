"""Have stacks written where a signal ends the process that is meant to, as it does by default."""

from __future__ import annotations

import faulthandler
import signal

__all__ = ["forget_signals", "record_signals"]

RECORDED = {signal.SIGXCPU: True, signal.SIGALRM: False}
"""Signals that end the process, and whether the stacks of all threads are written."""


def record_signals(descriptor: int) -> None:
    """Write stacks to *descriptor* when such a signal comes, and let it end the process.

    `faulthandler` writes no name of it: the stacks of all threads are SIGXCPU's, and that of one
    thread SIGALRM's (`NAMELESS` of `assay._record_reader`). A handler that the program sets takes
    the place of this.
    """
    for number, all_threads in RECORDED.items():
        if signal.getsignal(number) is signal.SIG_DFL:
            faulthandler.register(number, descriptor, all_threads=all_threads, chain=True)


def forget_signals() -> None:
    """Undo `record_signals`, in a forked child; a handler of the program's own stays."""
    for number in RECORDED:
        if signal.getsignal(number) is signal.SIG_DFL:
            faulthandler.unregister(number)
