"""Interrupts: by signal from outside, by message from the I/O thread, always in the main thread.

| the main thread                    | SIGINT does                                        |
|------------------------------------|----------------------------------------------------|
| waits for a request, or starts up  | nothing (CTRL-10)                                  |
| runs a cell                        | raises KeyboardInterrupt (CTRL-11)                 |
| awaits a cell whose code waits     | cancels the cell's task, which raises the same     |
| is where nothing may be raised     | the same, a moment later                           |

Python swallows what is raised in a finalizer and in the functions that are called around a fork
(`os.register_at_fork`), where an interrupt would be lost; and, without a word to anybody, in what
shows some of its warnings: of a fork, of a file that was never closed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType

__all__ = ["Interrupts", "end_at_user_code"]

SHOW_WARNING = {"WarningMessage.__init__", "_showwarnmsg"}
"""What C code calls to show a warning; the program's own ``showwarning`` runs in the second."""

MAX_PUT_OFF = 100
"""How often an interrupt is put off because of a warning: a tenth of a second and more. What takes
longer to be shown waits for something, and only an interrupt may end that."""


def end_at_user_code(trace: TracebackType | None, *beyond: CodeType) -> None:
    """Cut from *trace*, that of a KeyboardInterrupt, the signal handler that raised it.

    Whatever called the handler and is not the user's either is cut with it, from the first of the
    functions *beyond*.
    """
    cut = {Interrupts._handle.__code__, *beyond}
    while trace is not None and trace.tb_next is not None:
        if trace.tb_next.tb_frame.f_code in cut:
            trace.tb_next = None
        trace = trace.tb_next


class Interrupts:
    """Install in the main thread; `send` works from any."""

    def __init__(self) -> None:
        self._may_raise = False
        self._before: object = None
        self._is_held = False
        self._times_put_off = 0
        self._tell_unraisable = sys.unraisablehook
        self.cancel: Callable[[], bool] = lambda: False
        """Tried first: an event loop may cancel a task instead (`UserLoop.interrupt`)."""

        self.put_off: Callable[[], None] = lambda: None
        """Sees to it that the signal comes again in a moment; called in the main thread."""

    def install(self) -> None:
        """Take SIGINT over."""
        self._before = signal.signal(signal.SIGINT, self._handle)
        self._tell_unraisable, sys.unraisablehook = sys.unraisablehook, self._heed

    def restore(self) -> None:
        """Give SIGINT back."""
        sys.unraisablehook = self._tell_unraisable
        if callable(self._before) or isinstance(self._before, (int, signal.Handlers)):
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let an interrupt raise KeyboardInterrupt inside."""
        self._times_put_off = 0
        self._may_raise = True
        try:
            yield
        finally:
            self._may_raise = False

    def hold(self) -> None:
        """Put interrupts off from now on: what follows must not be done by half."""
        self._is_held = True

    def let(self) -> None:
        """Put them off no longer; in a forked child as well."""
        self._is_held = False

    def send(self, *, children: bool = True) -> None:
        """Interrupt the main thread.

        Args:
            children: Interrupt the child processes as well, as a terminal's Ctrl-C does. Only done
                where the kernel leads its process group: the group is then its own.
        """
        if children and os.getpgrp() == os.getpid():
            os.killpg(os.getpgrp(), signal.SIGINT)
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _handle(self, _number: int, frame: FrameType | None) -> None:
        code = frame.f_code if frame is not None else None
        if not self._may_raise:
            return
        if self._is_held or code is Interrupts.hold.__code__ or code is Interrupts.let.__code__:
            self.put_off()
        elif self._times_put_off < MAX_PUT_OFF and _shows_warning(frame):
            self._times_put_off += 1
            self.put_off()
        else:
            self._times_put_off = 0
            if not self.cancel():
                raise KeyboardInterrupt

    def _heed(self, unraisable: sys.UnraisableHookArgs) -> None:
        if self._may_raise and issubclass(unraisable.exc_type, KeyboardInterrupt):
            self.put_off()
        else:
            self._tell_unraisable(unraisable)


def _shows_warning(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_qualname in SHOW_WARNING:
            return True
        frame = frame.f_back
    return False
